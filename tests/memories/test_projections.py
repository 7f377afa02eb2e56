from dataclasses import dataclass
from datetime import timedelta
from io import StringIO
from uuid import UUID

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, connections
from django.utils import timezone

from memories import embedding_models, indexing, projections, scopes, services
from memories.candidates import Filters
from memories.indexing import drain
from memories.models import EmbeddingModel, IndexJob, Memory, MemoryTokens, MemoryVector, Posting
from memories.projections import check, project_all, repair, wanting
from memories.retrieval import Query, recall
from memories.vectors import IndexUnavailable, vector_index
from memories.vectors.pgvector import PgVectorIndex
from memos_project.db import tenant_scope
from tests.backends.vectors import a_point, toward

CAT = "A grey cat sleeps on the stove."
DOG = "The brown dog barks at trams."
LONG = " ".join(f"word{n}" for n in range(350))
OTHER_HASH = "0" * 64

REMOVE_WORDS = "DELETE FROM memories_posting WHERE memory_id = %(ours)s"
CHANGE_A_WORD = """
UPDATE memories_posting SET term = 1
WHERE memory_id = %(ours)s AND term = (SELECT max(term) FROM memories_posting WHERE memory_id = %(ours)s)
"""
CHANGE_THE_OWNER = "UPDATE memories_posting SET owner = 1 WHERE memory_id = %(ours)s"
ADD_A_WORD = """
INSERT INTO memories_posting (tenant_id, term, owner, memory_id, frequency, length)
SELECT tenant_id, 1, owner, memory_id, 1, length FROM memories_posting WHERE memory_id = %(ours)s LIMIT 1
"""
ADD_A_WORD_OF_NOBODY = """
INSERT INTO memories_posting (tenant_id, term, owner, memory_id, frequency, length)
VALUES (%(tenant)s, 1, 0, %(theirs)s, 1, 1)
"""
MISCOUNT_WORDS = "UPDATE memories_posting SET frequency = frequency + 1 WHERE memory_id = %(ours)s"
REMOVE_VECTORS = "DELETE FROM memories_memoryvector WHERE memory_id = %(ours)s"
REMOVE_FIRST_CHUNK = f"{REMOVE_VECTORS} AND chunk = 0"
REMOVE_SECOND_CHUNK = f"{REMOVE_VECTORS} AND chunk = 1"
CHANGE_VECTORS = f"UPDATE memories_memoryvector SET content_hash = '{OTHER_HASH}' WHERE memory_id = %(ours)s"
REMOVE_TOKENS = "DELETE FROM memories_memorytokens WHERE memory_id = %(ours)s"
REMOVE_TOKENS_OF_A_CHUNK = f"{REMOVE_TOKENS} AND chunk = 1"
ADD_A_VECTOR = """
INSERT INTO memories_memoryvector (tenant_id, memory_id, model_id, chunk, owner, content_hash, embedding)
SELECT tenant_id, %(theirs)s, model_id, 99, owner, content_hash, embedding FROM memories_memoryvector LIMIT 1
"""


@dataclass
class Stored:
    """A long memory of ours and one of the other tenant, both indexed."""

    ours: UUID
    theirs: UUID


@pytest.fixture
def stored(remember, other_tenant, indexed):
    [ours, _], [theirs] = remember(LONG, CAT), remember(DOG, of=other_tenant)
    assert indexed() == 3
    return Stored(ours, theirs)


@pytest.fixture
def nothing_is_embedded(monkeypatch):
    """To be called where from then on all vectors must be there already."""

    def embed(model, memories):
        assert not memories
        return {}

    return lambda: monkeypatch.setattr(indexing, "_embed", embed)


def the_model():
    return EmbeddingModel.objects.get(pk=1)


def add_model(name="second", **fields):
    model = EmbeddingModel(name=name, provider="hash", dimensions=16, max_tokens=64, **fields)
    model.save()
    return model


def put(tenant, memory, content_hash=OTHER_HASH):
    """Have the configured index hold one chunk of a memory, whatever the rows say."""
    point = a_point(toward(0, dimensions=384), memory_id=memory, content_hash=content_hash)
    vector_index().upsert(tenant.id, the_model().indexed(), [point])


def damage(tenant, stored, sql):
    with tenant_scope(tenant.id), connection.cursor() as cursor:
        cursor.execute(sql, {"tenant": tenant.id, "ours": stored.ours, "theirs": stored.theirs})
        assert cursor.rowcount


def differences(tenant):
    return {
        (drift.store, kind): ids
        for drift in check(tenant.id)
        for kind in ("missing", "stale", "left_over")
        if (ids := getattr(drift, kind))
    }


def mend(tenant):
    for drift in check(tenant.id):
        repair(tenant.id, drift)
    drain(tenant.id)


def holdings(tenant):
    """All that is held for a tenant: words, vectors, token vectors, and what the configured index says."""
    with tenant_scope(tenant.id):
        words = {*Posting.objects.values_list("term", "owner", "memory_id", "frequency", "length")}
        rows = MemoryVector.objects.values_list("memory_id", "model", "chunk", "content_hash", "embedding")
        vectors = {(*rest, tuple(vector)) for *rest, vector in rows}
        rows = MemoryTokens.objects.values_list("memory_id", "model", "chunk", "tokens")
        tokens = {(*rest, bytes(data)) for *rest, data in rows}
    index = vector_index()
    return (
        words,
        vectors,
        tokens,
        [[*index.scan(tenant.id, each.indexed(), batch=100)] for each in EmbeddingModel.objects.all()],
    )


def ask(tenant, text):
    """What is found by vectors alone, and what was missing."""
    scopes.forget_all()
    found = recall(tenant, Query(text=text, mode="vector", top_k=1))
    return [hit.memory.content for hit in found.hits], found.degraded


def due_now(tenant):
    with tenant_scope(tenant.id):
        IndexJob.objects.update(due_at=timezone.now() - timedelta(minutes=1))


def jobs(tenant):
    with tenant_scope(tenant.id):
        return list(IndexJob.objects.all())


def say(command):
    out = StringIO()
    call_command(*command.split(), stdout=out)
    return out.getvalue()


@pytest.mark.usefixtures("index")
class TestCheck:
    def test_what_was_indexed_is_level(self, tenant, other_tenant, stored):
        assert differences(tenant) == differences(other_tenant) == {}

    @pytest.mark.parametrize(
        ("sql", "found"),
        [
            pytest.param(REMOVE_WORDS, {("text", "missing"): "ours"}, id="words-missing"),
            pytest.param(
                CHANGE_A_WORD, {("text", "missing"): "ours", ("text", "left_over"): "ours"}, id="another-word"
            ),
            pytest.param(
                CHANGE_THE_OWNER,
                {("text", "missing"): "ours", ("text", "left_over"): "ours"},
                id="words-of-another-user",
            ),
            pytest.param(ADD_A_WORD, {("text", "left_over"): "ours"}, id="one-word-too-many"),
            pytest.param(ADD_A_WORD_OF_NOBODY, {("text", "left_over"): "theirs"}, id="words-left-over"),
            pytest.param(MISCOUNT_WORDS, {("text", "stale"): "ours"}, id="words-miscounted"),
            pytest.param(REMOVE_VECTORS, {("pgvector", "missing"): "ours"}, id="vectors-missing"),
            pytest.param(CHANGE_VECTORS, {("pgvector", "stale"): "ours"}, id="vectors-of-another-text"),
            pytest.param(REMOVE_FIRST_CHUNK, {("pgvector", "stale"): "ours"}, id="first-chunk-missing"),
            pytest.param(REMOVE_SECOND_CHUNK, {("pgvector", "stale"): "ours"}, id="second-chunk-missing"),
            pytest.param(REMOVE_TOKENS, {("pgvector", "stale"): "ours"}, id="token-vectors-missing"),
            pytest.param(
                REMOVE_TOKENS_OF_A_CHUNK,
                {("pgvector", "stale"): "ours"},
                id="token-vectors-of-a-chunk-missing",
            ),
            pytest.param(ADD_A_VECTOR, {("pgvector", "left_over"): "theirs"}, id="vectors-left-over"),
        ],
    )
    def test_a_difference_is_found_and_mended(self, tenant, other_tenant, stored, sql, found):
        before = [holdings(each) for each in (tenant, other_tenant)]
        damage(tenant, stored, sql)
        assert differences(tenant) == {where: [getattr(stored, whose)] for where, whose in found.items()}
        assert differences(other_tenant) == {}
        mend(tenant)
        assert differences(tenant) == {}
        assert [holdings(each) for each in (tenant, other_tenant)] == before

    def test_a_model_without_token_vectors_lacks_none(self, tenant, stored):
        EmbeddingModel.objects.update(token_dimensions=0)
        damage(tenant, stored, REMOVE_TOKENS)
        assert differences(tenant) == {}

    def test_what_is_queued_is_not_counted(self, tenant, stored, remember):
        remember("Not indexed yet.")
        services.revise(tenant, stored.ours, {"content": "Other words."}, actor="test")
        assert differences(tenant) == {}
        drain(tenant.id)
        assert differences(tenant) == {}

    def test_neither_is_what_a_worker_finishes_meanwhile(self, tenant, remember, monkeypatch):
        remember(CAT)
        held = PgVectorIndex.held

        def then_drained(*args):
            found = held(*args)
            drain(tenant.id)
            return found

        monkeypatch.setattr(PgVectorIndex, "held", then_drained)
        assert differences(tenant) == {}

    def test_neither_is_a_delete_that_is_queued(self, tenant, stored):
        services.forget(tenant, stored.ours, actor="test")
        assert differences(tenant) == {}
        drain(tenant.id)
        assert differences(tenant) == {}

    def test_more_than_a_batch(self, tenant, remember, indexed, monkeypatch):
        monkeypatch.setattr(projections, "BATCH", 3)
        ids = remember(*(f"Text {n}." for n in range(10)))
        indexed()
        with tenant_scope(tenant.id):
            MemoryVector.objects.all().delete()
            Posting.objects.all().delete()
        found = differences(tenant)
        assert sorted(found["pgvector", "missing"]) == sorted(found["text", "missing"]) == sorted(ids)
        mend(tenant)
        assert differences(tenant) == {}

    def test_models_that_are_filled_are_compared_and_retired_ones_not(self, tenant, stored):
        second = add_model()
        add_model("third", state="retired")
        found = [drift for drift in check(tenant.id) if len(drift)]
        assert {drift.model for drift in found} == {second}
        assert {drift.store for drift in found} >= {"pgvector"}
        assert all(len(drift.missing) == 2 for drift in found)
        mend(tenant)
        assert differences(tenant) == {}


@pytest.mark.usefixtures("index")
class TestWanting:
    def test_memories_without_a_current_vector_in_batches(self, tenant, stored, remember, monkeypatch):
        assert [*wanting(tenant.id, the_model())] == []
        damage(tenant, stored, CHANGE_VECTORS)
        new = remember("One.", "Two.", "Three.")
        assert [*wanting(tenant.id, the_model())] == [[stored.ours, *new]]
        monkeypatch.setattr(projections, "BATCH", 2)
        assert [*wanting(tenant.id, the_model())] == [[stored.ours], new[:2], new[2:]]

    def test_beside_another_model_those_that_it_lacks_too_are_left_out(self, tenant, stored, remember):
        second = add_model()
        with tenant_scope(tenant.id):
            held = [*Memory.objects.order_by("pk").values_list("pk", flat=True)]
        remember("Written a moment ago.")
        assert [*wanting(tenant.id, second, beside=the_model())] == [held]
        damage(tenant, stored, CHANGE_VECTORS)
        assert [*wanting(tenant.id, second, beside=the_model())] == [
            [each for each in held if each != stored.ours]
        ]


class TestQdrant:
    @pytest.fixture(autouse=True)
    def _configured(self, on_qdrant):
        self.index = on_qdrant

    def lose_the_collection(self):
        self.index.drop(the_model().indexed())

    def test_the_first_memory_on_a_fresh_server_is_indexed_and_found(self, tenant, remember, indexed):
        remember(CAT, DOG)
        assert indexed() == 2
        assert jobs(tenant) == []
        assert differences(tenant) == {}
        assert ask(tenant, "Which cat sleeps?") == ([CAT], [])

    def test_where_there_is_room_a_search_of_nothing_is_whole(self, tenant):
        assert ask(tenant, CAT) == ([], ["vectors"])
        embedding_models.make_room(the_model())
        assert ask(tenant, CAT) == ([], [])

    def test_filters_that_it_does_not_know_hold_all_the_same(self, tenant, remember, indexed):
        remember(*(f"A cat of number {n}." for n in range(70)))
        remember(DOG, metadata={"kind": "pet"})
        indexed()
        query = Query(text="cat", mode="vector", filters=Filters(metadata={"kind": "pet"}))
        assert [hit.memory.content for hit in recall(tenant, query).hits] == [DOG]

    def test_what_it_does_not_hold_is_not_found(self, tenant, stored):
        assert ask(tenant, CAT) == ([CAT], [])
        with tenant_scope(tenant.id):
            [cat] = Memory.objects.filter(content=CAT)
        self.index.delete(tenant.id, [cat.pk])
        assert CAT not in ask(tenant, CAT)[0]

    @pytest.mark.parametrize("kind", ["missing", "stale", "left_over"])
    def test_a_difference_is_found_and_mended(self, tenant, other_tenant, stored, kind, nothing_is_embedded):
        before = [holdings(each) for each in (tenant, other_tenant)]
        wrong = stored.theirs if kind == "left_over" else stored.ours
        if kind == "missing":
            self.index.delete(tenant.id, [wrong])
        else:
            put(tenant, wrong)
        assert differences(tenant) == {("qdrant", kind): [wrong]}
        assert differences(other_tenant) == {}
        nothing_is_embedded()
        mend(tenant)
        assert differences(tenant) == {}
        assert [holdings(each) for each in (tenant, other_tenant)] == before

    @pytest.mark.parametrize("change", ["revise", "forget"])
    def test_a_worker_that_comes_last_with_what_was_leaves_what_is(
        self, tenant, remember, change, monkeypatch
    ):
        [memory] = remember(CAT)
        send = type(self.index).upsert

        def send_late(index, *points):
            monkeypatch.undo()
            if change == "revise":
                services.revise(tenant, memory, {"content": DOG}, actor="test")
            else:
                services.forget(tenant, memory, actor="test")
            drain(tenant.id)
            send(index, *points)

        monkeypatch.setattr(type(self.index), "upsert", send_late)
        drain(tenant.id)
        assert jobs(tenant) == []
        assert differences(tenant) == {}

    def test_a_memory_that_is_forgotten_is_removed_when_the_backlog_is_worked_off(self, tenant, stored):
        services.forget(tenant, stored.ours, actor="test")
        assert self.index.held(tenant.id, the_model().indexed(), [stored.ours])
        assert drain(tenant.id) == 1
        assert self.index.held(tenant.id, the_model().indexed(), [stored.ours]) == {}

    def test_without_its_collection_a_search_is_degraded(self, tenant, stored):
        self.lose_the_collection()
        assert ask(tenant, CAT) == ([CAT], ["vectors"])

    def test_begun_anew_by_the_next_write_it_is_not_taken_for_whole(self, tenant, stored, remember, indexed):
        self.lose_the_collection()
        remember(DOG)
        indexed()
        found, degraded = ask(tenant, CAT)
        assert found == [CAT] or degraded

    @pytest.mark.parametrize(
        "command", ["rebuild_vectors", "rebuild_vectors --if-needed", "check_projections --repair"]
    )
    def test_a_lost_collection_is_brought_back(
        self, tenant, other_tenant, stored, indexed, nothing_is_embedded, command
    ):
        before = [holdings(each) for each in (tenant, other_tenant)]
        self.lose_the_collection()
        nothing_is_embedded()
        say(command)
        indexed()
        assert [holdings(each) for each in (tenant, other_tenant)] == before
        assert ask(tenant, CAT) == ([CAT], [])
        assert ask(other_tenant, DOG) == ([DOG], [])

    def test_a_rebuild_leaves_out_what_has_no_row(self, tenant, stored):
        put(tenant, stored.theirs)
        assert "rebuilt" in say("rebuild_vectors --if-needed")
        assert differences(tenant) == {}

    def test_all_vectors_are_sent_in_batches(self, tenant, other_tenant, remember, indexed, monkeypatch):
        ids = remember(*(f"Text {n}." for n in range(5)))
        theirs = remember(of=other_tenant)
        indexed()
        self.lose_the_collection()
        monkeypatch.setattr(projections, "BATCH", 2)
        assert [*project_all(tenant.id, the_model())] == [2, 2, 1]
        assert self.index.held(tenant.id, the_model().indexed(), ids).keys() == {*ids}
        assert self.index.held(other_tenant.id, the_model().indexed(), theirs) == {}

    def test_an_outage_puts_work_off_and_loses_nothing(
        self, qdrant, tenant, stored, remember, nothing_is_embedded
    ):
        with qdrant.stopped():
            remember(DOG)
            services.forget(tenant, stored.ours, actor="test")
            assert drain(tenant.id) == 0
            assert all(job.error and job.due_at > timezone.now() for job in jobs(tenant))
            assert len(jobs(tenant)) == 2
            assert ask(tenant, DOG) == ([DOG], ["vectors"])
        nothing_is_embedded()
        due_now(tenant)
        assert drain(tenant.id) == 2
        assert jobs(tenant) == []
        assert differences(tenant) == {}
        assert ask(tenant, DOG) == ([DOG], [])

    def test_what_needs_it_says_that_it_is_down(self, qdrant, tenant, stored):
        with qdrant.stopped():
            with pytest.raises(IndexUnavailable):
                list(check(tenant.id))
            for command in ("check_projections", "rebuild_vectors", "rebuild_vectors --if-needed"):
                with pytest.raises(CommandError, match="does not answer"):
                    say(command)


@pytest.mark.usefixtures("index")
class TestCheckCommand:
    def test_level_tenants_are_said_to_be_level(self, tenant, other_tenant, stored):
        said = say("check_projections").splitlines()
        for each in (tenant, other_tenant):
            assert f"{each.slug}: text: level" in said
            assert f"{each.slug}: pgvector hashed-words: level" in said
        assert all(line.endswith(": level") for line in said)

    def test_differences_are_counted_and_end_it_with_an_error(self, tenant, stored, capsys):
        damage(tenant, stored, REMOVE_WORDS)
        damage(tenant, stored, CHANGE_VECTORS)
        with pytest.raises(CommandError, match="2 differences; --repair mends them"):
            call_command("check_projections")
        said = capsys.readouterr().out
        assert f"{tenant.slug}: text: 1 missing, 0 stale, 0 left over\n" in said
        assert f"{tenant.slug}: pgvector hashed-words: 0 missing, 1 stale, 0 left over\n" in said

    def test_repair_mends_them(self, tenant, stored):
        before = holdings(tenant)
        damage(tenant, stored, REMOVE_WORDS)
        damage(tenant, stored, CHANGE_VECTORS)
        assert f"{tenant.slug}: 2 differences mended." in say("check_projections --repair")
        assert holdings(tenant) == before
        assert "mended" not in say("check_projections --repair")

    def test_only_the_tenant_that_is_named(self, tenant, other_tenant, stored):
        damage(tenant, stored, REMOVE_WORDS)
        assert tenant.slug not in say(f"check_projections --tenant {other_tenant.slug}")
        say(f"check_projections --repair --tenant {other_tenant.slug}")
        assert differences(tenant)
        with pytest.raises(CommandError):
            say(f"check_projections --tenant {tenant.slug}")

    def test_an_unknown_tenant(self, tenant):
        with pytest.raises(CommandError, match="'nobody'"):
            say("check_projections --tenant nobody")


@pytest.mark.django_db(transaction=True, databases=["default", "owner"])
@pytest.mark.usefixtures("index")
class TestRebuildCommand:
    @pytest.fixture
    def second(self):
        model = add_model()
        yield model
        PgVectorIndex().drop(model.indexed())

    def hnsw_file(self, model):
        """The file of a model's HNSW index, another one after it was built again."""
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_relation_filenode(to_regclass(%s))", [f"memoryvector_hnsw_{model.pk}"])
            return cursor.fetchone()[0]

    def test_where_all_is_level_nothing_is_done_if_needed(self, stored, nothing_is_embedded):
        nothing_is_embedded()
        before = self.hnsw_file(the_model())
        assert say("rebuild_vectors --if-needed") == "hashed-words: level, nothing to do.\n"
        assert self.hnsw_file(the_model()) == before

    def test_otherwise_the_index_is_made_anew(self, tenant, stored, nothing_is_embedded):
        nothing_is_embedded()
        held, before = holdings(tenant), self.hnsw_file(the_model())
        assert say("rebuild_vectors").startswith("hashed-words: rebuilt")
        assert holdings(tenant) == held
        assert (self.hnsw_file(the_model()) != before) is vector_index().in_database
        assert ask(tenant, CAT) == ([CAT], [])

    @pytest.mark.parametrize(
        "sql",
        [REMOVE_VECTORS, CHANGE_VECTORS, REMOVE_TOKENS],
        ids=["missing", "stale", "without-token-vectors"],
    )
    def test_what_has_no_current_vector_is_embedded(self, tenant, other_tenant, stored, sql):
        before = [holdings(each) for each in (tenant, other_tenant)]
        damage(tenant, stored, sql)
        assert "hashed-words: rebuilt" in say("rebuild_vectors --if-needed")
        assert [holdings(each) for each in (tenant, other_tenant)] == before
        assert say("rebuild_vectors --if-needed") == "hashed-words: level, nothing to do.\n"

    def test_only_the_models_that_need_it(self, stored, second):
        add_model("third", state="retired")
        said = say("rebuild_vectors --if-needed").splitlines()
        assert said[0] == "hashed-words: level, nothing to do."
        assert [line.split(",")[0] for line in said[1:]] == ["second: rebuilt"]

    @pytest.mark.parametrize("index", ["pgvector"], indirect=True)
    def test_a_lost_hnsw_index_is_built_again(self, stored, second):
        say("rebuild_vectors")
        with connections["owner"].cursor() as cursor:
            cursor.execute(f"DROP INDEX memoryvector_hnsw_{second.pk}")
        say("rebuild_vectors --if-needed")
        assert self.hnsw_file(second)
