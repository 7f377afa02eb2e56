import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from io import StringIO
from itertools import cycle, islice, takewhile
from threading import Event, current_thread

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from memories import embedding_models, indexing, projections, retrieval, scopes
from memories.embedding_models import add, drop, fill, find_model, is_level, lacking, switch
from memories.models import EmbeddingModel, IndexJob, MemoryTokens, MemoryVector
from memories.projections import check
from memories.retrieval import Query, recall
from memories.vectors import IndexMissing
from memories.vectors.pgvector import PgVectorIndex
from memos_project.db import tenant_scope
from memos_project.errors import Conflict, InvalidInput, NotFound
from tests.backends.vectors import toward

pytestmark = [
    pytest.mark.django_db(transaction=True, databases=["default", "owner"]),
    pytest.mark.usefixtures("index"),
]
in_the_database = pytest.mark.parametrize("index", ["pgvector"], indirect=True)
on_qdrant_only = pytest.mark.parametrize("index", ["qdrant"], indirect=True)

CAT = "A grey cat sleeps on the stove."
DOG = "The brown dog barks at trams."
SECOND = {
    "name": "second",
    "provider": "hash",
    "dimensions": 16,
    "token_dimensions": 8,
    "max_tokens": 64,
    "chunk_overlap": 8,
    "query_prefix": "",
    "passage_prefix": "",
    "options": {},
}
AWAY = {
    "provider": "openai",
    "token_dimensions": 0,
    "options": {"url": "http://127.0.0.1:1/v1", "query_attempts": 1},
}


@pytest.fixture(autouse=True)
def _hnsw_indexes_go_with_the_test(transactional_db):
    yield
    for model in EmbeddingModel.objects.exclude(pk=1):
        PgVectorIndex().drop(model.indexed())


def instead_of_waiting(monkeypatch, act):
    """Do something else where this thread would wait; others of the process wait as they always do."""
    here, sleep = current_thread(), time.sleep
    monkeypatch.setattr(time, "sleep", lambda s: act(s) if current_thread() is here else sleep(s))


@pytest.fixture(autouse=True)
def waits(monkeypatch):
    """For how long ``drop`` would wait."""
    waits = []
    instead_of_waiting(monkeypatch, waits.append)
    return waits


@pytest.fixture
def stored(remember, other_tenant, indexed):
    """Two memories of ours and one of the other tenant, which only the first model knows: their ids."""
    ids = [*remember(CAT, DOG), *remember(CAT, of=other_tenant)]
    assert indexed() == 3
    return ids


@pytest.fixture
def embedded(monkeypatch):
    """Which memories are embedded from here on, with which model."""
    calls = []
    embed = indexing._embed

    def noted(model, memories):
        calls.extend((model.name, memory.pk) for memory in memories)
        return embed(model, memories)

    monkeypatch.setattr(indexing, "_embed", noted)
    return calls


def the_first():
    return EmbeddingModel.objects.get(pk=1)


def filled():
    model = add(SECOND)
    assert sum(fill(model)) == 3
    return model


def answering():
    """The model that answers queries, as a process sees it that looks anew."""
    retrieval._active = None
    return retrieval.active_model().spec.name


def held(tenant, model_id, rows=MemoryVector):
    with tenant_scope(tenant.id):
        return {row.memory_id for row in rows.objects.filter(model_id=model_id)}


def hnsw(model_id):
    """The definition of a model's HNSW index, if it is there and can be used."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_get_indexdef(indexrelid) FROM pg_index"
            " WHERE indexrelid = to_regclass(%s) AND indisvalid",
            [f"memoryvector_hnsw_{model_id}"],
        )
        return (cursor.fetchone() or [""])[0]


def ask(tenant, text):
    """What is found by vectors alone, and what was missing."""
    scopes.forget_all()
    found = recall(tenant, Query(text=text, mode="vector", top_k=1))
    return [hit.memory.content for hit in found.hits], found.degraded


def level(*tenants):
    return not any(len(drift) for tenant in tenants for drift in check(tenant.id))


class TestAdd:
    def test_new_memories_get_its_vectors_too_and_old_ones_wait(self, tenant, stored, remember, indexed):
        model = add(SECOND)
        assert model.state == "filling"
        [new] = remember("Written later.")
        indexed()
        assert held(tenant, model.pk) == held(tenant, model.pk, MemoryTokens) == {new}
        assert held(tenant, 1) == {*stored[:2], new}
        assert answering() == "hashed-words"

    @in_the_database
    @pytest.mark.parametrize(
        ("fields", "reason"),
        [
            pytest.param(AWAY, "cannot be used", id="away"),
            pytest.param({"provider": "onnx", "dimensions": 500}, "dimensions", id="smaller-than-said"),
            pytest.param({"provider": "nobody"}, "provider", id="unknown-provider"),
            pytest.param({"dimensions": 4001}, "dimensions", id="too-large"),
            pytest.param({"options": {"speed": 1}}, "speed", id="unknown-option"),
            pytest.param({"name": ""}, "name", id="nameless"),
            pytest.param({"name": "x" * 101}, "name", id="long-name"),
            pytest.param({"name": "two words"}, "name", id="no-slug"),
        ],
    )
    def test_one_that_cannot_be_used_is_refused(self, tenant, fields, reason):
        with pytest.raises(InvalidInput, match=reason):
            add(SECOND | fields)
        assert [*EmbeddingModel.objects.all()] == [the_first()]

    def test_a_name_that_is_taken_is_refused(self, tenant):
        first = add(SECOND)
        with pytest.raises(Conflict, match="'second' already"):
            add(SECOND | {"dimensions": 32})
        assert find_model("second") == first
        assert find_model("second").dimensions == 16


class TestFill:
    def test_memories_of_every_tenant_get_its_vectors(self, tenant, other_tenant, stored, embedded):
        model = add(SECOND)
        assert lacking(model) == 3
        assert not is_level(model)
        assert sum(fill(model)) == 3
        assert lacking(model) == 0
        assert is_level(model)
        assert sorted(embedded) == sorted(("second", each) for each in stored)
        assert held(tenant, model.pk) == held(tenant, model.pk, MemoryTokens) == {*stored[:2]}
        assert held(other_tenant, model.pk) == {stored[2]}
        assert level(tenant, other_tenant)

    def test_stopped_and_begun_again_nothing_is_lost_or_embedded_twice(
        self, tenant, remember, indexed, embedded, monkeypatch
    ):
        monkeypatch.setattr(projections, "BATCH", 2)
        ids = remember(*(f"Text {n}." for n in range(7)))
        indexed()
        embedded.clear()
        model = add(SECOND)
        with closing(fill(model)) as steps:
            assert next(steps) == 2
        assert lacking(model) == 5
        assert sum(fill(model)) == 5
        assert lacking(model) == 0
        assert sorted(embedded) == sorted(("second", each) for each in ids)

    def test_again_there_is_nothing_to_do(self, stored, embedded):
        model = filled()
        embedded.clear()
        assert [*fill(model)] == []
        assert embedded == []

    def test_it_ends_though_memories_keep_coming(self, stored, remember):
        steps = fill(add(SECOND))
        written = [remember() for _ in islice(steps, 20)]
        assert len(written) < 20

    def test_what_a_killed_worker_held_is_done_too(self, tenant, stored):
        model = add(SECOND)
        indexing.enqueue(tenant.id, stored[:1])
        indexing.claim(tenant.id, limit=1)
        assert sum(fill(model)) == 3
        assert lacking(model) == 0

    def test_what_was_given_up_is_not_counted_as_done(self, tenant, stored):
        model = add(SECOND)
        indexing.enqueue(tenant.id, stored[:1])
        with tenant_scope(tenant.id):
            IndexJob.objects.update(due_at=None)
        assert sum(fill(model)) == 2
        assert lacking(model) == 1


class TestSwitch:
    def test_then_it_answers_queries(self, tenant, other_tenant, stored):
        switch(filled())
        assert answering() == "second"
        assert ask(tenant, CAT) == ask(other_tenant, CAT) == ([CAT], [])
        assert the_first().state == "filling"

    def test_the_vectors_of_the_former_one_are_not_asked_for(self, tenant, stored):
        switch(filled())
        assert answering() == "second"
        with tenant_scope(tenant.id):
            MemoryVector.objects.filter(model_id=1).delete()
        assert ask(tenant, CAT) == ([CAT], [])

    def test_back_again_nothing_need_be_embedded(self, tenant, stored, remember, indexed, embedded):
        model = filled()
        switch(model)
        remember("Written meanwhile.")
        indexed()
        embedded.clear()
        switch(the_first())
        assert embedded == []
        assert answering() == "hashed-words"
        assert find_model("second").state == "filling"
        assert ask(tenant, "Written meanwhile.") == (["Written meanwhile."], [])

    def test_it_is_refused_while_memories_that_are_found_lack_its_vectors(self, tenant, stored):
        model = add(SECOND)
        with pytest.raises(Conflict, match="3 memories have no vector of second"):
            switch(model)
        with closing(fill(model)) as steps:
            next(steps)
        with pytest.raises(Conflict):
            switch(model)
        assert answering() == "hashed-words"

    def test_what_was_written_a_moment_ago_does_not_hinder_it(self, tenant, stored, remember, indexed):
        model = filled()
        remember("Written a moment ago.")
        assert lacking(model) == 1
        switch(model)
        assert answering() == "second"
        indexed()
        assert ask(tenant, "Written a moment ago.") == (["Written a moment ago."], [])

    def test_to_the_one_that_answers_already(self, stored):
        switch(the_first())
        assert answering() == "hashed-words"

    def test_while_the_model_is_dropped_one_of_the_two_is_refused(self, tenant, stored, monkeypatch):
        model = filled()
        refused = []

        def attempt(change):
            try:
                change(model)
            except Conflict:
                refused.append(change)

        instead_of_waiting(monkeypatch, lambda seconds: attempt(switch))
        attempt(drop)
        assert len(refused) == 1
        assert answering() == ("hashed-words" if refused == [switch] else "second")
        assert ask(tenant, CAT) == ([CAT], [])


class TestDrop:
    def test_its_vectors_and_tokens_go_and_no_others(self, tenant, other_tenant, stored, remember, indexed):
        model = filled()
        dropped = model.pk
        drop(model)
        for each in (tenant, other_tenant):
            assert held(each, dropped) == held(each, dropped, MemoryTokens) == set()
        assert held(tenant, 1) == held(tenant, 1, MemoryTokens) == {*stored[:2]}
        assert [*EmbeddingModel.objects.all()] == [the_first()]
        remember("Written later.")
        assert indexed() == 1
        assert level(tenant, other_tenant)

    def test_what_was_given_up_is_tried_without_it(self, tenant, stored, remember, indexed):
        model = filled()
        remember("Written later.")
        with tenant_scope(tenant.id):
            IndexJob.objects.update(due_at=None, attempts=9, error="refused")
        assert indexed() == 0
        drop(model)
        assert indexed() == 1

    def test_first_it_waits_for_those_that_may_still_ask_it(self, stored, monkeypatch):
        model = filled()
        seen = []
        monkeypatch.setattr(
            embedding_models.time,
            "sleep",
            lambda seconds: seen.append((seconds, find_model("second").state, lacking(model))),
        )
        drop(model)
        [(seconds, state, without)] = seen
        assert seconds > retrieval.ACTIVE_SECONDS
        assert (state, without) == ("retired", 0)

    def test_the_one_that_answers_is_kept(self, tenant, stored, waits):
        model = filled()
        switch(model)
        with pytest.raises(Conflict, match="second answers queries"):
            drop(model)
        assert answering() == "second"
        assert lacking(model) == 0
        assert waits == []


@in_the_database
class TestHnswIndex:
    def test_fill_builds_it(self, stored):
        model = add(SECOND)
        assert not hnsw(model.pk)
        [*fill(model)]
        assert "halfvec(16)" in hnsw(model.pk)
        assert f"(model_id = {model.pk})" in hnsw(model.pk)

    def test_switch_builds_it_where_nothing_was_filled(self, tenant):
        model = add(SECOND)
        switch(model)
        assert hnsw(model.pk)

    def test_drop_removes_it(self, stored):
        model = filled()
        dropped, others = model.pk, hnsw(1)
        drop(model)
        assert not hnsw(dropped)
        assert hnsw(1) == others


@on_qdrant_only
class TestCollection:
    def test_it_is_there_from_the_models_beginning_to_its_end(self, tenant, stored, index):
        row = add(SECOND)
        model = row.indexed()
        assert index.nearest(tenant.id, model, toward(0, dimensions=16), limit=5) == []
        [*fill(row)]
        assert index.held(tenant.id, model, stored).keys() == {*stored[:2]}
        drop(row)
        with pytest.raises(IndexMissing):
            index.nearest(tenant.id, model, toward(0, dimensions=16), limit=5)
        assert index.held(tenant.id, the_first().indexed(), stored).keys() == {*stored[:2]}

    def test_for_a_model_added_while_qdrant_is_down_it_comes_with_the_vectors(
        self, tenant, stored, index, qdrant
    ):
        with qdrant.stopped():
            model = add(SECOND)
        [*fill(model)]
        assert index.held(tenant.id, model.indexed(), stored).keys() == {*stored[:2]}
        switch(model)
        assert answering() == "second"
        assert ask(tenant, CAT) == ([CAT], [])

    def test_dropped_while_qdrant_is_down_it_goes_the_next_time(self, tenant, stored, index, qdrant):
        model = filled().indexed()
        with qdrant.stopped(), pytest.raises(CommandError, match="does not answer"):
            call_command("embedding_model", "drop", "second")
        call_command("embedding_model", "drop", "second", stdout=StringIO())
        with pytest.raises(IndexMissing):
            index.nearest(tenant.id, model, toward(0, dimensions=16), limit=5)
        assert [*EmbeddingModel.objects.all()] == [the_first()]


class TestCommand:
    def say(self, *command):
        out = StringIO()
        call_command("embedding_model", *command, stdout=out)
        return out.getvalue()

    def test_a_models_life(self, stored):
        sizes = ["--dimensions", "16", "--token-dimensions", "8", "--chunk-overlap", "5"]
        said = self.say("add", "second", "--provider", "hash", *sizes, "--options", '{"chunk_tokens": 20}')
        assert said.startswith("Added second.")
        model = find_model("second")
        assert (model.dimensions, model.token_dimensions, model.options) == (16, 8, {"chunk_tokens": 20})
        assert self.say("fill", "second") == "Filled second: 3 memories embedded.\n"
        assert self.say("switch", "second").startswith("second answers queries now")
        assert answering() == "second"
        self.say("switch", "hashed-words")
        assert self.say("drop", "second") == "Dropped second with its vectors.\n"
        with pytest.raises(NotFound):
            find_model("second")

    def test_the_list_says_how_far_they_are_filled(self, stored, capsys):
        add(SECOND)
        self.say("list")
        rows = [line.replace("│", " ").split() for line in capsys.readouterr().out.splitlines()]
        assert ["hashed-words", "hash", "384", "active", "0"] in rows
        assert ["second", "hash", "16", "filling", "3"] in rows

    @pytest.mark.parametrize("action", ["fill", "switch", "drop"])
    def test_an_unknown_model_is_an_error(self, tenant, action):
        with pytest.raises(CommandError, match="no embedding model 'nobody'"):
            self.say(action, "nobody")

    def test_what_is_refused_is_an_error(self, stored):
        with pytest.raises(CommandError, match="answers queries"):
            self.say("drop", "hashed-words")
        with pytest.raises(CommandError, match="cannot be used"):
            self.say("add", "second", "--provider", "hash", "--dimensions", "0")
        add(SECOND)
        with pytest.raises(CommandError, match="fill it first"):
            self.say("switch", "second")
        with pytest.raises(CommandError, match="already"):
            self.say("add", "second", "--provider", "hash", "--dimensions", "16")


@contextmanager
def searching(tenant, texts):
    """Threads that search on and on: the models they searched with, and what was raised or not found."""
    stop, models, wrong = Event(), set(), []

    def search():
        try:
            for text in takewhile(lambda text: not stop.is_set(), cycle(texts)):
                models.add(retrieval.active_model().spec.name)
                if (answer := ask(tenant, text)) != ([text], []):
                    wrong.append((text, answer))
        except Exception as error:
            wrong.append(error)
        finally:
            connection.close()

    with ThreadPoolExecutor(3) as pool:
        for _ in range(3):
            pool.submit(search)
        try:
            yield models, wrong
        finally:
            stop.set()


class TestMeanwhile:
    TEXTS = tuple(
        f"Number {n} likes {thing}." for n, thing in enumerate(["tea", "rain", "trams", "owls"] * 5)
    )

    @pytest.fixture
    def waits(self, monkeypatch):
        """They are waited for here, only shorter."""
        monkeypatch.setattr(retrieval, "ACTIVE_SECONDS", 0.1)
        monkeypatch.setattr(embedding_models, "ACTIVE_SECONDS", 0.1)

    def until(self, condition):
        deadline = time.monotonic() + 30
        while not condition():
            assert time.monotonic() < deadline
            time.sleep(0.01)

    def test_searches_go_on_through_a_models_life(self, tenant, remember, indexed, monkeypatch):
        monkeypatch.setattr(projections, "BATCH", 5)
        remember(*self.TEXTS)
        indexed()
        with searching(tenant, self.TEXTS) as (models, wrong):
            self.until(lambda: wrong or models)
            model = add(SECOND | {"dimensions": 64})
            for step, _ in enumerate(fill(model)):
                if step < 3:
                    remember()
            switch(model)
            remember()
            indexed()
            self.until(lambda: wrong or models == {"hashed-words", "second"})
            switch(the_first())
            drop(model)
        assert wrong == []
        assert level(tenant)
