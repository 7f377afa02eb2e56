"""What is around an entity, to be drawn: the nodes near it and all that is said between them, ended or not."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.utils import timezone

from graph import queries
from graph.extraction import FUNCTIONAL
from graph.models import Entity
from graph.traversal import related
from memos_project.db import fetch_prepared, tenant_scope

MAX_DEPTH, MAX_NODES = 2, 200
# Relations read of one node, the latest first.
READ = 300

TIES = f"""
SELECT r.subject_id, r.predicate, r.object_id, r.confidence, r.memory_id, r.valid_from,
       least(r.valid_to, ended.valid_from)
FROM unnest(%(nodes)s::uuid[]) node (id)
CROSS JOIN LATERAL (
    SELECT * FROM graph_relation l
    WHERE l.subject_id = node.id AND l.tenant_id = %(tenant)s AND NOT l.negated AND l.unlearned_at IS NULL
      AND l.valid_from <= %(known)s
    ORDER BY l.valid_from DESC LIMIT %(read)s
) r
LEFT JOIN LATERAL ({queries.ENDED}) ended ON true
WHERE r.object_id = ANY(%(nodes)s) AND r.object_id <> r.subject_id
  AND (ended.valid_from IS NULL OR ended.valid_from > r.valid_from)
ORDER BY r.valid_from, r.id
"""


@dataclass(frozen=True, slots=True)
class Near:
    """An entity and how many steps away it is."""

    id: UUID
    kind: str
    name: str
    depth: int


@dataclass(frozen=True, slots=True)
class Tie:
    """What is said of two entities, by however many memories; ``valid_to`` is the end of the latest, if all have ended."""

    subject_id: UUID
    predicate: str
    object_id: UUID
    confidence: float
    valid_from: datetime
    valid_to: datetime | None
    is_ended: bool
    memory_ids: tuple[UUID, ...]


@dataclass(frozen=True, slots=True)
class Neighbourhood:
    """The nearest first, the entity itself before all; ``is_cut`` where a bound kept something out; parts that were missing."""

    nodes: list[Near]
    edges: list[Tie]
    is_cut: bool
    degraded: list[str]


def around(
    tenant_id: UUID, entity_id: UUID, *, depth: int = 1, limit: int = 60, ended: bool = False
) -> Neighbourhood:
    """At most so many entities within 1 or 2 steps of an entity over what holds now, or with ``ended`` ever held of it.

    Raises NotFound.
    """
    start = queries.get_entity(tenant_id, entity_id)
    found = related(tenant_id, entity_id, depth=depth, limit=limit)
    nodes = {start.id: Near(start.id, start.kind, start.name, 0)}
    nodes |= {
        each.node.id: Near(each.node.id, each.node.label, each.node.name, each.depth) for each in found.found
    }
    past = _past(tenant_id, entity_id, nodes) if ended else []
    nodes |= {each.id: each for each in past[: limit + 1 - len(nodes)]}
    ties = _ties(tenant_id, [*nodes])
    return Neighbourhood(
        nodes=sorted(nodes.values(), key=lambda each: each.depth),
        edges=[each for each in ties if ended or not each.is_ended],
        is_cut=found.is_cut or any(each.id not in nodes for each in past),
        degraded=found.degraded,
    )


def _past(tenant_id: UUID, entity_id: UUID, known: Collection[UUID]) -> list[Near]:
    """Entities to which an entity had a relation that has ended."""
    facts = queries.timeline(tenant_id, entity_id)
    ends = {
        each.object_id if each.subject_id == entity_id else each.subject_id
        for each in facts
        if each.valid_from <= timezone.now()
    }
    with tenant_scope(tenant_id):
        rows = Entity.objects.filter(pk__in=ends - {*known}).order_by("pk")
        return [Near(row.pk, row.kind, row.name, 1) for row in rows]


def _ties(tenant_id: UUID, nodes: Sequence[UUID]) -> list[Tie]:
    now = timezone.now()
    params = {
        "tenant": tenant_id,
        "nodes": nodes,
        "known": now,
        "functional": sorted(FUNCTIONAL),
        "read": READ,
    }
    with queries.answering(tenant_id):
        rows = fetch_prepared(TIES, params)
    said: dict[tuple[UUID, str, UUID], list[tuple[float, UUID | None, datetime, datetime | None]]] = {}
    for subject, predicate, object_, *rest in rows:
        said.setdefault((subject, predicate, object_), []).append(tuple(rest))
    return [_tie(*ends, each, now) for ends, each in said.items()]


def _tie(
    subject: UUID,
    predicate: str,
    object_: UUID,
    said: Sequence[tuple[float, UUID | None, datetime, datetime | None]],
    now: datetime,
) -> Tie:
    """One of all that says the same: what holds of it, or if nothing does, all of it."""
    holding = [each for each in said if each[3] is None or each[3] > now]
    shown = holding or said
    ends = [each[3] for each in shown if each[3]]
    return Tie(
        subject, predicate, object_,
        confidence=max(each[0] for each in shown),
        valid_from=min(each[2] for each in shown),
        valid_to=max(ends) if len(ends) == len(shown) else None,
        is_ended=not holding,
        memory_ids=tuple(dict.fromkeys(each[1] for each in shown if each[1])),
    )  # fmt: skip
