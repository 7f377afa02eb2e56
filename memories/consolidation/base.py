"""The contract of a summariser: what goes in, what comes out."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

LONGEST_TITLE, LONGEST_CONTEXT, LONGEST_LINE, LONGEST_WORD = 200, 500, 500, 100
MOST_LINES, MOST_KEYWORDS, MOST_TAGS = 12, 10, 10
READ_CHARACTERS = 4_000
"""What comes after in a source is not read."""


@dataclass(frozen=True, slots=True)
class Source:
    """A memory that a note is to rest on."""

    text: str
    speaker: str
    occurred_at: datetime
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Summary:
    """What a note says; each of its lines rests on one of the sources at least."""

    title: str
    context: str
    """One sentence: who and what, and when."""
    lines: tuple[str, ...]
    keywords: tuple[str, ...]
    tags: tuple[str, ...]
    summariser: str
    """Which one answered: "extractive" or "llm"."""

    @property
    def content(self) -> str:
        return "\n".join((self.context, *self.lines))


class Summariser(ABC):
    """Says what one to some dozens of memories come to. Never raises; one object may be used by several threads."""

    name: str

    @abstractmethod
    def summarise(self, sources: Sequence[Source]) -> Summary: ...
