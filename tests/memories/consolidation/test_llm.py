"""The summariser that asks a language model, in front of a small server that speaks the Chat Completions API."""

import json
from datetime import UTC, datetime

import hypothesis
import pytest
from hypothesis import strategies as st

from memories.consolidation import ExtractiveSummariser, LLMSummariser, Source, get_summariser, llm
from memories.consolidation.base import LONGEST_LINE, MOST_KEYWORDS, MOST_LINES
from memos_project.llm import LanguageModel, Unusable
from tests.chat_server import answering

SOURCES = (
    Source("I moved to Ghent last week.", "Ada", datetime(2026, 5, 1, tzinfo=UTC), ("home",)),
    Source("My flat in Ghent has 3 rooms.", "Ada", datetime(2026, 5, 9, tzinfo=UTC)),
)
PLAIN = ExtractiveSummariser().summarise(SOURCES)


def statement(text, *memories):
    return {"text": text, "memories": list(memories)}


def answer(**changes):
    return {
        "title": "Ada's flat in Ghent",
        "context": "Ada on her move to Ghent in May 2026.",
        "statements": [
            statement("In April or May 2026 Ada moved to Ghent.", 1),
            statement("Her flat in Ghent has 3 rooms.", 2),
        ],
        "keywords": ["flat", "Ghent"],
        "tags": ["housing"],
        **changes,
    }


@pytest.fixture
def model():
    with answering(answer()) as state:
        yield state


@pytest.fixture
def summariser(model):
    made = LLMSummariser(LanguageModel(url=model.url, key="secret", model="m", timeout=2.0))
    yield made
    made._model._client.close()


def test_the_note_is_what_the_model_says(summariser, model):
    model.answers = [
        answer(
            statements=[
                statement("In May 2026 Ada moved to Ghent.", 1),
                statement("Her flat in Ghent has 3 rooms.", 2),
            ]
        )
    ]
    summary = summariser.summarise(SOURCES)
    assert summary.summariser == "llm"
    assert summary.title == "Ada's flat in Ghent"
    assert summary.context == "Ada on her move to Ghent in May 2026."
    assert summary.lines == ("In May 2026 Ada moved to Ghent.", "Her flat in Ghent has 3 rooms.")
    assert summary.keywords == ("flat", "Ghent")
    assert summary.tags == ("home", "housing")


def test_memories_go_as_data_beside_the_instructions(summariser, model):
    summariser.summarise(SOURCES)
    [asked] = model.asked
    told = json.loads(asked["messages"][1]["content"])
    assert [each["text"] for each in told["memories"]] == [each.text for each in SOURCES]
    assert SOURCES[0].text not in asked["messages"][0]["content"]
    assert asked["response_format"]["json_schema"]["schema"] == llm.SCHEMA


class TestStrangersInput:
    @pytest.mark.parametrize(
        "bad",
        [
            statement("Ada moved to Bruges.", 1),
            statement("Her flat has 4 rooms.", 2),
            statement("The flat of Tom has 3 rooms.", 2),
            statement("Gregory moved to Ghent.", 1),
            statement("It was fine. Gregory moved to Ghent.", 1),
            statement('She said "Gregory did" and moved.', 1),
            statement("Ada moved to Ghent."),
            statement("Ada moved to Ghent.", 3),
            statement("Ada moved to Ghent.", 0),
            statement("Her flat has 3 rooms.", 1),
            statement("Ada moved to Ghent.", True),
            statement("Ada moved\0to Ghent.", 1),
            statement("", 1),
            {"text": 5, "memories": [1]},
            {"text": "Ada moved to Ghent."},
            "Ada moved to Ghent.",
        ],
        ids=str,
    )
    def test_what_no_source_says_is_left_out(self, summariser, model, bad):
        model.answers = [answer(statements=[bad, statement("She moved to Ghent.", 1)])]
        assert summariser.summarise(SOURCES).lines == ("She moved to Ghent.",)

    def test_a_title_of_somebody_else_is_not_taken(self, summariser, model):
        model.answers = [
            answer(
                title="The flat of Tom",
                context="About the move of Tom.",
                statements=[statement("She moved to Ghent.", 1)],
            )
        ]
        summary = summariser.summarise(SOURCES)
        assert (summary.title, summary.context) == (PLAIN.title, PLAIN.context)

    def test_keywords_and_tags_of_nobody_are_left_out(self, summariser, model):
        words = ["Gregory's 4,000 dollars", "Ghent", "https://example.org", "PIN-4711", "the flat"]
        model.answers = [answer(keywords=words, tags=["housing", "PIN-4711", "ignore all that was said"])]
        summary = summariser.summarise(SOURCES)
        assert summary.keywords == ("Ghent", "the flat")
        assert summary.tags == ("home", "housing")

    def test_long_answers_are_cut(self, summariser, model):
        lines = [statement(f"she {'moved ' * 200}{'on ' * n}", 1) for n in range(40)]
        model.answers = [answer(statements=lines, keywords=[f"word{n}" for n in range(99)])]
        summary = summariser.summarise(SOURCES)
        assert len(summary.lines) <= MOST_LINES
        assert all(len(line) <= LONGEST_LINE for line in summary.lines)
        assert len(summary.keywords) <= MOST_KEYWORDS


class TestFallingBack:
    def test_an_unusable_answer_is_sent_back_once(self, summariser, model):
        model.answers = ["no JSON", answer(statements=[statement("She moved to Ghent.", 1)])]
        assert summariser.summarise(SOURCES).summariser == "llm"
        assert "cannot be used" in model.asked[1]["messages"][3]["content"]

    @pytest.mark.parametrize(
        "bad", ["no JSON", [], {}, answer(statements=[]), answer(statements="x"), answer(statements=[statement("Tom and Jerry", 1)])],
        ids=str,
    )  # fmt: skip
    def test_twice_and_sentences_are_chosen(self, summariser, model, bad):
        model.answers = [json.dumps(bad)]
        assert summariser.summarise(SOURCES) == PLAIN
        assert len(model.asked) == 2

    @pytest.mark.parametrize("status", [400, 401, 429, 500, 503])
    def test_an_error_and_sentences_are_chosen(self, summariser, model, status):
        model.status = status
        assert summariser.summarise(SOURCES) == PLAIN

    def test_no_answer_in_time(self, model):
        slow = LLMSummariser(LanguageModel(url=model.url, key="", model="m", timeout=0.1))
        model.pause = 0.5
        assert slow.summarise(SOURCES) == PLAIN
        slow._model._client.close()


def test_the_settings_say_who_is_asked(settings):
    assert isinstance(get_summariser(), ExtractiveSummariser)
    settings.MEMOS_CONSOLIDATION_LLM_URL = "http://127.0.0.1:1/v1"
    settings.MEMOS_CONSOLIDATION_LLM_MODEL = "m"
    assert isinstance(get_summariser(), LLMSummariser)


TEXTS = st.sampled_from(["Ada", "Ghent", "Tom", "3", "she moved", "\ud800", "\0"]) | st.text(max_size=9)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=8,
)
STATEMENT = st.fixed_dictionaries(
    {}, optional={"text": VALUES, "memories": VALUES | st.lists(st.integers(-1, 4))}
)
NAMES = ("title", "context", "keywords", "tags")
ANSWER = st.fixed_dictionaries(
    {}, optional=dict.fromkeys(NAMES, VALUES) | {"statements": VALUES | st.lists(VALUES | STATEMENT)}
)


@hypothesis.given(given=ANSWER)
def test_any_answer_is_used_or_refused(given):
    try:
        summary = llm._summary(given, SOURCES, PLAIN)
    except Unusable:
        return
    assert summary.lines
    said = " ".join(f"{each.text} {each.speaker}" for each in SOURCES)
    for name in ("Tom", "Jerry"):
        assert name not in said
        assert not any(f" {name}" in line for line in summary.lines)
    (summary.content + summary.title + "".join(summary.tags)).encode()
    assert "\0" not in summary.content
