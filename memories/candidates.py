"""The candidates of a search, by one SQL statement put together from ``sql/recall/``.

A statement's text depends only on which filters are set and how large the scope is, so that PostgreSQL plans
each once per connection; everything a caller says is a parameter.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, Literal
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from pgvector import HalfVector
from psycopg.types.json import Jsonb

from memories.ranking import (
    ROLE_ASSISTANT,
    ROLE_NONE,
    ROLE_SYSTEM,
    ROLE_TOOL,
    ROLE_USER,
    Candidates,
    Profile,
    Scope,
    saturation,
)
from memories.scopes import SearchScope
from memories.vectors import Neighbour, Vector
from memories.vectors.pgvector import HNSW_SETTINGS
from memos_project.db import fetch_prepared

SQL = Path(__file__).parent / "sql" / "recall"

# How many of each list are looked at, from how many of the best the turns around are fetched, and how far.
CANDIDATES = 50
SEEDS = 15
REACH = 1
# Postings that a search in a large scope may read to choose its candidates.
POSTINGS = 5_000
# Up to how many rows a search may list by its filters.
NAMED = 5_000
TYPICAL_LENGTH = 25.0

ROLES = {"user": ROLE_USER, "assistant": ROLE_ASSISTANT, "system": ROLE_SYSTEM, "tool": ROLE_TOOL}

type How = Literal["exact", "large", "named", "given", "none"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """What a list or a search is narrowed to: all that is set must hold. Times are half-open, [since, until)."""

    user_id: str | None = None
    agent_id: str | None = None
    conversation_id: str | None = None
    kinds: Sequence[str] = ()
    tiers: Sequence[int] = ()
    tags: Sequence[str] = ()
    since: datetime | None = None
    until: datetime | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)


LIVE = (
    "(m.expires_at IS NULL OR m.expires_at > now()) AND (m.valid_to IS NULL OR m.valid_to > now())"
    " AND m.superseded_by_id IS NULL"
)
CONDITIONS: dict[str, str] = {
    # The hash leads into the index, the name decides.
    "user_id": "m.owner = hashtextextended(%(user_id)s, 0) AND m.user_id = %(user_id)s",
    "agent_id": "m.agent_id = %(agent_id)s",
    "conversation_id": (
        "m.conversation_id = ANY(ARRAY(SELECT c.id FROM memories_conversation c"
        " WHERE c.tenant_id = %(tenant)s AND c.key = %(conversation_id)s))"
    ),
    "kinds": "m.kind = ANY(%(kinds)s::text[])",
    "tiers": "m.tier = ANY(%(tiers)s::smallint[])",
    "tags": "m.tags::text[] @> %(tags)s::text[]",
    "since": "m.occurred_at >= %(since)s",
    "until": "m.occurred_at < %(until)s",
    "metadata": "m.metadata @> %(metadata)s",
}


def conditions(filters: Filters) -> list[str]:
    """The SQL conditions on a memory ``m`` for the filters that are set."""
    return [sql for name, sql in CONDITIONS.items() if _is_set(getattr(filters, name))]


def filter_params(filters: Filters) -> dict[str, Any]:
    """The parameters of ``conditions``."""
    values = {name: getattr(filters, name) for name in CONDITIONS if _is_set(getattr(filters, name))}
    for name in ("kinds", "tiers", "tags"):
        if name in values:
            values[name] = list(values[name])
    if "metadata" in values:
        values["metadata"] = Jsonb(values["metadata"])
    return values


def _is_set(value: object) -> bool:
    return value is not None and value != () and value != [] and value != {}


@dataclass(frozen=True, slots=True)
class Found:
    """Candidates as the ranking wants them, beside what it does not look at."""

    ids: list[UUID]
    importance: NDArray[np.float64]
    columns: Candidates
    scope: Scope

    def ages(self, now: datetime) -> NDArray[np.float64]:
        """Seconds since each happened."""
        return (np.datetime64(now.replace(tzinfo=None), "s") - self.columns.occurred).astype(np.float64)


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """All that the statement needs to know."""

    tenant_id: UUID
    language: str
    text: str
    filters: Filters
    scope: SearchScope
    profile: Profile
    model_id: int
    dimensions: int
    vector: Vector | None
    neighbours: Sequence[Neighbour] | None = None
    """The nearest memories as an index outside of the database found them."""
    wanted: int = 10
    by_name: bool = False
    """Whether the filters are so narrow that their rows are listed first."""

    @property
    def way(self) -> How:
        if self.by_name:
            return "named"
        return "large" if self.scope.is_large else "exact"

    @property
    def text_way(self) -> How:
        return "none" if self.profile.mode == "vector" and self.way != "named" else self.way

    @property
    def vector_way(self) -> How:
        if self.profile.mode == "text" or self.vector is None:
            return "none"
        if self.neighbours is not None:
            return "given"
        return "exact" if self.way == "large" and not self.scope.in_graph else self.way


def planner_settings(search: Search) -> dict[str, str]:
    """Settings for the search's transaction: plan once, and in a large scope walk the HNSW index in its order."""
    settings = {"plan_cache_mode": "force_generic_plan"}
    if search.vector_way == "large":
        settings |= HNSW_SETTINGS | {"enable_sort": "off"}
    return settings


def find(search: Search) -> Found:
    """The candidates of a search, in the tenant scope that is open.

    Filters that leave little of a large scope can starve its indexes; then their rows are listed instead.
    """
    narrow = search.filters.conversation_id is not None
    if narrow:
        found = _run(replace(search, by_name=True))
        if found.scope.documents < NAMED:
            return found
    found = _run(search)
    narrowed = narrow or conditions(replace(search.filters, user_id=None))
    if search.scope.is_large and narrowed and len(found.ids) < search.wanted:
        found = _run(replace(search, by_name=True))
    return found


def _run(search: Search) -> Found:
    sql = statement(
        text=search.text_way,
        vectors=search.vector_way,
        scoped=search.filters.user_id is not None,
        conditions=(LIVE, *conditions(search.filters)),
        model_id=search.model_id,
        dimensions=search.dimensions,
        candidates=_enough(search.wanted),
        seeds=SEEDS if search.profile.mode == "hybrid" else 0,
    )
    return _found(fetch_prepared(sql, _params(search)))


def _enough(wanted: int) -> int:
    """How many of each list to look at: doubled until it is twice what is wanted, so that statements are few."""
    candidates = CANDIDATES
    while candidates < 2 * wanted:
        candidates *= 2
    return candidates


def _params(search: Search) -> dict[str, Any]:
    k1, b = saturation(search.profile, TYPICAL_LENGTH)
    vector = np.zeros(search.dimensions, np.float32) if search.vector is None else search.vector
    params: dict[str, Any] = {
        "tenant": search.tenant_id,
        "language": search.language,
        "query": search.text[:10_000],
        "vector": HalfVector(vector),
        "k1": k1,
        "b": b,
        "documents": search.scope.rows,
        **filter_params(search.filters),
    }
    if search.neighbours is not None:
        params["near_ids"] = [each.memory_id for each in search.neighbours]
        params["near_cosines"] = [each.similarity for each in search.neighbours]
    return params


TEXT_PARTS: Mapping[How, tuple[str, ...]] = {
    "exact": ("hits_exact", "bm25", "text_best"),
    "named": ("hits_named", "bm25", "text_best"),
    "large": ("hits_pruned", "text_best"),
    "none": ("text_none",),
}


@cache
def statement(
    *,
    text: How,
    vectors: How,
    scoped: bool,
    conditions: tuple[str, ...],
    model_id: int,
    dimensions: int,
    candidates: int,
    seeds: int,
) -> str:
    """The statement for one way of searching; the same text each time, so that it is prepared once.

    Limits stand in it as numbers: of a parameter the planner would have to assume that it is large.
    """
    parts = ["terms", *TEXT_PARTS[text], f"vectors_{vectors}", "pool"]
    places = {
        "{filters}": " AND ".join(conditions),
        "{model}": str(int(model_id)),
        "{dimensions}": str(int(dimensions)),
        "{candidates}": str(int(candidates)),
        "{seeds}": str(int(seeds)),
        # Those that common words may still lift among the best.
        "{chosen}": str(4 * int(candidates)),
        "{reach}": str(REACH),
        "{named}": str(NAMED),
        "{postings}": str(POSTINGS),
        **{
            f"{{owner_{alias}}}": f"AND {alias}.owner = hashtextextended(%(user_id)s, 0)" if scoped else ""
            for alias in ("p", "m", "v")
        },
    }
    sql = "".join((SQL / f"{part}.sql").read_text() for part in parts)
    for place, text_ in places.items():
        sql = sql.replace(place, text_)
    return sql


def _found(rows: Sequence[tuple[Any, ...]]) -> Found:
    if not rows:
        return Found([], np.zeros(0), _no_candidates(), Scope(0, 1.0, np.zeros(0, np.int32)))
    (ids, conversations, turns, speakers, roles, occurred, lengths, importance, asks, cosines, frequencies,
     documents, average_length, document_frequencies) = zip(*rows, strict=True)  # fmt: skip
    codes = {conversation: code for code, conversation in enumerate({*conversations} - {None})}
    columns = Candidates(
        frequencies=np.array([row or [] for row in frequencies], dtype=np.int16).reshape(len(rows), -1),
        lengths=np.array(lengths, dtype=np.int32),
        cosines=np.array([np.nan if cosine is None else cosine for cosine in cosines], dtype=np.float32),
        conversations=np.array([codes.get(each, -1) for each in conversations], dtype=np.int32),
        turns=np.array([turn or 0 for turn in turns], dtype=np.int32),
        speakers=speakers,
        roles=np.array([ROLES.get(role, ROLE_NONE) for role in roles], dtype=np.int8),
        occurred=np.array(
            [each.astimezone(UTC).replace(tzinfo=None) for each in occurred], dtype="datetime64[s]"
        ),
        asks=np.array(asks, dtype=np.bool_),
    )
    scope = Scope(
        int(documents[0]),
        float(average_length[0]),
        np.array(document_frequencies[0] or [], dtype=np.float64).astype(np.int32),
    )
    return Found(list(ids), np.array(importance, dtype=np.float64), columns, scope)


def _no_candidates() -> Candidates:
    return Candidates(
        frequencies=np.zeros((0, 0), np.int16),
        lengths=np.zeros(0, np.int32),
        cosines=np.zeros(0, np.float32),
        conversations=np.zeros(0, np.int32),
        turns=np.zeros(0, np.int32),
        speakers=(),
        roles=np.zeros(0, np.int8),
        occurred=np.zeros(0, "datetime64[s]"),
        asks=np.zeros(0, np.bool_),
    )
