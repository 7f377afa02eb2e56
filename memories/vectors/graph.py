"""Which vectors the HNSW index holds: those of tenants large enough to need it.

To put one vector into the index costs about as much as to embed the text it comes from; to search a few
thousand exactly costs less than to search the index among everybody else's.
"""

from uuid import UUID

from django.db import connection

from memos_project.db import tenant_scope

# Writers share this lock, and who turns a tenant's index on waits for them: no writer can then have looked
# before and write after.
SHARE = "SELECT pg_advisory_xact_lock_shared(hashtextextended('graph:' || %(tenant)s::text, 0))"
TAKE = "SELECT pg_advisory_xact_lock(hashtextextended('graph:' || %(tenant)s::text, 0))"
IS_ON = "SELECT EXISTS (SELECT FROM memories_graphtenant WHERE tenant_id = %(tenant)s)"
TURN_ON = "INSERT INTO memories_graphtenant (tenant_id) VALUES (%(tenant)s) ON CONFLICT DO NOTHING"
# What another transaction held was passed over: not all are in before nothing is left.
COMPLETE = """
UPDATE memories_graphtenant SET complete = true
WHERE tenant_id = %(tenant)s
  AND NOT EXISTS (SELECT FROM memories_memoryvector WHERE tenant_id = %(tenant)s AND NOT in_graph)
"""
# A join may execute a limited sub-select once for each row; a materialized one is executed once.
ENTER = """
WITH batch AS MATERIALIZED (
    SELECT memory_id, model_id, chunk FROM memories_memoryvector
    WHERE tenant_id = %(tenant)s AND NOT in_graph LIMIT %(limit)s FOR UPDATE SKIP LOCKED
)
UPDATE memories_memoryvector v SET in_graph = true FROM batch
WHERE v.memory_id = batch.memory_id AND v.model_id = batch.model_id AND v.chunk = batch.chunk
"""
BATCH = 500
# The key of a lock that a session holds, so that it is free again when its process is killed.
TURNING_ON = 7_106_001


def enters(tenant_id: UUID) -> bool:
    """Whether a vector written in the open transaction belongs into the HNSW index."""
    with connection.cursor() as cursor:
        cursor.execute(SHARE, {"tenant": tenant_id})
        cursor.execute(IS_ON, {"tenant": tenant_id})
        row = cursor.fetchone()
    return bool(row and row[0])


def turn_on(tenant_id: UUID) -> int:
    """Put a tenant's vectors into the HNSW index, in batches that may be stopped and continued; returns how many.

    Searches go on exactly until all are in. One process does this at a time; another returns at once.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [TURNING_ON])
        if cursor.fetchone() != (True,):
            return 0
    try:
        return _turn_on(tenant_id)
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [TURNING_ON])


def _turn_on(tenant_id: UUID) -> int:
    with tenant_scope(tenant_id), connection.cursor() as cursor:
        cursor.execute(TAKE, {"tenant": tenant_id})
        cursor.execute(TURN_ON, {"tenant": tenant_id})
    entered = 0
    while True:
        with tenant_scope(tenant_id), connection.cursor() as cursor:
            cursor.execute(ENTER, {"tenant": tenant_id, "limit": BATCH})
            if not cursor.rowcount:
                break
            entered += cursor.rowcount
    with tenant_scope(tenant_id), connection.cursor() as cursor:
        cursor.execute(COMPLETE, {"tenant": tenant_id})
    return entered
