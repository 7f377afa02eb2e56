"""Late interaction: how well each token of a question is matched within a memory (ColBERT, Khattab and Zaharia 2020).

Token vectors are stored as signed bytes, row after row; a unit vector has length 127.
"""

from collections.abc import Sequence
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


def best_matches(
    tenant_id: UUID, model_id: int, memory_ids: Sequence[UUID], *, vector: Vector, question: NDArray[np.int8]
) -> NDArray[np.float32]:
    """For each memory and each of the question's token vectors (Q, D), the best cosine among the memory's tokens.

    ``vector`` is the question's, by which the chunks of long memories are chosen.

    Returns (len(memory_ids), Q); a row is NaN where the memory has no token vectors.
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
    best = np.full((len(memory_ids), len(question)), np.nan, np.float32)
    if not rows or not len(question):
        return best
    tokens = [np.frombuffer(data, np.int8).reshape(-1, question.shape[1]) for _, data in rows]
    # One multiplication for all memories; 32-bit floats hold these integers exactly and BLAS is quick with them.
    products = np.concatenate(tokens).astype(np.float32) @ question.astype(np.float32).T
    starts = np.cumsum([0, *(len(each) for each in tokens[:-1])])
    maxima = np.maximum.reduceat(products, starts, axis=0) / SCALE**2
    for (memory_id, _), maximum in zip(rows, maxima, strict=True):
        at = place[memory_id]
        best[at] = np.fmax(best[at], maximum)
    return best
