"""Compares what the projections hold with the rows, both ways, and mends the difference.

Held and wanted are compared by content hash: a memory is missing (not held), stale (held with another
content), or left over (held although there is no such row).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import batched
from uuid import UUID

from django.db import connection

from memories import indexing, recall_cache
from memories.models import EmbeddingModel, Memory
from memories.vectors import VectorIndex, vector_index
from memories.vectors.pgvector import PgVectorIndex
from memos_project.db import tenant_scope

BATCH = 1000

# The terms are hashed first: what can fail may not enter an index under row-level security.
MISSING_WORDS = """
SELECT DISTINCT said.id FROM (
    SELECT m.tenant_id, memos_term(u.lexeme) AS term, m.owner, m.id
    FROM memories_memory m CROSS JOIN LATERAL unnest(m.lexemes) u
    WHERE m.tenant_id = %(tenant)s AND m.id = ANY(%(ids)s) OFFSET 0
) said
WHERE NOT EXISTS (
    SELECT FROM memories_posting p
    WHERE p.tenant_id = said.tenant_id AND p.term = said.term AND p.owner = said.owner AND p.memory_id = said.id OFFSET 0
)
"""
MISCOUNTED_WORDS = """
SELECT m.id FROM memories_memory m
WHERE m.tenant_id = %(tenant)s AND m.id = ANY(%(ids)s) AND EXISTS (
    SELECT FROM (
        SELECT memos_term(u.lexeme) AS term, sum(cardinality(u.positions)) AS frequency
        FROM unnest(m.lexemes) u GROUP BY 1
    ) said
    JOIN memories_posting p
        ON p.tenant_id = m.tenant_id AND p.term = said.term AND p.owner = m.owner AND p.memory_id = m.id
    WHERE (p.frequency, p.length) <> (said.frequency, m.length)
)
"""
LEFT_OVER_WORDS = """
SELECT DISTINCT p.memory_id FROM memories_posting p
WHERE p.tenant_id = %(tenant)s AND NOT EXISTS (
    SELECT FROM memories_memory m JOIN LATERAL unnest(m.lexemes) u ON memos_term(u.lexeme) = p.term
    WHERE m.id = p.memory_id AND m.owner = p.owner
)
"""
DROP_WORDS = "DELETE FROM memories_posting WHERE tenant_id = %(tenant)s AND memory_id = ANY(%(ids)s)"
WRITE_WORDS = """
INSERT INTO memories_posting (tenant_id, term, owner, memory_id, frequency, length)
SELECT m.tenant_id, memos_term(u.lexeme), m.owner, m.id, sum(cardinality(u.positions))::smallint, m.length
FROM memories_memory m CROSS JOIN LATERAL unnest(m.lexemes) u
WHERE m.tenant_id = %(tenant)s AND m.id = ANY(%(ids)s)
GROUP BY m.tenant_id, memos_term(u.lexeme), m.owner, m.id, m.length
ON CONFLICT (tenant_id, term, owner, memory_id)
DO UPDATE SET frequency = EXCLUDED.frequency, length = EXCLUDED.length
"""


@dataclass(slots=True)
class Drift:
    """In what one store differs from a tenant's rows."""

    store: str
    model: EmbeddingModel | None = None
    missing: list[UUID] = field(default_factory=list)
    stale: list[UUID] = field(default_factory=list)
    left_over: list[UUID] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.missing) + len(self.stale) + len(self.left_over)


def check(tenant_id: UUID) -> Iterator[Drift]:
    """How each store differs from the tenant's rows; those whose work is still queued are not counted."""
    yield _check_words(tenant_id)
    index = vector_index()
    stores: list[tuple[str, VectorIndex]] = [("pgvector", PgVectorIndex())]
    if not index.in_database:
        stores.append((type(index).__name__.removesuffix("Index").lower(), index))
    for model in EmbeddingModel.objects.exclude(state=EmbeddingModel.State.RETIRED):
        for name, store in stores:
            yield _check_vectors(tenant_id, name, store, model)


def repair(tenant_id: UUID, drift: Drift) -> None:
    """Mend what ``check`` found: words at once, vectors through the backlog, what is left over by deleting it."""
    if drift.model is None:
        with tenant_scope(tenant_id), connection.cursor() as cursor:
            for some in batched(drift.left_over, BATCH):
                cursor.execute(DROP_WORDS, {"tenant": tenant_id, "ids": list(some)})
            for some in batched({*drift.missing, *drift.stale, *drift.left_over}, BATCH):
                cursor.execute(WRITE_WORDS, {"tenant": tenant_id, "ids": list(some)})
            recall_cache.count_change(tenant_id)
        return
    if drift.left_over:
        index = PgVectorIndex() if drift.store == "pgvector" else vector_index()
        index.delete(tenant_id, drift.left_over)
        recall_cache.count_change(tenant_id)
    indexing.enqueue(tenant_id, [*drift.missing, *drift.stale])


def wanting(
    tenant_id: UUID, model: EmbeddingModel, *, beside: EmbeddingModel | None = None
) -> Iterator[list[UUID]]:
    """The memories that have no current vector of a model, in batches; with ``beside``, of those that have one of it."""
    index = PgVectorIndex()
    for rows in _rows(tenant_id):
        if beside:
            held = index.held(tenant_id, beside.indexed(), list(rows))
            rows = {memory_id: digest for memory_id, digest in rows.items() if held.get(memory_id) == digest}
        held = index.held(tenant_id, model.indexed(), list(rows))
        if lacking := [memory_id for memory_id, digest in rows.items() if held.get(memory_id) != digest]:
            yield lacking


def still_wanting(tenant_id: UUID, model: EmbeddingModel, ids: Sequence[UUID]) -> list[UUID]:
    """Those of these memories that have no current vector of a model."""
    with tenant_scope(tenant_id):
        found = Memory.objects.filter(tenant_id=tenant_id, pk__in=ids)
        rows = dict(found.values_list("pk", "content_hash"))
    held = PgVectorIndex().held(tenant_id, model.indexed(), list(rows))
    return [memory_id for memory_id, digest in rows.items() if held.get(memory_id) != digest]


def project_all(tenant_id: UUID, model: EmbeddingModel) -> Iterator[int]:
    """Send a tenant's stored vectors to the configured index, batch by batch; yields how many memories went."""
    for rows in _rows(tenant_id):
        with tenant_scope(tenant_id):
            memories = list(
                Memory.objects.filter(tenant_id=tenant_id, pk__in=rows).select_related("conversation")
            )
        indexing.project(tenant_id, model, memories)
        recall_cache.count_change(tenant_id)
        yield len(memories)


def _rows(tenant_id: UUID) -> Iterator[dict[UUID, str]]:
    """Every memory's content hash, in batches in the order of ids."""
    last = UUID(int=0)
    with tenant_scope(tenant_id):
        # What comes later is queued for every model: a busy tenant must not be followed for ever.
        end = Memory.objects.filter(tenant_id=tenant_id).order_by("-pk").values_list("pk", flat=True).first()
    while end:
        with tenant_scope(tenant_id):
            found = Memory.objects.filter(tenant_id=tenant_id, pk__gt=last, pk__lte=end).order_by("pk")[
                :BATCH
            ]
            rows = dict(found.values_list("pk", "content_hash"))
        if not rows:
            return
        yield rows
        last = max(rows)


def _check_words(tenant_id: UUID) -> Drift:
    drift = Drift("text")
    for rows in _rows(tenant_id):
        drift.missing += _ids(tenant_id, MISSING_WORDS, list(rows))
        drift.stale += _ids(tenant_id, MISCOUNTED_WORDS, list(rows))
    drift.left_over = _ids(tenant_id, LEFT_OVER_WORDS, [])
    return drift


def _ids(tenant_id: UUID, sql: str, ids: Sequence[UUID]) -> list[UUID]:
    with tenant_scope(tenant_id), connection.cursor() as cursor:
        cursor.execute(sql, {"tenant": tenant_id, "ids": list(ids)})
        return [row[0] for row in cursor.fetchall()]


def _check_vectors(tenant_id: UUID, name: str, store: VectorIndex, model: EmbeddingModel) -> Drift:
    drift = Drift(name, model)
    for rows in _rows(tenant_id):
        if behind := _behind(tenant_id, store, model, rows):
            # A worker may have finished while we looked: what is behind still, and not queued, is adrift.
            with tenant_scope(tenant_id):
                again = Memory.objects.filter(tenant_id=tenant_id, pk__in=behind)
                rows = dict(again.values_list("pk", "content_hash"))
            behind = _behind(tenant_id, store, model, rows)
        drift.missing += [each for each, held in behind.items() if held is None]
        drift.stale += [each for each, held in behind.items() if held is not None]
    for some in store.scan(tenant_id, model.indexed(), batch=BATCH):
        gone = _without_rows(tenant_id, [each.memory_id for each in some])
        queued = _queued(tenant_id, gone)
        gone = [each for each in gone if each not in queued]
        held = store.held(tenant_id, model.indexed(), gone)
        drift.left_over += [each for each in gone if each in held]
    return drift


def _behind(
    tenant_id: UUID, store: VectorIndex, model: EmbeddingModel, rows: dict[UUID, str]
) -> dict[UUID, str | None]:
    """Memories that are not held with their hash and not queued either, with the hash that is held."""
    queued = _queued(tenant_id, list(rows))
    held = store.held(tenant_id, model.indexed(), list(rows))
    return {
        each: held.get(each)
        for each, digest in rows.items()
        if held.get(each) != digest and each not in queued
    }


def _queued(tenant_id: UUID, ids: Sequence[UUID]) -> set[UUID]:
    return set(
        _ids(
            tenant_id,
            "SELECT memory_id FROM memories_indexjob WHERE tenant_id = %(tenant)s AND memory_id = ANY(%(ids)s)",
            ids,
        )
    )


def _without_rows(tenant_id: UUID, ids: Sequence[UUID]) -> list[UUID]:
    with tenant_scope(tenant_id):
        present = set(Memory.objects.filter(tenant_id=tenant_id, pk__in=ids).values_list("pk", flat=True))
    return [each for each in dict.fromkeys(ids) if each not in present]
