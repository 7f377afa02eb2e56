"""Word statistics of large tenants, counted now and then; small scopes are counted as they are read."""

from datetime import datetime
from uuid import UUID

from django.db import connection

from memories.models import TextStatistics
from memories.scopes import look
from memories.vectors import graph, vector_index
from memos_project.db import tenant_scope
from memos_project.tenancy.models import Tenant

# Below this a tenant has no need of statistics; a word in fewer memories than that is counted as it is read.
LARGE = 5_000
FREQUENT = 500
# The statistics may lag behind by this share of the memories before they are counted again.
GROWTH = 0.1

COUNT = """
INSERT INTO memories_textstatistics (tenant_id, documents, total_length, counted_at)
SELECT %(tenant)s, count(*), coalesce(sum(length), 0), now() FROM memories_memory WHERE tenant_id = %(tenant)s
ON CONFLICT (tenant_id) DO UPDATE
SET documents = EXCLUDED.documents, total_length = EXCLUDED.total_length, counted_at = EXCLUDED.counted_at
"""

COUNT_TERMS = """
INSERT INTO memories_frequentterm (tenant_id, term, documents)
SELECT tenant_id, term, count(*) FROM memories_posting
WHERE tenant_id = %(tenant)s GROUP BY tenant_id, term HAVING count(*) >= %(frequent)s
"""


def refresh() -> int:
    """Recount every tenant that has outgrown its statistics; returns how many were recounted."""
    tenants = Tenant.objects.filter(active=True).values_list("id", flat=True)
    recounted = sum(refresh_tenant(tenant_id) for tenant_id in tenants)
    for tenant_id in tenants:
        if needs_graph(tenant_id):
            graph.turn_on(tenant_id)
    return recounted


def needs_graph(tenant_id: UUID) -> bool:
    """Whether a tenant has become too large to be searched exactly and its HNSW index is not complete."""
    with tenant_scope(tenant_id):
        if not TextStatistics.objects.filter(tenant_id=tenant_id).exists():
            return False
    scope = look(tenant_id, None)
    return scope.is_large and not scope.in_graph and vector_index().in_database


def refresh_tenant(tenant_id: UUID) -> bool:
    """Count a tenant's words if it is large and has grown since; returns whether it was counted."""
    with tenant_scope(tenant_id):
        known = TextStatistics.objects.filter(tenant_id=tenant_id).first()
        needed = int(known.documents * GROWTH) if known else LARGE
        if _newer_than(tenant_id, known.counted_at if known else None, needed + 1) <= needed:
            return False
        with connection.cursor() as cursor:
            cursor.execute(COUNT, {"tenant": tenant_id})
            cursor.execute("DELETE FROM memories_frequentterm WHERE tenant_id = %s", [tenant_id])
            cursor.execute(COUNT_TERMS, {"tenant": tenant_id, "frequent": FREQUENT})
    return True


def _newer_than(tenant_id: UUID, moment: datetime | None, limit: int) -> int:
    """How many memories came after a moment, counted no further than ``limit``: ids are ordered by time."""
    first = UUID(int=int(moment.timestamp() * 1000) << 80) if moment else UUID(int=0)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM (SELECT FROM memories_memory WHERE tenant_id = %s AND id > %s LIMIT %s) counted",
            [tenant_id, first, limit],
        )
        row = cursor.fetchone()
    return int(row[0]) if row else 0
