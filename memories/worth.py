"""What a scratchpad's entries are worth keeping, each between 0 and 1.

    worth   = weight + REUSE_SHARE * (1 - weight) * (1 - 0.5 ** later entries that use it)
    novelty = 1 - likeness to what is most like it: a memory, or an entry chosen before it
    score   = worth * novelty

The worthiest come first, so that of two entries that say the same the better one is kept.
"""

import contextlib
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from heapq import nlargest
from uuid import UUID

import numpy as np

from memories.answers import Query
from memories.candidates import Filters
from memories.embeddings import EmbeddingError, embed_query
from memories.ranking import DEFAULT_PROFILE
from memories.ranking.confidence import confidence
from memories.retrieval import active_model, recall
from memories.vectors import Vector
from memories.working.likeness import differs, read_prompt
from memories.working.scratchpads import Entry
from memos_project.tenancy.callers import TenantInfo

# How much of what its weight leaves open an entry can gain by being used.
REUSE_SHARE = 0.5
# The likeness of texts that another number, name or "not" tells apart: vectors hardly see it.
TOLD_APART = 0.25
# Memories that are looked at, and how much of a text.
NEAREST = 5
CHARACTERS = 2000

WORD = re.compile(r"\w+")
# The one row that a likeness is of.
FIRST = np.array([0])

SIMILARITY_ALONE = {"similarity": 1.0, "importance": 0.0, "recency": 0.0, "strength": 1.0}


@dataclass(frozen=True, slots=True)
class Score:
    """Where a score comes from: later entries that use it, novelty, and the memory most like it.

    Novelty is None where it was not looked up, since the rest does not reach the threshold; the score is then
    what the rest comes to.
    """

    score: float
    reuse: int
    novelty: float | None
    nearest: UUID | None


def worth(weight: float, reuse: int) -> float:
    """What an entry is worth before its novelty."""
    return weight + REUSE_SHARE * (1 - weight) * (1 - 0.5**reuse)


def scores(
    tenant: TenantInfo, pad: Sequence[Entry], undecided: Sequence[Entry], *, threshold: float
) -> tuple[dict[str, Score], list[str]]:
    """The scores of the undecided entries of a pad, by id; and the parts of memOS that were missing."""
    uses = Counter(used for entry in pad for used in entry.uses)
    worths = {entry.id: worth(entry.weight, uses[entry.id]) for entry in undecided}
    found, chosen, degraded = {}, _Chosen(), set[str]()
    for entry in sorted(undecided, key=lambda entry: -worths[entry.id]):
        if worths[entry.id] < threshold:
            found[entry.id] = Score(round(worths[entry.id], 6), uses[entry.id], None, None)
            continue
        likeness, nearest, missing = _nearest_memory(tenant, entry)
        degraded.update(missing)
        novelty = 1 - max(likeness, chosen.likeness(entry))
        score = round(worths[entry.id] * novelty, 6)
        found[entry.id] = Score(score, uses[entry.id], round(novelty, 6), nearest)
        if score >= threshold:
            chosen.add(entry)
    return found, sorted(degraded)


def _nearest_memory(tenant: TenantInfo, entry: Entry) -> tuple[float, UUID | None, list[str]]:
    """The likeness of the memory most like an entry, its id, and what was missing when it was looked for."""
    query = Query(
        text=_said(entry),
        top_k=NEAREST,
        filters=Filters(user_id=entry.user_id or None),
        weights=SIMILARITY_ALONE,
        rerank=False,
        explain=True,
        counted=False,
    )
    found = recall(tenant, query)
    alike = [
        (hit.explanation.similarity, hit.memory.content, hit.memory.id)
        for hit in found.hits
        if hit.explanation
    ]
    return *_most_alike(entry, alike), found.degraded


class _Chosen:
    """The entries that are to become memories, and how like them another is, on the scale of a search."""

    def __init__(self) -> None:
        self._read: list[_Read] = []

    def add(self, entry: Entry) -> None:
        self._read.append(_Read(entry))

    def likeness(self, entry: Entry) -> float:
        if not self._read:
            return 0.0
        mine = _Read(entry)
        alike = [
            (mine.likeness(other), other.entry.content, None)
            for other in self._read
            if entry.user_id in ("", other.entry.user_id)
        ]
        return _most_alike(entry, alike)[0]


class _Read:
    """An entry with its words and its vector; without one where the embedding provider does not answer."""

    def __init__(self, entry: Entry) -> None:
        self.entry = entry
        self.words = {*WORD.findall(_said(entry).lower())}
        self.vector: Vector | None = None
        with contextlib.suppress(EmbeddingError, ValueError):
            self.vector = embed_query(active_model().spec, _said(entry)).vector

    def likeness(self, other: "_Read") -> float:
        if self.entry.content == other.entry.content:
            return 1.0
        coverage = len(self.words & other.words) / max(1, len(self.words))
        known = self.vector is not None and other.vector is not None
        cosines = np.array([np.dot(self.vector, other.vector)]) if known else np.zeros(0)  # type: ignore[arg-type]
        return confidence(cosines, np.array([coverage]), FIRST, DEFAULT_PROFILE)


def _most_alike(entry: Entry, found: Sequence[tuple[float, str, UUID | None]]) -> tuple[float, UUID | None]:
    """The highest likeness and its id, where what another number, name or "not" tells apart is not very like."""
    best: tuple[float, UUID | None] = (0.0, None)
    said = read_prompt(entry.content[:CHARACTERS])
    for likeness, content, memory_id in nlargest(NEAREST, found, key=lambda each: each[0]):
        if likeness <= best[0]:
            break
        if likeness > TOLD_APART and differs(read_prompt(content[:CHARACTERS]), said):
            likeness = TOLD_APART
        best = max(best, (likeness, memory_id), key=lambda each: each[0])
    return best


def _said(entry: Entry) -> str:
    return entry.content.strip()[:CHARACTERS]
