"""Text to vectors: one contract (``base.py``), a module per provider, nothing heavy imported too early."""

from memories.embeddings.base import (
    Chunk,
    Embedded,
    EmbeddedQuery,
    Embedder,
    EmbeddingError,
    ModelSpec,
    ProviderRejected,
    ProviderUnavailable,
    Runtime,
)
from memories.embeddings.registry import get_embedder

__all__ = [
    "Chunk",
    "Embedded",
    "EmbeddedQuery",
    "Embedder",
    "EmbeddingError",
    "ModelSpec",
    "ProviderRejected",
    "ProviderUnavailable",
    "Runtime",
    "get_embedder",
]
