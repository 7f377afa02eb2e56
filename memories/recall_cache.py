"""Answers that are given again: to a question that was asked before, while the tenant's memories are as they were.

The state of a tenant's memories is a number that the database raises in every transaction which changes what a recall
may answer (``sql/changes.sql``), with the moment at which the next memory ends. Both are part of the key, so an answer
is never taken back: after a change nobody asks for it any more. The state is read before the search; an answer may be
newer than the state it is kept under, never older.

A question that comes for the first time costs nothing extra, since most never come again.
"""

import hashlib
from collections.abc import Callable
from dataclasses import fields
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from django.conf import settings
from django.db import connection

from memories.answers import Explanation, Hit, Memento, Query, Recall, Turn
from memos_project import metrics
from memos_project.db import fetch_prepared, tenant_scope
from memos_project.near_cache import NearCache
from memos_project.tenancy.callers import TenantInfo

NAME = "recalls"
ENTRIES = 1000
# Larger answers are seldom, and a thousand of them would fill the process.
LARGEST_BYTES = 64 * 1024
# Questions that are known to have been asked: at least so many, at most twice that.
KNOWN = 10_000

CHANGES = "SELECT number, ends FROM memos_changes(%(tenant)s)"


class Doorkeeper:
    """Which keys have come lately; the last ``size`` of them at least."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._present: set[bytes] = set()
        self._former: set[bytes] = set()

    def knows(self, key: bytes) -> bool:
        """Whether the key came before; from now on it did."""
        known = key in self._present or key in self._former
        if len(self._present) >= self.size:
            self._former, self._present = self._present, set()
        self._present.add(key)
        return known


_asked = Doorkeeper(KNOWN)


def answer(tenant: TenantInfo, query: Query, *, besides: object, search: Callable[[], Recall]) -> Recall:
    """What ``search`` finds, or found when the tenant's memories were the same.

    ``besides`` is what else a search depends on than the tenant, the query and the memories. Within a transaction it is
    always searched: what only this transaction has written must reach nobody else.
    """
    seconds = settings.MEMOS_RECALL_CACHE_SECONDS
    if seconds <= 0 or connection.in_atomic_block:
        return search()
    question = _digest(tenant.id, tenant.language, tenant.overrides.get("ranking"), query, besides)
    if not _asked.knows(question):
        metrics.CACHE.labels(cache=NAME, outcome="unseen").inc()
        return search()
    [state] = fetch_prepared(CHANGES, {"tenant": tenant.id})
    key = _digest(question, *state).hex()
    found = _answers.find(key)
    if found is None:
        found = search()
        if not found.degraded and _is_small(found):
            _answers.keep(key, found, seconds=seconds)
    return found


def count_change(tenant_id: UUID) -> None:
    """Count a change that no trigger sees, in the transaction that makes it where there is one."""
    with tenant_scope(tenant_id), connection.cursor() as cursor:
        cursor.execute("SELECT memos_count_change(%s)", [tenant_id])


# Answers of another release may look different.
_FORM = [[each.name for each in fields(form)] for form in (Query, Recall, Hit, Memento, Explanation, Turn)]


def _digest(*parts: object) -> bytes:
    return hashlib.blake2b(repr((_FORM, parts)).encode("utf-8", "replace"), digest_size=20).digest()


def _is_small(found: Recall) -> bool:
    """Whether it is kept at all; not with an integer that JSON as we read it would round."""
    try:
        return len(_dump(found)) <= LARGEST_BYTES
    except TypeError:
        return False


def _dump(found: Recall) -> bytes:
    return orjson.dumps(found)


def _load(kept: bytes) -> Recall:
    said = orjson.loads(kept)
    return Recall([_hit(**each) for each in said["hits"]], said["degraded"])


def _hit(
    memory: dict[str, Any], score: float, explanation: dict[str, Any] | None, context: list[dict[str, Any]]
) -> Hit:
    return Hit(
        Memento(**{**memory, "id": UUID(memory["id"]), **_times(memory, "occurred_at", "created_at")}),
        score,
        Explanation(**explanation) if explanation else None,
        [Turn(**{**each, "id": UUID(each["id"]), **_times(each, "occurred_at")}) for each in context],
    )


def _times(said: dict[str, Any], *names: str) -> dict[str, datetime]:
    return {name: datetime.fromisoformat(said[name]) for name in names}


_answers = NearCache[Recall](NAME, entries=ENTRIES, seconds=30.0, dump=_dump, load=_load)
