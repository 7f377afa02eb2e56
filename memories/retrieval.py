"""The read path: from a question to ranked memories, whichever door it came through.

    candidates by words, while the question is embedded -> by vectors, and the turns around hits -> fuse ->
    by the graph, from the best -> token vectors, names -> importance and recency -> threshold, duplicates, budget ->
    hydrate

What is searched is decided in ``candidates``; how candidates become an order is ``ranking``, pure numpy.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from itertools import islice
from operator import attrgetter
from typing import Any
from uuid import UUID

import numpy as np
import structlog
from django.conf import settings

from memories import accesses, candidates, metrics, recall_cache
from memories.answers import Explanation, Hit, Memento, Query, Recall, Turn
from memories.candidates import Filters, Search
from memories.closer import look_closer
from memories.embeddings import (
    EmbeddedQuery,
    ModelSpec,
    ProviderRejected,
    ProviderUnavailable,
    embed_query,
    embedder_class,
)
from memories.found import Found
from memories.models import EmbeddingModel
from memories.profiles import SCORE_WEIGHTS, profile_of
from memories.ranking import (
    Profile,
    Question,
    Ranking,
    blend,
    dense_text,
    first_stage,
    most_linked,
    read_question,
    recency,
    second_stage,
)
from memories.scopes import SearchScope, scope_of
from memories.vectors import IndexedModel, IndexUnavailable, Neighbour, Scope, vector_index
from memos_project.db import fetch_prepared, read_scope
from memos_project.errors import InvalidInput, NotFound
from memos_project.later import later
from memos_project.tenancy.callers import TenantInfo

log = structlog.get_logger(__name__)

# A rough count that needs no tokenizer of anybody's model; docs/reference/api.md says so.
CHARACTERS_PER_TOKEN = 4

MEMENTO = """
SELECT m.id, m.external_id, m.kind, m.tier, m.user_id, m.agent_id, coalesce(c.key, ''), m.turn, m.role, m.speaker, m.title,
       m.category, m.content, m.content_hash, m.tags::text[], m.metadata, m.importance, m.occurred_at, m.created_at, m.version
FROM memories_memory m LEFT JOIN memories_conversation c ON c.id = m.conversation_id
"""
HYDRATE = f"{MEMENTO} WHERE m.tenant_id = %(tenant)s AND m.id = ANY(%(ids)s)"
AROUND = """
SELECT h.id, n.id, n.external_id, n.turn, n.role, n.speaker, n.content, n.occurred_at
FROM memories_memory h
CROSS JOIN LATERAL (
    (SELECT * FROM memories_memory n WHERE n.conversation_id = h.conversation_id AND n.turn < h.turn ORDER BY n.turn DESC LIMIT %(n)s)
    UNION ALL
    (SELECT * FROM memories_memory n WHERE n.conversation_id = h.conversation_id AND n.turn > h.turn ORDER BY n.turn LIMIT %(n)s)
) n
WHERE h.tenant_id = %(tenant)s AND h.id = ANY(%(ids)s)
ORDER BY h.id, n.turn
"""


def recall(tenant: TenantInfo, query: Query) -> Recall:
    """The memories of a tenant that answer a question best.

    Raises InvalidInput for weights that cannot be used. A provider or index that is down makes the answer
    ``degraded``, not an error.
    """
    started = time.perf_counter()
    profile = profile_of(tenant, mode=query.mode, fusion=query.fusion, weights=query.weights)
    model = active_model()
    scope = scope_of(tenant.id, query.filters.user_id)
    found = recall_cache.answer(
        tenant,
        query,
        besides=(model, scope.searched_as, settings.MEMOS_VECTORS["default"]),
        search=lambda: _search(tenant, query, profile, model, scope),
    )
    if query.counted:
        later(accesses.note, tenant.id, [hit.memory.id for hit in found.hits])
    metrics.RECALLS.labels(mode=query.mode, degraded=",".join(found.degraded)).inc()
    metrics.RECALL_SECONDS.labels(part="all").observe(time.perf_counter() - started)
    return found


@contextmanager
def _timed(part: str) -> Iterator[None]:
    started = time.perf_counter()
    yield
    metrics.RECALL_SECONDS.labels(part=part).observe(time.perf_counter() - started)


@dataclass(frozen=True, slots=True)
class ActiveModel:
    """The model that answers queries."""

    id: int
    spec: ModelSpec

    @property
    def indexed(self) -> IndexedModel:
        return IndexedModel(id=self.id, name=self.spec.name, dimensions=self.spec.dimensions)


_active: tuple[float, ActiveModel] | None = None
# A switch reaches every process within this time; both models answer until then.
ACTIVE_SECONDS = 5.0


def active_model() -> ActiveModel:
    """The embedding model that answers queries, looked up every few seconds."""
    global _active
    if _active is None or time.monotonic() - _active[0] > ACTIVE_SECONDS:
        row = EmbeddingModel.objects.get(state=EmbeddingModel.State.ACTIVE)
        _active = (time.monotonic(), ActiveModel(row.pk, row.spec()))
    return _active[1]


def _search(
    tenant: TenantInfo, query: Query, profile: Profile, model: ActiveModel, scope: SearchScope
) -> Recall:
    question = read_question(query.text, scope.speakers)
    search = Search(
        tenant_id=tenant.id,
        language=tenant.language,
        text=query.text,
        filters=query.filters,
        scope=scope,
        profile=profile,
        model_id=model.id,
        dimensions=model.spec.dimensions,
        wanted=query.top_k,
        rerank=query.rerank
        and profile.mode == "hybrid"
        and profile.late_depth > 0
        and model.spec.token_dimensions > 0,
    )
    degraded: list[str] = []
    ask_vectors = partial(_vectors, search, model, degraded)
    # No connection to the database waits for another service.
    elsewhere = embedder_class(model.spec).is_remote or not vector_index().in_database
    vectors = ask_vectors() if elsewhere else None
    with read_scope(tenant.id, settings=candidates.PLANNED_ONCE):
        with _timed("words"):
            search, words, (embedded, neighbours) = candidates.find_by_words(
                search, lambda: vectors or ask_vectors()
            )
        search = replace(search, vector=embedded.vector if embedded else None, neighbours=neighbours)
        with _timed("candidates"):
            found = candidates.find(search, words)
        with _timed("rank"):
            found, ranking = _rank(question, search, found, embedded)
            scores, order = _scored(found, ranking, profile)
        with _timed("hydrate"):
            hits = _hydrate(tenant.id, query, found, ranking, scores, order, profile)
    return Recall(hits, degraded)


def _vectors(
    search: Search, model: ActiveModel, degraded: list[str]
) -> tuple[EmbeddedQuery | None, list[Neighbour] | None]:
    """The question's vectors, and the nearest memories where an index outside of the database names them."""
    with _timed("embed"):
        embedded = _embed(model, dense_text(search.text, search.scope.speakers), search.profile)
    if embedded is None and search.profile.mode != "text":
        degraded.append("vectors")
    return embedded, _nearest(search, model, embedded, degraded)


def _embed(model: ActiveModel, text: str, profile: Profile) -> EmbeddedQuery | None:
    """The question's vectors; None where none are wanted, or the provider does not answer."""
    if profile.mode == "text":
        return None
    try:
        return embed_query(model.spec, text)
    except (
        ProviderUnavailable,
        ProviderRejected,
        ValueError,
    ) as error:  # ValueError: options that make no sense
        log.warning("searched without vectors", error=str(error))
        return None


def _nearest(
    search: Search, model: ActiveModel, embedded: EmbeddedQuery | None, degraded: list[str]
) -> list[Neighbour] | None:
    """Ask an index outside of the database; None where the database searches by itself.

    With that index down a small scope is still searched exactly, a large one by words alone.
    """
    index = vector_index()
    if embedded is None or index.in_database:
        return None
    filters = search.filters
    if (filters.metadata or filters.category is not None) and not search.scope.is_large:
        return None  # no index outside knows metadata and categories; a small scope is searched exactly
    narrowed = Scope(
        user_id=filters.user_id,
        agent_id=filters.agent_id,
        conversation_id=filters.conversation_id,
        kinds=tuple(filters.kinds) or None,
        tiers=tuple(filters.tiers) or None,
        tags=tuple(filters.tags),
        since=filters.since,
        until=filters.until,
    )
    try:
        with _timed("vector index"):
            return index.nearest(
                search.tenant_id, model.indexed, embedded.vector, limit=search.candidates, scope=narrowed
            )
    except IndexUnavailable as error:
        log.warning("searched without the vector index", error=str(error))
        degraded.append("vectors")
        return [] if search.scope.is_large else None


def _rank(
    question: Question, search: Search, found: Found, embedded: EmbeddedQuery | None
) -> tuple[Found, Ranking]:
    """The candidates, with those that the graph adds, and their ranking."""
    profile = search.profile
    first = first_stage(question, found.columns, found.scope, profile)
    if not search.rerank or embedded is None or embedded.tokens is None or not found.ids:
        return found, first
    best = [found.ids[row] for row in first.order[: candidates.BEST]]
    linked = candidates.linked(search, found, best, most=most_linked(found.scope, profile))
    if linked is not found:
        found, first = linked, first_stage(question, linked.columns, linked.scope, profile)
    rows = first.order[: profile.late_depth]
    closer = look_closer(search, question, found, rows, embedded)
    return found, second_stage(question, first, rows, closer, found.columns, found.scope, profile)


def _scored(found: Found, ranking: Ranking, profile: Profile) -> tuple[np.ndarray, np.ndarray]:
    """The final score by candidate, and the candidates in its order; the ranking's order decides ties."""
    scores = blend(ranking.similarity, found.importance, found.ages(datetime.now(UTC)), profile)
    return scores, ranking.order[np.argsort(-scores[ranking.order], kind="stable")]


def _hydrate(
    tenant_id: UUID,
    query: Query,
    found: Found,
    ranking: Ranking,
    scores: np.ndarray,
    order: np.ndarray,
    profile: Profile,
) -> list[Hit]:
    # More than asked for are read only where equal texts, which are shown once, leave too few.
    best = [int(row) for row in order if query.threshold is None or scores[row] >= query.threshold]
    mementos = (
        (row, memento)
        for some in _growing(best, query.top_k)
        for row, memento in zip(some, _mementos(tenant_id, [found.ids[row] for row in some]), strict=True)
    )
    chosen = list(islice(_distinct(mementos), query.top_k))
    budget = None if query.token_budget is None else query.token_budget * CHARACTERS_PER_TOKEN
    if budget is not None:
        chosen = _that_fit(chosen, budget, lambda each: each[1].content)
    around = _turns_around(tenant_id, [memento.id for _, memento in chosen], query.context)
    if budget is not None:
        around = _turns_that_fit([memento for _, memento in chosen], around, budget)
    explain = _explainer(found, ranking, profile) if query.explain else None
    return [
        Hit(
            memento,
            round(float(scores[row]), 6),
            explain(row) if explain else None,
            around.get(memento.id, []),
        )
        for row, memento in chosen
    ]


def _growing(rows: Sequence[int], size: int) -> Iterator[Sequence[int]]:
    """The rows in portions, the first of this size and each twice as large as the one before."""
    start = 0
    while start < len(rows):
        yield rows[start : start + size]
        start, size = start + size, 2 * size


def _mementos(tenant_id: UUID, memory_ids: Sequence[UUID]) -> list[Memento | None]:
    """The memories in the order of their ids; None for one that is gone."""
    rows = fetch_prepared(HYDRATE, {"tenant": tenant_id, "ids": list(memory_ids)})
    mementos = {row[0]: Memento(*row) for row in rows}
    return [mementos.get(memory_id) for memory_id in memory_ids]


def _distinct(ranked: Iterable[tuple[int, Memento | None]]) -> Iterator[tuple[int, Memento]]:
    """Of memories that say the same thing, only the best."""
    said: set[tuple[str, str]] = set()
    for row, memento in ranked:
        if memento is None or (memento.speaker, memento.content) in said:
            continue
        said.add((memento.speaker, memento.content))
        yield row, memento


def _that_fit[T](some: Iterable[T], characters: int, content: Callable[[T], str]) -> list[T]:
    """As many of the first as fit; what does not fit is passed over, so that a long one does not end the list."""
    fitting = []
    for each in some:
        if len(content(each)) <= characters:
            characters -= len(content(each))
            fitting.append(each)
    return fitting


def _turns_that_fit(
    chosen: Sequence[Memento], around: Mapping[UUID, list[Turn]], characters: int
) -> dict[UUID, list[Turn]]:
    """The turns for which the hits leave room: those of the best hit first, and of these the nearest."""
    left = characters - sum(len(memento.content) for memento in chosen)
    by_nearness = [
        (memento.id, turn)
        for memento in chosen
        for turn in sorted(around.get(memento.id, ()), key=lambda turn: abs(turn.turn - (memento.turn or 0)))
    ]
    kept: dict[UUID, list[Turn]] = {}
    for memory_id, turn in _that_fit(by_nearness, left, lambda each: each[1].content):
        kept.setdefault(memory_id, []).append(turn)
    return {memory_id: sorted(turns, key=attrgetter("turn")) for memory_id, turns in kept.items()}


def _turns_around(tenant_id: UUID, memory_ids: Sequence[UUID], n: int) -> dict[UUID, list[Turn]]:
    around: dict[UUID, list[Turn]] = {}
    if n and memory_ids:
        for hit, *turn in fetch_prepared(AROUND, {"tenant": tenant_id, "ids": list(memory_ids), "n": n}):
            around.setdefault(hit, []).append(Turn(*turn))
    return around


def _explainer(found: Found, ranking: Ranking, profile: Profile) -> Callable[[int], Explanation]:
    recent = recency(found.ages(datetime.now(UTC)), profile)
    weights = {name: getattr(profile, f"{name}_weight") for name in SCORE_WEIGHTS} | {
        "strength": profile.strength
    }

    def explain(row: int) -> Explanation:
        return Explanation(
            similarity=round(float(ranking.similarity[row]), 6),
            importance=round(float(found.importance[row]), 6),
            recency=round(float(recent[row]), 6),
            weights=weights,
            signals={
                name: round(float(values[row]), 6)
                for name, values in ranking.contributions.items()
                if values[row]
            },
        )

    return explain


def list_memories(tenant_id: UUID, filters: Filters, *, before: UUID | None, limit: int) -> list[Memento]:
    """Live memories, those that came last first, from the one before ``before`` on."""
    conditions = ["m.tenant_id = %(tenant)s", candidates.LIVE, *candidates.conditions(filters)]
    if before:
        conditions.append("m.id < %(before)s")
    sql = f"{MEMENTO} WHERE {' AND '.join(conditions)} ORDER BY m.id DESC LIMIT %(limit)s"
    params = {"tenant": tenant_id, "before": before, "limit": limit, **candidates.filter_params(filters)}
    with read_scope(tenant_id):
        return [Memento(*row) for row in fetch_prepared(sql, params)]


def list_turns(tenant_id: UUID, conversation_id: UUID, *, after: int, limit: int) -> list[Memento]:
    """The turns of a conversation in order, from the one after turn ``after`` on."""
    sql = (
        f"{MEMENTO} WHERE m.tenant_id = %(tenant)s AND m.conversation_id = %(conversation)s AND m.turn > %(after)s"
        " ORDER BY m.turn LIMIT %(limit)s"
    )
    params = {"tenant": tenant_id, "conversation": conversation_id, "after": after, "limit": limit}
    with read_scope(tenant_id):
        return [Memento(*row) for row in fetch_prepared(sql, params)]


@dataclass(frozen=True, slots=True)
class Thread:
    """A conversation as it is listed."""

    id: UUID
    conversation_id: str
    user_id: str
    title: str
    turns: int
    created_at: datetime
    last_message_at: datetime | None


# The conversations are chosen before their turns are counted.
THREADS = """
SELECT c.id, c.key, c.user_id, c.title, s.turns, c.created_at, s.last
FROM (SELECT * FROM memories_conversation c WHERE {conditions} ORDER BY c.id DESC LIMIT %(limit)s) c
CROSS JOIN LATERAL (SELECT count(*) AS turns, max(m.occurred_at) AS last FROM memories_memory m WHERE m.conversation_id = c.id) s
ORDER BY c.id DESC
"""


def _threads(tenant_id: UUID, *conditions: str, limit: int, **params: Any) -> list[Thread]:
    sql = THREADS.format(conditions=" AND ".join(("c.tenant_id = %(tenant)s", *conditions)))
    with read_scope(tenant_id):
        return [Thread(*row) for row in fetch_prepared(sql, {"tenant": tenant_id, "limit": limit, **params})]


def list_conversations(
    tenant_id: UUID, *, user_id: str | None, before: UUID | None, limit: int
) -> list[Thread]:
    """Conversations, those begun last first."""
    conditions = []
    if user_id is not None:
        conditions.append("c.user_id = %(user_id)s")
    if before:
        conditions.append("c.id < %(before)s")
    return _threads(tenant_id, *conditions, limit=limit, user_id=user_id, before=before)


def find_conversation(tenant_id: UUID, reference: str, *, user_id: str | None = None) -> Thread:
    """A conversation by its id or by the caller's name for it; raises NotFound, or InvalidInput where several have it."""
    try:
        found = _threads(tenant_id, "c.id = %(id)s", limit=2, id=UUID(reference))
    except ValueError:
        conditions = ["c.key = %(key)s"]
        if user_id is not None:
            conditions.append("c.user_id = %(user_id)s")
        found = _threads(tenant_id, *conditions, limit=2, key=reference, user_id=user_id)
    if not found:
        raise NotFound("There is no such conversation.")
    if len(found) > 1:
        raise InvalidInput("Several users have a conversation of this name: say whose.", field="user_id")
    return found[0]
