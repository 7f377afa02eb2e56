"""Late interaction: how well each token of a question is matched within a memory (ColBERT, Khattab and Zaharia 2020).

Token vectors are stored as signed bytes, row after row; a unit vector has length 127.
"""

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from pgvector import HalfVector

from memories.vectors import Vector
from memos_project.db import fetch_prepared

SCALE = 127.0

# Of a long memory only the chunks nearest to the question are read: its answer stands there, and a page of
# token vectors is a hundred kilobytes.
CHUNKS = 2

FETCH = """
SELECT t.memory_id, t.tokens
FROM unnest(%(ids)s::uuid[]) wanted (id)
CROSS JOIN LATERAL (
    SELECT v.memory_id, v.chunk FROM memories_memoryvector v
    WHERE v.memory_id = wanted.id AND v.model_id = %(model)s AND v.tenant_id = %(tenant)s
    ORDER BY v.embedding <=> %(vector)s::halfvec LIMIT %(chunks)s
) nearest
JOIN memories_memorytokens t
    ON t.memory_id = nearest.memory_id AND t.model_id = %(model)s AND t.chunk = nearest.chunk AND t.tenant_id = %(tenant)s
"""


class Compared(NamedTuple):
    """What token vectors say of memories; a row is NaN where a memory has none."""

    matches: NDArray[np.float32]
    """(memories, Q): the best cosine of each of the question's tokens among the memory's."""
    gists: NDArray[np.float32]
    """(memories, D): the sum of the memory's token vectors, whose direction is what all of it is about."""


def compare(
    tenant_id: UUID, model_id: int, memory_ids: Sequence[UUID], *, vector: Vector, question: NDArray[np.int8]
) -> Compared:
    """Compare memories with a question's token vectors (Q, D).

    ``vector`` is the question's, by which the chunks of long memories are chosen.
    """
    rows = fetch_prepared(
        FETCH,
        {
            "tenant": tenant_id,
            "model": model_id,
            "ids": list(memory_ids),
            "vector": HalfVector(vector),
            "chunks": CHUNKS,
        },
    )
    place = {memory_id: number for number, memory_id in enumerate(memory_ids)}
    matches = np.full((len(memory_ids), len(question)), np.nan, np.float32)
    gists = np.full((len(memory_ids), question.shape[1]), np.nan, np.float32)
    if not rows or not len(question):
        return Compared(matches, gists)
    tokens = [np.frombuffer(data, np.int8).reshape(-1, question.shape[1]) for _, data in rows]
    every = np.concatenate(tokens).astype(np.float32)
    starts = np.cumsum([0, *(len(each) for each in tokens[:-1])])
    # One multiplication for all memories; 32-bit floats hold these integers exactly and BLAS is quick with them.
    maxima = np.maximum.reduceat(every @ question.astype(np.float32).T, starts, axis=0) / SCALE**2
    at = np.array([place[memory_id] for memory_id, _ in rows])
    np.fmax.at(matches, at, maxima)
    gists[at] = 0.0
    np.add.at(gists, at, np.add.reduceat(every, starts, axis=0))
    return Compared(matches, gists)
