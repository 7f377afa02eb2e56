"""Breadth first through a graph, a level at a time, whoever it is that gives the edges of a level."""

import heapq
from collections.abc import Callable, Collection, Iterable, Sequence
from time import monotonic
from typing import NamedTuple
from uuid import UUID

from graph.stores.base import Edge
from memos_project.errors import Unavailable

# Relations read of one node in each direction, the latest first, and nodes looked at altogether.
FAN_OUT = 100
MAX_NODES = 20_000


class Step(NamedTuple):
    """An edge while ways are searched, of which there are many: what an ``Edge`` has, and quicker made."""

    subject_id: UUID
    predicate: str
    object_id: UUID
    confidence: float
    id: UUID | None
    memory_id: UUID | None

    def other(self, node_id: UUID) -> UUID:
        return self.object_id if node_id == self.subject_id else self.subject_id


type Edges = Callable[[Sequence[UUID]], Sequence[Step]]
"""The edges at these nodes: of each up to FAN_OUT + 1 in each direction."""


class Deadline:
    """The moment until which a question may be worked on."""

    def __init__(self, seconds: float) -> None:
        self.seconds, self._end = seconds, monotonic() + seconds

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
            f"The graph was not searched within {self.seconds:g} s: ask for fewer steps (depth, max_depth),"
            " of fewer kinds or without mentions.",
            field="depth",
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
    frontier, is_cut = [start], False
    for level in range(1, depth + 1):
        deadline.check()
        found = edges(frontier[:MAX_NODES])
        is_cut |= len(frontier) > MAX_NODES or is_crowded(found, frontier)
        known, frontier = {*frontier}, []
        for edge in found:
            here, _, there, *_ = edge
            for one, other in ((here, there), (there, here)):
                if one in known and other not in reached and other != start:
                    reached[other] = Reached(other, level, edge)
                    frontier.append(other)
        if len(reached) > limit or not frontier:
            break
    return list(reached.values())[:limit], is_cut or len(reached) > limit


def way(
    start: UUID, end: UUID, edges: Edges, *, max_depth: int, weighted: bool, deadline: Deadline
) -> tuple[list[Step] | None, bool]:
    """The steps of a best way, None where there is none within the bounds, and whether one kept something out."""
    found, is_cut = _explore(start, end, edges, max_depth, weighted=weighted, deadline=deadline)
    return _cheapest(found, start, end, max_depth, weighted=weighted), is_cut


def cost(edges: Iterable[Step | Edge], *, weighted: bool) -> float:
    return sum(1 / max(edge.confidence, 0.01) if weighted else 1.0 for edge in edges)


def is_crowded(edges: Collection[Step], nodes: Collection[UUID]) -> bool:
    """Whether some node has more edges in one direction than are followed."""
    if len(edges) <= FAN_OUT:
        return False
    known, counts = {*nodes}, dict[tuple[UUID, bool, bool], int]()
    for edge in {*edges}:
        for end, outwards in ((edge.subject_id, True), (edge.object_id, False)):
            if end in known:
                key = (end, outwards, edge.id is None)
                counts[key] = counts.get(key, 0) + 1
    return any(count > FAN_OUT for count in counts.values())


def _explore(
    start: UUID, end: UUID, edges: Edges, max_depth: int, *, weighted: bool, deadline: Deadline
) -> tuple[Collection[Step], bool]:
    """The edges among which a best way is: from both ends, until they meet and no longer way can be better."""
    frontiers, seen = ([start], [end]), ({start}, {end})
    kept: set[Step] = set()
    depth, is_cut, most = 0, False, float(max_depth)
    while depth < most and all(frontiers):
        deadline.check()
        side = 0 if len(frontiers[0]) <= len(frontiers[1]) else 1
        found = edges(frontiers[side][:MAX_NODES])
        is_cut |= len(frontiers[side]) > MAX_NODES or is_crowded(found, frontiers[side])
        depth += 1
        known = {*frontiers[side]}
        frontiers[side].clear()
        kept.update(found)
        for edge in found:
            here, _, there, *_ = edge
            for one, other in ((here, there), (there, here)):
                if one in known and other not in seen[side]:
                    seen[side].add(other)
                    frontiers[side].append(other)
        if not seen[0].isdisjoint(seen[1]):
            if not weighted:
                break
            steps = _cheapest(kept, start, end, max_depth, weighted=True)
            if steps is not None:
                # Each step costs at least 1: a way of more steps than this costs cannot be better.
                most = min(most, cost(steps, weighted=True))
        if len(seen[0]) + len(seen[1]) > MAX_NODES:
            is_cut = True
            break
    return kept, is_cut


def _cheapest(
    edges: Iterable[Step], start: UUID, end: UUID, max_depth: int, *, weighted: bool
) -> list[Step] | None:
    """The cheapest way of at most so many steps among these edges (Dijkstra 1959), None where there is none."""
    near: dict[UUID, list[Step]] = {}
    for edge in edges:
        near.setdefault(edge.subject_id, []).append(edge)
        near.setdefault(edge.object_id, []).append(edge)
    queue: list[tuple[float, int, int, UUID, tuple[Step, ...]]] = [(0.0, 0, 0, start, ())]
    best: dict[UUID, int] = {}
    tie = 0
    while queue:
        spent, steps, _, here, taken = heapq.heappop(queue)
        if here == end:
            return list(taken)
        # A node is looked at again only with fewer steps: a dearer way may be the one that fits.
        if steps >= best.get(here, max_depth + 1):
            continue
        best[here] = steps
        if steps == max_depth:
            continue
        for edge in near.get(here, ()):
            tie += 1
            further = spent + cost([edge], weighted=weighted)
            heapq.heappush(queue, (further, steps + 1, tie, edge.other(here), (*taken, edge)))
    return None
