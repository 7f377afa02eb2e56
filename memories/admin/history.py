"""What became of a memory, told from its versions: who changed what, and how it read before."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from difflib import SequenceMatcher
from re import findall
from typing import Any

from memories.models import Memory, MemoryVersion
from memories.revisions import REVISABLE

# Words are compared with words up to this many pairs, beyond it lines with lines: the time is quadratic.
MOST_PAIRS = 4_000_000
# A number is one word, its point included.
WORDS = r"\s+|\d+(?:\.\d+)?|\w+|[^\w\s]"
# Of a long unchanged stretch, so much is shown at either end.
SHOWN = 12


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of text that stayed ("same"), came ("ins") or went ("del"); "gap" stands for what is left out."""

    how: str
    text: str


@dataclass(frozen=True, slots=True)
class Change:
    field: str
    pieces: list[Piece]


@dataclass(frozen=True, slots=True)
class Revision:
    """One change of a memory; ``version`` is what it made."""

    version: int
    actor: str
    at: datetime
    changes: list[Change]


def revisions(memory: Memory, versions: Iterable[MemoryVersion]) -> list[Revision]:
    """The changes of a memory, last first; ``versions`` likewise."""
    after = {name: _plain(getattr(memory, name)) for name in REVISABLE}
    told = []
    for former in versions:
        changes = [
            Change(_label(name), difference(readable(before), readable(after.get(name))))
            for name, before in former.state.items()
        ]
        told.append(Revision(former.version + 1, former.actor, former.replaced_at, changes))
        after |= former.state
    return told


def readable(value: Any) -> str:
    """A field's value as a curator reads it."""
    if value is None:
        return ""
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        return "\n".join(value)
    return (
        value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False, sort_keys=True)
    )


def difference(before: str, after: str) -> list[Piece]:
    """How to get from one text to the other, word by word where that is not too long."""
    old, new = findall(WORDS, before), findall(WORDS, after)
    if len(old) * len(new) > MOST_PAIRS:
        old, new = before.splitlines(keepends=True), after.splitlines(keepends=True)
    pieces: list[Piece] = []
    gone: list[str] = []
    come: list[str] = []
    for how, i, j, k, m in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        # What is the same between two changes of words is often but a space: one change reads better.
        if how != "equal" or ((gone or come) and not "".join(old[i:j]).strip(" ")):
            gone += old[i:j]
            come += new[k:m]
            continue
        pieces += _changed(gone, come)
        pieces += _shortened(old[i:j])
        gone, come = [], []
    return pieces + _changed(gone, come)


def _changed(gone: Sequence[str], come: Sequence[str]) -> list[Piece]:
    return [piece for piece in (Piece("del", "".join(gone)), Piece("ins", "".join(come))) if piece.text]


def _shortened(words: Sequence[str]) -> Iterator[Piece]:
    if len(words) <= 4 * SHOWN:
        yield Piece("same", "".join(words))
        return
    yield Piece("same", "".join(words[:SHOWN]))
    yield Piece("gap", f"{len(words) - 2 * SHOWN} unchanged")
    yield Piece("same", "".join(words[-SHOWN:]))


def _label(name: str) -> str:
    return "importance" if name == "importance_explicit" else name.replace("_", " ")


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value
