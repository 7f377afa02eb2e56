"""The read path of the graph: entities, what holds of them at a moment, and what was known of it at another."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from operator import itemgetter
from uuid import UUID

from django.conf import settings
from django.db import OperationalError
from django.db.models import Q
from django.utils import timezone
from psycopg.errors import QueryCanceled

from graph.extraction import FUNCTIONAL, MUTUAL
from graph.models import EntityName, Merge, Relation
from graph.names import likeness, normal, sound_alike, sounds
from memos_project.db import fetch_prepared, read_scope, send_prepared, tenant_scope
from memos_project.errors import NotFound, Unavailable

# Whoever is married is so to one at a time, whichever of the two is named first; ``sql/projection.sql`` names them too.
MUTUALLY = f"ARRAY[{', '.join(f"'{name}'" for name in sorted(MUTUAL))}]"
# Whether what is later may end a relation at all: one with ``ends_since`` only what began in that time.
REACHES = "(n.ends_since IS NULL OR (r.valid_from >= n.ends_since AND r.valid_from < n.valid_from))"
# What was known at a moment, and which of it ends a relation: its denial, or of a thing that can be but one at a
# time another one. Later is what begins later; what begins together, what was learned later. Each is asked for apart, by an
# index of its own.
LATER = f"""
n.tenant_id = %(tenant)s AND n.predicate = r.predicate
AND n.learned_at <= %(known)s AND (n.unlearned_at IS NULL OR n.unlearned_at > %(known)s)
AND n.valid_from >= r.valid_from AND (n.valid_from, n.learned_at, n.id) > (r.valid_from, r.learned_at, r.id) AND {REACHES}
"""
ENDED = f"""
SELECT e.id, e.valid_from, e.negated FROM (
    (SELECT n.id, n.valid_from, n.learned_at, n.negated FROM graph_relation n
     WHERE n.negated AND n.subject_id = r.subject_id AND n.object_id = r.object_id AND {LATER}
     ORDER BY n.valid_from, n.learned_at, n.id LIMIT 1)
    UNION ALL
    (SELECT n.id, n.valid_from, n.learned_at, n.negated FROM graph_relation n
     WHERE r.predicate = ANY(%(functional)s) AND NOT n.negated AND n.subject_id = r.subject_id AND n.object_id <> r.object_id
       AND {LATER}
     ORDER BY n.valid_from, n.learned_at, n.id LIMIT 1)
    UNION ALL
    (SELECT n.id, n.valid_from, n.learned_at, n.negated FROM graph_relation n
     WHERE r.predicate = ANY({MUTUALLY}) AND NOT n.negated AND n.subject_id = r.object_id AND n.object_id <> r.subject_id
       AND {LATER}
     ORDER BY n.valid_from, n.learned_at, n.id LIMIT 1)
    UNION ALL
    (SELECT n.id, n.valid_from, n.learned_at, n.negated FROM graph_relation n
     WHERE r.predicate = ANY({MUTUALLY}) AND NOT n.negated AND n.object_id = ANY(ARRAY[r.subject_id, r.object_id])
       AND n.subject_id <> r.subject_id AND n.subject_id <> r.object_id AND {LATER}
     ORDER BY n.valid_from, n.learned_at, n.id LIMIT 1)
) e ORDER BY e.valid_from, e.negated, e.learned_at, e.id LIMIT 1
"""
# Facts of an entity that are answered at once.
MOST_FACTS = 1000
TIMELINE = f"""
SELECT r.id, r.subject_id, s.name, r.predicate, r.object_id, o.name, r.confidence, r.memory_id, r.valid_from,
       least(r.valid_to, ended.valid_from), r.learned_at,
       -- That its own end was told is no other's doing.
       CASE WHEN r.valid_to IS NULL OR ended.valid_from < r.valid_to
                 OR (ended.valid_from = r.valid_to AND NOT ended.negated) THEN ended.id END
FROM graph_relation r
JOIN graph_entity s ON s.id = r.subject_id
JOIN graph_entity o ON o.id = r.object_id
LEFT JOIN LATERAL ({ENDED}) ended ON true
WHERE r.tenant_id = %(tenant)s AND NOT r.negated AND r.subject_id <> r.object_id
  AND r.learned_at <= %(known)s AND (r.unlearned_at IS NULL OR r.unlearned_at > %(known)s)
  AND (r.subject_id = %(entity)s OR r.object_id = %(entity)s)
  AND (%(predicate)s::text IS NULL OR r.predicate = %(predicate)s)
  AND (ended.valid_from IS NULL OR ended.valid_from > r.valid_from)
  AND (%(at)s::timestamptz IS NULL
       OR (r.valid_from <= %(at)s AND (r.valid_to IS NULL OR r.valid_to > %(at)s)
           AND (ended.valid_from IS NULL OR ended.valid_from > %(at)s)))
ORDER BY r.valid_from DESC, r.learned_at DESC, r.id DESC LIMIT %(limit)s
"""


@dataclass(frozen=True, slots=True)
class Stated:
    """A relation with the names of its ends."""

    id: UUID
    subject_id: UUID
    subject: str
    predicate: str
    object_id: UUID
    object: str
    confidence: float
    memory_id: UUID | None
    valid_from: datetime
    valid_to: datetime | None
    learned_at: datetime


@dataclass(frozen=True, slots=True)
class Fact(Stated):
    """What held: ``valid_to``, exclusive, is its end as far as it was known."""

    superseded_by: UUID | None


@contextmanager
def answering(tenant_id: UUID, advice: str = "Ask for less.") -> Iterator[None]:
    """A transaction of the tenant in which no statement takes longer than a question to the graph may."""
    most = {"statement_timeout": str(max(1, int(1000 * settings.MEMOS_GRAPH_TIMEOUT)))}
    try:
        with read_scope(tenant_id, settings=most):
            yield
    except OperationalError as error:
        if isinstance(error.__cause__, QueryCanceled):
            raise Unavailable(
                f"The graph did not answer within {settings.MEMOS_GRAPH_TIMEOUT:g} s. {advice}"
            ) from error
        raise


def timeline(
    tenant_id: UUID,
    entity_id: UUID,
    *,
    predicate: str | None = None,
    known_at: datetime | None = None,
    limit: int = MOST_FACTS,
) -> list[Fact]:
    """What is said of an entity in the order of time, ended or not, as it was known at a moment (now): the latest ``limit``."""
    return _facts(tenant_id, entity_id, None, known_at, predicate, limit)


def as_of(
    tenant_id: UUID,
    entity_id: UUID,
    *,
    at: datetime | None = None,
    known_at: datetime | None = None,
    predicate: str | None = None,
    limit: int = MOST_FACTS,
) -> list[Fact]:
    """What held of an entity at a moment (now), as it was known at the same or another one (now): the latest ``limit``."""
    return _facts(tenant_id, entity_id, at or timezone.now(), known_at, predicate, limit)


def _facts(
    tenant_id: UUID,
    entity_id: UUID,
    at: datetime | None,
    known_at: datetime | None,
    predicate: str | None,
    limit: int,
) -> list[Fact]:
    params = {
        "tenant": tenant_id,
        "entity": entity_id,
        "predicate": predicate,
        "at": at,
        "known": known_at or timezone.now(),
        "functional": sorted(FUNCTIONAL),
        "limit": limit,
    }
    with answering(tenant_id, "Ask for one predicate, or for less."):
        return [Fact(*row) for row in reversed(fetch_prepared(TIMELINE, params))]


ENDS = f"""
SELECT r.id, least(r.valid_to, ended.valid_from)
FROM graph_relation r LEFT JOIN LATERAL ({ENDED}) ended ON true
WHERE r.tenant_id = %(tenant)s AND r.id = ANY(%(ids)s)
"""


def ends(tenant_id: UUID, relation_ids: Sequence[UUID]) -> dict[UUID, datetime | None]:
    """When relations end, as far as is known now."""
    params = {
        "tenant": tenant_id,
        "ids": list(relation_ids),
        "known": timezone.now(),
        "functional": sorted(FUNCTIONAL),
    }
    with answering(tenant_id):
        return dict(fetch_prepared(ENDS, params))


@dataclass(frozen=True, slots=True)
class Saying(Stated):
    """What was said: ``valid_to`` only where its end was told with it."""

    negated: bool
    ends_since: datetime | None
    unlearned_at: datetime | None
    confirmed_by: str
    taken_back_by: str


SAYING = """
SELECT r.id, r.subject_id, s.name, r.predicate, r.object_id, o.name, r.confidence, r.memory_id, r.valid_from, r.valid_to,
       r.learned_at, r.negated, r.ends_since, r.unlearned_at, r.confirmed_by, r.taken_back_by
FROM graph_relation r JOIN graph_entity s ON s.id = r.subject_id JOIN graph_entity o ON o.id = r.object_id
WHERE r.tenant_id = %(tenant)s AND r.id = %(id)s
"""


def get_relation(tenant_id: UUID, relation_id: UUID) -> Saying:
    """What a memory or a curator says, also what is not known any more; raises NotFound."""
    with answering(tenant_id):
        rows = fetch_prepared(SAYING, {"tenant": tenant_id, "id": relation_id})
    if not rows:
        raise NotFound("There is no such relation.")
    return Saying(*rows[0])


@dataclass(frozen=True, slots=True)
class Denial:
    """That something does not hold from a moment on, and the memory that says so, if it was not a curator."""

    subject_id: UUID
    predicate: str
    object_id: UUID
    valid_from: datetime
    memory_id: UUID | None


def denials(tenant_id: UUID, entity_id: UUID, *, known_at: datetime | None = None) -> list[Denial]:
    """The latest of what is denied of an entity, as it was known at a moment (now).

    Ends that were told are none: they show at the facts that they ended.
    """
    known = known_at or timezone.now()
    with tenant_scope(tenant_id):
        rows = Relation.objects.filter(
            Q(subject_id=entity_id) | Q(object_id=entity_id), tenant_id=tenant_id, negated=True, ends_since=None,
            learned_at__lte=known,
        ).exclude(unlearned_at__lte=known).order_by("-valid_from")[:MOST_FACTS]  # fmt: skip
        return [
            Denial(row.subject_id, row.predicate, row.object_id, row.valid_from, row.memory_id)
            for row in rows
        ]


@dataclass(frozen=True, slots=True)
class Found:
    """An entity as a list shows it: all names it is known by, and in how many memories."""

    id: UUID
    kind: str
    name: str
    summary: str
    names: list[str]
    memories: int


ENTITY = """
SELECT e.id, e.kind, e.name, e.summary,
       array(SELECT n.name FROM graph_entityname n WHERE n.entity_id = e.id GROUP BY n.name ORDER BY min(n.id)),
       (SELECT count(DISTINCT m.memory_id) FROM graph_mention m WHERE m.entity_id = e.id)
FROM graph_entity e
WHERE e.tenant_id = %(tenant)s
"""
GET = f"{ENTITY} AND e.id = %(entity)s"
LIST = f"{ENTITY} AND (%(kind)s::text IS NULL OR e.kind = %(kind)s) AND e.id > %(after)s ORDER BY e.id LIMIT %(limit)s"
NAMED = f"""
{ENTITY} AND (%(kind)s::text IS NULL OR e.kind = %(kind)s) AND e.id IN (
    SELECT n.entity_id FROM graph_entityname n WHERE n.tenant_id = %(tenant)s AND n.normal = %(normal)s
    UNION
    SELECT n.entity_id FROM graph_namekey k JOIN graph_entityname n ON n.id = k.name_id
    WHERE k.tenant_id = %(tenant)s AND k.key = ANY(%(keys)s)
)
ORDER BY EXISTS (
    SELECT FROM graph_entityname n WHERE n.entity_id = e.id AND n.normal = %(normal)s
) DESC, 6 DESC, e.id LIMIT %(limit)s
"""
MEMORIES = """
SELECT m.memory_id, max(m.text) FROM graph_mention m
WHERE m.tenant_id = %(tenant)s AND m.entity_id = %(entity)s AND m.memory_id > %(after)s
GROUP BY m.memory_id ORDER BY m.memory_id LIMIT %(limit)s
"""
# Names that sound alike are compared up to so many.
COMPARED = 500
# Names that share a sound have this likeness at least to be found: "Lovelase" has 0.5 of Lovelace, "Tel Aviv" nothing of Dahl.
LIKE_ENOUGH = 0.3
LAST = "\U0010ffff"


def get_entity(tenant_id: UUID, entity_id: UUID) -> Found:
    """Raises NotFound."""
    with answering(tenant_id):
        rows = fetch_prepared(GET, {"tenant": tenant_id, "entity": entity_id})
    if not rows:
        raise NotFound("There is no such entity.")
    return Found(*rows[0])


def list_entities(tenant_id: UUID, *, kind: str | None = None, after: UUID, limit: int) -> list[Found]:
    """In the order in which they were first read of."""
    params = {"tenant": tenant_id, "kind": kind, "after": after, "limit": limit}
    with answering(tenant_id):
        return [Found(*row) for row in fetch_prepared(LIST, params)]


def search(tenant_id: UUID, name: str, *, kind: str | None = None, limit: int = 20) -> list[Found]:
    """Entities by a name of theirs or one that sounds and looks like it, the likest first, then those spoken of most."""
    wanted = normal(name)
    params = {
        "tenant": tenant_id,
        "kind": kind,
        "normal": wanted,
        "keys": sorted(sounds(wanted)),
        "limit": COMPARED,
    }
    with answering(tenant_id):
        rows = [Found(*row) for row in fetch_prepared(NAMED, params)]
    found = [(max(_alike(wanted, normal(own), each.kind) for own in each.names), each) for each in rows]
    found = [each for each in found if each[0] >= LIKE_ENOUGH]
    found.sort(key=itemgetter(0), reverse=True)
    return [each for _, each in found[:limit]]


def _alike(wanted: str, own: str, kind: str) -> float:
    """How like what is looked for a name is; one that has a word of it, or all its sounds, is like enough."""
    shared = not {*wanted.split()}.isdisjoint(own.split()) or sound_alike(wanted, own)
    return max(
        LIKE_ENOUGH if shared else 0.0, likeness(wanted, own), likeness(wanted, own, person=kind == "person")
    )


def ids_named(tenant_id: UUID, name: str, *, limit: int = 100) -> set[UUID]:
    """Entities by a name or what sounds like it, and by how a name of theirs begins: for people who type."""
    found = {each.id for each in search(tenant_id, name, limit=limit)}
    start = normal(name)
    if not start:
        return found
    with answering(tenant_id):
        # A range, which the index knows under row-level security too; LIKE it would not use.
        near = EntityName.objects.filter(tenant_id=tenant_id, normal__gte=start, normal__lt=start + LAST)
        begun = near.order_by("normal").values_list("normal", "entity_id")[:limit]
        return found | {entity_id for own, entity_id in begun if own.startswith(start)}


def memories_of(tenant_id: UUID, entity_id: UUID, *, after: UUID, limit: int) -> list[tuple[UUID, str]]:
    """The memories that speak of an entity with the words they use, in the order of ids; raises NotFound."""
    get_entity(tenant_id, entity_id)
    params = {"tenant": tenant_id, "entity": entity_id, "after": after, "limit": limit}
    with answering(tenant_id):
        return [(memory_id, text) for memory_id, text in fetch_prepared(MEMORIES, params)]


# In one statement: between two a curator may make one of both.
DOUBTS = f"""
SELECT d.id, d.likeness, one.*, other.* FROM graph_doubt d
CROSS JOIN LATERAL ({ENTITY} AND e.id = d.one_id) one
CROSS JOIN LATERAL ({ENTITY} AND e.id = d.other_id) other
WHERE d.tenant_id = %(tenant)s AND d.state = 'open' AND d.id > %(after)s ORDER BY d.id LIMIT %(limit)s
"""


@dataclass(frozen=True, slots=True)
class Question:
    """Two entities that may be one."""

    id: UUID
    one: Found
    other: Found
    likeness: float


def doubts(tenant_id: UUID, *, after: UUID, limit: int) -> list[Question]:
    """The open ones, in the order in which they were raised."""
    with answering(tenant_id):
        rows = fetch_prepared(DOUBTS, {"tenant": tenant_id, "after": after, "limit": limit})
    return [Question(row[0], Found(*row[2:8]), Found(*row[8:]), row[1]) for row in rows]


@dataclass(frozen=True, slots=True)
class Merged:
    """Two entities that were made one, by whom, and whether that was undone."""

    id: UUID
    kept_id: UUID
    dropped_id: UUID
    name: str | None
    actor: str
    at: datetime
    undone_at: datetime | None


def merges(tenant_id: UUID, *, entity_id: UUID | None = None, after: UUID, limit: int) -> list[Merged]:
    """What was merged, into an entity or into any, in the order in which it was."""
    rows = Merge.objects.filter(tenant_id=tenant_id, pk__gt=after).order_by("pk")
    if entity_id:
        rows = rows.filter(kept_id=entity_id)
    with answering(tenant_id):
        return [
            Merged(
                row.pk,
                row.kept_id,
                UUID(row.dropped["id"]),
                row.dropped.get("name"),
                row.actor,
                row.at,
                row.undone_at,
            )
            for row in rows[:limit]
        ]


# An excerpt begins so many characters before what it shows, and has so many.
BEFORE, EXCERPT = 60, 200
NAMES = """
SELECT n.id, n.name, n.kind, said.count, example.memory_id, example.excerpt
FROM graph_entityname n
CROSS JOIN LATERAL (SELECT count(*) FROM graph_mention m WHERE m.name_id = n.id) said
LEFT JOIN LATERAL (
    SELECT m.memory_id, substr(memory.content, greatest(1, m.start - %(before)s), %(length)s) AS excerpt
    FROM graph_mention m JOIN memories_memory memory ON memory.id = m.memory_id
    WHERE m.name_id = n.id ORDER BY m.id DESC LIMIT 1
) example ON true
WHERE n.tenant_id = %(tenant)s AND n.entity_id = %(entity)s ORDER BY n.id
"""


@dataclass(frozen=True, slots=True)
class Name:
    """A name of an entity, how often it is said, and the latest memory that says it."""

    pk: int
    name: str
    kind: str
    spoken: int
    memory_id: UUID | None
    excerpt: str | None


def names_of(tenant_id: UUID, entity_id: UUID) -> list[Name]:
    params = {"tenant": tenant_id, "entity": entity_id, "before": BEFORE, "length": EXCERPT}
    with read_scope(tenant_id):
        return [Name(*row) for row in fetch_prepared(NAMES, params)]


SPEAKING = """
SELECT DISTINCT ON (m.memory_id) m.memory_id, m.text,
       substr(memory.content, greatest(1, m.start - %(before)s), %(length)s)
FROM graph_mention m JOIN memories_memory memory ON memory.id = m.memory_id
WHERE m.tenant_id = %(tenant)s AND m.entity_id = %(entity)s
ORDER BY m.memory_id DESC, m.id LIMIT %(limit)s
"""


@dataclass(frozen=True, slots=True)
class Speaking:
    """A memory that speaks of an entity, the words it uses, and what stands around them."""

    memory_id: UUID
    text: str
    excerpt: str


def speaking_of(tenant_id: UUID, entity_id: UUID, *, limit: int = 10) -> list[Speaking]:
    """The latest."""
    params = {
        "tenant": tenant_id,
        "entity": entity_id,
        "before": BEFORE,
        "length": EXCERPT,
        "limit": limit,
    }
    with read_scope(tenant_id):
        return [Speaking(*row) for row in fetch_prepared(SPEAKING, params)]


# What has a name, and is not only counted, dated or addressed.
NAMED_KINDS = ("person", "organisation", "place", "product", "event", "thing")
NAMES_IN = """
SELECT m.memory_id, array_agg(DISTINCT e.name)
FROM graph_mention m JOIN graph_entity e ON e.id = m.entity_id
WHERE m.tenant_id = %(tenant)s AND m.memory_id = ANY(%(memories)s) AND e.kind = ANY(%(kinds)s)
GROUP BY m.memory_id
"""


def ask_names_in(tenant_id: UUID, memory_ids: Sequence[UUID]) -> Callable[[], dict[UUID, list[str]]]:
    """Ask what memories name, in the tenant scope that is open; what is returned waits for the answer.

    A memory that names nothing, or that was not read yet, is not in it.
    """
    params = {"tenant": tenant_id, "memories": list(memory_ids), "kinds": list(NAMED_KINDS)}
    rows = send_prepared(NAMES_IN, params)
    return lambda: dict(rows())
