"""Ways through the rows themselves: a level in one statement."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import OperationalError
from psycopg.errors import QueryCanceled

from graph.extraction import FUNCTIONAL
from graph.queries import MUTUALLY, REACHES
from graph.stores import walking
from graph.stores.base import (
    MAX_DEPTH,
    MEMORY,
    MENTIONS,
    Edge,
    GraphStore,
    Neighbour,
    Neighbourhood,
    Node,
    Way,
)
from graph.stores.walking import Deadline, Step
from memos_project.db import fetch_prepared, read_scope, send_prepared
from memos_project.errors import NotFound

# A relation holds if it has begun, has not ended, is still known, and nothing known ends it: see ``queries.ENDED``.
# Denials are few and have an index of their own; only of some predicates a later statement must be looked for, one that is
# no guess: that reaches nothing.
HOLDS = f"""
    NOT r.negated AND r.subject_id <> r.object_id AND r.tenant_id = %(tenant)s AND r.unlearned_at IS NULL AND r.valid_from <= now()
    AND (r.valid_to IS NULL OR r.valid_to > now())
    AND (%(predicates)s::text[] IS NULL OR r.predicate = ANY(%(predicates)s))
    AND NOT EXISTS (
        SELECT FROM graph_relation n
        WHERE n.negated AND n.subject_id = r.subject_id AND n.predicate = r.predicate AND n.object_id = r.object_id
          AND n.tenant_id = %(tenant)s AND n.unlearned_at IS NULL AND n.valid_from <= now()
          AND (n.valid_from, n.learned_at, n.id) > (r.valid_from, r.learned_at, r.id) AND {REACHES}
    )
    AND (r.predicate <> ALL(%(functional)s) OR NOT EXISTS (
        SELECT FROM graph_relation n
        WHERE NOT n.negated AND n.subject_id = r.subject_id AND n.predicate = r.predicate AND n.object_id <> r.object_id
          AND n.tenant_id = %(tenant)s AND n.unlearned_at IS NULL AND n.valid_from <= now()
          AND (n.valid_from, n.learned_at, n.id) > (r.valid_from, r.learned_at, r.id) AND n.ends_since IS NULL
    ))
    AND (r.predicate <> ALL({MUTUALLY}) OR NOT EXISTS (
        SELECT FROM graph_relation n
        WHERE NOT n.negated AND n.predicate = r.predicate AND (
            (n.subject_id = r.object_id AND n.object_id <> r.subject_id)
            OR (n.object_id = ANY(ARRAY[r.subject_id, r.object_id]) AND n.subject_id <> r.subject_id AND n.subject_id <> r.object_id)
          ) AND n.tenant_id = %(tenant)s AND n.unlearned_at IS NULL AND n.valid_from <= now()
          AND (n.valid_from, n.learned_at, n.id) > (r.valid_from, r.learned_at, r.id) AND n.ends_since IS NULL
    ))
"""
RELATIONS = f"""
    (SELECT r.subject_id, r.object_id, true, r.id, r.confidence, r.predicate, r.memory_id FROM graph_relation r
     WHERE r.subject_id = node.id AND {HOLDS} ORDER BY r.valid_from DESC LIMIT %(fan_out)s)
    UNION ALL
    (SELECT r.subject_id, r.object_id, false, r.id, r.confidence, r.predicate, r.memory_id FROM graph_relation r
     WHERE r.object_id = node.id AND {HOLDS} ORDER BY r.valid_from DESC LIMIT %(fan_out)s)
"""
SPOKEN_OF = f"""
    (SELECT DISTINCT m.memory_id, m.entity_id, true, NULL::uuid, 1.0::float8, '{MENTIONS}', m.memory_id FROM graph_mention m
     WHERE m.memory_id = node.id AND m.tenant_id = %(tenant)s LIMIT %(fan_out)s)
    UNION ALL
    (SELECT DISTINCT ON (m.memory_id) m.memory_id, m.entity_id, false, NULL::uuid, 1.0::float8, '{MENTIONS}', m.memory_id
     FROM graph_mention m WHERE m.entity_id = node.id AND m.tenant_id = %(tenant)s
     ORDER BY m.memory_id DESC LIMIT %(fan_out)s)
"""
NEAR = "near (subject_id, object_id, outwards, id, confidence, predicate, memory_id)"
ENTITIES = "SELECT e.id, e.kind, e.name FROM graph_entity e WHERE e.tenant_id = %(tenant)s AND e.id = "
MEMORIES = f"""
SELECT r.memory_id, '{MEMORY}', '' FROM graph_reading r WHERE r.tenant_id = %(tenant)s AND r.memory_id =
"""
NODES = f"{ENTITIES} ANY(%(ids)s) UNION ALL {MEMORIES} ANY(%(ids)s)"


def _edges_sql(edges: str) -> str:
    """As little of each as a search looks at: of the many that it reads a way has few."""
    return f"""
        SELECT near.subject_id, near.object_id, near.outwards, near.id, near.confidence
        FROM unnest(%(nodes)s::uuid[]) node (id) CROSS JOIN LATERAL ({edges}) {NEAR}
    """


def _named_sql(edges: str, *nodes: str) -> str:
    """Edges with the node each leads to: looked up in passing, which is quicker than to ask for them all afterwards."""
    far = "(CASE WHEN near.outwards THEN near.object_id ELSE near.subject_id END)"
    return f"""
        SELECT near.*, far.kind, far.name FROM unnest(%(nodes)s::uuid[]) node (id)
        CROSS JOIN LATERAL ({edges}) {NEAR}
        CROSS JOIN LATERAL ({" UNION ALL ".join(f"{each} {far}" for each in nodes)} OFFSET 0) far
    """


# By whether mentions are edges as well.
EDGES = {False: _edges_sql(RELATIONS), True: _edges_sql(f"{RELATIONS} UNION ALL {SPOKEN_OF}")}
NAMED = {
    False: _named_sql(RELATIONS, ENTITIES),
    True: _named_sql(f"{RELATIONS} UNION ALL {SPOKEN_OF}", ENTITIES, MEMORIES),
}

BY_ID = """
SELECT r.subject_id, r.predicate, r.object_id, r.confidence, r.id, r.memory_id FROM graph_relation r
WHERE r.tenant_id = %(tenant)s AND r.id = ANY(%(ids)s)
"""


class PostgresStore(GraphStore):
    """The contract on the tables of the graph."""

    in_database = True

    def related(
        self,
        tenant_id: UUID,
        node_id: UUID,
        *,
        depth: int = 1,
        predicates: Collection[str] | None = None,
        mentions: bool = False,
        limit: int = 100,
    ) -> Neighbourhood:
        edges = _edges_of(tenant_id, predicates, NAMED[mentions])
        with _searching(tenant_id) as deadline:
            begun = send_prepared(NODES, {"tenant": tenant_id, "ids": [node_id]})
            reached, is_cut = walking.neighbours(node_id, edges, depth=depth, limit=limit, deadline=deadline)
            start = [Node(*row) for row in begun()]
            if not start:
                raise NotFound("There is no such node.")
        found = [
            Neighbour(Node(node_id, step.label, step.name), depth, step.edge())
            for node_id, depth, step in reached
        ]
        return Neighbourhood(start[0], found, is_cut)

    def path(
        self,
        tenant_id: UUID,
        start: UUID,
        end: UUID,
        *,
        max_depth: int = MAX_DEPTH,
        weighted: bool = False,
        mentions: bool = False,
    ) -> Way:
        edges = _edges_of(tenant_id, None, EDGES[mentions])
        with _searching(tenant_id, field="max_depth") as deadline:
            ends = send_prepared(NODES, {"tenant": tenant_id, "ids": [start, end]})
            way = walking.told_way(
                start,
                end,
                edges,
                partial(_told, tenant_id),
                max_depth=max_depth,
                weighted=weighted,
                deadline=deadline,
            )
            if {start, end} - {node_id for node_id, *_ in ends()}:
                raise NotFound("There is no such node.")
            return way

    def ping(self) -> None:
        """PostgreSQL is asked for by itself."""

    def close(self) -> None:
        """Its connections are Django's."""


@contextmanager
def _searching(tenant_id: UUID, *, field: str = "depth") -> Iterator[Deadline]:
    """A transaction of the tenant in which no statement takes longer than a question may."""
    deadline = Deadline(settings.MEMOS_GRAPH_TIMEOUT, field=field)
    limits = {
        "statement_timeout": str(max(1, int(1000 * deadline.seconds))),
        "plan_cache_mode": "force_generic_plan",
    }
    try:
        with read_scope(tenant_id, settings=limits):
            yield deadline
    except OperationalError as error:
        if isinstance(error.__cause__, QueryCanceled):
            raise deadline.missed() from error
        raise


def _edges_of(tenant_id: UUID, predicates: Collection[str] | None, sql: str) -> walking.Edges:
    params: dict[str, Any] = {
        "tenant": tenant_id,
        "predicates": None if predicates is None else sorted(predicates),
        "functional": sorted(FUNCTIONAL),
    }

    def edges(nodes: Sequence[UUID]) -> list[Step]:
        rows = fetch_prepared(sql, {**params, "nodes": list(nodes), "fan_out": walking.FAN_OUT + 1})
        return [Step(*row) for row in rows]

    return edges


def _told(
    tenant_id: UUID, ids: Sequence[UUID], steps: Sequence[Step]
) -> tuple[Mapping[UUID, Node], Sequence[Edge]]:
    relations = [step.id for step in steps if step.id]
    nodes = send_prepared(NODES, {"tenant": tenant_id, "ids": list(ids)})
    rows = fetch_prepared(BY_ID, {"tenant": tenant_id, "ids": relations}) if relations else []
    edges = {row[4]: Edge(*row) for row in rows}
    told = [edges.get(step.id) if step.id else _mention(step) for step in steps]
    return {row[0]: Node(*row) for row in nodes()}, [edge for edge in told if edge]


def _mention(step: Step) -> Edge:
    return Edge(step.subject_id, MENTIONS, step.object_id, step.confidence, None, step.subject_id)
