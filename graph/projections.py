"""Compares what the graph store holds with the rows, both ways, and mends the difference.

What is held is compared by content: a node or a group of relations is missing, stale (held, but not as the rows say),
or left over (held although there is no such row).
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import batched
from time import sleep, time_ns
from typing import Any
from uuid import UUID

from django.db import connection

from graph import indexing
from graph.models import Entity, Mention, ProjectMark, Reading, Relation
from graph.rows import entities_of, memories_of, relations_of
from graph.stores import GraphProjection, graph_projection
from graph.stores.base import MEMORY, Group, Relationship
from memos_project.db import fetch_prepared, tenant_scope

BATCH = 1000
KINDS = ProjectMark.Kind
MARKED = """
SELECT node_id, predicate FROM graph_projectmark
WHERE tenant_id = %(tenant)s AND kind = %(kind)s AND node_id = ANY(%(ids)s)
"""

COUNT = """
SELECT (SELECT count(*) FROM graph_entity WHERE tenant_id = %(tenant)s)
     + (SELECT count(*) FROM graph_reading WHERE tenant_id = %(tenant)s)
     + (SELECT count(*) FROM (
           SELECT DISTINCT subject_id, predicate FROM graph_relation
           WHERE tenant_id = %(tenant)s AND unlearned_at IS NULL AND NOT negated) said)
"""


@dataclass(slots=True)
class Drift:
    """In what the store differs from a tenant's rows; of relations the groups that do, by subject and predicate."""

    kind: ProjectMark.Kind
    missing: list[UUID | Group] = field(default_factory=list)
    stale: list[UUID | Group] = field(default_factory=list)
    left_over: list[UUID | Group] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.missing) + len(self.stale) + len(self.left_over)

    def __str__(self) -> str:
        return {
            KINDS.ENTITY: "graph entities",
            KINDS.MEMORY: "graph memories",
            KINDS.RELATIONS: "graph relations",
        }[self.kind]


def check(tenant_id: UUID) -> Iterator[Drift]:
    """How the graph store differs from the tenant's rows; what is still to be worked off is not counted."""
    store = graph_projection()
    if store is None:
        return
    yield _check(store, tenant_id, KINDS.ENTITY, _entities)
    yield _check(store, tenant_id, KINDS.MEMORY, _memories)
    yield _check(store, tenant_id, KINDS.RELATIONS, _relations)


def repair(tenant_id: UUID, drift: Drift) -> None:
    """Have what differs looked at again."""
    for some in batched([*drift.missing, *drift.stale, *drift.left_over], BATCH):
        with tenant_scope(tenant_id):
            indexing.mark(tenant_id, drift.kind, some)


def is_level(tenant_id: UUID) -> bool:
    """Whether the store holds exactly what the rows say, and nothing is to be worked off."""
    return indexing.is_level(tenant_id) and not any(len(drift) for drift in check(tenant_id))


def rebuild(tenant_id: UUID) -> Iterator[int]:
    """Empty the tenant's part of the store and fill it anew; yields how many marks each step worked off.

    Once all rows are marked it may be killed: whoever drains the tenant's backlog goes on.
    """
    indexing.forget_epoch(tenant_id)
    yield from settle(tenant_id)


def settle(tenant_id: UUID) -> Iterator[int]:
    """Work off what is due for a tenant, also what a worker is about; yields how many marks each step did.

    Raises GraphUnavailable.
    """
    while True:
        yield from indexing.drained(tenant_id, or_fail=True)
        if indexing.has_no_work(tenant_id):
            return
        sleep(0.5)  # a worker is about it


def held_of(store: GraphProjection, tenant_id: UUID, memory_id: UUID) -> str:
    """Whether a store holds what was learned from a memory: current, stale or missing; raises GraphUnavailable.

    That is its node with its mentions, the entities, and what holds of the subjects and predicates that it speaks of.
    """
    with tenant_scope(tenant_id):
        entities = {*Mention.objects.filter(memory_id=memory_id).values_list("entity_id", flat=True)}
        groups = {*Relation.objects.filter(memory_id=memory_id).values_list("subject_id", "predicate")}
    of_memory = _memories(store, tenant_id, [memory_id])
    if any(held is None for _, held in of_memory.values()):
        return "missing"
    related = _relations(store, tenant_id, sorted({subject for subject, _ in groups}))
    if of_memory or _entities(store, tenant_id, sorted(entities)) or groups & related.keys():
        return "stale"
    return "current"


type Compare = Callable[[GraphProjection, UUID, Sequence[UUID]], Mapping[UUID | Group, tuple[Any, Any]]]
"""What differs at nodes: what the rows want and what is held, None where it is nothing."""


def _check(store: GraphProjection, tenant_id: UUID, kind: ProjectMark.Kind, compare: Compare) -> Drift:
    drift = Drift(kind)
    for ids in _ids(tenant_id, Reading if kind == KINDS.MEMORY else Entity):
        differing = _adrift(store, tenant_id, kind, compare, ids)
        drift.missing += [key for key, (_, held) in differing.items() if held is None]
        drift.left_over += [key for key, (wanted, _) in differing.items() if wanted is None]
        drift.stale += [
            key for key, (wanted, held) in differing.items() if wanted is not None and held is not None
        ]
    if kind != KINDS.RELATIONS:
        for ids in store.scan(tenant_id, MEMORY if kind == KINDS.MEMORY else "entity", batch=BATCH):
            differing = _adrift(store, tenant_id, kind, compare, ids)
            drift.left_over += [key for key, (wanted, _) in differing.items() if wanted is None]
    return drift


def _adrift(
    store: GraphProjection, tenant_id: UUID, kind: ProjectMark.Kind, compare: Compare, ids: Sequence[UUID]
) -> dict[UUID | Group, tuple[Any, Any]]:
    """What differs and is not marked; looked at twice, for a worker may have finished while we did."""
    differing = compare(store, tenant_id, ids)
    if differing:
        nodes = {key[0] if isinstance(key, tuple) else key for key in differing}
        differing = compare(store, tenant_id, sorted(nodes))
    marked = _marked(tenant_id, kind, differing)
    return {key: each for key, each in differing.items() if key not in marked}


def _entities(
    store: GraphProjection, tenant_id: UUID, ids: Sequence[UUID]
) -> Mapping[UUID | Group, tuple[Any, Any]]:
    held = store.held_entities(tenant_id, ids)
    with tenant_scope(tenant_id):
        wanted = entities_of(tenant_id, ids)
    return _differing(wanted, held)


def _memories(
    store: GraphProjection, tenant_id: UUID, ids: Sequence[UUID]
) -> Mapping[UUID | Group, tuple[Any, Any]]:
    held = store.held_memories(tenant_id, ids)
    with tenant_scope(tenant_id):
        wanted = memories_of(tenant_id, ids)
    return _differing(
        {key: sorted(each) for key, each in wanted.items()}, {key: sorted(each) for key, each in held.items()}
    )


def _relations(
    store: GraphProjection, tenant_id: UUID, ids: Sequence[UUID]
) -> Mapping[UUID | Group, tuple[Any, Any]]:
    held = store.held_relations(tenant_id, ids)
    with tenant_scope(tenant_id):
        wanted = relations_of(tenant_id, ids)
    return _differing(_by_group(wanted), _by_group(held))


def _by_group(relations: Iterable[Relationship]) -> dict[Group, list[Relationship]]:
    """What is over the store may still hold: it is found by nobody, and goes when its group changes."""
    groups: dict[Group, list[Relationship]] = {}
    now = time_ns() // 1000
    for each in sorted(relations, key=lambda each: each.id):
        if each.ends > now:
            groups.setdefault((each.subject_id, each.predicate), []).append(each)
    return groups


def _differing(wanted: Mapping[Any, Any], held: Mapping[Any, Any]) -> dict[UUID | Group, tuple[Any, Any]]:
    return {
        key: (wanted.get(key), held.get(key)) for key in {*wanted, *held} if wanted.get(key) != held.get(key)
    }


def _ids(tenant_id: UUID, model: type[Entity] | type[Reading]) -> Iterator[list[UUID]]:
    """The ids of all rows that there are now, in batches in their order."""
    last = UUID(int=0)
    with tenant_scope(tenant_id):
        # What comes later has marks: a busy tenant must not be followed for ever.
        end = (
            model._default_manager.filter(tenant_id=tenant_id)
            .order_by("-pk")
            .values_list("pk", flat=True)
            .first()
        )
    while end:
        with tenant_scope(tenant_id):
            found = model._default_manager.filter(tenant_id=tenant_id, pk__gt=last, pk__lte=end)
            ids = list(found.order_by("pk").values_list("pk", flat=True)[:BATCH])
        if not ids:
            return
        yield ids
        last = ids[-1]


def _marked(tenant_id: UUID, kind: ProjectMark.Kind, keys: Collection[UUID | Group]) -> set[UUID | Group]:
    if not keys:
        return set()
    nodes = {key[0] if isinstance(key, tuple) else key for key in keys}
    with tenant_scope(tenant_id):
        rows = fetch_prepared(MARKED, {"tenant": tenant_id, "kind": int(kind), "ids": list(nodes)})
    return {(node_id, predicate) if predicate else node_id for node_id, predicate in rows}


def count_rows(tenant_id: UUID) -> int:
    """About how many marks a rebuild works off."""
    with tenant_scope(tenant_id), connection.cursor() as cursor:
        cursor.execute(COUNT, {"tenant": tenant_id})
        return int(cursor.fetchone()[0])
