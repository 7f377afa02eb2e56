"""What a scratchpad's entries are worth keeping, each between 0 and 1.

    worth   = weight + REUSE_SHARE * (1 - weight) * (1 - 0.5 ** later entries that use it)
    novelty = 1 - likeness to what is most like it: a memory, or an entry chosen before it
    score   = worth * novelty

The worthiest come first, so that of two entries that say the same the better one is kept.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import numpy as np

from memories.answers import Query
from memories.candidates import Filters
from memories.embeddings import EmbeddingError, embed_query
from memories.retrieval import active_model, recall
from memories.vectors import Vector
from memories.working.likeness import differs
from memories.working.scratchpads import Entry
from memos_project.tenancy.callers import TenantInfo

# How much of what its weight leaves open an entry can gain by being used.
REUSE_SHARE = 0.5
# The likeness of texts that another number, name or "not" tells apart: vectors hardly see it.
TOLD_APART = 0.25
# Memories that are looked at, and how much of a text.
NEAREST = 5
CHARACTERS = 2000

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
        explain=True,
        counted=False,
    )
    found = recall(tenant, query)
    likenesses = [
        (_told_apart(hit.explanation.similarity, hit.memory.content, entry.content), hit.memory.id)
        for hit in found.hits
        if hit.explanation
    ]
    return *max(likenesses, key=lambda each: each[0], default=(0.0, None)), found.degraded


class _Chosen:
    """The entries that are to become memories, and how like them another is."""

    def __init__(self) -> None:
        self._entries: list[tuple[Entry, Vector | None]] = []

    def add(self, entry: Entry) -> None:
        self._entries.append((entry, _vector(entry)))

    def likeness(self, entry: Entry) -> float:
        mine = _vector(entry) if self._entries else None
        return max(
            (
                _told_apart(_alike(entry, mine, other, vector), other.content, entry.content)
                for other, vector in self._entries
                if entry.user_id in ("", other.user_id)
            ),
            default=0.0,
        )


def _vector(entry: Entry) -> Vector | None:
    """None where the embedding provider does not answer."""
    try:
        return embed_query(active_model().spec, _said(entry)).vector
    except (EmbeddingError, ValueError):
        return None


def _alike(one: Entry, vector: Vector | None, other: Entry, others: Vector | None) -> float:
    """By their vectors; without, the share of their words that both have."""
    if vector is not None and others is not None:
        return min(1.0, max(0.0, float(np.dot(vector, others))))
    mine, its = set(one.content.lower().split()), set(other.content.lower().split())
    return len(mine & its) / len(mine | its)


def _told_apart(likeness: float, stored: str, said: str) -> float:
    if likeness > TOLD_APART and differs(stored[:CHARACTERS], said[:CHARACTERS]):
        return TOLD_APART
    return likeness


def _said(entry: Entry) -> str:
    return entry.content.strip()[:CHARACTERS]
