"""Rows of the episodic tier, of what makes them findable, and of the notes made of them."""

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
from memories.models.notes import (
    CONSOLIDATION,
    ConsolidationMark,
    ConsolidationRun,
    ConsolidationStep,
    Note,
    NoteLink,
    NoteSource,
)

__all__ = [
    "CONSOLIDATION",
    "AuditEntry",
    "CachedPrompt",
    "ChangeCount",
    "ConsolidationMark",
    "ConsolidationRun",
    "ConsolidationStep",
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
    "Note",
    "NoteLink",
    "NoteSource",
    "Posting",
    "ReadJob",
    "Speaker",
    "TextStatistics",
]
