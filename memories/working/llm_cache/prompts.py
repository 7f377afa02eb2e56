"""The index of stored prompts: rows with vectors, whose entries are in Redis.

Redis has no vector index that Valkey has too, so the prompts are in PostgreSQL, in a table without a write-ahead log: a
cache that a crash empties. A row whose entry has gone is struck off by whoever comes upon it.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import batched
from threading import Lock
from uuid import UUID

import numpy as np
from django.utils import timezone
from pgvector import HalfVector

from memories.models import CachedPrompt
from memories.vectors import Vector
from memos_project.db import fetch_prepared, read_scope, tenant_scope
from memos_project.tenancy.models import Tenant

# Up to so many prompts of a scope are compared one by one; more are searched through the HNSW index.
FEW = 2000
SIZES_KEPT = 10_000
SIZE_SECONDS = 30.0

PUT = """
INSERT INTO memories_cachedprompt (tenant_id, key, scope, prompt, embedding, expires_at)
VALUES (%(tenant)s, %(key)s, %(scope)s, %(prompt)s, %(vector)s, %(expires_at)s)
ON CONFLICT (tenant_id, key) DO UPDATE
SET scope = excluded.scope, prompt = excluded.prompt, embedding = excluded.embedding, expires_at = excluded.expires_at
"""
SIZE = """
SELECT count(*) FROM (
    SELECT FROM memories_cachedprompt p WHERE p.tenant_id = %(tenant)s AND p.scope = %(scope)s LIMIT %(limit)s
) counted
"""
NEAREST = "SELECT key, prompt, cosine FROM memos_nearest_prompts(%(tenant)s, %(scope)s, %(vector)s, %(many)s, %(limit)s)"
WANTED = 3
# Keys asked about at once.
SWEPT = 500


@dataclass(frozen=True, slots=True)
class Near:
    key: str
    prompt: str
    cosine: float


_sizes: dict[tuple[UUID, UUID], tuple[float, int]] = {}
_lock = Lock()


def put(tenant_id: UUID, key: str, scope: UUID, prompt: str, vector: Vector, *, ttl: float) -> None:
    """Store a prompt with its vector (float32, unit length) for ``ttl`` seconds, in place of the one it had."""
    with tenant_scope(tenant_id, pipelined=True):
        params = {
            "tenant": tenant_id,
            "key": UUID(key),
            "scope": scope,
            "prompt": prompt,
            "vector": HalfVector(_fitted(vector)),
            "expires_at": timezone.now() + timedelta(seconds=ttl),
        }
        fetch_prepared(f"{PUT} RETURNING 1", params)


def nearest(tenant_id: UUID, scope: UUID, vector: Vector) -> list[Near]:
    """The nearest prompts of a scope, the nearest first."""
    params = {
        "tenant": tenant_id,
        "scope": scope,
        "vector": HalfVector(_fitted(vector)),
        "many": _size(tenant_id, scope) > FEW,
        "limit": WANTED,
    }
    rows = fetch_prepared(NEAREST, params)
    return [Near(key.hex, prompt, float(cosine)) for key, prompt, cosine in rows]


def drop(tenant_id: UUID, keys: Sequence[str]) -> None:
    if keys:
        with tenant_scope(tenant_id):
            CachedPrompt.objects.filter(tenant_id=tenant_id, key__in=[UUID(key) for key in keys]).delete()


def drop_all(tenant_id: UUID) -> None:
    """Also those whose answers Redis has lost."""
    with tenant_scope(tenant_id):
        CachedPrompt.objects.filter(tenant_id=tenant_id).delete()


def sweep(is_there: Callable[[UUID, Sequence[str]], list[bool]]) -> int:
    """Delete, tenant by tenant, the rows whose time is over and those whose answers are gone; returns how many."""
    dropped = 0
    for tenant_id in Tenant.objects.values_list("id", flat=True):
        rows = CachedPrompt.objects.filter(tenant_id=tenant_id)
        with tenant_scope(tenant_id):
            dropped += rows.filter(expires_at__lt=timezone.now()).delete()[0]
            keys = [key.hex for key in rows.values_list("key", flat=True)]
        for some in batched(keys, SWEPT):
            gone = [key for key, there in zip(some, is_there(tenant_id, some), strict=True) if not there]
            drop(tenant_id, gone)
            dropped += len(gone)
    return dropped


def _size(tenant_id: UUID, scope: UUID) -> int:
    """How many prompts a scope has, counted no further than needed, at most half a minute ago."""
    known = _sizes.get((tenant_id, scope))
    if known and time.monotonic() - known[0] < SIZE_SECONDS:
        return known[1]
    with read_scope(tenant_id):
        [(size,)] = fetch_prepared(SIZE, {"tenant": tenant_id, "scope": scope, "limit": FEW + 1})
    with _lock:
        if len(_sizes) >= SIZES_KEPT:
            _sizes.clear()
        _sizes[tenant_id, scope] = (time.monotonic(), size)
    return int(size)


def _fitted(vector: Vector) -> Vector:
    """A vector of any model in the dimensions of the column: its leading ones (Matryoshka), or filled up with zeros."""
    fitted = np.zeros(CachedPrompt.DIMENSIONS, np.float32)
    leading = vector[: CachedPrompt.DIMENSIONS]
    fitted[: len(leading)] = leading / max(float(np.linalg.norm(leading)), 1e-12)
    return fitted
