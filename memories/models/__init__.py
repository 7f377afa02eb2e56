"""Rows of the episodic tier, and of what makes them findable."""

from memories.models.indexes import (
    CachedPrompt,
    ChangeCount,
    EmbeddingModel,
    FrequentTerm,
    GraphTenant,
    IndexJob,
    MemoryTokens,
    MemoryVector,
    Posting,
    ReadJob,
    Speaker,
    TextStatistics,
)
from memories.models.memory import AuditEntry, Conversation, Memory, MemoryQuerySet, MemoryVersion

__all__ = [
    "AuditEntry",
    "CachedPrompt",
    "ChangeCount",
    "Conversation",
    "EmbeddingModel",
    "FrequentTerm",
    "GraphTenant",
    "IndexJob",
    "Memory",
    "MemoryQuerySet",
    "MemoryTokens",
    "MemoryVector",
    "MemoryVersion",
    "Posting",
    "ReadJob",
    "Speaker",
    "TextStatistics",
]
