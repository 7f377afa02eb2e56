"""Waiting until what was stored is indexed, and lending a hand."""

import time
from collections.abc import Iterator
from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.db import connection

from memories import indexing
from memories.models import IndexJob
from memos_project.db import tenant_scope


def count_given_up(tenant_id: UUID) -> int:
    """How many memories of a tenant could not be indexed and wait for a curator."""
    with tenant_scope(tenant_id):
        return IndexJob.objects.filter(tenant_id=tenant_id, due_at=None).count()


def until_indexed(tenant_id: UUID) -> Iterator[int]:
    """Index what a tenant has waiting, beside the workers or without any; yields how much is left, at last 0.

    What others write meanwhile is not waited for.
    """
    begun = _database_time()
    while left := _count_waiting(tenant_id, begun):
        yield left
        if claims := indexing.claim(tenant_id, limit=settings.MEMOS_INDEX_BATCH):
            indexing.level(tenant_id, claims)
        else:
            time.sleep(0.2)  # the rest is in the hands of workers, or is tried again after a pause
    yield 0


def _count_waiting(tenant_id: UUID, until: datetime) -> int:
    with tenant_scope(tenant_id):
        return IndexJob.objects.filter(
            tenant_id=tenant_id, due_at__isnull=False, enqueued_at__lte=until
        ).count()


def _database_time() -> datetime:
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        now: datetime = cursor.fetchall()[0][0]
    return now
