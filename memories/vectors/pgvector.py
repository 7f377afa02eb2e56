"""pgvector: the vectors are searched where they are stored, with an HNSW index for each model."""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar
from uuid import UUID

import psycopg
from django.db import OperationalError, connection, connections
from pgvector import HalfVector
from pgvector.psycopg.halfvec import HalfVectorBinaryDumper
from psycopg import sql

from memories.vectors import graph
from memories.vectors.base import (
    HALF_WRITTEN,
    HeldMemory,
    IndexedModel,
    IndexUnavailable,
    Neighbour,
    Scope,
    Vector,
    VectorIndex,
    VectorPoint,
)
from memos_project.db import PreparedCursor, tenant_scope
from memos_project.tenancy.models import Tenant

# What the iterative scan of an HNSW index needs so that a filtered search still finds enough (pgvector 0.8).
HNSW_SETTINGS = {
    "hnsw.iterative_scan": "relaxed_order",
    "hnsw.ef_search": "200",
    "hnsw.max_scan_tuples": "20000",
}

# Vectors travel in binary, and a cast tells PostgreSQL their type, so that no connection must ask for it first.
psycopg.adapters.register_dumper(HalfVector, HalfVectorBinaryDumper)

WRITE = """
INSERT INTO memories_memoryvector (tenant_id, memory_id, model_id, chunk, owner, content_hash, embedding, in_graph)
SELECT %(tenant)s, %(memory)s, %(model)s, %(chunk)s, m.owner, %(content_hash)s, %(embedding)s::halfvec, %(in_graph)s
FROM memories_memory m WHERE m.id = %(memory)s AND m.tenant_id = %(tenant)s
"""

NEAREST = """
SELECT v.memory_id, max(1 - (v.embedding::halfvec({dimensions}) <=> %(vector)s::halfvec({dimensions}))) AS cosine
FROM memories_memoryvector v
JOIN memories_memory m ON m.id = v.memory_id
LEFT JOIN memories_conversation c ON c.id = m.conversation_id
WHERE v.tenant_id = %(tenant)s AND v.model_id = %(model)s
  AND (%(user_id)s::text IS NULL OR m.user_id = %(user_id)s)
  AND (%(agent_id)s::text IS NULL OR m.agent_id = %(agent_id)s)
  AND (%(conversation_id)s::text IS NULL OR coalesce(c.key, '') = %(conversation_id)s)
  AND (%(kinds)s::text[] IS NULL OR m.kind = ANY(%(kinds)s))
  AND (%(tiers)s::int[] IS NULL OR m.tier = ANY(%(tiers)s))
  AND m.tags::text[] @> %(tags)s::text[]
  AND (%(since)s::timestamptz IS NULL OR m.occurred_at >= %(since)s)
  AND (%(until)s::timestamptz IS NULL OR m.occurred_at < %(until)s)
GROUP BY v.memory_id ORDER BY cosine DESC, v.memory_id LIMIT %(limit)s
"""

# A chunk whose token vectors are lost is as little held as one whose vector is.
HELD = """
SELECT v.memory_id, min(v.content_hash), max(v.content_hash), max(v.chunk) + 1, count(*) FILTER (
    WHERE (SELECT e.token_dimensions = 0 FROM memories_embeddingmodel e WHERE e.id = %s) OR EXISTS (
        SELECT FROM memories_memorytokens t
        WHERE t.memory_id = v.memory_id AND t.model_id = v.model_id AND t.chunk = v.chunk
          AND t.tenant_id = v.tenant_id OFFSET 0
    )
)
FROM memories_memoryvector v
WHERE v.tenant_id = %s AND v.model_id = %s AND {} GROUP BY v.memory_id
"""
HELD_OF = HELD.format("v.memory_id = ANY(%s)")
HELD_AFTER = HELD.format("v.memory_id > %s") + "ORDER BY v.memory_id LIMIT %s"


class PgVectorIndex(VectorIndex):
    """The contract on the tables of this database: what it holds are the rows themselves.

    `m` and `ef_construction` shape the HNSW indexes that are made from now on. ``nearest`` is exact; the
    recall statement searches the HNSW index itself, where a scope is large enough to be worth it.
    """

    in_database: ClassVar[bool] = True

    def __init__(self, *, m: int = 24, ef_construction: int = 100) -> None:
        self._build = {"m": m, "ef_construction": ef_construction}

    def create(self, model: IndexedModel) -> None:
        """Build the model's HNSW index without keeping writers out; an index left half-built is built again."""
        name = self._index_name(model)
        with _owner() as cursor:
            cursor.execute("SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(%s)", [name])
            state = cursor.fetchone()
            if state == (True,):
                return
            if state is not None:
                cursor.execute(sql.SQL("DROP INDEX CONCURRENTLY {}").format(sql.Identifier(name)))
            cursor.execute(
                sql.SQL(
                    "CREATE INDEX CONCURRENTLY {} ON memories_memoryvector"
                    " USING hnsw ((embedding::halfvec({})) halfvec_cosine_ops) WITH (m = {}, ef_construction = {})"
                    " WHERE model_id = {} AND in_graph"
                ).format(
                    sql.Identifier(name),
                    sql.Literal(model.dimensions),
                    sql.Literal(self._build["m"]),
                    sql.Literal(self._build["ef_construction"]),
                    sql.Literal(model.id),
                )
            )

    def is_built(self, model: IndexedModel) -> bool:
        """Whether the model's HNSW index is there and can be used."""
        with _available(), connection.cursor() as cursor:
            cursor.execute(
                "SELECT EXISTS (SELECT FROM pg_index WHERE indexrelid = to_regclass(%s) AND indisvalid)",
                [self._index_name(model)],
            )
            row: tuple[bool] | None = cursor.fetchone()
            return row == (True,)

    def drop(self, model: IndexedModel) -> None:
        with _owner() as cursor:
            cursor.execute(
                sql.SQL("DROP INDEX CONCURRENTLY IF EXISTS {}").format(
                    sql.Identifier(self._index_name(model))
                )
            )
        for tenant in Tenant.objects.values_list("id", flat=True):
            with tenant_scope(tenant), connection.cursor() as cursor:
                cursor.execute(
                    "DELETE FROM memories_memoryvector WHERE tenant_id = %s AND model_id = %s",
                    [tenant, model.id],
                )

    def _upsert(self, tenant: UUID, model: IndexedModel, points: Sequence[VectorPoint]) -> None:
        memory_ids = list({point.memory_id for point in points})
        rows = [
            {"tenant": tenant, "memory": point.memory_id, "model": model.id, "chunk": point.chunk,
             "content_hash": point.content_hash, "embedding": HalfVector(point.vector)}
            for point in points
        ]  # fmt: skip
        with _available(), tenant_scope(tenant), connection.cursor() as cursor:
            cursor.execute(
                "DELETE FROM memories_memoryvector WHERE tenant_id = %s AND memory_id = ANY(%s) AND model_id = %s",
                [tenant, memory_ids, model.id],
            )
            in_graph = graph.enters(tenant)
            # One prepared statement in pipeline mode: a round trip for all the rows.
            with PreparedCursor(connection.connection) as prepared:
                prepared.executemany(WRITE, [{**row, "in_graph": in_graph} for row in rows])

    def delete(self, tenant: UUID, memory_ids: Collection[UUID]) -> None:
        with _available(), tenant_scope(tenant), connection.cursor() as cursor:
            cursor.execute(
                "DELETE FROM memories_memoryvector WHERE tenant_id = %s AND memory_id = ANY(%s)",
                [tenant, list(memory_ids)],
            )

    def _nearest(
        self, tenant: UUID, model: IndexedModel, vector: Vector, *, limit: int, scope: Scope
    ) -> list[Neighbour]:
        params: dict[str, Any] = {
            "tenant": tenant, "model": model.id, "vector": HalfVector(vector).to_text(), "limit": limit,
            "user_id": scope.user_id, "agent_id": scope.agent_id, "conversation_id": scope.conversation_id,
            "kinds": list(scope.kinds) if scope.kinds is not None else None,
            "tiers": list(scope.tiers) if scope.tiers is not None else None,
            "tags": list(scope.tags), "since": scope.since, "until": scope.until,
        }  # fmt: skip
        with _available(), tenant_scope(tenant), connection.cursor() as cursor:
            cursor.execute(NEAREST.format(dimensions=int(model.dimensions)), params)
            return [Neighbour(memory_id, cosine) for memory_id, cosine in cursor.fetchall()]

    def held(self, tenant: UUID, model: IndexedModel, memory_ids: Collection[UUID]) -> dict[UUID, str]:
        with _available(), tenant_scope(tenant), connection.cursor() as cursor:
            cursor.execute(HELD_OF, [model.id, tenant, model.id, list(memory_ids)])
            return {row[0]: _whole(*row[1:]) for row in cursor.fetchall()}

    def scan(self, tenant: UUID | None, model: IndexedModel, *, batch: int) -> Iterator[list[HeldMemory]]:
        tenants = [tenant] if tenant else list(Tenant.objects.values_list("id", flat=True))
        for each in tenants:
            last = UUID(int=0)
            while some := self._scan_after(each, model, last, batch):
                yield some
                last = some[-1].memory_id

    @staticmethod
    def _scan_after(tenant: UUID, model: IndexedModel, last: UUID, batch: int) -> list[HeldMemory]:
        with _available(), tenant_scope(tenant), connection.cursor() as cursor:
            cursor.execute(HELD_AFTER, [model.id, tenant, model.id, last, batch])
            return [HeldMemory(tenant, row[0], _whole(*row[1:])) for row in cursor.fetchall()]

    def ping(self) -> None:
        with _available(), connection.cursor() as cursor:
            cursor.execute("SELECT 1")

    def close(self) -> None:
        """The connections are Django's."""

    @staticmethod
    def _index_name(model: IndexedModel) -> str:
        return f"memoryvector_hnsw_{model.id}"


def _whole(lowest: str, highest: str, chunks: int, held: int) -> str:
    return lowest if lowest == highest and chunks == held else HALF_WRITTEN


@contextmanager
def _available() -> Iterator[None]:
    try:
        yield
    except OperationalError as error:
        raise IndexUnavailable(f"PostgreSQL did not answer: {error}") from error


@contextmanager
def _owner() -> Iterator[psycopg.Cursor[Any]]:
    """A cursor of the role that owns the tables, outside of any transaction, as concurrent builds want it."""
    owner = connections["owner"]
    owner.ensure_connection()
    with owner.connection.cursor() as cursor:
        yield cursor
