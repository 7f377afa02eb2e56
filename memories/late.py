"""Late interaction: how well each token of a question is matched within a memory (ColBERT, Khattab and Zaharia 2020).

Token vectors are stored as signed bytes, row after row; a unit vector has length 127.
"""

from collections.abc import Sequence
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from memos_project.db import fetch_prepared

SCALE = 127.0

FETCH = """
SELECT t.memory_id, t.tokens FROM memories_memorytokens t
WHERE t.tenant_id = %(tenant)s AND t.model_id = %(model)s AND t.memory_id = ANY(%(ids)s)
"""


def best_matches(
    tenant_id: UUID, model_id: int, memory_ids: Sequence[UUID], question: NDArray[np.int8]
) -> NDArray[np.float32]:
    """For each memory and each of the question's token vectors (Q, D), the best cosine among the memory's tokens.

    Returns (len(memory_ids), Q); a row is NaN where the memory has no token vectors.
    """
    rows = fetch_prepared(FETCH, {"tenant": tenant_id, "model": model_id, "ids": list(memory_ids)})
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
