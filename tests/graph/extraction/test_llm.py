"""The extractor that asks a language model, in front of a small server that speaks the Chat Completions API."""

import json
from datetime import UTC, datetime

import hypothesis
import pytest
from hypothesis import strategies as st

from graph.extraction import KINDS, LLMExtractor, Passage, RulesExtractor, get_extractor, llm
from memos_project.llm import BREAKER_FAILURES, LONGEST_ANSWER, LanguageModel, Unusable
from tests.chat_server import answering

TEXT = "Tom works at Initech. He lives in Rome."
PASSAGE = Passage(TEXT, "Ada", datetime(2026, 6, 15, tzinfo=UTC))


def mention(text, kind="person", name=None):
    return {"text": text, "kind": kind, "name": name or text}


def statement(subject, predicate, object, **changes):
    return {
        "subject": subject, "predicate": predicate, "object": object, "confidence": 0.8,
        "valid_from": None, "valid_to": None, "negated": False, **changes,
    }  # fmt: skip


def answer(**changes):
    return {
        "concepts": ["Tom", "employment"],
        "mentions": [
            mention("Tom"),
            mention("Initech", "organisation"),
            mention("He", name="Tom"),
            mention("Rome", "place"),
        ],
        "statements": [
            statement("Tom", "works_at", "Initech", valid_from="2019-01-01"),
            statement("Tom", "lives_in", "Rome"),
        ],
        **changes,
    }


TEXTS = st.sampled_from(
    ["Tom", "Rome", "Initech", "person", "place", "lives_in", "works_at", "2019", "\ud800", "\0"]
) | st.text(max_size=5)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.just(10**400) | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=8,
)
MENTION = st.fixed_dictionaries({}, optional={"text": VALUES, "kind": VALUES, "name": VALUES})
STATEMENT = st.fixed_dictionaries(
    {}, optional=dict.fromkeys(("subject", "predicate", "object", "confidence", "valid_from", "valid_to", "negated"), VALUES)
)  # fmt: skip
ANSWER = st.fixed_dictionaries(
    {
        "concepts": st.lists(VALUES, max_size=4),
        "mentions": st.lists(MENTION, max_size=6),
        "statements": st.lists(STATEMENT, max_size=6),
    }
)


@pytest.fixture
def model():
    with answering(answer()) as state:
        yield state


@pytest.fixture
def extractor(model):
    made = LLMExtractor(LanguageModel(url=model.url, key="secret", model="m", timeout=2.0))
    yield made
    made._model._client.close()


def by_rules(passage=PASSAGE):
    return RulesExtractor().extract([passage])[0]


def test_says_what_the_model_says(extractor, model):
    [found] = extractor.extract([PASSAGE])
    assert found.extractor == "llm"
    assert found.concepts == ("Tom", "employment")
    assert [(each.start, each.text, each.kind, each.name) for each in found.mentions] == [
        (0, "Tom", "person", "Tom"),
        (13, "Initech", "organisation", "Initech"),
        (22, "He", "person", "Tom"),
        (34, "Rome", "place", "Rome"),
    ]
    works, lives = found.statements
    assert (works.subject, works.predicate, works.object, works.confidence) == (
        "Tom",
        "works_at",
        "Initech",
        0.8,
    )
    assert works.valid_from == datetime(2019, 1, 1, tzinfo=UTC)
    assert TEXT[works.start : works.end] == "Tom works at Initech."
    assert TEXT[lives.start : lives.end] == "He lives in Rome."


@pytest.mark.parametrize(("said", "year", "month"), [("2019", 2019, 1), ("2019-05", 2019, 5)])
def test_part_of_a_date_is_its_first_moment(extractor, model, said, year, month):
    model.answers = [answer(statements=[statement("Tom", "works_at", "Initech", valid_from=said)])]
    [found] = extractor.extract([PASSAGE])
    assert found.statements[0].valid_from == datetime(year, month, 1, tzinfo=UTC)


def test_asks_for_the_schema_and_gives_the_text_as_data(extractor, model):
    extractor.extract([PASSAGE])
    [asked] = model.asked
    assert model.keys == ["Bearer secret"]
    assert asked["model"] == "m"
    assert asked["response_format"]["json_schema"]["schema"] == llm.SCHEMA
    assert TEXT not in asked["messages"][0]["content"]
    assert json.loads(asked["messages"][1]["content"])["text"] == TEXT


@pytest.mark.parametrize(
    "bad", ["no JSON", "[]", '{"concepts": []}', json.dumps(answer(mentions="Tom")), json.dumps(answer(statements=["Tom"])), ""]
)  # fmt: skip
def test_an_unusable_answer_is_sent_back_once(extractor, model, bad):
    model.answers = [bad, answer()]
    assert extractor.extract([PASSAGE])[0].extractor == "llm"
    first, second = model.asked
    assert second["messages"][: len(first["messages"])] == first["messages"]
    assert "cannot be used" in second["messages"][-1]["content"]


def test_the_rules_answer_where_it_is_unusable_twice(extractor, model):
    model.answers = ["no JSON"]
    assert extractor.extract([PASSAGE]) == [by_rules()]
    assert len(model.asked) == 2


@pytest.mark.parametrize("status", [400, 401, 404, 429, 500, 503])
def test_the_rules_answer_where_the_model_refuses(extractor, model, status):
    model.status = status
    assert extractor.extract([PASSAGE]) == [by_rules()]
    assert len(model.asked) == 1


@pytest.mark.parametrize(
    "body", [b"<html>", b"{}", b'{"choices": []}', b'{"choices": [{"message": {"content": 5}}]}', b"null"]
)
def test_the_rules_answer_where_the_endpoint_talks_nonsense(extractor, model, body):
    model.body = body
    assert extractor.extract([PASSAGE]) == [by_rules()]


def test_the_rules_answer_where_the_model_is_late(model):
    model.pause = 1.0
    slow = LLMExtractor(LanguageModel(url=model.url, key="", model="m", timeout=0.1))
    assert slow.extract([PASSAGE]) == [by_rules()]
    slow._model._client.close()


def test_the_rules_answer_where_nobody_listens():
    nobody = LLMExtractor(LanguageModel(url="http://127.0.0.1:1/v1", key="", model="m", timeout=1.0))
    assert nobody.extract([PASSAGE]) == [by_rules()]
    nobody._model._client.close()


def test_a_model_that_fails_repeatedly_is_left_alone(extractor, model):
    model.status = 500
    extractor.extract([PASSAGE] * (BREAKER_FAILURES + 5))
    assert len(model.asked) == BREAKER_FAILURES


def test_nothing_is_asked_about_nothing(extractor, model):
    assert extractor.extract([Passage("  \n")])[0].mentions == ()
    assert model.asked == []


class TestStrangersInput:
    """Whatever a model answers, the extraction holds to the contract."""

    @pytest.fixture
    def mentions(self, extractor, model):
        def extract(items, text=TEXT):
            model.answers = [answer(mentions=items, statements=[])]
            [found] = extractor.extract([Passage(text)])
            assert found.extractor == "llm"
            return [(each.start, each.text, each.kind, each.name) for each in found.mentions]

        return extract

    @pytest.fixture
    def statements(self, extractor, model):
        def extract(*items):
            model.answers = [answer(statements=list(items))]
            [found] = extractor.extract([PASSAGE])
            assert found.extractor == "llm"
            return found.statements

        return extract

    @pytest.mark.parametrize(
        "item",
        [
            mention("Anna"),
            mention("Tom", "animal"),
            mention("om"),
            mention("works at Initech" * 20),
            mention(" "),
            mention(""),
            {"text": 5, "kind": "person", "name": "Tom"},
            {"kind": "person"},
            {"text": "Tom", "kind": ["person"], "name": "Tom"},
        ],
    )
    def test_a_mention_that_is_none_is_dropped(self, mentions, item):
        assert mentions([item]) == []

    def test_the_same_text_is_found_at_its_next_place(self, mentions):
        assert [each[0] for each in mentions([mention("Tom")] * 3, "Tom, Tomas and Tom")] == [0, 15]

    def test_mentions_do_not_overlap(self, mentions):
        assert [each[1] for each in mentions([mention("works at Initech"), mention("Initech")])] == [
            "works at Initech"
        ]

    def test_a_name_that_is_none_is_the_text(self, mentions):
        assert mentions([mention("Tom") | {"name": "x" * 500}]) == [(0, "Tom", "person", "Tom")]

    @pytest.mark.parametrize(
        "item",
        [
            statement("Tom", "hates_working_at", "Initech"),
            statement("Anna", "works_at", "Initech"),
            statement("Tom", "works_at", "Google"),
            statement("Tom", "works_at", "Tom"),
            statement(None, "works_at", ["Initech"]),
            statement("Tom", {"a": 1}, "Rome"),
            {},
        ],
    )
    def test_a_statement_that_does_not_hold_is_dropped(self, statements, item):
        assert statements(item) == ()

    @pytest.mark.parametrize(
        ("given", "taken"), [(7, 1.0), (-1, 0.0), ("high", 0.5), (None, 0.5), (True, 0.5)]
    )
    def test_confidence_is_between_0_and_1(self, statements, given, taken):
        assert statements(statement("Tom", "works_at", "Initech", confidence=given))[0].confidence == taken

    @pytest.mark.parametrize("moment", ["yesterday", "2019-99-99", 2019, "", "0001-01-01T00:00:00+14:00"])
    def test_a_time_that_is_none_is_left_out(self, statements, moment):
        assert statements(statement("Tom", "works_at", "Initech", valid_to=moment))[0].valid_to is None

    def test_names_are_taken_in_any_case(self, statements):
        assert statements(statement("tom", "works_at", "INITECH"))[0].object == "Initech"

    def test_lengths_are_bounded(self, extractor, model):
        text = " ".join(f"n{number}" for number in range(1000))
        model.answers = [
            answer(
                concepts=[f"bridge {number}" for number in range(100)],
                mentions=[mention(f"n{number}", "identifier") for number in range(1000)],
                statements=[statement("n1", "related_to", f"n{number}") for number in range(1000)],
            )
        ]
        [found] = extractor.extract([Passage(text)])
        assert len(found.concepts) == 10
        assert len(found.mentions) == llm.MOST_MENTIONS
        assert len(found.statements) < llm.MOST_STATEMENTS

    def test_an_endless_answer_is_unusable(self, extractor, model):
        model.answers = [answer(concepts=["x" * LONGEST_ANSWER])]
        assert extractor.extract([PASSAGE])[0].extractor == "rules"

    def test_a_deep_answer_is_unusable(self, extractor, model):
        model.answers = ["[" * 100_000]
        assert extractor.extract([PASSAGE])[0].extractor == "rules"

    def test_empty_words_are_no_concepts(self, extractor, model):
        model.answers = [answer(concepts=["about", "a thing", 5, "  ", "coffee", "coffee"])]
        assert extractor.extract([PASSAGE])[0].concepts == ("coffee",)


class TestAnyAnswer:
    @hypothesis.given(given=ANSWER | st.dictionaries(TEXTS, VALUES, max_size=4))
    def test_is_used_or_refused(self, given):
        try:
            found = llm._extraction(given, TEXT, "Ada")
        except Unusable:
            return
        names = {each.name for each in found.mentions}
        assert all(TEXT[each.start : each.end] == each.text and each.kind in KINDS for each in found.mentions)
        assert all({each.subject, each.object} <= names for each in found.statements)
        assert all(0 <= each.confidence <= 1 for each in found.statements)
        json.dumps([found.concepts, [*names]], ensure_ascii=False).encode()


class TestSettings:
    def test_the_rules_without_a_url(self, settings):
        settings.MEMOS_EXTRACTION_LLM_URL = ""
        assert get_extractor().name == "rules"

    def test_the_model_with_one(self, settings, model):
        settings.MEMOS_EXTRACTION_LLM_URL = model.url
        settings.MEMOS_EXTRACTION_LLM_MODEL = "other"
        extractor = get_extractor()
        assert extractor is get_extractor()
        assert extractor.extract([PASSAGE])[0].extractor == "llm"
        assert model.asked[0]["model"] == "other"
        extractor._model._client.close()
