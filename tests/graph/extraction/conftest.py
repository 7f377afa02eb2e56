from datetime import UTC, datetime

import pytest

from graph.extraction import Extraction, Passage, RulesExtractor

NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)


@pytest.fixture
def read():
    """What the rules read from a text, said by Ada on 15 June 2026."""

    def extract(text: str, *, speaker: str = "Ada", occurred_at: datetime | None = NOW) -> Extraction:
        [extraction] = RulesExtractor().extract([Passage(text, speaker, occurred_at)])
        return extraction

    return extract


@pytest.fixture
def said(read):
    """The statements of a text as tuples; what is negated with a "not" before its predicate."""

    def statements(text: str, **about) -> set[tuple[str, str, str]]:
        return {
            (each.subject, f"not {each.predicate}" if each.negated else each.predicate, each.object)
            for each in read(text, **about).statements
        }

    return statements


@pytest.fixture
def named(read):
    """The mentions of a text by their kind, without first-person pronouns."""

    def mentions(text: str, **about) -> set[tuple[str, str]]:
        return {
            (each.name, each.kind)
            for each in read(text, **about).mentions
            if each.text.lower() not in {"i", "my", "me"}
        }

    return mentions
