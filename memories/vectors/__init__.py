"""Where the nearest vectors are found: backends behind one contract, chosen by the setting MEMOS_VECTORS."""

from memories.vectors.base import (
    HALF_WRITTEN,
    WHOLE_TENANT,
    HeldMemory,
    IndexedModel,
    IndexMissing,
    IndexUnavailable,
    Neighbour,
    Scope,
    Vector,
    VectorIndex,
    VectorPoint,
    WrongVector,
)
from memos_project.backends import BackendHandler

__all__ = [
    "HALF_WRITTEN",
    "WHOLE_TENANT",
    "HeldMemory",
    "IndexMissing",
    "IndexUnavailable",
    "IndexedModel",
    "Neighbour",
    "Scope",
    "Vector",
    "VectorIndex",
    "VectorPoint",
    "WrongVector",
    "vector_index",
    "vector_indexes",
]


class VectorIndexes(BackendHandler[VectorIndex]):
    """The configured vector indexes by alias."""

    settings_name = "MEMOS_VECTORS"
    base = VectorIndex


vector_indexes = VectorIndexes()


def vector_index() -> VectorIndex:
    """The index that searches ask and writes reach: MEMOS_VECTORS["default"]."""
    return vector_indexes["default"]
