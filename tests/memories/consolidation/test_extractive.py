"""What the extractive summariser says of some memories."""

from datetime import UTC, datetime, timedelta

import hypothesis
from hypothesis import strategies as st

from memories.consolidation import ExtractiveSummariser, Source
from memories.consolidation.base import (
    LONGEST_CONTEXT,
    LONGEST_LINE,
    LONGEST_TITLE,
    LONGEST_WORD,
    MOST_KEYWORDS,
    MOST_LINES,
    MOST_TAGS,
)

START = datetime(2026, 5, 1, 12, tzinfo=UTC)


def source(text, day=0, speaker="", tags=()):
    return Source(text, speaker, START + timedelta(days=day), tuple(tags))


def summarise(*sources):
    return ExtractiveSummariser().summarise(sources)


ADOPTION = (
    source("I have been looking at adoption agencies in Ghent. It is a lot of paper.", 0, "Caroline"),
    source("That is great! The adoption agency in Ghent helped my cousin.", 1, "Melanie"),
    source("I passed the interviews of the adoption agency. My mentor came along.", 9, "Caroline"),
)


def test_it_says_who_and_what_and_when():
    summary = summarise(*ADOPTION)
    assert summary.title == "Caroline and Melanie: adoption agencies, Ghent, paper"
    assert (
        summary.context
        == "Caroline and Melanie on adoption agencies, Ghent and paper, from 1 May 2026 to 10 May 2026."
    )
    assert summary.keywords[:2] == ("adoption agencies", "Ghent")


def test_lines_are_sentences_of_the_sources_in_order():
    summary = summarise(*reversed(ADOPTION))
    assert len(summary.lines) == 2  # the third would say nothing that they do not
    places = [
        text.find(line.partition(": ")[2])
        for line in summary.lines
        for text in [" ".join(each.text for each in ADOPTION)]
    ]
    assert places == sorted(places)
    assert min(places) >= 0


def test_one_day_is_one_day():
    assert summarise(source("Two storks on the roof."), source("Three storks now.")).context.endswith(
        "on 1 May 2026."
    )


def test_tags_are_those_that_most_have():
    found = summarise(
        source("A heron.", 0, tags=("birds",)), source("A crane.", 0, tags=("birds", "cranes"))
    ).tags
    assert found == ("birds", "cranes")


def test_the_same_sentence_is_not_said_twice():
    lines = summarise(*[source("The kiln is broken again.", day) for day in range(3)]).lines
    assert lines == ("The kiln is broken again.",)


def test_words_that_differ_in_inflection_are_one_keyword():
    found = summarise(source("Kilns were sold."), source("The kiln was moved.")).keywords
    assert len([word for word in found if "kiln" in word.lower()]) == 1


TEXT = st.text(st.characters(codec="utf-8"), min_size=1, max_size=300)


@hypothesis.given(
    st.lists(
        st.builds(source, TEXT, st.integers(-1000, 1000), st.text(max_size=200), st.lists(st.text(min_size=1, max_size=100), max_size=12)),
        min_size=1,
        max_size=8,
    )
)  # fmt: skip
def test_whatever_is_said_it_keeps_its_limits(sources):
    summary = summarise(*sources)
    assert len(summary.title) <= LONGEST_TITLE
    assert 0 < len(summary.context) <= LONGEST_CONTEXT
    assert all(len(line) <= LONGEST_LINE + 202 for line in summary.lines)
    assert len(summary.lines) <= MOST_LINES
    assert len(summary.keywords) <= MOST_KEYWORDS
    assert all(0 < len(word) <= LONGEST_WORD for word in summary.keywords)
    assert len(summary.tags) <= MOST_TAGS
    assert "\0" not in summary.content + summary.title
