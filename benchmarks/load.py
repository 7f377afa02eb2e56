"""Fills benchmark tenants with rows, vectors and token vectors, past the embedding queue.

The texts are all different; the vectors are those of 4,000 of them with some noise, so that 100,000 rows are
there in minutes. Good for speed and for the recall of the vector index, not for retrieval quality.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import batched, islice
from uuid import UUID

import corpus
import numpy as np
import stack  # noqa: F401  sets Django up
from django.db import connection, connections
from psycopg import sql

from memories import services, statistics
from memories.embeddings import Chunk, get_embedder
from memories.models import EmbeddingModel, IndexJob, Memory, MemoryTokens, MemoryVector
from memories.vectors import VectorPoint, graph
from memories.vectors.pgvector import PgVectorIndex
from memos_project.db import tenant_scope
from memos_project.tenancy.callers import TenantInfo, tenant_info
from memos_project.tenancy.models import Tenant
from memos_project.tenancy.services import create_tenant

BASE_TEXTS = 4000
NOISE = 0.02


@dataclass(frozen=True)
class Loaded:
    tenant: TenantInfo
    size: int


def sizes(memories: int, tenants: int) -> list[int]:
    """Tenant sizes by a power law, the largest a third of all rows; one tenant has them all."""
    if tenants == 1:
        return [memories]
    low, high = 0.0, 5.0
    for _ in range(60):
        middle = (low + high) / 2
        if sum(rank**-middle for rank in range(1, tenants + 1)) > 3:
            low = middle
        else:
            high = middle
    return [max(5, round(memories / 3 * rank**-low)) for rank in range(1, tenants + 1)]


def load(memories: int, tenants: int) -> list[Loaded]:
    """The benchmark's tenants, filled where they are not yet."""
    model = EmbeddingModel.objects.get(state=EmbeddingModel.State.ACTIVE)
    wanted = []
    for rank, size in enumerate(sizes(memories, tenants)):
        slug = f"bench-{memories}-{tenants}-{rank}"
        tenant = tenant_info(Tenant.objects.filter(slug=slug).first() or create_tenant(slug=slug))
        wanted.append(Loaded(tenant, size))
    empty = [each for each in wanted if _present(each.tenant.id) < each.size]
    if empty:
        _fill_all(model, empty, memories)
    return wanted


def _present(tenant_id: UUID) -> int:
    with tenant_scope(tenant_id):
        return MemoryVector.objects.filter(tenant_id=tenant_id).count()


def _fill_all(model: EmbeddingModel, empty: Sequence[Loaded], memories: int) -> None:
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            sql.SQL("DROP INDEX IF EXISTS {}").format(sql.Identifier(f"memoryvector_hnsw_{model.pk}"))
        )
    print(f"embedding {BASE_TEXTS} sentences ...", flush=True)
    embedder = get_embedder(model.spec())
    base = [
        each.chunks[0]
        for some in batched(corpus.sentences(BASE_TEXTS, seed=7), 200)
        for each in embedder.embed_passages(some)
    ]
    texts = corpus.sentences(2 * memories + 100_000)
    done = 0
    for each in empty:
        _fill(each, model, base, texts)
        done += each.size
        if each.size > 1000 or each is empty[-1]:
            print(f"  {done} memories", flush=True)
        statistics.refresh_tenant(each.tenant.id)
        if statistics.needs_graph(each.tenant.id):
            graph.turn_on(each.tenant.id)
    started = time.perf_counter()
    PgVectorIndex().create(model.indexed())
    print(f"HNSW index built in {time.perf_counter() - started:.0f} s", flush=True)
    with connections["owner"].cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")


def _fill(loaded: Loaded, model: EmbeddingModel, base: Sequence[Chunk], texts: Iterator[str]) -> None:
    tenant, rnd = loaded.tenant, np.random.default_rng(loaded.size)
    for start in range(0, loaded.size, 1000):
        some = list(islice(texts, min(1000, loaded.size - start)))
        new = [
            services.NewMemory(content=text, kind="message", external_id=f"{start + n}", conversation_id=f"c{(start + n) // 40}",
                               user_id="", speaker="Ann" if n % 2 else "Bob")
            for n, text in enumerate(some)
        ]  # fmt: skip
        # In one transaction, so that no worker sees an index job.
        with tenant_scope(tenant.id):
            made = services.remember(tenant, new, actor="benchmark")
            ids = [each.id for each in made]
            chosen = rnd.integers(0, len(base), len(ids))
            _write(tenant.id, model, ids, [base[each] for each in chosen], rnd)


def _write(
    tenant_id: UUID,
    model: EmbeddingModel,
    ids: Sequence[UUID],
    chunks: Sequence[Chunk],
    rnd: np.random.Generator,
) -> None:
    with tenant_scope(tenant_id):
        rows = {memory.pk: memory for memory in Memory.objects.filter(pk__in=ids)}
        points = []
        for memory_id, chunk in zip(ids, chunks, strict=True):
            vector = chunk.vector + NOISE * rnd.normal(size=chunk.vector.shape).astype(np.float32)
            row = rows[memory_id]
            points.append(
                VectorPoint(memory_id=memory_id, chunk=0, vector=vector / np.linalg.norm(vector), content_hash=row.content_hash,
                            kind=row.kind, tier=row.tier, occurred_at=row.occurred_at)
            )  # fmt: skip
        PgVectorIndex().upsert(tenant_id, model.indexed(), points)
        MemoryTokens.objects.filter(
            tenant_id=tenant_id, memory_id__in=ids
        ).delete()  # of a load that was stopped
        MemoryTokens.objects.bulk_create(
            MemoryTokens(
                tenant_id=tenant_id, memory_id=memory_id, model=model, chunk=0, tokens=chunk.tokens.tobytes()
            )
            for memory_id, chunk in zip(ids, chunks, strict=True)
            if chunk.tokens is not None
        )
        IndexJob.objects.filter(memory_id__in=ids).delete()


def database_size() -> dict[str, int]:
    """Bytes of each of the large relations with their indexes."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname, pg_total_relation_size(oid) FROM pg_class"
            " WHERE relkind = 'r' AND relname LIKE 'memories_%%' OR relname LIKE 'memoryvector_hnsw_%%' ORDER BY 2 DESC LIMIT 6"
        )
        return dict(cursor.fetchall())
