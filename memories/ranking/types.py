"""What goes into the ranking and what comes out of it: columns, one entry per candidate."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Mode = Literal["hybrid", "text", "vector"]
Fusion = Literal["scores", "rrf"]

ROLE_NONE, ROLE_USER, ROLE_ASSISTANT, ROLE_SYSTEM, ROLE_TOOL = range(5)


@dataclass(frozen=True, slots=True)
class Candidates:
    """The rows to be ranked, column by column; their order carries no meaning."""

    frequencies: NDArray[np.int16]
    """(n, T): how often each lexeme of the question occurs in the row's own text."""
    lengths: NDArray[np.int32]
    """Lexeme occurrences in the row."""
    cosines: NDArray[np.float32]
    """Cosine of the question and the row's best chunk; NaN where there is no vector yet."""
    conversations: NDArray[np.int32]
    """A code per conversation, -1 for none."""
    turns: NDArray[np.int32]
    """The running number of the row in its conversation."""
    speakers: Sequence[str]
    """The speaker's name as stored, '' for none."""
    roles: NDArray[np.int8]
    """One of the ROLE_ codes."""
    occurred: NDArray[np.datetime64]
    """datetime64[s], NaT where unknown."""
    asks: NDArray[np.bool_]
    """True where the row ends in a question mark."""

    def __len__(self) -> int:
        return len(self.lengths)


@dataclass(frozen=True, slots=True)
class Scope:
    """Statistics of everything that was searched, not only of the candidates."""

    documents: int
    average_length: float
    document_frequencies: NDArray[np.int32]
    """(T,): rows of the scope that hold each lexeme of the question."""


@dataclass(frozen=True, slots=True)
class Closer:
    """What a closer look at some rows brings, row by row."""

    tokens: Sequence[str]
    """The tokens of the dense question."""
    matches: NDArray[np.float32]
    """(m, len(tokens)): the best dot product of each token with a token of the row; NaN in rows without token vectors."""
    gists: NDArray[np.float32]
    """(m, D): what the row is about as a whole, of any length; NaN in rows without token vectors."""
    names: NDArray[np.int16]
    """How much the row speaks of that has a name, speakers aside."""


@dataclass(frozen=True, slots=True)
class Ranking:
    """Candidates in order; every column is by candidate position."""

    order: NDArray[np.intp]
    """Candidate positions, best first."""
    similarity: Floats
    """0..1, falling along `order`; the best one's is `confidence`."""
    confidence: float
    """0..1: how well the question is met at all, comparable between questions."""
    fused: Floats
    """The sum of the contributions."""
    contributions: Mapping[str, Floats]
    """Weight times signal, by the signal's name."""
    signals: Mapping[str, Floats]
    """The signals before weighting, kept for the second stage."""
