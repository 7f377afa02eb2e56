"""Brings the projections level with the rows: vectors, token vectors and whatever index is configured.

A memory whose projections are behind has an ``IndexJob``, written by trigger with the change itself. A job is
taken by moving its due time into the future (a lease, so that a killed worker's jobs come back) and removed in
the transaction that makes the projections level, if the memory has not changed meanwhile.
"""

import contextlib
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import batched
from operator import attrgetter
from uuid import UUID

import numpy as np
import redis
import structlog
from celery import current_app
from django.conf import settings
from django.db import InterfaceError, OperationalError, connection
from django.utils import timezone
from kombu.exceptions import KombuError

from memories import metrics
from memories.embeddings import Embedded, Embedder, ProviderRejected, ProviderUnavailable, get_embedder
from memories.models import EmbeddingModel, IndexJob, Memory, MemoryVector
from memories.portions import portions
from memories.vectors import IndexMissing, IndexUnavailable, VectorPoint, vector_index
from memories.vectors.pgvector import PgVectorIndex
from memos_project.db import fetch_prepared, send_prepared, tenant_scope
from memos_project.later import once_later
from memos_project.redis import client
from memos_project.tenancy.models import Tenant

log = structlog.get_logger(__name__)

# How long the work of a tenant gathers before a worker looks at it, beside the moment it gathers in each process.
GATHERING_SECONDS = 0.075

# Text that is embedded at once: a few seconds' work, so that it is done long before its lease is over.
PORTION_CHARACTERS = 100_000

CLAIM = "SELECT memory_id, revision, attempts FROM memos_claim(%(tenant)s, %(lease)s, %(limit)s)"
# Memories before their jobs, as whoever forgets or revises one takes them.
HOLD_MEMORIES = """
SELECT FROM memories_memory WHERE tenant_id = %(tenant)s AND id = ANY(%(ids)s) ORDER BY id FOR KEY SHARE
"""
HOLD_JOBS = """
SELECT memory_id, revision FROM memories_indexjob
WHERE tenant_id = %(tenant)s AND memory_id = ANY(%(ids)s) ORDER BY memory_id FOR UPDATE
"""
FINISH = """
DELETE FROM memories_indexjob WHERE tenant_id = %(tenant)s AND memory_id = ANY(%(ids)s)
"""
DROP_TOKENS = """
DELETE FROM memories_memorytokens
WHERE tenant_id = %(tenant)s AND model_id = %(model)s AND memory_id = ANY(%(ids)s)
"""
WRITE_TOKENS = """
INSERT INTO memories_memorytokens (tenant_id, model_id, memory_id, chunk, tokens)
SELECT %(tenant)s, %(model)s, t.* FROM unnest(%(ids)s::uuid[], %(chunks)s::smallint[], %(tokens)s::bytea[]) t
"""
# What was read before need not be read again; what another worker reads just now must be.
MARK_UNREAD = """
INSERT INTO memories_readjob (tenant_id, memory_id)
SELECT m.tenant_id, m.id FROM memories_memory m
WHERE m.tenant_id = %(tenant)s AND m.id = ANY(%(ids)s) AND NOT EXISTS (
    SELECT FROM graph_reading r WHERE r.memory_id = m.id AND r.content_hash = m.content_hash
)
ORDER BY m.id
ON CONFLICT (memory_id) DO UPDATE
SET revision = excluded.revision, due_at = now(), attempts = 0, error = ''
"""
# What indexing reads of a memory.
READ = (
    "tenant_id", "title", "content", "content_hash", "kind", "tier", "occurred_at", "user_id", "agent_id", "tags",
    "updated_at", "conversation__key",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Claim:
    """A job this worker holds for the time of its lease."""

    memory_id: UUID
    revision: int
    attempts: int


def wake(tenant_id: UUID) -> None:
    """Have a worker look at a tenant's backlog in a moment; one message is enough until it does.

    What is written until then shares its batch. Nothing is lost if it cannot be sent: the sweep finds the rows.
    """
    once_later(_send, tenant_id)


def _send(tenant_id: UUID) -> None:
    try:
        if client().set(_wake_key(tenant_id), 1, nx=True, ex=10):
            current_app.send_task(
                "memories.tasks.index_memories",
                args=[str(tenant_id)],
                countdown=GATHERING_SECONDS,
            )
    except (redis.RedisError, KombuError, OSError) as error:
        log.warning("indexing left to the sweep", error=str(error))


def _wake_key(tenant_id: UUID) -> str:
    return f"indexing:awake:{tenant_id}"


def sweep() -> int:
    """Wake a worker for every tenant with work that is due; returns for how many."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT tenant_id FROM memos_backlog() WHERE due > 0")
        tenants = [row[0] for row in cursor.fetchall()]
    for tenant_id in tenants:
        current_app.send_task("memories.tasks.index_memories", args=[str(tenant_id)])
    return len(tenants)


def drain(tenant_id: UUID) -> int:
    """Work off a tenant's backlog until nothing is due; returns how many memories were brought level."""
    done = 0
    while (some := take_up(tenant_id)) is not None:
        done += some
    return done


def take_up(tenant_id: UUID) -> int | None:
    """Work off what is due by now; returns how many memories were brought level, None where nothing was due.

    What comes meanwhile has woken a worker, and gathers until that one comes.
    """
    with contextlib.suppress(redis.RedisError):
        # From here on a writer must send a new message: this look may already be past its row.
        client().delete(_wake_key(tenant_id))
    limit, done = settings.MEMOS_INDEX_BATCH, None
    claims = claim(tenant_id, limit=limit)
    while claims:
        done = done or 0
        for portion, waiting in portions(tenant_id, claims, PORTION_CHARACTERS):
            done += level(tenant_id, portion)
            if waiting:
                _renew(tenant_id, waiting)
        claims = claim(tenant_id, limit=limit) if len(claims) == limit else []
    return done


def _renew(tenant_id: UUID, claims: Sequence[Claim]) -> None:
    due = timezone.now() + timedelta(seconds=settings.MEMOS_INDEX_LEASE_SECONDS)
    with tenant_scope(tenant_id):
        for each in sorted(claims, key=attrgetter("memory_id")):
            IndexJob.objects.filter(memory_id=each.memory_id, revision=each.revision).update(due_at=due)


def claim(tenant_id: UUID, *, limit: int) -> list[Claim]:
    """Take up to ``limit`` jobs that are due; others will not get them before the lease is over."""
    with tenant_scope(tenant_id), connection.cursor() as cursor:
        cursor.execute(
            CLAIM, {"tenant": tenant_id, "lease": settings.MEMOS_INDEX_LEASE_SECONDS, "limit": limit}
        )
        return [Claim(*row) for row in cursor.fetchall()]


def level(tenant_id: UUID, claims: Sequence[Claim]) -> int:
    """Bring the projections of claimed memories level with their rows; returns how many succeeded.

    Whatever fails goes back to the backlog with its error; a memory that alone is refused does not hold
    up the others.
    """
    try:
        done = _level(tenant_id, claims)
    except ProviderRejected as error:
        if len(claims) > 1:
            return sum(level(tenant_id, [each]) for each in claims)
        _give_up(tenant_id, claims[0], str(error))
    except (ProviderUnavailable, IndexUnavailable) as error:
        _put_back(tenant_id, claims, str(error))
    except (OperationalError, InterfaceError):
        # The database is away: the lease brings the jobs back.
        raise
    except Exception as error:
        if len(claims) > 1:
            return sum(level(tenant_id, [each]) for each in claims)
        log.exception("a memory could not be indexed", memory=str(claims[0].memory_id))
        if claims[0].attempts >= settings.MEMOS_INDEX_MAX_ATTEMPTS:
            _give_up(tenant_id, claims[0], repr(error))
        else:
            _put_back(tenant_id, claims, repr(error))
    else:
        metrics.INDEXED.inc(done)
        return done
    return 0


def _level(tenant_id: UUID, claims: Sequence[Claim]) -> int:
    memory_ids = [each.memory_id for each in claims]
    with tenant_scope(tenant_id):
        memories = _read(tenant_id, memory_ids)
        models = list(EmbeddingModel.objects.exclude(state=EmbeddingModel.State.RETIRED))
        held = {model.pk: PgVectorIndex().held(tenant_id, model.indexed(), memory_ids) for model in models}
    # The one that answers searches comes first, and waits for no other.
    models.sort(key=lambda model: not model.is_active)
    index = vector_index()
    ours: set[UUID] = set()
    failures: list[Exception] = []
    for model in models:
        behind = [memory for memory in memories if held[model.pk].get(memory.pk) != memory.content_hash]
        try:
            embedded = _embed(model, behind)
        except Exception as error:
            failures.append(error)
            continue
        finish = index.in_database and model is models[-1] and not failures
        ours = _write(tenant_id, claims, memories, model, embedded, finish=finish)
    if not index.in_database:
        _project(tenant_id, memories, memory_ids, models, ours)
    if failures:
        # What may be done later decides what becomes of the job.
        raise next((each for each in failures if isinstance(each, ProviderUnavailable)), failures[0])
    if not index.in_database:
        _finish(tenant_id, claims)
    return len(ours)


def _read(tenant_id: UUID, memory_ids: Iterable[UUID]) -> list[Memory]:
    found = Memory.objects.filter(tenant_id=tenant_id, pk__in=memory_ids)
    return list(found.select_related("conversation").only(*READ))


def text_of(memory: Memory) -> str:
    """What a memory's vector is made of."""
    return f"{memory.title}\n{memory.content}" if memory.title else memory.content


def _embed(model: EmbeddingModel, memories: Sequence[Memory]) -> dict[UUID, Embedded]:
    if not memories:
        return {}
    embedder: Embedder = get_embedder(model.spec())
    try:
        embedded = embedder.embed_passages([text_of(memory) for memory in memories])
    except (ProviderUnavailable, ProviderRejected) as error:
        metrics.PROVIDER_ERRORS.labels(model=model.name, error=type(error).__name__).inc()
        raise
    return {memory.pk: result for memory, result in zip(memories, embedded, strict=True)}


def point_of(memory: Memory, chunk: int, vector: object) -> VectorPoint:
    """A memory's chunk as an index wants it."""
    return VectorPoint(
        memory_id=memory.pk,
        chunk=chunk,
        vector=vector,  # type: ignore[arg-type]
        content_hash=memory.content_hash,
        kind=memory.kind,
        tier=memory.tier,
        occurred_at=memory.occurred_at,
        user_id=memory.user_id,
        agent_id=memory.agent_id,
        conversation_id=memory.conversation.key if memory.conversation else "",
        tags=memory.tags,
    )


def _write(
    tenant_id: UUID,
    claims: Sequence[Claim],
    memories: Sequence[Memory],
    model: EmbeddingModel,
    embedded: dict[UUID, Embedded],
    *,
    finish: bool,
) -> set[UUID]:
    """Store what a model made for the memories that have not changed since; those changed come round again."""
    claimed = {"tenant": tenant_id, "ids": [each.memory_id for each in claims]}
    with tenant_scope(tenant_id, pipelined=True):
        send_prepared(HOLD_MEMORIES, claimed)
        revisions = dict(fetch_prepared(HOLD_JOBS, claimed))
        ours = {each.memory_id for each in claims if revisions.get(each.memory_id) == each.revision}
        fresh = [memory for memory in memories if memory.pk in ours and memory.pk in embedded]
        _write_vectors(tenant_id, model, fresh, embedded)
        if model.is_active:
            # Not each time that another model fails anew: the graph may be at it, or have given up.
            new = {each.memory_id for each in claims if each.attempts <= 1} | embedded.keys()
            send_prepared(MARK_UNREAD, {"tenant": tenant_id, "ids": list(ours & new)})
        if finish:
            send_prepared(FINISH, {"tenant": tenant_id, "ids": list(ours)})
    return ours


def _write_vectors(
    tenant_id: UUID, model: EmbeddingModel, memories: Sequence[Memory], embedded: dict[UUID, Embedded]
) -> None:
    points = [
        point_of(memory, number, chunk.vector)
        for memory in memories
        for number, chunk in enumerate(embedded[memory.pk].chunks)
    ]
    PgVectorIndex().upsert(tenant_id, model.indexed(), points)
    if model.token_dimensions:
        rows = [
            (memory.pk, number, chunk.tokens.tobytes())
            for memory in memories
            for number, chunk in enumerate(embedded[memory.pk].chunks)
            if chunk.tokens is not None
        ]
        of_model = {"tenant": tenant_id, "model": model.pk}
        send_prepared(DROP_TOKENS, {**of_model, "ids": [memory.pk for memory in memories]})
        ids, chunks, tokens = zip(*rows, strict=True) if rows else ((), (), ())
        send_prepared(
            WRITE_TOKENS, {**of_model, "ids": list(ids), "chunks": list(chunks), "tokens": list(tokens)}
        )


def _project(
    tenant_id: UUID,
    memories: Sequence[Memory],
    memory_ids: Sequence[UUID],
    models: Iterable[EmbeddingModel],
    ours: set[UUID],
) -> None:
    """Bring an index outside of the database level, from the vectors that are in it."""
    index = vector_index()
    sent = {memory.pk: memory for memory in memories}
    if gone := set(memory_ids) - sent.keys():
        index.delete(tenant_id, gone)
    sent = {memory_id: sent[memory_id] for memory_id in sent.keys() & ours}
    # Who comes last may have read first: what has changed while it was sent is sent again.
    while sent:
        for model in models:
            project(tenant_id, model, list(sent.values()))
        with tenant_scope(tenant_id):
            present = {memory.pk: memory for memory in _read(tenant_id, sent)}
        if gone := sent.keys() - present.keys():
            index.delete(tenant_id, gone)
        sent = {
            memory_id: memory
            for memory_id, memory in present.items()
            if memory.updated_at != sent[memory_id].updated_at
        }


def project(tenant_id: UUID, model: EmbeddingModel, memories: Sequence[Memory]) -> int:
    """Send the stored vectors of these memories to the configured index; returns how many points."""
    by_id = {memory.pk: memory for memory in memories}
    with tenant_scope(tenant_id):
        rows = list(
            MemoryVector.objects.filter(tenant_id=tenant_id, model=model, memory_id__in=by_id)
            .order_by("memory_id", "chunk")
            .values_list("memory_id", "chunk", "embedding", "content_hash")
        )
    points = [
        point_of(by_id[memory_id], chunk, np.array(vector, dtype=np.float32))
        for memory_id, chunk, vector, digest in rows
        if digest == by_id[memory_id].content_hash  # else who made the others sends them
    ]
    index = vector_index()
    try:
        index.upsert(tenant_id, model.indexed(), points)
    except IndexMissing:
        # Marked before the index is there again: whoever is killed in between finds it missing the next time.
        _enqueue_held(model)
        index.create(model.indexed())
        index.upsert(tenant_id, model.indexed(), points)
    return len(points)


def _enqueue_held(model: EmbeddingModel) -> None:
    """Mark all memories that have a vector: an index that was lost holds none of them."""
    for tenant_id in Tenant.objects.values_list("id", flat=True):
        with tenant_scope(tenant_id), connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO memories_indexjob (memory_id, tenant_id)"
                " SELECT memory_id, tenant_id FROM memories_memoryvector"
                " WHERE tenant_id = %s AND model_id = %s AND chunk = 0 ORDER BY memory_id ON CONFLICT DO NOTHING",
                [tenant_id, model.pk],
            )


def _finish(tenant_id: UUID, claims: Sequence[Claim]) -> None:
    with tenant_scope(tenant_id):
        for each in sorted(claims, key=attrgetter("memory_id")):
            IndexJob.objects.filter(memory_id=each.memory_id, revision=each.revision).delete()


def _put_back(tenant_id: UUID, claims: Sequence[Claim], error: str) -> None:
    """Try again later, the later the more often it failed, up to a minute; when the cause is gone the backlog drains."""
    with tenant_scope(tenant_id):
        for each in sorted(claims, key=attrgetter("memory_id")):
            pause = timedelta(seconds=min(60.0, 2.0 ** min(each.attempts, 6)) * random.uniform(0.5, 1.0))
            IndexJob.objects.filter(memory_id=each.memory_id, revision=each.revision).update(
                due_at=timezone.now() + pause, error=error[:2000]
            )
    log.warning("indexing put off", memories=len(claims), error=error[:200])


def _give_up(tenant_id: UUID, claim: Claim, error: str) -> None:
    """Leave the job to a curator: it is shown with its error and can be retried."""
    with tenant_scope(tenant_id):
        IndexJob.objects.filter(memory_id=claim.memory_id, revision=claim.revision).update(
            due_at=None, error=error[:2000]
        )
    log.error("indexing given up", memory=str(claim.memory_id), error=error[:200])


def enqueue(tenant_id: UUID, memory_ids: Iterable[UUID], *, batch: int = 1000) -> int:
    """Mark memories as behind and due, for a new model or a repair; returns how many were not due yet.

    A job that is leased comes to be due as well: nobody knows whether who took it still lives, and a job done twice
    is no harm. One that was given up stays with the curator.
    """
    marked = 0
    for some in batched(memory_ids, batch):
        with tenant_scope(tenant_id), connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO memories_indexjob (memory_id, tenant_id)"
                " SELECT id, %s FROM unnest(%s::uuid[]) id ORDER BY id"
                " ON CONFLICT (memory_id) DO UPDATE SET due_at = statement_timestamp()"
                " WHERE memories_indexjob.due_at > statement_timestamp()",
                [tenant_id, list(some)],
            )
            marked += cursor.rowcount
    return marked
