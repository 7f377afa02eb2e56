"""Requests that may be sent again: the first answer is kept with the write it belongs to."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models.functions import Now

from memos_project.db import tenant_scope
from memos_project.errors import Conflict
from memos_project.tenancy.models import IdempotentRequest, Tenant

KEPT = timedelta(days=1)

# Setting the key to itself locks the row of whoever was first, so that its answer is there to be read.
TAKE = """
INSERT INTO tenancy_idempotentrequest (tenant_id, key, fingerprint) VALUES (%(tenant)s, %(key)s, %(fingerprint)s)
ON CONFLICT (tenant_id, key) DO UPDATE SET key = EXCLUDED.key
"""

type Answer = tuple[int, Any]


def answer_once(
    tenant_id: UUID, key: str, fingerprint: bytes, act: Callable[[], Answer]
) -> tuple[int, Any, bool]:
    """Act and keep the answer in the same transaction, or return the answer that is kept: (status, body, replayed).

    A second request with the same key waits for the first one's transaction. Raises Conflict where the key
    came with another request before.
    """
    with tenant_scope(tenant_id):
        with connection.cursor() as cursor:
            cursor.execute(TAKE, {"tenant": tenant_id, "key": key, "fingerprint": fingerprint})
        kept = IdempotentRequest.objects.get(pk=(tenant_id, key))
        if bytes(kept.fingerprint) != fingerprint:
            raise Conflict("This Idempotency-Key came with another request before.", field="Idempotency-Key")
        if kept.status is not None:
            return kept.status, kept.body, True
        status, body = act()
        IdempotentRequest.objects.filter(pk=kept.pk).update(status=status, body=body)
        return status, body, False


def drop_old() -> int:
    """Delete keys older than a day, tenant by tenant; returns how many."""
    dropped = 0
    for tenant_id in Tenant.objects.values_list("id", flat=True):
        with tenant_scope(tenant_id):
            dropped += IdempotentRequest.objects.filter(created_at__lt=Now() - KEPT).delete()[0]
    return dropped
