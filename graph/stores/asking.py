"""What the Neo4j store asks a server to answer one question."""

from collections.abc import Collection, Mapping, Sequence
from time import time_ns
from typing import Any
from uuid import UUID

from neo4j import Query

from graph.stores import cypher, walking
from graph.stores.base import MENTIONS, Edge, Node, Way
from graph.stores.walking import Deadline, Step


class Search:
    """A question to the server, which may ask it several things."""

    def __init__(self, session: Any, tenant_id: UUID, deadline: Deadline) -> None:
        self._session, self._tenant, self.deadline = session, str(tenant_id), deadline
        self._now = time_ns() // 1000

    def nodes(self, ids: Collection[UUID]) -> dict[UUID, Node]:
        rows = self._run(cypher.NODES, ids=[str(each) for each in ids])
        return {UUID(uid): Node(UUID(uid), label, name) for uid, label, name in rows}

    def tell(self, ids: Sequence[UUID], steps: Sequence[Step]) -> tuple[Mapping[UUID, Node], Sequence[Edge]]:
        """The nodes of a way and its edges."""
        return self.nodes(ids), [step.edge() for step in steps]

    def edges_of(self, predicates: Collection[str] | None, *, mentions: bool) -> walking.Edges:
        chosen = None if predicates is None else sorted(predicates)

        def edges(nodes: Sequence[UUID]) -> list[Step]:
            ids = [str(each) for each in nodes]
            by = {"ids": ids, "fan_out": walking.FAN_OUT + 1}
            found = [_step(each) for each in self._collected(cypher.EDGES, predicates=chosen, **by)]
            if mentions:
                for statement in (cypher.MENTIONED_BY, cypher.MENTIONING):
                    found += [_mention(*each) for each in self._collected(statement, **by)]
            return found

        return edges

    def shortest(self, start: UUID, end: UUID, max_depth: int) -> Way | None:
        """A shortest way of relations; None where that which the server found does not hold now."""
        rows = [] if start == end else self._run(cypher.SHORTEST[max_depth], start=str(start), end=str(end))
        if not rows:
            return Way([], [], None, is_cut=False)
        nodes, edges = rows[0]
        if not all(
            tenant == self._tenant and begins <= self._now < ends for *_, tenant, begins, ends in edges
        ):
            return None
        found = [_step([*edge[:6], True]).edge() for edge in edges]
        return Way([Node(UUID(uid), *rest) for uid, *rest in nodes], found, float(len(found)), is_cut=False)

    def _collected(self, statement: str, **params: Any) -> list[Any]:
        rows = self._run(statement, **params)
        found: list[Any] = rows[0][0] if rows else []
        return found

    def _run(self, statement: str, **params: Any) -> list[Any]:
        self.deadline.check()
        query = Query(statement, timeout=self.deadline.left)
        result = self._session.run(query, {"tenant": self._tenant, "now": self._now, **params})
        rows = [each.values() for each in result]
        self.deadline.check()
        return rows


def _step(row: Sequence[Any]) -> Step:
    subject, predicate, object_, sure, uid, memory, outwards, *far = row
    memory_id = UUID(memory) if memory else None
    return Step(UUID(subject), UUID(object_), outwards, UUID(uid), sure, predicate, memory_id, *far)


def _mention(memory: str, entity: str, outwards: bool, label: str, name: str) -> Step:
    memory_id = UUID(memory)
    return Step(memory_id, UUID(entity), outwards, None, 1.0, MENTIONS, memory_id, label, name)
