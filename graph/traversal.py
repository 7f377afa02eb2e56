"""Ways through the graph as it holds now: from entity to entity by relations, from memory to entity by mentions.

Breadth first, a level in one statement; how deep, how wide and how much is read is bounded, and who reaches a bound
is told.
"""

import heapq
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from graph.extraction import FUNCTIONAL
from memos_project.db import fetch_prepared, send_prepared, tenant_scope
from memos_project.errors import NotFound

MAX_DEPTH = 6
# Relations read of one node in each direction, the latest first, and nodes looked at altogether.
FAN_OUT = 100
MAX_NODES = 20_000
MENTIONS = "mentions"

# A relation holds if it has begun, has not ended, is still known, and nothing known ends it: see ``queries.ENDED``.
HOLDS = """
    NOT r.negated AND r.subject_id <> r.object_id AND r.tenant_id = %(tenant)s AND r.unlearned_at IS NULL AND r.valid_from <= now()
    AND (r.valid_to IS NULL OR r.valid_to > now())
    AND (%(predicates)s::text[] IS NULL OR r.predicate = ANY(%(predicates)s))
    AND NOT EXISTS (
        SELECT FROM graph_relation n
        WHERE n.subject_id = r.subject_id AND n.predicate = r.predicate AND n.tenant_id = %(tenant)s
          AND n.unlearned_at IS NULL AND n.valid_from <= now()
          AND (n.valid_from, n.learned_at, n.id) > (r.valid_from, r.learned_at, r.id)
          AND CASE WHEN n.negated THEN n.object_id = r.object_id
                   ELSE r.predicate = ANY(%(functional)s) AND n.object_id <> r.object_id END
    )
"""
EDGES = f"""
SELECT near.* FROM unnest(%(nodes)s::uuid[]) node (id)
CROSS JOIN LATERAL (
    (SELECT r.subject_id, r.predicate, r.object_id, r.confidence, r.id, r.memory_id FROM graph_relation r
     WHERE r.subject_id = node.id AND {HOLDS} ORDER BY r.valid_from DESC LIMIT %(fan_out)s)
    UNION ALL
    (SELECT r.subject_id, r.predicate, r.object_id, r.confidence, r.id, r.memory_id FROM graph_relation r
     WHERE r.object_id = node.id AND {HOLDS} ORDER BY r.valid_from DESC LIMIT %(fan_out)s)
    UNION ALL
    (SELECT DISTINCT m.memory_id, '{MENTIONS}', m.entity_id, 1.0::float8, NULL::uuid, m.memory_id FROM graph_mention m
     WHERE m.memory_id = node.id AND m.tenant_id = %(tenant)s AND %(mentions)s LIMIT %(fan_out)s)
    UNION ALL
    (SELECT m.memory_id, '{MENTIONS}', m.entity_id, 1.0::float8, NULL::uuid, m.memory_id FROM graph_mention m
     WHERE m.entity_id = node.id AND m.tenant_id = %(tenant)s AND %(mentions)s
     ORDER BY m.memory_id DESC LIMIT %(fan_out)s)
) near
"""
NODES = """
SELECT e.id, e.kind, e.name FROM graph_entity e WHERE e.tenant_id = %(tenant)s AND e.id = ANY(%(ids)s)
UNION ALL
SELECT r.memory_id, 'memory', '' FROM graph_reading r WHERE r.tenant_id = %(tenant)s AND r.memory_id = ANY(%(ids)s)
"""


@dataclass(frozen=True, slots=True)
class Node:
    """An entity, or a memory that the graph has read; only entities have names."""

    id: UUID
    label: str
    name: str


@dataclass(frozen=True, slots=True)
class Edge:
    """What holds between two nodes, and the memory that says so; a mention has no id."""

    subject_id: UUID
    predicate: str
    object_id: UUID
    confidence: float
    id: UUID | None
    memory_id: UUID | None

    def other(self, node_id: UUID) -> UUID:
        return self.object_id if node_id == self.subject_id else self.subject_id


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A node, how many steps away it is, and the last step of a shortest way to it."""

    node: Node
    depth: int
    edge: Edge


@dataclass(slots=True)
class Neighbourhood:
    """A node and what is near it, the nearest first; ``is_cut`` where a bound kept something out."""

    start: Node
    found: list[Neighbour]
    is_cut: bool


@dataclass(slots=True)
class Way:
    """Nodes from start to end and the steps between them; no nodes where there is no way within the bounds."""

    nodes: list[Node]
    edges: list[Edge]
    cost: float | None
    is_cut: bool


def related(
    tenant_id: UUID,
    node_id: UUID,
    *,
    depth: int = 1,
    predicates: Collection[str] | None = None,
    mentions: bool = False,
    limit: int = 100,
) -> Neighbourhood:
    """What is within so many steps (1 to MAX_DEPTH) of a node, over relations of these predicates, and mentions if asked for.

    Raises NotFound.
    """
    reached: dict[UUID, tuple[int, Edge | None]] = {node_id: (0, None)}
    is_cut = False
    with tenant_scope(tenant_id, pipelined=True):
        begun = send_prepared(NODES, {"tenant": tenant_id, "ids": [node_id]})
        frontier = [node_id]
        for level in range(1, depth + 1):
            edges, cut = _edges(tenant_id, frontier, predicates, mentions=mentions)
            is_cut |= cut
            known, frontier = {*frontier}, []
            for edge in edges:
                for here, there in ((edge.subject_id, edge.object_id), (edge.object_id, edge.subject_id)):
                    if here in known and there not in reached:
                        reached[there] = (level, edge)
                        frontier.append(there)
            if len(reached) > limit or not frontier:
                break
        start = [Node(*row) for row in begun()]
        if not start:
            raise NotFound("There is no such node.")
        is_cut |= len(reached) - 1 > limit
        steps = [(each, level, edge) for each, (level, edge) in reached.items() if edge][:limit]
        nodes = _nodes(tenant_id, [each for each, _, _ in steps])
    found = [Neighbour(nodes[each], level, edge) for each, level, edge in steps if each in nodes]
    return Neighbourhood(start[0], found, is_cut)


def path(
    tenant_id: UUID,
    start: UUID,
    end: UUID,
    *,
    max_depth: int = MAX_DEPTH,
    weighted: bool = False,
    mentions: bool = False,
) -> Way:
    """A shortest way between two nodes of at most so many steps; with ``weighted`` the one of the surest steps.

    A step costs 1, weighted 1 / confidence. Raises NotFound.
    """
    with tenant_scope(tenant_id, pipelined=True):
        ends = _nodes(tenant_id, [start, end])
        if {start, end} - ends.keys():
            raise NotFound("There is no such node.")
        edges, is_cut = _explore(tenant_id, start, end, max_depth, weighted=weighted, mentions=mentions)
        steps = _cheapest(edges, start, end, max_depth, weighted=weighted)
        if steps is None:
            return Way([], [], None, is_cut)
        ids = [start]
        for edge in steps:
            ids.append(edge.other(ids[-1]))
        nodes = _nodes(tenant_id, ids)
    cost = sum(_cost(edge, weighted=weighted) for edge in steps)
    return Way([nodes[each] for each in ids], steps, cost, is_cut)


def _explore(
    tenant_id: UUID, start: UUID, end: UUID, max_depth: int, *, weighted: bool, mentions: bool
) -> tuple[list[Edge], bool]:
    """The edges among which a best way is: from both ends, until they meet and no longer way can be better."""
    frontiers, seen = ([start], [end]), ({start}, {end})
    edges: dict[tuple[UUID, str, UUID, UUID | None], Edge] = {}
    depth, is_cut, most = 0, False, float(max_depth)
    while depth < most and all(frontiers):
        side = 0 if len(frontiers[0]) <= len(frontiers[1]) else 1
        found, cut = _edges(tenant_id, frontiers[side], None, mentions=mentions)
        is_cut |= cut
        depth += 1
        known = {*frontiers[side]}
        frontiers[side].clear()
        for edge in found:
            edges[edge.subject_id, edge.predicate, edge.object_id, edge.id] = edge
            for here, there in ((edge.subject_id, edge.object_id), (edge.object_id, edge.subject_id)):
                if here in known and there not in seen[side]:
                    seen[side].add(there)
                    frontiers[side].append(there)
        if not seen[0].isdisjoint(seen[1]):
            steps = _cheapest(edges.values(), start, end, max_depth, weighted=weighted)
            if steps is not None and not weighted:
                break
            if steps is not None:
                # Each step costs at least 1: a way of more steps than this costs cannot be better.
                most = min(most, sum(_cost(edge, weighted=True) for edge in steps))
        if len(seen[0]) + len(seen[1]) > MAX_NODES:
            is_cut = True
            break
    return list(edges.values()), is_cut


def _cheapest(
    edges: Iterable[Edge], start: UUID, end: UUID, max_depth: int, *, weighted: bool
) -> list[Edge] | None:
    """The cheapest way of at most so many steps among these edges (Dijkstra 1959), None where there is none."""
    near: dict[UUID, list[Edge]] = {}
    for edge in edges:
        near.setdefault(edge.subject_id, []).append(edge)
        near.setdefault(edge.object_id, []).append(edge)
    queue: list[tuple[float, int, int, UUID, tuple[Edge, ...]]] = [(0.0, 0, 0, start, ())]
    best: dict[UUID, int] = {}
    tie = 0
    while queue:
        cost, steps, _, here, way = heapq.heappop(queue)
        if here == end:
            return list(way)
        # A node is looked at again only with fewer steps: a dearer way may be the one that fits.
        if steps >= best.get(here, max_depth + 1):
            continue
        best[here] = steps
        if steps == max_depth:
            continue
        for edge in near.get(here, ()):
            tie += 1
            further = cost + _cost(edge, weighted=weighted)
            heapq.heappush(queue, (further, steps + 1, tie, edge.other(here), (*way, edge)))
    return None


def _cost(edge: Edge, *, weighted: bool) -> float:
    return 1 / max(edge.confidence, 0.01) if weighted else 1.0


def _edges(
    tenant_id: UUID, nodes: Sequence[UUID], predicates: Collection[str] | None, *, mentions: bool
) -> tuple[list[Edge], bool]:
    """The edges at these nodes, and whether some were left out."""
    rows = fetch_prepared(
        EDGES,
        {
            "tenant": tenant_id,
            "nodes": list(nodes)[:MAX_NODES],
            "predicates": None if predicates is None else sorted(predicates),
            "functional": sorted(FUNCTIONAL),
            "mentions": mentions,
            "fan_out": FAN_OUT + 1,
        },
    )
    edges = list(dict.fromkeys(Edge(*row) for row in rows))
    return edges, len(nodes) > MAX_NODES or _is_crowded(edges, nodes)


def _is_crowded(edges: Iterable[Edge], nodes: Collection[UUID]) -> bool:
    known, counts = {*nodes}, dict[tuple[UUID, bool, bool], int]()
    for edge in edges:
        for end, outwards in ((edge.subject_id, True), (edge.object_id, False)):
            if end in known:
                key = (end, outwards, edge.id is None)
                counts[key] = counts.get(key, 0) + 1
    return any(count > FAN_OUT for count in counts.values())


def _nodes(tenant_id: UUID, ids: Collection[UUID]) -> Mapping[UUID, Node]:
    rows = fetch_prepared(NODES, {"tenant": tenant_id, "ids": list(ids)})
    return {row[0]: Node(*row) for row in rows}
