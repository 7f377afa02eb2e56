"""How large a search's scope is and who speaks in it: what must be known before the search itself."""

import time
from dataclasses import dataclass
from threading import Lock
from uuid import UUID

from django.conf import settings
from django.db import connection

from memos_project.db import tenant_scope

# A scope is looked at again after this time: being a little off makes a search slower, not wrong.
FRESH_SECONDS = 30.0
KEPT = 10_000
MOST_SPEAKERS = 50
ALL_VECTORS = (
    "SELECT greatest(reltuples, 0)::bigint FROM pg_class WHERE oid = 'memories_memoryvector'::regclass"
)

LOOK = """
SELECT
    (SELECT count(*) FROM (
        SELECT FROM memories_memory m
        WHERE m.tenant_id = %(tenant)s AND (%(user)s::text IS NULL OR m.owner = hashtextextended(%(user)s, 0))
        LIMIT %(limit)s
    ) counted),
    (SELECT coalesce(array_agg(name), '{}') FROM (
        SELECT DISTINCT s.name FROM memories_speaker s
        WHERE s.tenant_id = %(tenant)s AND (%(user)s::text IS NULL OR s.owner = hashtextextended(%(user)s, 0))
        LIMIT %(speakers)s
    ) counted),
    (SELECT EXISTS (SELECT FROM memories_graphtenant g WHERE g.tenant_id = %(tenant)s AND g.complete))
"""


@dataclass(frozen=True, slots=True)
class SearchScope:
    """A tenant or one user's part of it."""

    rows: int
    """How many memories, counted up to one more than the limit of exact search."""
    is_large: bool
    """Whether it is too large to read all of it: postings are pruned then."""
    in_graph: bool
    """Whether the HNSW index holds all vectors of its tenant."""
    speakers: tuple[str, ...]
    """Their names; empty where there are so many that a name says what is meant, not only who."""

    @property
    def searched_as(self) -> tuple[int, bool, bool, tuple[str, ...]]:
        """All of it that a search depends on: a small scope is counted anew as it is read."""
        return self.rows if self.is_large else 0, self.is_large, self.in_graph, self.speakers


_known: dict[tuple[UUID, str | None], tuple[float, SearchScope]] = {}
_lock = Lock()


def scope_of(tenant_id: UUID, user_id: str | None) -> SearchScope:
    """The scope of a tenant, or of one user of it; at most half a minute old."""
    key = (tenant_id, user_id)
    known = _known.get(key)
    if known and time.monotonic() - known[0] < FRESH_SECONDS:
        return known[1]
    scope = look(tenant_id, user_id)
    with _lock:
        if len(_known) >= KEPT:
            _known.clear()
        _known[key] = (time.monotonic(), scope)
    return scope


def forget_all() -> None:
    """Look anew at every scope from now on."""
    _known.clear()


def look(tenant_id: UUID, user_id: str | None) -> SearchScope:
    """The scope as it is now."""
    with tenant_scope(tenant_id), connection.cursor() as cursor:
        cursor.execute(ALL_VECTORS)
        everything = (cursor.fetchone() or (0,))[0]
        limit = exact_limit(everything)
        cursor.execute(
            LOOK, {"tenant": tenant_id, "user": user_id, "limit": limit + 1, "speakers": MOST_SPEAKERS + 1}
        )
        rows, speakers, in_graph = cursor.fetchone() or (0, [], False)
    return SearchScope(
        rows, rows > limit, in_graph, tuple(sorted(speakers)) if len(speakers) <= MOST_SPEAKERS else ()
    )


def exact_limit(everything: int) -> int:
    """Up to how many rows a scope is searched exactly, given all vectors of the installation.

    Exact search costs about 1 µs a row, the HNSW index about 15 µs for each of the ef / (rows / everything)
    entries it must visit to find ef of the scope: they cost the same at sqrt(15 ef everything) rows.
    """
    return max(10_000, int(settings.MEMOS_EXACT_SEARCH_FACTOR * everything**0.5))
