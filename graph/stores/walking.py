"""Breadth first through a graph, a level at a time, whoever it is that gives the edges of a level."""

import heapq
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import batched, pairwise
from time import monotonic
from typing import NamedTuple
from uuid import UUID

from graph.stores.base import Edge, Node, Way
from memos_project.errors import Unavailable

# Relations read of one node in each direction, the latest first, and nodes looked at altogether.
FAN_OUT = 100
MAX_NODES = 20_000
# After so many edges or nodes that were looked at comes a look at the clock.
CHECKED = 1000
# Of how many nodes of a level the edges are read at once where the first of them may be the last that is needed.
PORTION = 24


class Step(NamedTuple):
    """An edge as it is met from one of its ends; there are many, and this is made and looked at quicker than an ``Edge``."""

    subject_id: UUID
    object_id: UUID
    outwards: bool  # met from its subject
    id: UUID | None
    confidence: float
    # What no search looks at: who gives the edges may leave it out.
    predicate: str = ""
    memory_id: UUID | None = None
    # Of the node at the other end.
    label: str = ""
    name: str = ""

    def other(self, node_id: UUID) -> UUID:
        return self.object_id if node_id == self.subject_id else self.subject_id

    def edge(self) -> Edge:
        return Edge(self.subject_id, self.predicate, self.object_id, self.confidence, self.id, self.memory_id)


type Edges = Callable[[Sequence[UUID]], Sequence[Step]]
"""The edges at these nodes, each as it is met from them: of each node up to FAN_OUT + 1 in each direction, which stand together."""


class Deadline:
    """The moment until which a question may be worked on; ``field`` is what asks for so many steps."""

    def __init__(self, seconds: float, *, field: str = "depth") -> None:
        self.seconds, self._field, self._end = seconds, field, monotonic() + seconds

    @property
    def left(self) -> float:
        """Seconds, at least a thousandth."""
        return max(0.001, self._end - monotonic())

    def check(self) -> None:
        """Raise Unavailable once it is over."""
        if monotonic() >= self._end:
            raise self.missed()

    def missed(self) -> Unavailable:
        return Unavailable(
            f"The graph was not searched within {self.seconds:g} s: ask for fewer steps ({self._field}),"
            " of fewer kinds or without mentions.",
            field=self._field,
        )


class Reached(NamedTuple):
    """A node that was come to, in how many steps and by which last one."""

    node_id: UUID
    depth: int
    edge: Step


def neighbours(
    start: UUID, edges: Edges, *, depth: int, limit: int, deadline: Deadline
) -> tuple[list[Reached], bool]:
    """What is within so many steps, the nearest first, and whether a bound kept something out."""
    reached: dict[UUID, Reached] = {}
    seen = {start}
    frontier, is_cut = [start], False
    for level in range(1, depth + 1):
        deadline.check()
        found = edges(frontier[:MAX_NODES])
        is_cut |= len(frontier) > MAX_NODES or is_crowded(found)
        frontier = []
        for edge in found:
            there = edge[1] if edge[2] else edge[0]
            if there not in seen:
                seen.add(there)
                reached[there] = Reached(there, level, edge)
                frontier.append(there)
        if len(reached) > limit or not frontier:
            break
    return list(reached.values())[:limit], is_cut or len(reached) > limit


type Tell = Callable[[Sequence[UUID], Sequence[Step]], tuple[Mapping[UUID, Node], Sequence[Edge]]]
"""Those of these nodes that are there, and of these steps, in their order, those whose edges are."""


def told_way(
    start: UUID,
    end: UUID,
    edges: Edges,
    tell: Tell,
    *,
    max_depth: int,
    weighted: bool,
    deadline: Deadline,
) -> Way:
    """A best way with its nodes; looked for once more if some of it was forgotten while it was searched."""
    is_cut = False
    for _ in range(2):
        steps, is_cut = way(start, end, edges, max_depth=max_depth, weighted=weighted, deadline=deadline)
        if steps is None:
            break
        ids = [start]
        for step in steps:
            ids.append(step.other(ids[-1]))
        nodes, told = tell(ids, steps)
        if nodes.keys() >= {*ids} and len(told) == len(steps):
            return Way([nodes[each] for each in ids], [*told], cost(told, weighted=weighted), is_cut)
    return Way([], [], None, is_cut)


def way(
    start: UUID, end: UUID, edges: Edges, *, max_depth: int, weighted: bool, deadline: Deadline
) -> tuple[list[Step] | None, bool]:
    """The steps of a best way, None where there is none within the bounds, and whether one kept something out."""
    if start == end:
        return [], False
    if not weighted:
        return _shortest(start, end, edges, max_depth, deadline=deadline)
    return _surest(start, end, edges, max_depth, deadline=deadline)


def cost(edges: Iterable[Step | Edge], *, weighted: bool) -> float:
    return sum(1 / max(edge.confidence, 0.01) if weighted else 1.0 for edge in edges)


def is_crowded(edges: Sequence[Step]) -> bool:
    """Whether some node has more edges in one direction than are followed."""
    # More than FAN_OUT that stand together reach from one of these to the next.
    marks = [_met(edge) for edge in edges[:: (FAN_OUT + 1) // 2]]
    if not any(one == other for one, other in pairwise(marks)):
        return False
    return max(Counter(map(_met, edges)).values()) > FAN_OUT


def _met(edge: Step) -> tuple[UUID, bool, bool]:
    """From where, in which direction, and whether it is a mention."""
    return edge[0] if edge[2] else edge[1], edge[2], edge[3] is None


def _shortest(
    start: UUID, end: UUID, edges: Edges, max_depth: int, *, deadline: Deadline
) -> tuple[list[Step] | None, bool]:
    """From both ends, always from where there is less to look at; where they first meet is a shortest way.

    The last level is the largest, and on average half of it is enough: it is read in portions.
    """
    frontiers = [[start], [end]]
    came_by: tuple[dict[UUID, Step | None], dict[UUID, Step | None]] = {start: None}, {end: None}
    is_cut = False
    for _ in range(max_depth):
        deadline.check()
        side = 0 if len(frontiers[0]) <= len(frontiers[1]) else 1
        own, others = came_by[side], came_by[1 - side]
        frontier, frontiers[side] = frontiers[side], []
        for some in batched(frontier, PORTION):
            found = edges(some)
            is_cut |= is_crowded(found)
            for edge in found:
                there = edge[1] if edge[2] else edge[0]
                if there not in own:
                    own[there] = edge
                    if there in others:
                        first = [*_back(came_by[0], there)]
                        return [*reversed(first), *_back(came_by[1], there)], is_cut
                    frontiers[side].append(there)
        if not frontiers[side]:
            break
        if len(own) + len(others) > MAX_NODES:
            return None, True
    return None, is_cut


def _back(came_by: Mapping[UUID, Step | None], node_id: UUID) -> Iterator[Step]:
    """The steps from a node back to where a search began."""
    while (step := came_by[node_id]) is not None:
        yield step
        node_id = step.subject_id if step.outwards else step.object_id


type Near = dict[UUID, dict[UUID, Step]]
"""The surest step between each two nodes, at both of them."""


def _surest(
    start: UUID, end: UUID, edges: Edges, max_depth: int, *, deadline: Deadline
) -> tuple[list[Step] | None, bool]:
    """From both ends, until they meet and no longer way can be better."""
    frontiers, seen = ([start], [end]), ({start}, {end})
    near: Near = {}
    steps: list[Step] | None = None
    depth, is_cut, most = 0, False, float(max_depth)
    while depth < most and all(frontiers):
        deadline.check()
        side = 0 if len(frontiers[0]) <= len(frontiers[1]) else 1
        found = edges(frontiers[side])
        is_cut |= is_crowded(found)
        depth += 1
        _keep_surest(near, found, deadline)
        there = {edge.object_id if edge.outwards else edge.subject_id for edge in found} - seen[side]
        seen[side].update(there)
        frontiers[side][:] = there
        if not seen[0].isdisjoint(seen[1]):
            steps = _cheapest(near, start, end, max_depth, deadline=deadline)
            if steps is not None:
                # Each step costs at least 1: a way of more steps than this costs cannot be better.
                most = min(most, cost(steps, weighted=True))
        if len(seen[0]) + len(seen[1]) > MAX_NODES:
            is_cut = True
            break
    return steps, is_cut


def _keep_surest(near: Near, edges: Iterable[Step], deadline: Deadline) -> None:
    """Also an edge that is met from both ends, or said more than once, is one."""
    for some in batched(edges, CHECKED):
        deadline.check()
        for edge in some:
            known = near.setdefault(edge.subject_id, {}).get(edge.object_id)
            if known is None or known.confidence < edge.confidence:
                near[edge.subject_id][edge.object_id] = edge
                near.setdefault(edge.object_id, {})[edge.subject_id] = edge


def _cheapest(near: Near, start: UUID, end: UUID, max_depth: int, *, deadline: Deadline) -> list[Step] | None:
    """The surest way of at most so many of these steps (Dijkstra 1959), None where there is none."""
    queue: list[tuple[float, int, int, UUID, tuple[Step, ...]]] = [(0.0, 0, 0, start, ())]
    best: dict[UUID, int] = {}
    tie = looked_at = 0
    while queue:
        looked_at += 1
        if looked_at % CHECKED == 0:
            deadline.check()
        spent, steps, _, here, taken = heapq.heappop(queue)
        if here == end:
            return list(taken)
        # A node is looked at again only with fewer steps: a dearer way may be the one that fits.
        if steps >= best.get(here, max_depth + 1):
            continue
        best[here] = steps
        if steps == max_depth:
            continue
        for there, edge in near.get(here, {}).items():
            if steps + 1 < best.get(there, max_depth + 1):
                tie += 1
                further = spent + cost([edge], weighted=True)
                heapq.heappush(queue, (further, steps + 1, tie, there, (*taken, edge)))
    return None
