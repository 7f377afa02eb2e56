"""Which memories belong together, by their vectors."""

from collections.abc import Sequence

import numpy as np

from memories.vectors import Vector

LEAST, MOST = 3, 12
# As many vectors as make their mean half believed: of a few, what they share may be what they are about.
HALF_BELIEVED = 50


def centred(vectors: Vector, mean: Vector) -> Vector:
    """Unit rows without what all share, such as how people greet each other (Mu, Viswanath: All-but-the-Top, 2018)."""
    moved = vectors - mean
    return np.asarray(
        moved / np.maximum(np.linalg.norm(moved, axis=1, keepdims=True), 1e-9), dtype=np.float32
    )


def common(vectors: Vector) -> Vector:
    """What the rows share: their mean, drawn towards nothing where they are few."""
    share = len(vectors) / (len(vectors) + HALF_BELIEVED)
    return np.asarray(vectors.mean(axis=0) * share, dtype=np.float32)


def stars(vectors: Vector, *, threshold: float, fresh: Sequence[bool]) -> list[list[int]]:
    """Groups of LEAST to MOST rows, each a leader and those at least ``threshold`` (cosine) like it, likest first.

    The leader with most left around it comes first (Aslam, Pelekhov, Rus: The star clustering algorithm, 2004). Rows
    are unit vectors, n by d; a row is in one group at most, and a group holds at least one that is ``fresh``.
    """
    likeness = vectors @ vectors.T
    np.fill_diagonal(likeness, 1.0)
    near = likeness >= threshold
    left = np.ones(len(vectors), dtype=bool)
    groups: list[list[int]] = []
    while left.any():
        around = (near & left).sum(axis=1) * left
        leader = int(around.argmax())
        if around[leader] < LEAST:
            break
        order = np.argsort(-likeness[leader], kind="stable")
        members = [int(row) for row in order if left[row] and near[leader, row]][:MOST]
        if any(fresh[row] for row in members):
            groups.append(members)
        left[members] = False
    return groups


def nearest(vectors: Vector, others: Vector, *, threshold: float) -> list[int | None]:
    """For each row the row of ``others`` that is likest, None where none is at least ``threshold`` like it."""
    likeness = vectors @ others.T
    best = likeness.argmax(axis=1)
    return [int(at) if likeness[row, at] >= threshold else None for row, at in enumerate(best)]
