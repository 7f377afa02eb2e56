"""What recall finds and in which order, on the real statements; the ranking's own tests are in test_ranking."""

import math
import random
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.utils import timezone

from memories import candidates, reading, retrieval, scopes, services
from memories.candidates import Filters
from memories.models import EmbeddingModel, Memory
from memories.retrieval import Query, find_conversation, list_conversations, list_memories, list_turns, recall
from memories.statistics import COUNT, COUNT_TERMS
from memories.vectors import graph
from memos_project.db import tenant_scope
from memos_project.errors import InvalidInput, NotFound
from tests.factories import make_tenant, new_memory

CATS = (
    "I adopted a grey cat called Misty.",
    "Misty eats salmon and nothing else.",
    "The cat hates the dark, so a lamp stays on.",
    "We meet at the harbour on Friday.",
    "My sister plays the cello in an orchestra.",
)


@pytest.fixture
def ask(tenant):
    def ask(text, of=tenant, **options):
        scopes.forget_all()
        return recall(of, Query(text=text, **options))

    return ask


def contents(found):
    return [hit.memory.content for hit in found.hits]


class TestModes:
    @pytest.fixture(autouse=True)
    def _cats(self, remember, indexed):
        remember(*CATS, user_id="ann")
        indexed()

    @pytest.mark.parametrize("mode", ["hybrid", "vector", "text"])
    def test_each_finds_it(self, ask, mode):
        found = ask("What does Misty eat?", mode=mode)
        assert contents(found)[0] == CATS[1]
        assert found.degraded == []

    @pytest.mark.parametrize("fusion", ["scores", "rrf"])
    def test_either_fusion_finds_it(self, ask, fusion):
        assert contents(ask("What does Misty eat?", fusion=fusion))[0] == CATS[1]

    @pytest.mark.parametrize("rerank", [True, False])
    def test_with_and_without_late_interaction(self, ask, rerank):
        assert contents(ask("What does Misty eat?", rerank=rerank))[0] == CATS[1]

    def test_words_alone_find_nothing_else(self, ask):
        assert contents(ask("cello", mode="text")) == [CATS[4]]
        assert contents(ask("xylophone", mode="text")) == []

    def test_stop_words_are_no_words(self, ask):
        assert contents(ask("the and of", mode="text")) == []

    def test_words_are_stemmed(self, ask):
        assert contents(ask("orchestras", mode="text")) == [CATS[4]]
        assert contents(ask("hating", mode="text")) == [CATS[2]]

    def test_vectors_alone_list_everything(self, ask):
        assert len(ask("xylophone", mode="vector").hits) == len(CATS)

    def test_as_many_as_asked_for(self, ask):
        assert [len(ask("cat", mode="vector", top_k=k).hits) for k in (1, 3, 200)] == [1, 3, 5]

    def test_scores_fall_and_are_between_0_and_1(self, ask):
        for mode in ("hybrid", "vector", "text"):
            scores = [hit.score for hit in ask("a grey cat", mode=mode).hits]
            assert scores == sorted(scores, reverse=True)
            assert all(0 <= score <= 1 for score in scores)

    def test_the_same_question_is_answered_the_same(self, ask):
        first, again = (ask("a grey cat in the dark") for _ in range(2))
        assert contents(first) == contents(again)
        assert [hit.score for hit in first.hits] == pytest.approx([hit.score for hit in again.hits], abs=1e-5)

    @pytest.mark.parametrize(
        "text",
        ["?", "   ", "😀", "a" * 20_000, "'; DROP TABLE x; --", "%s %(tenant)s {filters}", "\\", "\x7f"],
    )
    def test_odd_questions_are_answered(self, ask, text):
        for mode in ("hybrid", "vector", "text"):
            ask(text, mode=mode)


def test_nothing_is_found_where_nothing_is(ask):
    for mode in ("hybrid", "vector", "text"):
        assert ask("anything", mode=mode).hits == []


def test_it_is_found_by_text_before_it_is_indexed(ask, remember):
    remember("A grey cat.", "A brown dog.")
    for mode in ("hybrid", "text"):
        found = ask("grey", mode=mode)
        assert contents(found)[0] == "A grey cat."
        assert found.degraded == []
    assert ask("grey", mode="vector").hits == []


def test_what_is_over_is_not_found(ask, tenant, remember, indexed):
    yesterday, tomorrow = timezone.now() - timedelta(days=1), timezone.now() + timedelta(days=1)
    remember("cat one", expires_at=yesterday)
    remember("cat two", valid_to=yesterday)
    remember("cat three", expires_at=tomorrow, valid_to=tomorrow)
    [old, new] = remember("cat four", "cat five")
    with tenant_scope(tenant.id):
        Memory.objects.filter(pk=old).update(superseded_by=new)
    indexed()
    for mode in ("hybrid", "vector", "text"):
        assert sorted(contents(ask("cat", mode=mode))) == ["cat five", "cat three"]


def test_what_was_revised_is_found_as_it_is(ask, tenant, remember, indexed):
    [memory] = remember("A grey cat.")
    indexed()
    services.revise(tenant, memory, {"content": "A brown dog."}, actor="test")
    assert (contents(ask("cat", mode="text")), contents(ask("dog", mode="text"))) == ([], ["A brown dog."])
    indexed()
    assert ask("a brown dog", mode="vector").hits[0].score > 0.5


def test_another_tenants_memories_are_not_found(ask, remember, indexed, other_tenant):
    remember("A grey cat.", of=other_tenant)
    indexed()
    for mode in ("hybrid", "vector", "text"):
        assert ask("grey cat", mode=mode).hits == []
        assert contents(ask("grey cat", of=other_tenant, mode=mode)) == ["A grey cat."]


def test_texts_that_say_the_same_are_shown_once(ask, remember, indexed):
    remember("A grey cat.", user_id="ann")
    remember("A grey cat.", user_id="ben")
    remember("A grey cat.", user_id="ben", speaker="Ben")
    indexed()
    assert len(ask("grey cat").hits) == 2


class TestFilters:
    @pytest.fixture(autouse=True)
    def _some(self, remember, indexed):
        base = datetime(2026, 1, 1, tzinfo=UTC)
        for n in range(24):
            remember(
                f"cat number {n}",
                user_id=("ann", "ben", "")[n % 3],
                agent_id=("scout", "")[n % 2],
                conversation_id=("c1", "c2", "", "")[n % 4],
                kind=("message", "fact")[n % 2],
                tier=(2, 3)[n % 5 == 0],
                category=("", "pets")[n % 2],
                tags=[["red"], ["red", "blue"], []][n % 3],
                metadata={"n": n, "deep": {"even": n % 2 == 0}},
                occurred_at=base + timedelta(days=n),
            )
        indexed()

    FILTERS = (
        Filters(),
        Filters(user_id="ann"),
        Filters(user_id=""),
        Filters(user_id="an"),
        Filters(agent_id="scout"),
        Filters(agent_id=""),
        Filters(conversation_id="c1"),
        Filters(conversation_id="nowhere"),
        Filters(conversation_id="c1", user_id="ben"),
        Filters(kinds=["fact"]),
        Filters(kinds=["fact", "message"]),
        Filters(tiers=[3]),
        Filters(category="pets"),
        Filters(category=""),
        Filters(category="nothing"),
        Filters(tags=["red"]),
        Filters(tags=["red", "blue"]),
        Filters(since=datetime(2026, 1, 10, tzinfo=UTC)),
        Filters(until=datetime(2026, 1, 10, tzinfo=UTC)),
        Filters(metadata={"deep": {"even": True}}),
        Filters(user_id="ben", kinds=["fact"], tags=["blue"], metadata={"deep": {"even": False}}),
    )

    def matching(self, filters):
        def fits(n):
            when = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=n)
            return all(
                (
                    filters.user_id in (None, ("ann", "ben", "")[n % 3]),
                    filters.agent_id in (None, ("scout", "")[n % 2]),
                    filters.conversation_id in (None, ("c1", "c2", "-", "-")[n % 4]),
                    not filters.kinds or ("message", "fact")[n % 2] in filters.kinds,
                    not filters.tiers or (2, 3)[n % 5 == 0] in filters.tiers,
                    filters.category in (None, ("", "pets")[n % 2]),
                    set(filters.tags) <= {*[["red"], ["red", "blue"], []][n % 3]},
                    filters.since is None or when >= filters.since,
                    filters.until is None or when < filters.until,
                    not filters.metadata or filters.metadata["deep"]["even"] == (n % 2 == 0),
                )
            )

        return sorted(f"cat number {n}" for n in range(24) if fits(n))

    @pytest.mark.parametrize("filters", FILTERS, ids=range(len(FILTERS)))
    def test_only_what_matches_is_found_and_all_of_it(self, ask, tenant, filters):
        expected = self.matching(filters)
        for mode in ("hybrid", "vector", "text"):
            assert sorted(contents(ask("cat", mode=mode, filters=filters, top_k=50))) == expected
        listed = list_memories(tenant.id, filters, before=None, limit=100)
        assert sorted(memento.content for memento in listed) == expected

    @pytest.mark.parametrize("filters", FILTERS, ids=range(len(FILTERS)))
    def test_the_large_way_too(self, ask, tenant, monkeypatch, filters):
        monkeypatch.setattr(scopes, "exact_limit", lambda everything: 2)
        assert graph.turn_on(tenant.id) == 24
        assert scopes.look(tenant.id, None).in_graph
        expected = self.matching(filters)
        for mode in ("hybrid", "vector", "text"):
            assert sorted(contents(ask("cat", mode=mode, filters=filters, top_k=50))) == expected


class TestShape:
    @pytest.fixture(autouse=True)
    def _cats(self, remember, indexed):
        remember(*CATS, user_id="ann", conversation_id="c1", speaker="Ann", kind="message")
        indexed()

    def test_explanations_add_up(self, ask):
        for weights in (None, {"similarity": 2, "importance": 1, "recency": 1}, {"importance": 1}):
            found = ask("a grey cat", explain=True, weights=weights)
            best = max(hit.explanation.similarity for hit in found.hits)
            for hit in found.hits:
                explanation = hit.explanation
                parts = ("similarity", "importance", "recency")
                total = sum(explanation.weights[part] for part in parts)
                share = {part: explanation.weights[part] / total for part in parts}
                strength = explanation.weights["strength"]
                worth = strength * (best + strength * (1 - best))
                others = share["importance"] * explanation.importance + share["recency"] * explanation.recency
                kept = 1 - strength * (share["importance"] + share["recency"])
                assert hit.score == pytest.approx(kept * explanation.similarity + worth * others, abs=2e-4)
                assert set(explanation.signals) - {"lexical", "window", "dense", "late", "late_window"} <= {
                    "session", "neighbours", "answers", "length", "speaker", "date", "asks", "own_words",
                }  # fmt: skip

    def test_there_is_none_unless_asked_for(self, ask):
        assert ask("a grey cat").hits[0].explanation is None

    def test_context_is_the_turns_around(self, ask):
        [hit, *_] = ask("hates the dark", context=1).hits
        assert [turn.content for turn in hit.context] == [CATS[1], CATS[3]]
        [hit, *_] = ask("hates the dark", context=20).hits
        assert [turn.turn for turn in hit.context] == [1, 2, 4, 5]
        assert ask("hates the dark").hits[0].context == []

    def test_what_was_forgotten_leaves_no_gap_in_the_context(self, ask, tenant):
        [hit, *_] = ask("hates the dark", context=1).hits
        services.forget(tenant, hit.context[0].id, actor="test")
        [hit, *_] = ask("hates the dark", context=1).hits
        assert [turn.content for turn in hit.context] == [CATS[0], CATS[3]]

    def test_a_threshold_cuts_the_tail(self, ask):
        scores = [hit.score for hit in ask("a grey cat").hits]
        cut = ask("a grey cat", threshold=scores[1])
        assert [hit.score for hit in cut.hits] == [score for score in scores if score >= scores[1]]
        assert ask("a grey cat", threshold=1.0).hits == []

    def test_a_token_budget_is_kept(self, ask):
        full = contents(ask("a grey cat"))
        for budget in (1, 9, 20, 1000):
            found = contents(ask("a grey cat", token_budget=budget))
            assert sum(map(len, found)) <= 4 * budget
            assert found == [content for content in full if content in found]
        assert contents(ask("a grey cat", token_budget=1000)) == full

    def test_the_turns_around_have_what_the_hits_leave(self, ask):
        [hit, *_] = ask("hates the dark", context=2, token_budget=1000).hits
        assert [turn.turn for turn in hit.context] == [1, 2, 4, 5]
        for budget in range(5, 60, 3):
            hits = ask("hates the dark", top_k=1, context=2, token_budget=budget).hits
            texts = [each.content for hit in hits for each in (hit.memory, *hit.context)]
            assert sum(map(len, texts)) <= 4 * budget
            turns = [turn.turn for hit in hits for turn in hit.context]
            assert turns == sorted(turns)
        room = len(CATS[2]) + len(CATS[1]) + len(CATS[3])
        [hit] = ask("hates the dark", top_k=1, context=2, token_budget=-(-room // 4)).hits
        assert [turn.turn for turn in hit.context][:2] == [2, 4]

    def test_what_has_no_vector_yet_is_found_by_what_it_says(self, ask, minilm, remember, indexed):
        said = [
            "The build takes four minutes on the old runner.",
            "Marta prefers tea.",
            "The invoice for March was paid.",
            "Jonas takes the bus to work, as his car is being repaired.",
            "The heating in the office fails on Mondays.",
            "Deploys are frozen until Monday.",
        ]
        remember(*said, user_id="new", conversation_id=None)
        indexed()
        remember("Marta's train to Vienna leaves at 14:35.", user_id="new", conversation_id=None)
        for question in ("When does Marta's train leave?", "the train to Vienna"):
            assert contents(ask(question, filters=Filters(user_id="new")))[0].startswith("Marta's train")

    def test_equal_texts_do_not_crowd_out_the_others(self, ask, remember, indexed, monkeypatch):
        for number in range(30):
            remember("Good morning, quartermaster!", user_id="dup", conversation_id=f"c{number}")
        others = [f"The quartermaster {did} the stores." for did in ("counted", "locked", "sold", "cleaned")]
        remember(*others, user_id="dup")
        indexed()
        portions = []
        read = retrieval._mementos
        monkeypatch.setattr(
            retrieval, "_mementos", lambda tenant_id, ids: portions.append(len(ids)) or read(tenant_id, ids)
        )
        found = contents(ask("good morning quartermaster", top_k=5, filters=Filters(user_id="dup")))
        assert (len(found), {*found}) == (5, {"Good morning, quartermaster!", *others})
        assert portions == [5, 10, 19]

    def test_weights_decide(self, ask, remember, indexed):
        remember("A grey stone.", importance=1.0, user_id="ann")
        indexed()
        question = "the grey cat called Misty"
        assert contents(ask(question, weights={"similarity": 1}))[0] == CATS[0]
        assert contents(ask(question, weights={"importance": 1}))[0] == "A grey stone."

    def test_weights_that_say_nothing_are_refused(self, ask):
        with pytest.raises(InvalidInput) as caught:
            ask("x", weights={"similarity": 0, "importance": 0.0})
        assert caught.value.field == "weights"

    def test_a_tenant_has_weights_of_its_own(self, ask, tenant):
        mine = replace(tenant, overrides={"ranking": {"importance_weight": 0.0, "recency_weight": 0.0}})
        hit = ask("a grey cat", of=mine, explain=True).hits[0]
        assert (hit.explanation.weights["importance"], hit.score) == (
            0.0,
            pytest.approx(hit.explanation.similarity, abs=1e-4),
        )

    def test_a_tenants_number_that_does_not_exist_is_named(self, ask, tenant):
        with pytest.raises(InvalidInput) as caught:
            ask("x", of=replace(tenant, overrides={"ranking": {"importanceweight": 1}}))
        assert caught.value.field == "ranking.importanceweight"


class TestDegraded:
    def provider(self, **fields):
        EmbeddingModel.objects.filter(pk=1).update(**fields)
        retrieval._active = None

    def test_without_the_provider_words_still_answer(self, ask, remember, indexed):
        remember("A grey cat.")
        indexed()
        options = {"url": "http://127.0.0.1:1/v1", "query_attempts": 1}
        self.provider(name="away", provider="openai", options=options, token_dimensions=0)
        for mode in ("hybrid", "vector"):
            found = ask("grey cat", mode=mode)
            assert found.degraded == ["vectors"]
        assert contents(ask("grey cat")) == ["A grey cat."]
        assert ask("grey cat", mode="text").degraded == []


def test_a_question_costs_the_same_whatever_it_finds(tenant, remember, indexed, django_assert_num_queries):
    remember(*(f"cat {n}" for n in range(60)), conversation_id="c")
    indexed()
    recall(tenant, Query(text="cat"))  # looks at the scope, once in half a minute
    # The scope adds four (savepoint, tenant, former tenant, savepoint's end): words, planner settings, candidates,
    # what the graph links, token vectors, rows, turns around.
    with django_assert_num_queries(11):
        recall(tenant, Query(text="cat", context=2, explain=True))
    with django_assert_num_queries(11):
        recall(tenant, Query(text="cat 7", context=2, top_k=50))
    with django_assert_num_queries(10):
        recall(tenant, Query(text="cat 7"))
    with django_assert_num_queries(11):  # names
        recall(tenant, Query(text="Which cat 7?"))
    with django_assert_num_queries(8):
        recall(tenant, Query(text="cat 7", rerank=False))


@pytest.mark.usefixtures("minilm")
class TestGraph:
    """What recall gains from the graph, and that it misses nothing but that without it."""

    @pytest.fixture
    def read(self, tenant, indexed):
        def read():
            indexed()
            reading.drain(tenant.id)

        return read

    def test_what_speaks_of_the_same_is_found_too(self, ask, remember, read, tenant, monkeypatch):
        monkeypatch.setattr(candidates, "RERANKED", 1)
        # Of one conversation, but not neighbours.
        turns = (
            "Nina paints her garden in Oslo.",
            *(f"Number {n}." for n in range(5)),
            "The ferry to Oslo was late.",
        )
        *_, linked = remember(*turns, conversation_id="c")
        remember(*(f"Somebody paints wall number {n}." for n in range(70)))
        read()
        ranking = {"structure_short": {"session": 9}}
        found, narrow = (
            [
                hit.memory.id
                for hit in ask(
                    "What does Nina paint?",
                    of=replace(tenant, overrides={"ranking": {**ranking, **more}}),
                    top_k=5,
                ).hits
            ]
            for more in ({}, {"linked": 0})
        )
        assert linked in found
        assert linked not in narrow

    def test_names_are_explained_where_they_may_be_the_answer(self, ask, remember, read):
        remember("She has flown to Reykjavik with her mother.", "She has flown there with her mother.")
        question = "Where has she flown with her mother?"
        assert not any("names" in hit.explanation.signals for hit in ask(question, explain=True).hits)
        read()
        told = {hit.memory.content[-20:]: hit.explanation.signals for hit in ask(question, explain=True).hits}
        assert [name for name, signals in told.items() if "names" in signals] == ["vik with her mother."]


class TestBm25:
    """The text mode against a few lines of Python over the same lexemes."""

    WORDS = [
        "cat",
        "dog",
        "salmon",
        "harbour",
        "lamp",
        "sister",
        "orchestra",
        "garden",
        "window",
        "bread",
        "river",
        "mountain",
    ]
    QUESTION = "cat salmon harbour orchestra orchestra"
    FIXED = {"ranking": {"b_short": 0.75, "b_long": 0.75}}

    @pytest.fixture
    def corpus(self, tenant, remember):
        dice = random.Random(5)
        texts = {
            " ".join(dice.choices(self.WORDS, weights=range(12, 0, -1), k=dice.randint(1, 30)))
            for _ in range(150)
        }
        remember(*sorted(texts), user_id="ann", occurred_at=datetime(2026, 1, 1, tzinfo=UTC))
        return replace(tenant, overrides=self.FIXED)

    def reference(self, tenant):
        """Okapi BM25 with k1 = 1.2 and b = 0.75, idf as in Lucene."""
        with tenant_scope(tenant.id), connection.cursor() as cursor:
            cursor.execute(
                "SELECT m.id, array(SELECT ROW(u.lexeme, cardinality(u.positions))::text FROM unnest(m.lexemes) u) FROM memories_memory m"
            )
            rows = cursor.fetchall()
            cursor.execute("SELECT u.lexeme FROM unnest(to_tsvector('english', %s)) u", [self.QUESTION])
            terms = [term for (term,) in cursor.fetchall()]
        counts = {}
        for memory_id, pairs in rows:
            split = [pair.strip("()").split(",") for pair in pairs]
            counts[memory_id] = Counter({lexeme: int(n) for lexeme, n in split})
        average = sum(each.total() for each in counts.values()) / len(counts)
        found = {term: sum(1 for each in counts.values() if each[term]) for term in terms}

        def score(count):
            damping = 1.2 * (1 - 0.75 + 0.75 * count.total() / average)
            return sum(
                math.log(1 + (len(counts) - found[term] + 0.5) / (found[term] + 0.5))
                * count[term]
                * 2.2
                / (count[term] + damping)
                for term in terms
            )

        scores = {memory_id: score(count) for memory_id, count in counts.items()}
        return {memory_id: value for memory_id, value in scores.items() if value > 0}

    def found(self, tenant):
        answer = recall(
            tenant, Query(text=self.QUESTION, mode="text", top_k=200, explain=True, weights={"similarity": 1})
        )
        return {hit.memory.id: hit.explanation.signals["lexical"] for hit in answer.hits}

    def test_a_small_scope(self, corpus):
        assert self.found(corpus) == pytest.approx(self.reference(corpus), rel=1e-4)

    def test_a_large_scope(self, corpus, monkeypatch):
        self.count_statistics(corpus)
        monkeypatch.setattr(scopes, "exact_limit", lambda everything: 10)
        assert self.found(corpus) == pytest.approx(self.reference(corpus), rel=1e-3)

    @pytest.fixture
    def _few_postings(self, monkeypatch):
        monkeypatch.setattr(candidates, "POSTINGS", 60)
        candidates.words_statement.cache_clear()
        yield
        candidates.words_statement.cache_clear()

    @pytest.mark.usefixtures("_few_postings")
    def test_pruning_keeps_the_best(self, corpus, monkeypatch):
        self.count_statistics(corpus)
        monkeypatch.setattr(scopes, "exact_limit", lambda everything: 10)
        reference, found = self.reference(corpus), self.found(corpus)
        assert found == pytest.approx({memory_id: reference[memory_id] for memory_id in found}, rel=1e-3)
        best = sorted(reference, key=reference.__getitem__, reverse=True)[:5]
        assert len({*best} & {*found}) >= 4

    def count_statistics(self, tenant):
        with tenant_scope(tenant.id), connection.cursor() as cursor:
            cursor.execute(COUNT, {"tenant": tenant.id})
            cursor.execute(COUNT_TERMS, {"tenant": tenant.id, "frequent": 30})


class TestTextIndex:
    """The posting lists after any write say what to_tsvector says of the rows."""

    def level(self, tenant):
        with tenant_scope(tenant.id), connection.cursor() as cursor:
            cursor.execute(
                "SELECT memory_id, term, owner, frequency, length FROM memories_posting ORDER BY 1, 2"
            )
            held = cursor.fetchall()
            cursor.execute(
                "WITH fresh AS MATERIALIZED (SELECT id, hashtextextended(user_id, 0) AS owner, memos_lexemes(language, title,"
                " speaker, occurred_at, content) AS lexemes FROM memories_memory), counted AS MATERIALIZED (SELECT *,"
                " memos_length(lexemes) AS length FROM fresh) SELECT id, memos_term(u.lexeme), owner,"
                " cardinality(u.positions)::smallint, length FROM counted CROSS JOIN LATERAL unnest(lexemes) u ORDER BY 1, 2"
            )
            expected = cursor.fetchall()
        assert held == expected
        return len(held)

    def test_inserts(self, tenant, remember):
        remember(*CATS, user_id="ann", title="Pets", speaker="Ann")
        assert self.level(tenant) > 20

    def test_updates(self, tenant, remember):
        [memory, *_] = remember(*CATS)
        for changes in (
            {"content": "Something else entirely."},
            {"title": "A title"},
            {"speaker": "Somebody"},
            {"occurred_at": datetime(2020, 2, 29, tzinfo=UTC)},
            {"content": "the of and"},
        ):
            services.revise(tenant, memory, changes, actor="test")
            self.level(tenant)
        with tenant_scope(tenant.id):
            Memory.objects.update(user_id="ben")
        self.level(tenant)
        with tenant_scope(tenant.id):
            Memory.objects.update(language="german")
        self.level(tenant)

    def test_deletes(self, tenant, remember):
        ids = remember(*CATS)
        services.forget(tenant, ids[0], actor="test")
        self.level(tenant)
        with tenant_scope(tenant.id):
            Memory.objects.all()._raw_delete("default")
        assert self.level(tenant) == 0

    def test_dates_names_and_identifiers_are_words(self, ask, remember):
        remember(
            "Nothing.", speaker="Anneliese", title="Zugspitze", occurred_at=datetime(2024, 5, 3, tzinfo=UTC)
        )
        remember("See memos_project/settings.py and foo.bar@baz-qux, O'Neill’s.")
        for word in ("Anneliese", "zugspitze", "May 2024", "settings", "qux", "neill"):
            assert len(ask(word, mode="text").hits) == 1, word

    def test_each_tenant_has_its_language(self, ask, remember):
        german = make_tenant(language="german")
        remember("Die Katzen schlafen.", of=german)
        assert len(ask("Katze", of=german, mode="text").hits) == 1

    def test_a_text_of_any_length_is_indexed(self, tenant, remember):
        remember(" ".join(f"w{n}" for n in range(30_000)), "cat " * 40_000, "x" * 200_000)
        assert self.level(tenant) > 30_000


class TestLists:
    def test_turns_after_one(self, tenant, remember):
        remember("a", "b", "c", conversation_id="k")
        thread = find_conversation(tenant.id, "k")
        assert [each.content for each in list_turns(tenant.id, thread.id, after=1, limit=1)] == ["b"]

    def test_conversations(self, tenant, other_tenant, remember):
        remember("a", conversation_id="k", user_id="ann")
        [thread] = list_conversations(tenant.id, user_id=None, before=None, limit=5)
        assert (thread.conversation_id, thread.turns) == ("k", 1)
        assert list_conversations(tenant.id, user_id="ben", before=None, limit=5) == []
        assert list_conversations(other_tenant.id, user_id=None, before=None, limit=5) == []
        with pytest.raises(NotFound):
            find_conversation(other_tenant.id, "k")

    def test_what_was_forgotten_leaves_the_count(self, tenant, remember):
        [first, _] = remember("a", "b", conversation_id="k")
        services.forget(tenant, first, actor="test")
        assert find_conversation(tenant.id, "k").turns == 1
        services.remember(tenant, [new_memory("c", conversation_id="k")], actor="test")
        thread = find_conversation(tenant.id, "k")
        assert [each.turn for each in list_turns(tenant.id, thread.id, after=0, limit=9)] == [2, 3]


@pytest.mark.usefixtures("minilm")
def test_the_real_model_finds_what_shares_no_word(ask, remember, indexed):
    remember(*CATS)
    indexed()
    assert contents(ask("Which musical instrument does my sibling know?", mode="vector"))[0] == CATS[4]
    assert contents(ask("What pet do I own?"))[0] == CATS[0]
