"""The candidates of a search, by three SQL statements put together from ``sql/recall/``.

The first asks the words, the second all else: what the words say is known when the question's vector is. The third
looks again, by the graph, for what belongs to the best of them.
A statement's text depends only on which filters are set and how large the scope is, so that PostgreSQL plans
each once per connection; everything a caller says is a parameter.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cache
from itertools import chain
from operator import itemgetter
from pathlib import Path
from typing import Any, Literal
from uuid import UUID

from pgvector import HalfVector
from psycopg.types.json import Jsonb

from memories.found import Found, Words, found_in
from memories.models import CONSOLIDATION, Memory
from memories.ranking import Profile, saturation
from memories.scopes import SearchScope
from memories.vectors import Neighbour, Vector
from memories.vectors.pgvector import HNSW_SETTINGS
from memos_project.db import fetch_prepared, send_prepared, set_locally

SQL = Path(__file__).parent / "sql" / "recall"

# How many of each list are looked at, more where a second stage chooses from them; from how many of the best the turns
# around are fetched, and how far.
CANDIDATES = 24
RERANKED = 64
SEEDS = 8
REACH = 1
# From how many of the best the graph is asked for more, how many mentions make a thing too common to link memories, how
# many mentions are followed, those of the rarest things first, and how many of the linked are looked at for those that
# the filters let through.
BEST = 10
COMMON = 48
LINKS = 300
LOOKED = 128
# How many things that the best mention are looked up, those that most of them share first: a book names thousands.
ENTITIES = 256
# Postings that a search in a large scope may read to choose its candidates.
POSTINGS = 10_000
# Up to how many rows a search may list by its filters.
NAMED = 5_000
TYPICAL_LENGTH = 25.0

type How = Literal["exact", "large", "named", "given", "none"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """What a list or a search is narrowed to: all that is set must hold. Times are half-open, [since, until)."""

    user_id: str | None = None
    agent_id: str | None = None
    conversation_id: str | None = None
    kinds: Sequence[str] = ()
    tiers: Sequence[int] = ()
    category: str | None = None
    tags: Sequence[str] = ()
    since: datetime | None = None
    until: datetime | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)


LIVE = (
    "(m.expires_at IS NULL OR m.expires_at > now()) AND (m.valid_to IS NULL OR m.valid_to > now())"
    " AND m.superseded_by_id IS NULL"
)
FIRST_HAND = f"NOT (m.kind = '{Memory.Kind.NOTE}' AND m.agent_id = '{CONSOLIDATION}')"
CONDITIONS: dict[str, str] = {
    # The hash leads into the index, the name decides.
    "user_id": "m.owner = hashtextextended(%(user_id)s, 0) AND m.user_id = %(user_id)s",
    "agent_id": "m.agent_id = %(agent_id)s",
    "conversation_id": (
        "m.conversation_id = ANY(ARRAY(SELECT c.id FROM memories_conversation c"
        " WHERE c.tenant_id = %(tenant)s AND c.key = %(conversation_id)s))"
    ),
    "kinds": "m.kind = ANY(%(kinds)s::text[])",
    "tiers": "m.tier = ANY(%(tiers)s::smallint[])",
    "category": "m.category = %(category)s",
    "tags": "m.tags::text[] @> %(tags)s::text[]",
    "since": "m.occurred_at >= %(since)s",
    "until": "m.occurred_at < %(until)s",
    "metadata": "m.metadata @> %(metadata)s",
}


# What the index on kinds asks for.
OF_ONE_KIND = f"m.kind = (%(kinds)s::text[])[1] AND m.kind <> '{Memory.Kind.MESSAGE}'"


def conditions(filters: Filters) -> list[str]:
    """The SQL conditions on a memory ``m`` for the filters that are set."""
    wanted = [sql for name, sql in CONDITIONS.items() if _is_set(getattr(filters, name))]
    # A conversation's rows are fewer than those of a kind.
    if len(filters.kinds) == 1 and Memory.Kind.MESSAGE not in filters.kinds and not filters.conversation_id:
        wanted.append(OF_ONE_KIND)
    return wanted


def filter_params(filters: Filters) -> dict[str, Any]:
    """The parameters of ``conditions``."""
    values = {name: getattr(filters, name) for name in CONDITIONS if _is_set(getattr(filters, name))}
    for name in ("kinds", "tiers", "tags"):
        if name in values:
            values[name] = list(values[name])
    if "metadata" in values:
        values["metadata"] = Jsonb(values["metadata"])
    return values


def _is_set(value: object) -> bool:
    return value is not None and value != () and value != [] and value != {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """All that the statement needs to know."""

    tenant_id: UUID
    language: str
    text: str
    filters: Filters
    scope: SearchScope
    profile: Profile
    model_id: int
    dimensions: int
    vector: Vector | None = None
    neighbours: Sequence[Neighbour] | None = None
    """The nearest memories as an index outside of the database found them."""
    wanted: int = 10
    rerank: bool = True
    """Whether a second stage follows."""
    by_name: bool = False
    """Whether the filters are so narrow that their rows are listed first."""

    @property
    def conditions(self) -> tuple[str, ...]:
        """What a memory must fulfil. Notes that consolidation made are found by who asks for their kind or tier."""
        asked = self.filters.kinds or self.filters.tiers
        return (LIVE, *(() if asked else (FIRST_HAND,)), *conditions(self.filters))

    @property
    def candidates(self) -> int:
        """How many of each list to look at: doubled until it is twice what is wanted, so that statements are few."""
        candidates = RERANKED if self.rerank else CANDIDATES
        while candidates < 2 * self.wanted:
            candidates *= 2
        return candidates

    @property
    def narrowed(self) -> bool:
        """Whether filters leave but a part of the scope."""
        return bool(conditions(replace(self.filters, user_id=None)))

    @property
    def way(self) -> How:
        if self.by_name:
            return "named"
        return "large" if self.scope.is_large else "exact"

    @property
    def vector_way(self) -> How:
        if self.profile.mode == "text" or self.vector is None:
            return "none"
        if self.neighbours is not None:
            return "given"
        return "exact" if self.way == "large" and not self.scope.in_graph else self.way


PLANNED_ONCE = {"plan_cache_mode": "force_generic_plan"}


def find_by_words[T](search: Search, meanwhile: Callable[[], T]) -> tuple[Search, Words, T]:
    """What the words find, in the tenant scope that is open, and the search as it goes on.

    ``meanwhile`` is called, and its answer returned, while the database looks; the scope must be a ``read_scope``
    for that. A conversation is small: its rows are listed, unless there are too many of them.
    """
    by_words = _no_words if search.profile.mode == "vector" else _ask_words
    if search.filters.conversation_id is None:
        words, answer = by_words(search), meanwhile()
        return search, words(), answer
    by_name = replace(search, by_name=True)
    words, answer = _ask_words(by_name), meanwhile()
    found = words()
    return (by_name, found, answer) if found.documents < NAMED else (search, by_words(search)(), answer)


def find(search: Search, words: Words) -> Found:
    """The candidates of a search, in the tenant scope that is open.

    Filters that leave little of a large scope can starve its indexes; then their rows are listed instead.
    """
    found = _pool(search, words)
    if search.scope.is_large and search.narrowed and not search.by_name and len(found.ids) < search.wanted:
        search = replace(search, by_name=True, neighbours=None)
        found = _pool(search, _ask_words(search)())
    return found


def linked(search: Search, found: Found, best: Sequence[UUID], *, most: int) -> Found:
    """The candidates and after them those that the graph links to the best of them, in the tenant scope that is open.

    None are added without a vector: who has none has no second stage in which they could rise.
    """
    if search.vector is None or not most:
        return found
    sql = linked_statement(
        scoped=search.filters.user_id is not None,
        conditions=search.conditions,
        model_id=search.model_id,
        dimensions=search.dimensions,
        linked=most,
    )
    params: dict[str, Any] = {
        "tenant": search.tenant_id,
        "best": list(best),
        "known": found.ids,
        "terms": list(found.words.terms),
        "vector": HalfVector(search.vector),
        **filter_params(search.filters),
    }
    if search.vector_way == "large":
        set_locally({"enable_sort": "on"})
    return found.and_also(fetch_prepared(sql, params))


def _no_words(search: Search) -> Callable[[], Words]:
    return Words


def _ask_words(search: Search) -> Callable[[], Words]:
    """Send the first statement; what is returned waits for its answer."""
    sql = words_statement(
        way=search.way,
        scoped=search.filters.user_id is not None,
        conditions=search.conditions,
        candidates=search.candidates,
    )
    k1, b = saturation(search.profile, TYPICAL_LENGTH)
    params = {
        "tenant": search.tenant_id,
        "language": search.language,
        "query": search.text[:10_000],
        "k1": k1,
        "b": b,
        "documents": search.scope.rows,
        **filter_params(search.filters),
    }
    rows = send_prepared(sql, params)
    return lambda: Words(*rows()[0])


def _pool(search: Search, words: Words) -> Found:
    sql = pool_statement(
        vectors=search.vector_way,
        scoped=search.filters.user_id is not None,
        conditions=search.conditions,
        model_id=search.model_id,
        dimensions=search.dimensions,
        candidates=search.candidates,
        seeds=SEEDS if search.profile.mode == "hybrid" else 0,
    )
    params: dict[str, Any] = {
        "tenant": search.tenant_id,
        "text_ids": [] if search.profile.mode == "vector" else list(words.ids),
        "terms": list(words.terms),
        **filter_params(search.filters),
    }
    if search.vector is not None:
        params["vector"] = HalfVector(search.vector)
    if search.neighbours is not None:
        params["near_ids"] = [each.memory_id for each in search.neighbours]
        params["near_cosines"] = [each.similarity for each in search.neighbours]
    # In a large scope the HNSW index is walked in its order; nothing else may be sorted instead.
    large = search.vector_way == "large"
    set_locally({**(HNSW_SETTINGS if large else {}), "enable_sort": "off" if large else "on"})
    # They come in no order, and the ranking leaves what scores alike in that of its rows: the older first, each time.
    return found_in(sorted(fetch_prepared(sql, params), key=itemgetter(0)), words)


@cache
def words_statement(*, way: How, scoped: bool, conditions: tuple[str, ...], candidates: int) -> str:
    """The first statement for one way of searching; the same text each time, so that it is prepared once."""
    hits = {
        "exact": ("hits_exact", "bm25"),
        "named": ("named", "hits_named", "bm25"),
        "large": ("hits_pruned",),
    }
    return _statement(("terms", *hits[way], "text_best", "words"), scoped, conditions, candidates)


@cache
def pool_statement(
    *,
    vectors: How,
    scoped: bool,
    conditions: tuple[str, ...],
    model_id: int,
    dimensions: int,
    candidates: int,
    seeds: int,
) -> str:
    """The second statement for one way of searching."""
    listed = ("named",) if vectors == "named" else ()
    places = {
        "{cosine}": COSINE if vectors != "none" else "NULL::float8",
        "{model}": str(int(model_id)),
        "{dimensions}": str(int(dimensions)),
        "{seeds}": str(int(seeds)),
    }
    parts = ("text_given", *listed, f"vectors_{vectors}", "pool")
    return _statement(parts, scoped, conditions, candidates, places)


@cache
def linked_statement(
    *, scoped: bool, conditions: tuple[str, ...], model_id: int, dimensions: int, linked: int
) -> str:
    """The third statement; what the graph links stands where the second one has what the words found."""
    places = {
        "{cosine}": COSINE,
        "{model}": str(int(model_id)),
        "{dimensions}": str(int(dimensions)),
        "{seeds}": "0",
        "{common}": str(COMMON),
        "{entities}": str(ENTITIES),
        "{links}": str(LINKS),
        "{looked}": str(LOOKED),
        "{linked}": str(int(linked)),
    }
    return _statement(("linked", "vectors_none", "pool"), scoped, conditions, linked, places)


# Of the candidates that the vectors did not find themselves.
COSINE = """coalesce(c.cosine, (
           SELECT max(1 - (v.embedding::halfvec({dimensions}) <=> %(vector)s::halfvec({dimensions})))
           FROM memories_memoryvector v WHERE v.memory_id = c.id AND v.model_id = {model}
       ))"""


def _statement(
    parts: Iterable[str],
    scoped: bool,
    conditions: tuple[str, ...],
    candidates: int,
    places: Mapping[str, str] | None = None,
) -> str:
    """Limits stand in it as numbers: of a parameter the planner would have to assume that it is large."""
    places = {
        **(places or {}),
        "{filters}": " AND ".join(conditions),
        "{candidates}": str(int(candidates)),
        # Those that common words may still lift among the best.
        "{chosen}": str(4 * int(candidates)),
        "{reach}": str(REACH),
        "{named}": str(NAMED),
        "{postings}": str(POSTINGS),
        **{
            f"{{owner_{alias}}}": f"AND {alias}.owner = hashtextextended(%(user_id)s, 0)" if scoped else ""
            for alias in ("p", "m", "n", "v")
        },
    }
    # psycopg keeps parsed what has up to 4096 characters; without comments all have but the longest.
    lines = chain.from_iterable((SQL / f"{part}.sql").read_text().splitlines() for part in parts)
    sql = " ".join(line.split("--")[0].strip() for line in lines)
    for place, text in places.items():
        sql = sql.replace(place, text)
    return sql
