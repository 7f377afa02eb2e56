"""What was recalled when: gathered in Redis, since a row must not be written each time it is read."""

from collections import Counter
from collections.abc import Iterable
from itertools import batched
from typing import Any, cast
from uuid import UUID

import redis
import structlog
from django.db import connection

from memos_project.db import tenant_scope
from memos_project.redis import client

log = structlog.get_logger(__name__)

TENANTS = "accesses:tenants"
# Recalls of a tenant that are kept while nobody flushes them.
KEPT = 100_000

WRITE = """
UPDATE memories_memory m SET access_count = m.access_count + a.times, last_accessed_at = now()
FROM (SELECT unnest(%(ids)s::uuid[]) AS id, unnest(%(times)s::int[]) AS times ORDER BY 1) a
WHERE m.id = a.id AND m.tenant_id = %(tenant)s
"""


def note(tenant_id: UUID, memory_ids: Iterable[UUID]) -> None:
    """Remember that these were recalled; with Redis down the count is lost, the recall is not."""
    try:
        pipeline = client().pipeline(transaction=False)
        recalled = b"".join(memory_id.bytes for memory_id in memory_ids)
        pipeline.rpush(f"accesses:{tenant_id}", recalled)
        pipeline.ltrim(f"accesses:{tenant_id}", -KEPT, -1)
        pipeline.sadd(TENANTS, str(tenant_id))
        pipeline.execute()
    except redis.RedisError as error:
        log.warning("accesses not counted", error=str(error))


def flush() -> int:
    """Write the gathered counts to the rows; returns how many rows had been read."""
    flushed = 0
    members: set[bytes] = cast(Any, client().smembers(TENANTS))
    for member in members:
        flushed += _flush_tenant(UUID(member.decode()))
    return flushed


def _flush_tenant(tenant_id: UUID) -> int:
    key, taken = f"accesses:{tenant_id}", f"accesses:{tenant_id}:taken"
    client().srem(TENANTS, str(tenant_id))
    # What an interrupted flush had taken is written first; only then is more taken.
    if not client().exists(taken):
        try:
            client().rename(key, taken)
        except redis.ResponseError:
            return 0
    else:
        client().sadd(TENANTS, str(tenant_id))
    recalls: list[bytes] = cast(Any, client().lrange(taken, 0, -1))
    counts = Counter(
        UUID(bytes=recalled[at : at + 16]) for recalled in recalls for at in range(0, len(recalled), 16)
    )
    for some in batched(sorted(counts), 1000):
        with tenant_scope(tenant_id), connection.cursor() as cursor:
            cursor.execute(
                WRITE, {"tenant": tenant_id, "ids": list(some), "times": [counts[each] for each in some]}
            )
    client().delete(taken)
    return len(counts)
