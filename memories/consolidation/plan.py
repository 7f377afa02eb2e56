"""What a consolidation is to do: which memories become a note together, and which join a note there is.

Looked at are the memories that have come since the last time, WINDOW at once, beside the latest of the same user that
no note cites, and the latest notes: what it costs does not grow with what is stored.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from operator import attrgetter
from typing import Any
from uuid import UUID

import numpy as np
from django.conf import settings

from graph.extraction.concepts import is_telling
from memories.consolidation.clusters import centred, common, nearest, stars
from memories.models import Memory
from memories.retrieval import active_model
from memories.vectors import Vector
from memos_project.db import fetch_prepared, tenant_scope

WINDOW, EARLIER, NOTES = 500, 1000, 2000
KINDS = (Memory.Kind.MESSAGE, Memory.Kind.OBSERVATION, Memory.Kind.FACT)
# Different words that say something, without which a memory is no matter for a note.
TELLING_WORDS = 4
# A note takes in no more than this; what is like it then begins another.
MOST_SOURCES = 24
# Joining is asked for more likeness than meeting: a note says already what it is about.
JOINING = 0.1
# Characters that are looked at of a memory.
LONGEST = 4000

WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")

# What may go by itself is not repeated in a note.
LASTING = "m.superseded_by_id IS NULL AND m.expires_at IS NULL AND m.valid_to IS NULL"
# The first chunk stands for the memory: what notes are made of is short.
FRESH = f"""
SELECT w.id, w.user_id, w.speaker, w.content, v.embedding::real[], w.waits, w.matters FROM (
    SELECT m.id, m.user_id, m.speaker, left(m.content, {LONGEST}) AS content,
           EXISTS (SELECT FROM memories_indexjob j WHERE j.memory_id = m.id AND j.tenant_id = m.tenant_id
                   AND j.due_at IS NOT NULL) AS waits,
           m.kind = ANY(%(kinds)s) AND {LASTING}
           AND NOT EXISTS (SELECT FROM memories_notesource s WHERE s.memory_id = m.id AND s.tenant_id = m.tenant_id)
           AND m.id NOT IN (SELECT unnest(u.memory_ids) FROM memories_consolidationstep u
                            WHERE u.tenant_id = %(tenant)s AND u.state = 'undone')
           AS matters
    FROM memories_memory m
    WHERE m.tenant_id = %(tenant)s AND m.id > %(after)s AND (%(user)s::text IS NULL OR m.owner = hashtextextended(%(user)s, 0) AND m.user_id = %(user)s)
    ORDER BY m.id LIMIT %(limit)s
) w LEFT JOIN memories_memoryvector v
    ON v.memory_id = w.id AND v.tenant_id = %(tenant)s AND v.model_id = %(model)s AND v.chunk = 0
ORDER BY w.id
"""
EARLIER_ONES = f"""
SELECT m.id, m.user_id, m.speaker, left(m.content, {LONGEST}), v.embedding::real[]
FROM memories_memory m JOIN memories_memoryvector v
    ON v.memory_id = m.id AND v.tenant_id = m.tenant_id AND v.model_id = %(model)s AND v.chunk = 0
WHERE m.tenant_id = %(tenant)s AND m.owner = hashtextextended(%(user)s, 0) AND m.user_id = %(user)s AND m.id <= %(upto)s
  AND m.id <> ALL(%(fresh)s) AND m.kind = ANY(%(kinds)s) AND {LASTING}
  AND NOT EXISTS (SELECT FROM memories_notesource s WHERE s.memory_id = m.id AND s.tenant_id = m.tenant_id)
ORDER BY m.id DESC LIMIT %(limit)s
"""
NOTES_NOW = f"""
SELECT m.id, v.embedding::real[],
       (SELECT count(*) FROM memories_notesource s WHERE s.note_id = m.id AND s.tenant_id = m.tenant_id)
FROM memories_note n JOIN memories_memory m ON m.id = n.memory_id AND m.tenant_id = n.tenant_id
JOIN memories_memoryvector v
    ON v.memory_id = m.id AND v.tenant_id = m.tenant_id AND v.model_id = %(model)s AND v.chunk = 0
WHERE n.tenant_id = %(tenant)s AND m.owner = hashtextextended(%(user)s, 0) AND m.user_id = %(user)s AND {LASTING} AND n.summariser <> 'hand'
ORDER BY n.memory_id DESC LIMIT %(limit)s
"""


@dataclass(frozen=True, slots=True)
class Group:
    """Memories of one user that belong together, and the note they join; None: they become one."""

    user_id: str
    memory_ids: list[UUID]
    note_id: UUID | None


@dataclass(frozen=True, slots=True)
class Plan:
    groups: list[Group]
    looked_at: int
    upto: UUID | None
    """The last memory looked at; None where there was none."""


@dataclass(frozen=True, slots=True)
class _Candidate:
    id: UUID
    user_id: str
    speaker: str
    content: str
    vector: list[float]
    fresh: bool = field(kw_only=True)

    def tells(self, names: set[str]) -> bool:
        words = {word.lower() for word in WORD.findall(self.content)} - names
        return sum(map(is_telling, words)) >= TELLING_WORDS


def plan(tenant_id: UUID, *, after: UUID, user_id: str | None = None) -> Plan:
    """What to do with the memories after one, in the order in which they came; of one user, or of each apart."""
    model = active_model()
    params: dict[str, Any] = {"tenant": tenant_id, "model": model.id, "kinds": list(KINDS)}
    with tenant_scope(tenant_id):
        rows = fetch_prepared(FRESH, {**params, "after": after, "user": user_id, "limit": WINDOW})
    # What has no vector yet is looked at when it has one, and so is what came after it.
    ready = rows[: next((at for at, row in enumerate(rows) if row[5]), len(rows))]
    fresh = [_Candidate(*row[:5], fresh=True) for row in ready if row[4] is not None and row[6]]
    groups: list[Group] = []
    for user, some in groupby(sorted(fresh, key=attrgetter("user_id", "id")), key=attrgetter("user_id")):
        groups += _groups(tenant_id, user, list(some), {**params, "user": user, "upto": ready[-1][0]})
    return Plan(groups, len(ready), ready[-1][0] if ready else None)


def _groups(tenant_id: UUID, user: str, fresh: Sequence[_Candidate], params: dict[str, Any]) -> list[Group]:
    with tenant_scope(tenant_id):
        known = {"fresh": [each.id for each in fresh], "limit": EARLIER}
        earlier = fetch_prepared(EARLIER_ONES, {**params, **known})
        notes = fetch_prepared(NOTES_NOW, {**params, "limit": NOTES})
    everything = [*fresh, *(_Candidate(*row, fresh=False) for row in earlier)]
    names = {word.lower() for each in everything for word in WORD.findall(each.speaker)}
    pool = [each for each in everything if each.tells(names)]
    if not pool:
        return []
    vectors = np.array([each.vector for each in pool], dtype=np.float32)
    mean = common(vectors)
    vectors = centred(vectors, mean)
    joined = dict(_joining(user, pool, vectors, notes, mean))
    rest = [row for row, each in enumerate(pool) if each.id not in joined]
    found = stars(
        vectors[rest],
        threshold=settings.MEMOS_CONSOLIDATION_LIKENESS,
        fresh=[pool[row].fresh for row in rest],
    )
    growing: dict[UUID, list[UUID]] = {}
    for memory_id, note_id in joined.items():
        growing.setdefault(note_id, []).append(memory_id)
    return [
        *(Group(user, memory_ids, note_id) for note_id, memory_ids in growing.items()),
        *(Group(user, [pool[rest[row]].id for row in rows], None) for rows in found),
    ]


def _joining(
    user: str, pool: Sequence[_Candidate], vectors: Vector, notes: Sequence[tuple[Any, ...]], mean: Vector
) -> Iterator[tuple[UUID, UUID]]:
    """Fresh memories that are like a note there is, each with the note, as many as it has room for."""
    if not notes:
        return
    room = {note_id: MOST_SOURCES - sources for note_id, _, sources in notes}
    theirs = centred(np.array([vector for _, vector, _ in notes], dtype=np.float32), mean)
    least = settings.MEMOS_CONSOLIDATION_LIKENESS + JOINING
    likest = nearest(vectors, theirs, threshold=least)
    for each, at in zip(pool, likest, strict=True):
        if each.fresh and at is not None and room[notes[at][0]] > 0:
            room[notes[at][0]] -= 1
            yield each.id, notes[at][0]
