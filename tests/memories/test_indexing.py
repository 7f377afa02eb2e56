import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import orjson
import pytest
from django.db import DataError, IntegrityError, connection
from django.utils import timezone

from memories import indexing, reading, retrieval, services
from memories.embeddings import ProviderRejected, ProviderUnavailable
from memories.indexing import claim, drain, enqueue, level, sweep, take_up, wake
from memories.models import EmbeddingModel, GraphTenant, IndexJob, Memory, MemoryTokens, MemoryVector, ReadJob
from memories.receipts import is_indexed, receipt
from memories.vectors import graph
from memos_project.db import tenant_scope
from memos_project.later import done
from memos_project.redis import client
from tests.factories import new_memory


def jobs(tenant):
    with tenant_scope(tenant.id):
        return {job.memory_id: job for job in IndexJob.objects.all()}


def held(tenant, model=MemoryVector):
    with tenant_scope(tenant.id):
        return {(row.memory_id, row.model_id, row.chunk) for row in model.objects.all()}


def due_now(tenant):
    with tenant_scope(tenant.id):
        IndexJob.objects.update(due_at=timezone.now() - timedelta(minutes=1))


@pytest.fixture
def away():
    """A model whose provider does not answer."""
    options = {"url": "http://127.0.0.1:1/v1", "attempts": 1}
    EmbeddingModel.objects.filter(pk=1).update(
        name="away", provider="openai", options=options, token_dimensions=0
    )
    retrieval._active = None


class TestDrain:
    def test_it_makes_vectors_and_token_vectors_and_clears_the_backlog(self, tenant, remember):
        ids = remember("A cat.", "A dog.")
        assert drain(tenant.id) == 2
        assert held(tenant) == held(tenant, MemoryTokens) == {(each, 1, 0) for each in ids}
        assert jobs(tenant) == {}

    def test_again_there_is_nothing_to_do(self, tenant, remember):
        remember()
        drain(tenant.id)
        assert drain(tenant.id) == 0

    def test_more_than_a_batch(self, tenant, remember, settings):
        settings.MEMOS_INDEX_BATCH = 7
        remember(*(f"text {n}" for n in range(20)))
        assert drain(tenant.id) == 20

    def test_long_texts_do_not_keep_short_ones_waiting_nor_outlive_their_lease(
        self, tenant, remember, monkeypatch
    ):
        monkeypatch.setattr(indexing, "PORTION_CHARACTERS", 50)
        long, short, *_ = remember("word " * 20, "A cat.", "A dog.", "word " * 15)
        portions, level = [], indexing.level

        def seen(tenant_id, claims):
            portions.append([each.memory_id for each in claims])
            waiting = jobs(tenant)[long]
            assert waiting.due_at > timezone.now() + timedelta(seconds=25)
            with tenant_scope(tenant.id):
                IndexJob.objects.filter(pk=long).update(due_at=timezone.now() + timedelta(seconds=1))
            return level(tenant_id, claims)

        monkeypatch.setattr(indexing, "level", seen)
        assert drain(tenant.id) == 4
        assert [len(each) for each in portions] == [2, 1, 1]
        assert short in portions[0]
        assert portions[2] == [long]

    def test_another_tenants_backlog_waits(self, tenant, other_tenant, remember):
        remember(of=other_tenant)
        assert drain(tenant.id) == 0
        assert len(jobs(other_tenant)) == 1

    def test_long_text_is_cut_into_chunks(self, tenant, remember):
        [memory] = remember(" ".join(f"word{n}" for n in range(600)))
        drain(tenant.id)
        chunks = sorted(chunk for _, _, chunk in held(tenant))
        assert chunks == [*range(len(chunks))]
        assert len(chunks) >= 3
        services.revise(tenant, memory, {"content": "Short now."}, actor="test")
        drain(tenant.id)
        assert held(tenant) == held(tenant, MemoryTokens) == {(memory, 1, 0)}

    def test_what_is_not_changed_is_not_embedded_again(self, tenant, remember, monkeypatch):
        [memory] = remember("A cat.")
        drain(tenant.id)
        services.revise(tenant, memory, {"tags": ["x"]}, actor="test")
        assert len(jobs(tenant)) == 1
        monkeypatch.setattr(indexing, "get_embedder", lambda spec: pytest.fail("embedded again"))
        assert drain(tenant.id) == 1

    def test_every_model_that_is_filled_gets_its_vectors(self, tenant, remember):
        second = EmbeddingModel(name="second", provider="hash", dimensions=16, max_tokens=64, state="filling")
        second.save()
        EmbeddingModel(name="third", provider="hash", dimensions=16, max_tokens=64, state="retired").save()
        [memory] = remember("A cat.")
        drain(tenant.id)
        assert held(tenant) == {(memory, 1, 0), (memory, second.pk, 0)}
        assert held(tenant, MemoryTokens) == {(memory, 1, 0)}

    def test_a_memory_forgotten_meanwhile_is_no_error(self, tenant, remember):
        [memory] = remember()
        claims = claim(tenant.id, limit=5)
        services.forget(tenant, memory, actor="test")
        level(tenant.id, claims)
        assert held(tenant) == set()
        due_now(tenant)
        drain(tenant.id)
        assert jobs(tenant) == {}

    def test_a_memory_changed_meanwhile_comes_round_again(self, tenant, remember):
        [memory] = remember("A cat.")
        claims = claim(tenant.id, limit=5)
        services.revise(tenant, memory, {"content": "A dog."}, actor="test")
        level(tenant.id, claims)
        assert jobs(tenant)[memory].revision > claims[0].revision
        assert drain(tenant.id) == 1
        with tenant_scope(tenant.id):
            assert (
                MemoryVector.objects.get().content_hash == services.get_memory(tenant.id, memory).content_hash
            )


class TestClaims:
    def test_a_job_is_taken_once(self, tenant, remember):
        [memory] = remember()
        assert [each.memory_id for each in claim(tenant.id, limit=5)] == [memory]
        assert claim(tenant.id, limit=5) == []

    def test_no_more_than_the_limit_the_oldest_first(self, tenant, remember):
        ids = [remember()[0] for _ in range(3)]
        assert {each.memory_id for each in claim(tenant.id, limit=2)} == {*ids[:2]}

    def test_a_dead_workers_job_comes_back_when_its_lease_is_over(self, tenant, remember, settings):
        settings.MEMOS_INDEX_LEASE_SECONDS = -1
        remember()
        assert [claim(tenant.id, limit=5)[0].attempts for _ in range(3)] == [1, 2, 3]

    def test_a_change_makes_it_due_at_once(self, tenant, remember):
        [memory] = remember("A cat.")
        [first] = claim(tenant.id, limit=5)
        services.revise(tenant, memory, {"content": "A dog."}, actor="test")
        [again] = claim(tenant.id, limit=5)
        assert again.revision > first.revision
        assert again.attempts == 1

    def test_a_late_worker_does_not_take_a_later_job_for_its_own(self, tenant, remember):
        [memory] = remember("A cat.")
        late = claim(tenant.id, limit=5)
        due_now(tenant)
        drain(tenant.id)
        services.revise(tenant, memory, {"content": "A dog."}, actor="test")
        level(tenant.id, late)
        assert memory in jobs(tenant)

    def test_jobs_that_were_given_up_are_not_taken(self, tenant, remember):
        remember()
        with tenant_scope(tenant.id):
            IndexJob.objects.update(due_at=None)
        assert claim(tenant.id, limit=5) == []


class TestFailures:
    def test_a_provider_that_is_down_puts_it_off(self, tenant, remember, away):
        [memory] = remember()
        assert drain(tenant.id) == 0
        job = jobs(tenant)[memory]
        assert job.error
        assert timezone.now() < job.due_at < timezone.now() + timedelta(seconds=10)

    def test_the_pause_grows_up_to_a_minute(self, tenant, remember, away):
        [memory] = remember()
        pauses = []
        for _ in range(9):
            due_now(tenant)
            drain(tenant.id)
            pauses.append((jobs(tenant)[memory].due_at - timezone.now()).total_seconds())
        assert pauses[0] < 3
        assert all(29 < pause <= 60 for pause in pauses[6:])
        assert jobs(tenant)[memory].attempts == 9

    def test_however_often_it_failed(self, tenant, remember, away):
        [memory] = remember()
        with tenant_scope(tenant.id):
            IndexJob.objects.update(attempts=5000)
        drain(tenant.id)
        assert jobs(tenant)[memory].due_at < timezone.now() + timedelta(minutes=1)

    def test_when_it_is_back_the_backlog_drains(self, tenant, remember, away):
        remember()
        drain(tenant.id)
        EmbeddingModel.objects.filter(pk=1).update(name="hashed-words", provider="hash", options={})
        due_now(tenant)
        assert drain(tenant.id) == 1
        assert jobs(tenant) == {}

    @pytest.mark.parametrize("error", [ProviderUnavailable("no"), ProviderRejected("no"), ValueError("no")])
    def test_a_model_that_fails_keeps_no_other_waiting(self, tenant, remember, monkeypatch, error):
        good = indexing._embed

        def embed(model, memories):
            if memories and model.name == "away":
                raise error
            return good(model, memories)

        monkeypatch.setattr(indexing, "_embed", embed)
        EmbeddingModel(name="away", provider="hash", dimensions=8, max_tokens=64, state="filling").save()
        memories = remember("one", "two")
        assert not is_indexed(tenant.id, memories)
        drain(tenant.id)
        assert held(tenant) == {(memory, 1, 0) for memory in memories}
        assert {memory: job.error.count("no") for memory, job in jobs(tenant).items()} == dict.fromkeys(
            memories, 1
        )
        assert is_indexed(tenant.id, memories)
        assert receipt(tenant.id, memories[0]).state == "indexed"
        # Nor does it keep the graph waiting, or begin again what the graph has given up.
        due_now(tenant)
        assert not reading._is_indexing(tenant.id)
        with tenant_scope(tenant.id):
            ReadJob.objects.update(due_at=None, attempts=5, error="choked")
        drain(tenant.id)
        with tenant_scope(tenant.id):
            assert {*ReadJob.objects.values_list("due_at", "attempts", "error")} == {(None, 5, "choked")}
        monkeypatch.undo()
        services.retry_indexing(tenant.id, memories, actor="test")
        due_now(tenant)
        assert drain(tenant.id) == 2
        assert receipt(tenant.id, memories[0]).state == "projected"

    @pytest.mark.parametrize("error", [RuntimeError("no"), DataError("no"), IntegrityError("no")])
    def test_one_that_cannot_be_done_does_not_hold_up_the_others(
        self, tenant, remember, settings, monkeypatch, error
    ):
        good = indexing._embed

        def embed(model, memories):
            if any("poison" in memory.content for memory in memories):
                raise error
            return good(model, memories)

        monkeypatch.setattr(indexing, "_embed", embed)
        settings.MEMOS_INDEX_MAX_ATTEMPTS = 2
        [_, poison, _] = remember("one", "poison", "three")
        assert drain(tenant.id) == 2
        assert "no" in jobs(tenant)[poison].error
        due_now(tenant)
        drain(tenant.id)
        assert jobs(tenant)[poison].due_at is None
        services.retry_indexing(tenant.id, [poison], actor="test")
        monkeypatch.undo()
        assert drain(tenant.id) == 1

    def test_an_outage_never_gives_up(self, tenant, remember, settings, monkeypatch):
        settings.MEMOS_INDEX_MAX_ATTEMPTS = 1

        def away(model, memories):
            raise ProviderUnavailable("down")

        monkeypatch.setattr(indexing, "_embed", away)
        [memory] = remember()
        for _ in range(3):
            due_now(tenant)
            drain(tenant.id)
        assert jobs(tenant)[memory].due_at


@pytest.mark.django_db(transaction=True)
class TestBesideWriters:
    def test_forgetting_and_indexing_one_memory_do_not_block_each_other(self, tenant, remember, monkeypatch):
        put_off = []
        monkeypatch.setattr(indexing, "_put_back", lambda *what: put_off.append(what))
        [memory] = remember()
        claims = claim(tenant.id, limit=5)

        def index():
            try:
                return level(tenant.id, claims)
            finally:
                connection.close()

        with ThreadPoolExecutor(1) as pool:
            with tenant_scope(tenant.id):
                Memory.objects.select_for_update().get(pk=memory)
                indexing_it = pool.submit(index)
                someone_waits()
                services.forget(tenant, memory, actor="test")
            assert indexing_it.result(timeout=30) == 0
        assert put_off == []
        due_now(tenant)
        drain(tenant.id)
        assert held(tenant) == set()
        assert jobs(tenant) == {}

    def test_an_index_is_complete_when_nothing_is_left_out(self, tenant, remember):
        remember("A cat.", "A dog.")
        drain(tenant.id)

        def hold_one():
            try:
                with tenant_scope(tenant.id):
                    list(MemoryVector.objects.select_for_update()[:1])
                    entered.append(pool.submit(turn_on).result(timeout=30))
            finally:
                connection.close()

        def turn_on():
            try:
                return graph.turn_on(tenant.id), is_complete(tenant)
            finally:
                connection.close()

        entered = []
        with ThreadPoolExecutor(2) as pool:
            pool.submit(hold_one).result(timeout=60)
        assert entered == [(1, False)]
        assert (graph.turn_on(tenant.id), is_complete(tenant)) == (1, True)


def someone_waits():
    """Return when a transaction waits for a lock that another holds."""
    for _ in range(200):
        with connection.cursor() as cursor:
            cursor.execute("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)")
            if cursor.fetchone() == (True,):
                return
        time.sleep(0.02)
    pytest.fail("nobody waits")


def is_complete(tenant):
    with tenant_scope(tenant.id):
        return GraphTenant.objects.get().complete


class TestWaking:
    def queued(self):
        done()
        return client().llen("celery")

    def test_one_message_is_enough_until_a_worker_has_begun(self, tenant):
        for _ in range(3):
            wake(tenant.id)
        assert self.queued() == 1
        done()
        time.sleep(indexing.GATHERING_SECONDS)
        drain(tenant.id)
        wake(tenant.id)
        assert self.queued() == 2

    def test_another_process_need_not_send_it_either(self, tenant):
        wake(tenant.id)
        done()
        wake(tenant.id)
        assert self.queued() == 1

    def test_what_comes_while_a_worker_is_at_it_gathers_for_the_next(self, tenant, remember, monkeypatch):
        remember("A cat.")
        level = indexing.level

        def meanwhile(tenant_id, claims):
            remember("A dog.")
            return level(tenant_id, claims)

        monkeypatch.setattr(indexing, "level", meanwhile)
        assert take_up(tenant.id) == 1
        assert len(jobs(tenant)) == 1
        monkeypatch.undo()
        assert take_up(tenant.id) == 1
        assert take_up(tenant.id) is None

    def test_more_than_one_batch_is_taken_up_at_once(self, tenant, remember, settings):
        settings.MEMOS_INDEX_BATCH = 2
        remember(*(f"Cat {n}." for n in range(5)))
        assert take_up(tenant.id) == 5

    def test_the_worker_waits_for_what_is_written_in_a_moment(self, tenant):
        before = timezone.now()
        wake(tenant.id)
        done()
        [message] = client().lrange("celery", 0, -1)
        eta = datetime.fromisoformat(orjson.loads(message)["headers"]["eta"])
        assert eta >= before + timedelta(seconds=indexing.GATHERING_SECONDS)

    @pytest.mark.usefixtures("redis_down")
    def test_without_a_broker_a_write_is_kept_for_the_sweep(self, tenant, django_capture_on_commit_callbacks):
        with django_capture_on_commit_callbacks(execute=True):
            services.remember(tenant, [new_memory()], actor="test")
        assert len(jobs(tenant)) == 1

    def test_the_sweep_wakes_every_tenant_with_work_that_is_due(self, tenant, other_tenant, remember):
        remember()
        remember(of=other_tenant)
        due_now(tenant)
        due_now(other_tenant)
        assert sweep() == 2
        claim(tenant.id, limit=1)
        assert sweep() == 1


class TestEnqueue:
    def test_memories_are_marked_once(self, tenant, remember):
        ids = remember("a", "b", "c")
        drain(tenant.id)
        assert enqueue(tenant.id, ids, batch=2) == 3
        assert enqueue(tenant.id, ids) == 0
        assert jobs(tenant).keys() == {*ids}
