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
from memories.embeddings.queries import embed_query
from memories.embeddings.registry import embedder_class, get_embedder

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
    "embed_query",
    "embedder_class",
    "get_embedder",
]
