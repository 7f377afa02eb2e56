"""What memories are asked, and what a recall answers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from memories.candidates import Filters


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """A question to the memories of a tenant."""

    text: str
    top_k: int = 10
    filters: Filters = field(default_factory=Filters)
    mode: str = "hybrid"
    fusion: str = "scores"
    weights: Mapping[str, float] | None = None
    rerank: bool = True
    threshold: float | None = None
    token_budget: int | None = None
    context: int = 0
    explain: bool = False
    counted: bool = True
    """Whether what is found counts as used."""


@dataclass(frozen=True, slots=True)
class Turn:
    """A neighbour of a hit in its conversation."""

    id: UUID
    external_id: str | None
    turn: int
    role: str
    speaker: str
    content: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True)
class Memento:
    """A memory as a search returns it."""

    id: UUID
    external_id: str | None
    kind: str
    tier: int
    user_id: str
    agent_id: str
    conversation_id: str
    turn: int | None
    role: str
    speaker: str
    title: str
    category: str
    content: str
    content_hash: str
    tags: list[str]
    metadata: dict[str, Any]
    importance: float
    occurred_at: datetime
    created_at: datetime
    version: int


@dataclass(frozen=True, slots=True)
class Explanation:
    """Where a score comes from: ``score`` is the weighted mean of the parts, ``signals`` made up the similarity."""

    similarity: float
    importance: float
    recency: float
    weights: Mapping[str, float]
    signals: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Hit:
    memory: Memento
    score: float
    explanation: Explanation | None
    context: list[Turn]


@dataclass(frozen=True, slots=True)
class Recall:
    """The hits, best first, and the parts that were missing when they were found."""

    hits: list[Hit]
    degraded: list[str]
