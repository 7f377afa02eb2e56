"""What the rows say that a graph store is to hold, read in the caller's open transaction of the tenant."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import groupby
from typing import NamedTuple
from uuid import UUID

from django.utils import timezone

from graph.extraction import FUNCTIONAL, MUTUAL
from graph.queries import ENDS
from graph.stores.base import FOREVER, EntityNode, Group, Relationship
from memos_project.db import fetch_prepared

ENTITIES = "SELECT id, kind, name FROM graph_entity WHERE tenant_id = %(tenant)s AND id = ANY(%(ids)s)"
MEMORIES = """
SELECT r.memory_id, array(
    SELECT DISTINCT m.entity_id FROM graph_mention m
    WHERE m.memory_id = r.memory_id AND m.tenant_id = %(tenant)s ORDER BY 1
)
FROM graph_reading r WHERE r.tenant_id = %(tenant)s AND r.memory_id = ANY(%(ids)s)
"""
# All that is known, denials too, and the latest first: what ends a relation comes before it.
KNOWN = """
SELECT r.subject_id, r.predicate, r.id, r.object_id, r.confidence, r.memory_id, r.negated, r.valid_from, r.valid_to,
       r.ends_since
FROM unnest(%(subjects)s::uuid[], %(predicates)s::text[]) each (subject, predicate)
JOIN graph_relation r ON r.subject_id = each.subject AND r.predicate = each.predicate
WHERE r.tenant_id = %(tenant)s AND r.unlearned_at IS NULL
ORDER BY r.subject_id, r.predicate, r.valid_from DESC, r.learned_at DESC, r.id DESC
"""
KNOWN_OF = """
SELECT r.subject_id, r.predicate, r.id, r.object_id, r.confidence, r.memory_id, r.negated, r.valid_from, r.valid_to,
       r.ends_since
FROM graph_relation r
WHERE r.subject_id = ANY(%(subjects)s) AND r.tenant_id = %(tenant)s AND r.unlearned_at IS NULL
ORDER BY r.subject_id, r.predicate, r.valid_from DESC, r.learned_at DESC, r.id DESC
"""
NOW = "SELECT now()"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Known(NamedTuple):
    """A relation that is known, of a subject and a predicate."""

    subject_id: UUID
    predicate: str
    id: UUID
    object_id: UUID
    confidence: float
    memory_id: UUID | None
    negated: bool
    valid_from: datetime
    valid_to: datetime | None
    ends_since: datetime | None

    def reaches(self, began: datetime) -> bool:
        """Whether it may end what began then, if that is earlier."""
        return self.ends_since is None or self.ends_since <= began < self.valid_from


def entities_of(tenant_id: UUID, ids: Sequence[UUID]) -> dict[UUID, EntityNode]:
    """Those of these entities that there are."""
    if not ids:
        return {}
    rows = fetch_prepared(ENTITIES, {"tenant": tenant_id, "ids": list(ids)})
    return {row[0]: EntityNode(*row) for row in rows}


def memories_of(tenant_id: UUID, ids: Sequence[UUID]) -> dict[UUID, list[UUID]]:
    """Those of these memories that were read, with the entities they mention."""
    return dict(fetch_prepared(MEMORIES, {"tenant": tenant_id, "ids": list(ids)})) if ids else {}


def groups_of(tenant_id: UUID, groups: Sequence[Group]) -> dict[Group, list[Relationship]]:
    """The relations of each group that hold now, or will."""
    if not groups:
        return {}
    subjects, predicates = zip(*groups, strict=True)
    params = {"tenant": tenant_id, "subjects": list(subjects), "predicates": list(predicates)}
    return {each: [] for each in groups} | _by_group(tenant_id, fetch_prepared(KNOWN, params))


def relations_of(tenant_id: UUID, subjects: Sequence[UUID]) -> list[Relationship]:
    """The relations from these entities that hold now, or will."""
    rows = fetch_prepared(KNOWN_OF, {"tenant": tenant_id, "subjects": list(subjects)})
    return [each for some in _by_group(tenant_id, rows).values() for each in some]


def _by_group(tenant_id: UUID, rows: Iterable[tuple[object, ...]]) -> dict[Group, list[Relationship]]:
    [[now]] = fetch_prepared(NOW, {})
    grouped = groupby(map(Known._make, rows), lambda each: (each.subject_id, each.predicate))
    ending = {group: [*_ending(known)] for group, known in grouped}
    mutual = [each.id for (_, predicate), known in ending.items() if predicate in MUTUAL for each in known]
    ended = _ends_of(tenant_id, mutual) if mutual else {}
    return {
        group: [
            each
            for each in (each._replace(ends=ended.get(each.id, each.ends)) for each in known)
            if max(each.begins, moment(now)) < each.ends
        ]
        for group, known in ending.items()
    }


def _ends_of(tenant_id: UUID, ids: Sequence[UUID]) -> dict[UUID, int]:
    """When relations end that those of other subjects may end."""
    params = {
        "tenant": tenant_id,
        "ids": list(ids),
        "known": timezone.now(),
        "functional": sorted(FUNCTIONAL),
    }
    return {pk: moment(end) for pk, end in fetch_prepared(ENDS, params) if end}


def _ending(known: Iterable[Known]) -> Iterator[Relationship]:
    """Those of a group, the latest first, that hold at some time, each with the moment at which it is over.

    The same as what ``queries.ENDED`` looks for one by one, in a single pass, but for what other subjects end.
    """
    denied: dict[UUID, list[Known]] = defaultdict(list)
    # Of the later statements, and of those about another object than that one: when the first begins.
    later: tuple[UUID, datetime] | None = None
    other: datetime | None = None
    for each in known:
        if each.negated:
            denied[each.object_id].append(each)
            continue
        denials = (no.valid_from for no in reversed(denied[each.object_id]) if no.reaches(each.valid_from))
        ends = [end for end in (each.valid_to, next(denials, None)) if end]
        if each.predicate in FUNCTIONAL:
            replaced = later[1] if later and later[0] != each.object_id else other
            ends += [replaced] if replaced else []
            if each.ends_since is None:
                later, other = (each.object_id, each.valid_from), replaced
        over = min(map(moment, ends), default=FOREVER)
        begins = moment(each.valid_from)
        if begins < over and each.subject_id != each.object_id:
            yield Relationship(
                each.id, each.subject_id, each.predicate, each.object_id, each.confidence, each.memory_id,
                begins, over,
            )  # fmt: skip


def moment(at: datetime) -> int:
    """Microseconds since 1970."""
    since = at - EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds
