"""Answers given again: when they may be, what ends them, and two processes that agree through it all."""

import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import orjson
import pytest
from django.conf import settings as django_settings
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from graph import services as knowledge
from graph.services import Source
from memories import accesses, indexing, projections, recall_cache, retrieval, scopes, services, statistics
from memories.answers import Query, Recall
from memories.candidates import Filters
from memories.models import (
    ChangeCount,
    Conversation,
    EmbeddingModel,
    GraphTenant,
    Memory,
    MemoryTokens,
    MemoryVector,
)
from memories.retrieval import recall
from memories.vectors import graph
from memos_project import near_cache
from memos_project.db import fetch_prepared, tenant_scope
from memos_project.later import done as finish_later
from memos_project.local import postgres
from memos_project.metrics import CACHE
from memos_project.redis import client
from tests import servers
from tests.factories import new_memory, saying, statement
from tests.memories.recalling import alike, answered, apart, at_work
from tests.waiting import until

pytestmark = pytest.mark.django_db(transaction=True)

CAT = Query(text="Where is the cat?")


@pytest.fixture
def searches(monkeypatch):
    """What was searched, not given again."""
    done = []
    search = retrieval._search

    def counting(tenant, query, *rest):
        done.append(query)
        return search(tenant, query, *rest)

    monkeypatch.setattr(retrieval, "_search", counting)
    return done


@pytest.fixture
def cats(remember, indexed):
    remember("The grey cat sleeps.", "The cat eats.", "A dog barks.", conversation_id="c", speaker="Ann")
    indexed()


@pytest.fixture
def kept(tenant, cats, searches):
    """The question CAT has an answer that is given again."""
    for _ in range(3):
        recall(tenant, CAT)
    assert len(searches) == 2
    searches.clear()


def number(tenant):
    [(number, _)] = fetch_prepared(recall_cache.CHANGES, {"tenant": tenant.id})
    return number


def outcomes():
    return {
        outcome: CACHE.labels(cache="recalls", outcome=outcome)._value.get()
        for outcome in ("near", "far", "miss", "unseen")
    }


@contextmanager
def uncached():
    former, django_settings.MEMOS_RECALL_CACHE_SECONDS = django_settings.MEMOS_RECALL_CACHE_SECONDS, 0
    yield
    django_settings.MEMOS_RECALL_CACHE_SECONDS = former


def contents(found):
    return [hit.memory.content for hit in found.hits]


class TestAsked:
    def test_the_third_time_it_is_not_searched(self, tenant, cats, searches):
        before = outcomes()
        first, second, third = (recall(tenant, CAT) for _ in range(3))
        assert contents(first) == contents(second) == contents(third)
        assert len(searches) == 2
        assert {name: count - before[name] for name, count in outcomes().items()} == {
            "unseen": 1,
            "miss": 1,
            "near": 1,
            "far": 0,
        }

    def test_another_question_is_another(self, tenant, kept, searches):
        others = [replace(CAT, text="Where is the dog?"), replace(CAT, top_k=2), replace(CAT, mode="text"),
                  replace(CAT, fusion="rrf"), replace(CAT, weights={"recency": 1.0}), replace(CAT, rerank=False),
                  replace(CAT, threshold=0.9), replace(CAT, token_budget=5), replace(CAT, context=1),
                  replace(CAT, explain=True), replace(CAT, filters=Filters(user_id="ben"))]  # fmt: skip
        for other in others:
            recall(tenant, other)
            found = recall(tenant, other)
            with uncached():
                assert alike(answered(found), answered(recall(tenant, other)))
        assert len(searches) == 3 * len(others)

    def test_another_tenant_is_another(self, kept, other_tenant):
        for _ in range(3):
            assert recall(other_tenant, CAT).hits == []

    def test_what_redis_keeps_is_what_was_found(self, tenant, cats, searches, remember):
        remember(
            "A cat that is told of.", metadata={"n": 1.5, "deep": [{"ü": None}]}, tags=["a"], external_id="x"
        )
        query = replace(CAT, context=2, explain=True)
        found = [recall(tenant, query) for _ in range(2)][-1]
        recall_cache._answers.drop()
        before = outcomes()["far"]
        assert recall(tenant, query) == found
        assert recall(tenant, query) == found
        assert len(searches) == 2
        assert outcomes()["far"] == before + 1

    def test_the_first_time_costs_nothing_and_an_answer_one_round_trip(self, tenant, cats):
        recall(tenant, Query(text="Who barks?"))  # looks at the scope

        def queries():
            with CaptureQueriesContext(
                connection,
            ) as captured:
                recall(tenant, CAT)
            return len(captured)

        with uncached():
            plain = queries()
        assert [queries() for _ in range(4)] == [plain, plain + 1, 1, 1]

    def test_what_is_given_again_counts_as_recalled(self, tenant, kept):
        finish_later()
        before = client().llen(f"accesses:{tenant.id}")
        asked = retrieval.metrics.RECALLS.labels(mode="hybrid", degraded="")
        counted = asked._value.get()
        recall(tenant, CAT)
        finish_later()
        assert client().llen(f"accesses:{tenant.id}") == before + 1
        assert asked._value.get() == counted + 1


class TestNotKept:
    def test_a_degraded_answer(self, tenant, monkeypatch):
        found = []

        def search(*_):
            found.append(Recall([], ["vectors"]))
            return found[-1]

        monkeypatch.setattr(retrieval, "_search", search)
        for _ in range(4):
            recall(tenant, CAT)
        assert len(found) == 4

    @pytest.mark.parametrize("metadata", [{"n": 10**30}, {"long": "x" * recall_cache.LARGEST_BYTES}])
    def test_what_is_too_large(self, tenant, remember, searches, metadata):
        remember("A cat.", metadata=metadata)
        for _ in range(4):
            assert recall(tenant, CAT).hits[0].memory.metadata == metadata
        assert len(searches) == 4

    def test_within_a_transaction(self, tenant, kept, searches, remember):
        """Its own writes are seen, and by nobody else."""
        with transaction.atomic():
            remember("A cat on the mat.")
            for _ in range(3):
                assert "A cat on the mat." in contents(recall(tenant, CAT))
            transaction.set_rollback(True)
        assert "A cat on the mat." not in contents(recall(tenant, CAT))
        remember("Some other thing.")
        assert "A cat on the mat." not in contents(recall(tenant, CAT))

    def test_when_it_is_switched_off(self, tenant, kept, searches):
        with uncached():
            recall(tenant, CAT)
            recall(tenant, CAT)
        assert len(searches) == 2

    def test_longer_than_its_time(self, tenant, cats, searches, settings):
        settings.MEMOS_RECALL_CACHE_SECONDS = 0.4
        recall(tenant, CAT)
        recall(tenant, CAT)
        time.sleep(0.25)
        recall_cache._answers.drop()
        recall(tenant, CAT)  # from Redis, with what is left of its time
        assert len(searches) == 2
        time.sleep(0.25)
        recall(tenant, CAT)
        assert len(searches) == 3


class TestWithoutRedis:
    def test_a_process_has_what_it_kept(self, tenant, kept, searches, redis_down, monkeypatch):
        monkeypatch.setattr(near_cache._Listener, "in_touch", False)
        assert recall(tenant, CAT).degraded == []
        assert searches == []

    @pytest.mark.parametrize("in_touch", [True, False])
    def test_and_goes_on_alone(self, tenant, cats, searches, redis_down, monkeypatch, in_touch):
        monkeypatch.setattr(near_cache._Listener, "in_touch", in_touch)
        for _ in range(4):
            assert len(recall(tenant, CAT).hits) == 3
        assert len(searches) == 2


ENDS = timedelta(seconds=0.3)


def last_of(tenant):
    with tenant_scope(tenant.id):
        return Memory.objects.order_by("-pk").first()


def update(tenant, **fields):
    with tenant_scope(tenant.id):
        Memory.objects.filter(pk=last_of(tenant).pk).update(**fields)


def rename(tenant):
    with tenant_scope(tenant.id):
        Conversation.objects.update(key="renamed")


def mend_words(tenant):
    [drift] = [each for each in projections.check(tenant.id) if each.model is None]
    drift.stale.append(last_of(tenant).pk)
    projections.repair(tenant.id, drift)


def in_scope(tenant, act):
    with tenant_scope(tenant.id):
        act()


def first_of(tenant):
    with tenant_scope(tenant.id):
        return Memory.objects.order_by("pk").first()


def count_words(tenant):
    with tenant_scope(tenant.id), connection.cursor() as cursor:
        cursor.execute(statistics.COUNT, {"tenant": tenant.id})


def turn_off(tenant):
    with tenant_scope(tenant.id):
        GraphTenant.objects.create(tenant_id=tenant.id)
    before = number(tenant)
    in_scope(tenant, GraphTenant.objects.all().delete)
    assert number(tenant) > before


def learn(tenant):
    memory = last_of(tenant)
    said = saying(statement("Ada", "lives_in", "Ghent", timezone.now()))
    with tenant_scope(tenant.id):
        knowledge.learn(tenant.id, [(Source(memory.pk, memory.content_hash, memory.occurred_at), said)])


CHANGES = {
    "remember": lambda tenant: services.remember(tenant, [new_memory()], actor="test"),
    "revise": lambda tenant: services.revise(tenant, last_of(tenant).pk, {"content": "A cat."}, actor="test"),
    "revise what is only shown": lambda tenant: services.revise(tenant, last_of(tenant).pk, {"metadata": {"a": 1}}, actor="test"),
    "forget": lambda tenant: services.forget(tenant, last_of(tenant).pk, actor="test"),
    "supersede": lambda tenant: update(tenant, superseded_by=first_of(tenant)),
    "a conversation is renamed": rename,
    "the graph is turned on": lambda tenant: graph.turn_on(tenant.id),
    "the graph is turned off": turn_off,
    "words are counted": count_words,
    "words are mended": mend_words,
    "vectors go": lambda tenant: in_scope(tenant, MemoryVector.objects.all().delete),
    "what it mentions is learned": learn,
    "token vectors go": lambda tenant: in_scope(tenant, MemoryTokens.objects.all().delete),
}  # fmt: skip


class TestChanges:
    @pytest.mark.parametrize("name", CHANGES)
    def test_each_ends_it(self, tenant, other_tenant, kept, searches, name):
        before, others = number(tenant), number(other_tenant)
        CHANGES[name](tenant)
        assert number(tenant) > before
        found = recall(tenant, CAT)
        assert len(searches) == 1
        with uncached():
            assert alike(answered(found), answered(recall(tenant, CAT)))
        assert number(other_tenant) == others

    def test_a_finished_index_job(self, tenant, cats, remember, searches, indexed):
        remember("The cat is away.")
        vector = replace(CAT, mode="vector")
        for _ in range(3):
            assert "The cat is away." not in contents(recall(tenant, vector))
        assert len(searches) == 2
        indexed()
        assert "The cat is away." in contents(recall(tenant, vector))

    def test_a_finished_job_of_an_index_outside(self, on_qdrant, tenant, remember, searches, indexed):
        on_qdrant.create(retrieval.active_model().indexed)
        remember("The cat is away.")
        indexed()
        before = number(tenant)
        indexing.enqueue(tenant.id, [last_of(tenant).pk])
        assert number(tenant) == before
        indexed()  # nothing is embedded, the index is told again
        assert number(tenant) > before

    def test_every_column_of_a_memory_that_is_more_than_a_count(self, tenant, cats):
        other = services.remember(tenant, [new_memory(conversation_id="d")], actor="test")[0].id
        with tenant_scope(tenant.id):
            conversation = Conversation.objects.get(key="d").pk
        now = timezone.now()
        values = {
            "kind": "fact", "tier": 3, "user_id": "eve", "agent_id": "eve", "conversation": conversation, "turn": 99,
            "role": "tool", "speaker": "Eve", "title": "t", "category": "t", "content": "t", "content_hash": "t",
            "external_id": "t", "tags": ["t"], "metadata": {"t": 1}, "importance_explicit": 0.9, "importance_computed": 0.9,
            "occurred_at": now, "created_at": now, "updated_at": now, "valid_from": now, "valid_to": now,
            "superseded_by": other, "expires_at": now, "pinned": True, "version": 9, "language": "german", "owner": 9,
            "lexemes": "t:1", "length": 9,
        }  # fmt: skip
        counts = {"last_accessed_at": now, "access_count": 9}
        columns = {each.name for each in Memory._meta.concrete_fields} - {"id", "tenant", "importance"}
        assert columns == {*values, *counts}
        target = first_of(tenant).pk
        with tenant_scope(tenant.id):
            changed = Memory.objects.filter(pk=target)
        unseen = []
        for name, value in (values | counts).items():
            before = number(tenant)
            with tenant_scope(tenant.id):
                changed.update(**{name: value})
            if number(tenant) == before:
                unseen.append(name)
        assert unseen == [*counts]

    def test_what_changes_no_answer(self, tenant, kept, remember, searches):
        before = number(tenant)
        finish_later()
        assert accesses.flush() > 0
        remember("A dog barks.", conversation_id="c", speaker="Ann")
        remember("A dog barks.", "A dog barks.", "The cat eats.", conversation_id="c", speaker="Ann")
        retrieval.list_memories(tenant.id, Filters(), before=None, limit=10)
        indexing.drain(tenant.id)
        assert number(tenant) == before
        recall(tenant, CAT)
        assert searches == []

    @pytest.mark.parametrize("field", ["expires_at", "valid_to"])
    def test_time(self, tenant, cats, remember, searches, field):
        remember("A cat for a moment.", **{field: timezone.now() + ENDS})
        for _ in range(3):
            assert "A cat for a moment." in contents(recall(tenant, CAT))
        assert len(searches) == 2
        time.sleep(ENDS.total_seconds())
        for _ in range(3):
            assert "A cat for a moment." not in contents(recall(tenant, CAT))
        assert len(searches) == 3

    def test_the_tenants_own_numbers_and_language(self, tenant, kept, searches):
        recall(replace(tenant, overrides={"ranking": {"half_life_days": 1}}), CAT)
        recall(replace(tenant, language="german"), CAT)
        assert len(searches) == 2
        recall(replace(tenant, overrides={"rate_limit_key": 7}), CAT)
        assert len(searches) == 2

    def test_another_model(self, tenant, kept, searches):
        EmbeddingModel.objects.filter(pk=1).update(state="filling")
        EmbeddingModel.objects.create(
            name="other", provider="hash", dimensions=384, max_tokens=256, state="active"
        )
        retrieval._active = None
        recall(tenant, CAT)
        assert len(searches) == 1

    def test_another_index(self, tenant, kept, searches, on_qdrant):
        on_qdrant.create(retrieval.active_model().indexed)
        recall(tenant, CAT)
        assert len(searches) == 1

    def test_another_view_of_the_scope(self, tenant, kept, searches, monkeypatch):
        known = scopes.scope_of(tenant.id, None)
        monkeypatch.setattr(retrieval, "scope_of", lambda *_: replace(known, rows=known.rows + 1))
        recall(tenant, CAT)
        assert searches == []
        monkeypatch.setattr(retrieval, "scope_of", lambda *_: replace(known, speakers=("Ann", "Ben")))
        recall(tenant, CAT)
        assert len(searches) == 1


def remember_one(tenant):
    services.remember(tenant, [new_memory()], actor="test")


def in_threads(*acts):
    """Run each in a thread and connection of its own; raises what one of them raised."""
    errors = []

    def run(act):
        try:
            act()
        except Exception as error:
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(act,)) for act in acts]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    # Other tests expect to meet a connection again that they gave back.
    connection.close()
    connection.close_pool()
    if errors:
        raise errors[0]


class TestAtOnce:
    def test_no_answer_is_older_than_what_was_committed_before_it_was_asked(self, tenant, remember):
        [memory] = remember("cat 0")
        committed, over, older = [0], threading.Event(), []
        question = Query(text="cat", mode="text")

        def write():
            try:
                for n in range(1, 150):
                    services.revise(tenant, memory, {"content": f"cat {n}"}, actor="test")
                    committed[0] = n
                    time.sleep(0.01 * (n % 4))
            finally:
                over.set()

        def read():
            while not over.is_set():
                least = committed[0]
                [hit] = recall(tenant, question).hits
                if int(hit.memory.content.split()[1]) < least:
                    older.append((least, hit.memory.content))

        before = outcomes()["near"]
        in_threads(write, *[read] * 4)
        assert older == []
        assert outcomes()["near"] > before


class TestCounting:
    def test_a_transaction_counts_once(self, tenant):
        with transaction.atomic():
            remember_one(tenant)
            remember_one(tenant)
            services.forget(tenant, last_of(tenant).pk, actor="test")
        assert number(tenant) == 1

    def test_each_tenant_of_a_transaction_counts(self, tenant, other_tenant):
        with transaction.atomic():
            for each in (tenant, other_tenant, tenant):
                remember_one(each)
        assert number(tenant) >= 1
        assert number(other_tenant) >= 1

    def test_what_is_rolled_back_does_not_count_and_does_not_hide_what_follows(self, tenant):
        with transaction.atomic():
            point = transaction.savepoint()
            remember_one(tenant)
            transaction.savepoint_rollback(point)
            remember_one(tenant)
        assert number(tenant) == 1
        with transaction.atomic():
            remember_one(tenant)
            transaction.set_rollback(True)
        assert number(tenant) == 1

    def test_the_tenant_of_before_is_back(self, tenant, other_tenant):
        with tenant_scope(other_tenant.id):
            number(tenant)
            [(present,)] = fetch_prepared("SELECT current_setting('memos.tenant_id')", [])
        assert present == str(other_tenant.id)

    def test_nobody_sees_the_counts_of_another(self, tenant, other_tenant):
        remember_one(tenant)
        with tenant_scope(other_tenant.id):
            assert ChangeCount.objects.count() == 0

    def test_writers_at_once_are_all_counted_on_few_rows(self, tenant):
        writers, times = 10, 30

        def write():
            for _ in range(times):
                remember_one(tenant)

        in_threads(*[write] * writers)
        assert number(tenant) == writers * times
        with tenant_scope(tenant.id):
            assert ChangeCount.objects.count() <= 2 * writers

    def test_no_writer_waits_for_another(self, tenant):
        """Ten have changed something and not committed; the eleventh goes on."""
        ready, over = threading.Barrier(11), threading.Event()

        def change():
            with connection.cursor() as cursor:
                cursor.execute("SET LOCAL lock_timeout = '2s'")
            remember_one(tenant)

        def hold():
            with transaction.atomic():
                change()
                ready.wait(60)
                assert over.wait(60)

        def go_on():
            ready.wait(60)
            with transaction.atomic():
                change()
            over.set()

        in_threads(go_on, *[hold] * 10)
        assert number(tenant) == 11

    def test_transactions_of_many_writes_never_wait_in_a_circle(self, tenant):
        """Each changes something of its own and then waits for a row that all want, or the other way round."""
        remember_one(tenant)
        wanted = last_of(tenant).pk

        def hold():
            Memory.objects.select_for_update().get(pk=wanted)

        def first_change(n):
            with tenant_scope(tenant.id):
                remember_one(tenant)
                hold()

        def first_wait(n):
            with tenant_scope(tenant.id):
                hold()
                remember_one(tenant)

        def revise(n):
            services.revise(tenant, wanted, {"content": f"cat {n}"}, actor="test")

        def index(n):
            indexing.enqueue(tenant.id, [wanted])
            indexing.drain(tenant.id)

        def come_and_go(n):
            [made] = services.remember(tenant, [new_memory(conversation_id="c")], actor="test")
            services.forget(tenant, made.id, actor="test")

        def again(act):
            return lambda: [act(n) for n in range(15)]

        acts = [first_change, first_wait, revise, index, come_and_go]
        in_threads(*(again(act) for act in acts * 2))
        assert number(tenant) > 60


CHILD = "import tests.memories.recalling as child; child.main()"


@pytest.fixture
def other_process(tenant):
    """Another process that writes to and asks the same memories: what it answers."""
    urls = {
        "DATABASE_URL": servers.database().url(postgres.APP),
        "DATABASE_OWNER_URL": servers.database().url(postgres.OWNER),
        "REDIS_URL": django_settings.REDIS_URL,
    }
    command = ["env", *(f"{name}={url}" for name, url in urls.items()), sys.executable, "-c", CHILD]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=django_settings.BASE_DIR
    ) as process:

        def ask(*step):
            process.stdin.write(orjson.dumps(step) + b"\n")
            process.stdin.flush()
            return orjson.loads(process.stdout.readline())

        assert ask("ready") is None
        yield ask
        process.stdin.close()


texts = st.sampled_from(["The cat sleeps.", "A grey cat.", "The dog barks.", "A cat and a dog.", "Rain."])
numbers = st.integers(0, 2)
steps = st.one_of(
    st.tuples(st.just("remember"), texts, st.sampled_from(["c", "d"]), st.sampled_from(["", "Ann", "Ben"])),
    st.tuples(st.just("remember for a moment"), texts),
    st.tuples(st.just("revise"), numbers, texts),
    st.tuples(st.just("forget"), numbers),
    st.tuples(st.just("supersede"), numbers, numbers),
    st.tuples(st.just("rename"), st.sampled_from(["c", "d"])),
    st.tuples(st.just("index")),
    st.tuples(st.just("wait")),
    st.tuples(st.just("nothing")),
)


class TestTwoProcesses:
    @pytest.mark.slow
    @given(history=st.lists(st.tuples(st.booleans(), steps), min_size=3, max_size=10))
    @hypothesis_settings(max_examples=40, deadline=None, suppress_health_check=[*HealthCheck])
    def test_what_is_given_again_is_what_would_be_found(self, other_process, history):
        tenant = str(uuid4())
        at_work("tenant", tenant)
        for content in ("A cat sleeps.", "The dog eats."):
            at_work("remember", tenant, content, "c")
        for elsewhere, step in history:
            (other_process if elsewhere else at_work)(*step[:1], tenant, *step[1:])
            for process in (at_work, other_process):
                given, found = process("ask", tenant)
                assert [apart(each, found) for each in given] == [[], []], step

    def test_answers_are_in_fact_given_again(self, other_process, monkeypatch):
        tenant = str(uuid4())
        at_work("tenant", tenant)
        at_work("remember", tenant, "A grey cat.", "c", "")
        before = other_process("given again")
        assert until(lambda: near_cache.listener().in_touch)
        for _ in range(3):
            at_work("ask", tenant)
            other_process("ask", tenant)
        after = other_process("given again")
        assert after["far"] > before["far"]
        assert after["near"] > before["near"]
