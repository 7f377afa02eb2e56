"""The contract of an extractor: what goes in, what comes out."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

KINDS = (
    "person", "organisation", "place", "product", "event", "thing",
    "date", "amount", "email", "url", "identifier", "path", "version",
)  # fmt: skip
"""A thing is whatever a statement is about that is none of the others: "tea", "software engineer"."""

READ_CHARACTERS = 20_000
"""What comes after is not read."""


def in_range(moment: datetime) -> bool:
    """Whether a moment leaves room to count from it in all time zones."""
    return 1 < moment.year < 9999


@dataclass(frozen=True, slots=True)
class Passage:
    text: str
    speaker: str = ""
    """Who says "I"; empty or a role such as "user" where nobody has a name."""
    occurred_at: datetime | None = None
    """What "last year" counts from; without it such times stay open."""
    language: str = "english"


@dataclass(frozen=True, slots=True)
class Mention:
    """Something named at a place: ``text`` is ``passage.text[start:end]``. Mentions do not overlap."""

    start: int
    end: int
    text: str
    kind: str
    name: str
    """As it would be listed: no article, no possessive, one blank between words; of "I" and "my" the speaker's."""


@dataclass(frozen=True, slots=True)
class Statement:
    """What a sentence says of two mentions, by their names.

    Times are UTC, in the years 2 to 9998, and the earliest moment the words may mean: "until 2019" is until its first
    of January. What ended within a period ("left in 2019") is surely over by ``over_by``. What held
    once ("used to", "left") has a ``valid_to``. What is said to have stopped ("no longer", "not any more") is negated
    from then on: ``negated`` with a ``valid_from``.
    """

    subject: str
    predicate: str
    object: str
    confidence: float
    start: int
    end: int
    valid_from: datetime | None = None
    valid_to: datetime | None = None
    negated: bool = False
    over_by: datetime | None = None


@dataclass(frozen=True, slots=True)
class Extraction:
    concepts: tuple[str, ...]
    """What the passage is about, the most telling first."""
    mentions: tuple[Mention, ...]
    """In the order of the text."""
    statements: tuple[Statement, ...]
    extractor: str
    """Which one answered: "rules" or "llm"."""


class Extractor(ABC):
    """Reads passages one by one: an answer depends on its own passage only, and there is one for each, in order.

    Any text is taken, also an empty one. One object may be used by several threads.
    """

    name: str

    @abstractmethod
    def extract(self, passages: Sequence[Passage]) -> list[Extraction]: ...
