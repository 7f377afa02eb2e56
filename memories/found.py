"""What a search has found, as the ranking wants it: rows of the database become columns."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from memories.ranking import (
    ROLE_ASSISTANT,
    ROLE_NONE,
    ROLE_SYSTEM,
    ROLE_TOOL,
    ROLE_USER,
    Candidates,
    Scope,
)

ROLES = {"user": ROLE_USER, "assistant": ROLE_ASSISTANT, "system": ROLE_SYSTEM, "tool": ROLE_TOOL}

type Row = tuple[Any, ...]
"""A candidate as ``sql/recall/pool.sql`` selects it."""


@dataclass(frozen=True, slots=True)
class Words:
    """What the words of a question found: the best memories by BM25, best first, and what was counted on the way."""

    ids: Sequence[UUID] = ()
    terms: Sequence[int] = ()
    """The hashes of the question's lexemes; a term's place here is its column in the ranking."""
    frequencies: Sequence[float] = ()
    """Of each term, the rows of the scope that hold it."""
    documents: float = 0.0
    average_length: float = 1.0


@dataclass(frozen=True, slots=True)
class Found:
    """Candidates as the ranking wants them, beside what it does not look at."""

    rows: Sequence[Row]
    words: Words
    ids: list[UUID]
    importance: NDArray[np.float64]
    columns: Candidates
    scope: Scope

    def ages(self, now: datetime) -> NDArray[np.float64]:
        """Seconds since each happened."""
        return (np.datetime64(now.replace(tzinfo=None), "s") - self.columns.occurred).astype(np.float64)

    def and_also(self, rows: Sequence[Row]) -> "Found":
        """These candidates, in their places, and after them others."""
        return found_in([*self.rows, *rows], self.words) if rows else self


def found_in(rows: Sequence[Row], words: Words) -> Found:
    """Candidates from their rows."""
    scope = Scope(
        int(words.documents), words.average_length, np.array(words.frequencies, np.float64).astype(np.int32)
    )
    if not rows:
        return Found(rows, words, [], np.zeros(0), _no_candidates(len(words.terms)), scope)
    (ids, conversations, turns, speakers, roles, occurred, lengths, importance, asks, cosines, slots,
     frequencies) = zip(*rows, strict=True)  # fmt: skip
    codes = {conversation: code for code, conversation in enumerate({*conversations} - {None})}
    columns = Candidates(
        frequencies=_dense(slots, frequencies, len(words.terms)),
        lengths=np.array(lengths, np.int32),
        # None becomes NaN: a memory that has no vector yet.
        cosines=np.array(cosines, np.float32),
        conversations=np.array([codes.get(each, -1) for each in conversations], np.int32),
        turns=np.array([turn or 0 for turn in turns], np.int32),
        speakers=speakers,
        roles=np.array([ROLES.get(role, ROLE_NONE) for role in roles], np.int8),
        occurred=np.array(occurred, np.int64).astype("datetime64[s]"),
        asks=np.array(asks, np.bool_),
    )
    return Found(rows, words, list(ids), np.array(importance, np.float64), columns, scope)


def _dense(
    slots: Sequence[Sequence[int]], frequencies: Sequence[Sequence[int]], terms: int
) -> NDArray[np.int16]:
    """(candidates, terms): how often each candidate holds each term."""
    counts = np.zeros((len(slots), terms), np.int16)
    rows = np.repeat(np.arange(len(slots)), [len(each) for each in slots])
    counts[rows, np.array([*chain.from_iterable(slots)], np.intp) - 1] = [*chain.from_iterable(frequencies)]
    return counts


def _no_candidates(terms: int) -> Candidates:
    return Candidates(
        frequencies=np.zeros((0, terms), np.int16),
        lengths=np.zeros(0, np.int32),
        cosines=np.zeros(0, np.float32),
        conversations=np.zeros(0, np.int32),
        turns=np.zeros(0, np.int32),
        speakers=(),
        roles=np.zeros(0, np.int8),
        occurred=np.zeros(0, "datetime64[s]"),
        asks=np.zeros(0, np.bool_),
    )
