"""Has the graph learn what memories say, once they can be found.

A memory whose text the graph has not read has a ``ReadJob``. Reading waits for indexing: to be found comes first. A
job is taken by moving its due time into the future, and removed in the transaction that learns from the memory, unless
it is another one by then, for the text or its time has changed meanwhile.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from uuid import UUID

import redis
import structlog
from celery import current_app
from django.conf import settings
from django.db import InterfaceError, OperationalError, connection, transaction
from django.utils import timezone
from kombu.exceptions import KombuError
from psycopg_pool import PoolTimeout

from graph import services as graph
from graph.extraction import Extraction, Passage, get_extractor
from graph.resolution import BY_MODEL, MEANS_THE_SAME, Unclear, raise_doubts, take_turns
from graph.services import Source
from memories.embeddings import get_embedder
from memories.indexing import text_of
from memories.models import IndexJob, Memory, ReadJob
from memories.portions import portions
from memories.retrieval import active_model
from memos_project.db import fetch_prepared, send_prepared, tenant_scope
from memos_project.later import once_later
from memos_project.redis import client

log = structlog.get_logger(__name__)

# Memories taken at once, and characters read and learned from in one transaction.
BATCH, PORTION_CHARACTERS = 32, 20_000
# Seconds in which what was indexed gathers, and that a worker has for what it took: a language model is asked twice.
GATHERING, LEASE = 1.0, 60.0
MAX_ATTEMPTS = 5
# What is no statement of anybody, or repeats those of others.
SILENT = (Memory.Kind.CODE, Memory.Kind.PROCEDURE, Memory.Kind.NOTE)

# When a memory is one, which is when what it says holds.
TIMES = {"valid_from", "valid_to", "expires_at"}

# By which a text about its user names them.
USER = "user"

CLAIM = """
UPDATE memories_readjob j
SET due_at = statement_timestamp() + make_interval(secs => %(lease)s), attempts = attempts + 1
WHERE j.tenant_id = %(tenant)s AND j.memory_id = ANY (ARRAY(
    SELECT d.memory_id FROM memories_readjob d
    WHERE d.tenant_id = %(tenant)s AND d.due_at <= statement_timestamp()
    ORDER BY d.due_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED
))
RETURNING j.memory_id, j.revision, j.attempts
"""
HOLD_MEMORIES = """
SELECT id, content_hash FROM memories_memory
WHERE tenant_id = %(tenant)s AND id = ANY(%(ids)s) ORDER BY id FOR KEY SHARE
"""
READ_AGAIN = """
INSERT INTO memories_readjob (tenant_id, memory_id)
SELECT m.tenant_id, m.id FROM memories_memory m
WHERE m.tenant_id = %(tenant)s AND m.id = ANY(%(ids)s) ORDER BY m.id
ON CONFLICT (memory_id) DO UPDATE
SET revision = excluded.revision, due_at = now(), attempts = 0, error = ''
RETURNING 1
"""
# Who wants it read again waits until what was read is learned, and makes a new one then.
HOLD_JOBS = """
SELECT memory_id, revision FROM memories_readjob
WHERE tenant_id = %(tenant)s AND memory_id = ANY(%(ids)s) ORDER BY memory_id FOR UPDATE
"""
FINISH = "DELETE FROM memories_readjob WHERE tenant_id = %(tenant)s AND memory_id = ANY(%(ids)s)"


@dataclass(frozen=True, slots=True)
class Claim:
    """A job this worker holds for the time of its lease."""

    memory_id: UUID
    revision: int
    attempts: int


def wake(tenant_id: UUID) -> None:
    """Have a worker read a tenant's memories in a moment; the sweep makes certain what messages make soon."""
    try:
        if client().set(f"reading:awake:{tenant_id}", 1, nx=True, px=int(1000 * GATHERING)):
            current_app.send_task("memories.tasks.read_memories", args=[str(tenant_id)], countdown=GATHERING)
    except (redis.RedisError, KombuError, OSError) as error:
        log.warning("reading left to the sweep", error=str(error))


def read_again(tenant_id: UUID, memory_ids: Sequence[UUID]) -> None:
    """Have memories read though their texts are the same, in the caller's open transaction of the tenant."""
    fetch_prepared(READ_AGAIN, {"tenant": tenant_id, "ids": list(memory_ids)})
    transaction.on_commit(partial(once_later, wake, tenant_id), robust=True)


def retry(tenant_id: UUID, memory_ids: Sequence[UUID]) -> int:
    """Make jobs due now, as if they had never failed; returns how many."""
    with tenant_scope(tenant_id):
        retried = ReadJob.objects.filter(tenant_id=tenant_id, memory_id__in=memory_ids).update(
            due_at=timezone.now(), attempts=0, error=""
        )
    wake(tenant_id)
    return retried


def sweep() -> int:
    """Wake a worker for every tenant with something to read; returns for how many."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT memos_unread_tenants()")
        tenants = [row[0] for row in cursor.fetchall()]
    for tenant_id in tenants:
        wake(tenant_id)
    return len(tenants)


def drain(tenant_id: UUID) -> int:
    """Read a tenant's memories until nothing is due or there is something to index; returns how many were read."""
    done = 0
    while not _is_indexing(tenant_id) and (claims := _claim(tenant_id)):
        # While one portion is learned from, nobody else changes the tenant's entities.
        for portion, _ in portions(tenant_id, claims, PORTION_CHARACTERS):
            done += read(tenant_id, portion)
    return done


def read(tenant_id: UUID, claims: Sequence[Claim]) -> int:
    """Have the graph learn from claimed memories; one that fails does not hold up the others."""
    try:
        return _read(tenant_id, claims)
    except (OperationalError, InterfaceError, PoolTimeout):
        raise  # the database is away: the lease brings the jobs back
    except Exception as error:
        if len(claims) > 1:
            return sum(read(tenant_id, [each]) for each in claims)
        log.exception("a memory could not be read", memory=str(claims[0].memory_id))
        _put_back(tenant_id, claims[0], repr(error))
        return 0


def _read(tenant_id: UUID, claims: Sequence[Claim]) -> int:
    with tenant_scope(tenant_id):
        memories = list(
            Memory.objects.filter(tenant_id=tenant_id, pk__in=[each.memory_id for each in claims])
            .exclude(kind__in=SILENT)
            .only(
                "content",
                "title",
                "speaker",
                "user_id",
                "role",
                "occurred_at",
                "content_hash",
                "language",
                "valid_from",
                "valid_to",
                "expires_at",
            )
        )
    extractions = get_extractor().extract([_passage(memory) for memory in memories])
    read = {
        memory.pk: (memory, _placed(memory, found))
        for memory, found in zip(memories, extractions, strict=True)
    }
    said = {pk: (_source(memory), found) for pk, (memory, found) in read.items()}
    with tenant_scope(tenant_id):
        take_turns(tenant_id)
        claimed = {"tenant": tenant_id, "ids": [each.memory_id for each in claims]}
        present = dict(fetch_prepared(HOLD_MEMORIES, claimed))
        revisions = dict(fetch_prepared(HOLD_JOBS, claimed))
        ours = {each.memory_id for each in claims if revisions.get(each.memory_id) == each.revision}
        same = {
            pk: each for pk, each in said.items() if pk in ours and present.get(pk) == each[0].content_hash
        }
        unclear = graph.learn(tenant_id, [*same.values()])
        done = [pk for pk in ours if pk in same or pk not in said]
        send_prepared(FINISH, {"tenant": tenant_id, "ids": done})
    _doubt_by_meaning(tenant_id, unclear)
    return len(same)


def _doubt_by_meaning(tenant_id: UUID, unclear: Sequence[Unclear]) -> None:
    """Ask a curator about entities whose names mean the same, by the model with which that was measured."""
    spec = active_model().spec
    if not unclear or spec.name != BY_MODEL:
        return
    names = sorted({name for each in unclear for name in (each.one_name, each.other_name)})
    encodings = get_embedder(spec).encode(names)
    meant = {name: each.vector for name, each in zip(names, encodings, strict=True)}
    alike = [each for each in unclear if meant[each.one_name] @ meant[each.other_name] >= MEANS_THE_SAME]
    if alike:
        raise_doubts(tenant_id, alike)


def _source(memory: Memory) -> Source:
    # What expires is found no more, and nothing that it says holds longer.
    end = min(filter(None, (memory.valid_to, memory.expires_at)), default=None)
    return Source(memory.pk, memory.content_hash, memory.occurred_at, memory.valid_from, end)


def _passage(memory: Memory) -> Passage:
    # Who has no name is known by the caller's id.
    speaker = memory.speaker or (memory.user_id if memory.role == Memory.Role.USER else "")
    return Passage(text_of(memory), speaker, memory.occurred_at, memory.language)


def _placed(memory: Memory, found: Extraction) -> Extraction:
    """What was found, with places in the content, and with the memory's user for "the user", who is nobody without."""
    shift = len(memory.title) + 1 if memory.title else 0
    names = {each.name: memory.user_id if each.name == USER else each.name for each in found.mentions}
    return replace(
        found,
        mentions=tuple(
            replace(
                each, name=names[each.name], start=max(0, each.start - shift), end=max(0, each.end - shift)
            )
            for each in found.mentions
            if names[each.name]
        ),
        statements=tuple(
            replace(each, subject=names[each.subject], object=names[each.object])
            for each in found.statements
            if names.get(each.subject) and names.get(each.object)
        ),
    )


def _claim(tenant_id: UUID) -> list[Claim]:
    """What is due, as much as is done within the lease; what killed its workers again and again is given up."""
    while taken := _take(tenant_id):
        lost = [each.memory_id for each in taken if each.attempts > MAX_ATTEMPTS]
        if lost:
            with tenant_scope(tenant_id):
                ReadJob.objects.filter(memory_id__in=lost).update(
                    due_at=None, error="Its reading never came to an end."
                )
        if claims := [each for each in taken if each.attempts <= MAX_ATTEMPTS]:
            return claims
    return []


def _take(tenant_id: UUID) -> list[Claim]:
    asks_a_model = bool(settings.MEMOS_EXTRACTION_LLM_URL)
    lease = LEASE + 2 * settings.MEMOS_EXTRACTION_LLM_TIMEOUT if asks_a_model else LEASE
    with tenant_scope(tenant_id):
        rows = fetch_prepared(
            CLAIM, {"tenant": tenant_id, "lease": lease, "limit": 1 if asks_a_model else BATCH}
        )
    return [Claim(*row) for row in rows]


def _is_indexing(tenant_id: UUID) -> bool:
    """Whether something waits for its vectors that has not failed yet."""
    with tenant_scope(tenant_id):
        due = IndexJob.objects.filter(tenant_id=tenant_id, due_at__lte=timezone.now(), error="")
        # The first in the index's order, not exists(): ``tenancy.planner`` says why.
        return due.order_by("due_at").values("due_at").first() is not None


def _put_back(tenant_id: UUID, claim: Claim, error: str) -> None:
    due = (
        None if claim.attempts >= MAX_ATTEMPTS else timezone.now() + timedelta(seconds=10 * 2**claim.attempts)
    )
    with tenant_scope(tenant_id):
        ReadJob.objects.filter(memory_id=claim.memory_id, revision=claim.revision).update(
            due_at=due, error=error[:2000]
        )
