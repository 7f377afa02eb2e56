"""The contract every graph store keeps; `tests/backends/graph.py` holds each backend to it.

The graph is rows of PostgreSQL. A store answers what is near a node and how one gets from one to another, over
relations as they hold now: begun, not ended, still known, not denied and, of a predicate that can have but one object
at a time, not replaced. What holds changes with time alone, so a store compares with the clock when it is asked.
"""

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, NamedTuple
from uuid import UUID

MAX_DEPTH = 6
MEMORY = "memory"
MENTIONS = "mentions"


class GraphUnavailable(Exception):
    """The store did not answer; the same call may succeed later, and PostgreSQL answers instead."""


class Node(NamedTuple):
    """An entity, or a memory that the graph has read; only entities have names."""

    id: UUID
    label: str
    name: str


class Edge(NamedTuple):
    """What holds between two nodes, and the memory that says so; a mention has no id."""

    subject_id: UUID
    predicate: str
    object_id: UUID
    confidence: float
    id: UUID | None
    memory_id: UUID | None

    def other(self, node_id: UUID) -> UUID:
        return self.object_id if node_id == self.subject_id else self.subject_id


class Neighbour(NamedTuple):
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
    degraded: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Way:
    """Nodes from start to end and the steps between them; no nodes where there is no way within the bounds."""

    nodes: list[Node]
    edges: list[Edge]
    cost: float | None
    is_cut: bool
    degraded: list[str] = field(default_factory=list)


class GraphStore(ABC):
    """Finds ways through the graph of one tenant.

    The tenant is always named, and what another tenant holds is neither found nor passed through. Of one node at
    most so many relations are followed in each direction, the latest first, and so many nodes are looked at
    altogether; an answer that this may have kept something out of says `is_cut`. Any method may raise
    GraphUnavailable, and Unavailable, naming what to ask less of, once a question has taken MEMOS_GRAPH_TIMEOUT.
    Making an instance touches no network. Instances are shared between threads.
    """

    # True: asked where the rows are. False: a GraphProjection, which is brought level with them.
    in_database: ClassVar[bool] = False

    @abstractmethod
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
        """What is within so many steps (1 to MAX_DEPTH), over relations of these predicates, and mentions if asked for.

        Raises NotFound.
        """

    @abstractmethod
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
        """A shortest way of at most so many steps; with ``weighted`` the one of the surest steps.

        A step costs 1, weighted 1 / confidence. Raises NotFound.
        """

    @abstractmethod
    def ping(self) -> None:
        """Return if the store answers, else raise GraphUnavailable, within its timeout."""

    @abstractmethod
    def close(self) -> None:
        """Let go of connections; the next call opens them anew."""


class EntityNode(NamedTuple):
    """What a projection holds of an entity."""

    id: UUID
    kind: str
    name: str


class Relationship(NamedTuple):
    """A relation with the time in which it holds, in microseconds since 1970: from ``begins`` until before ``ends``."""

    id: UUID
    subject_id: UUID
    predicate: str
    object_id: UUID
    confidence: float
    memory_id: UUID | None
    begins: int
    ends: int


# Until when holds what nothing ends.
FOREVER = 2**62

type Group = tuple[UUID, str]
"""A subject and a predicate: what ends one of their relations is another one of them."""


class GraphProjection(GraphStore):
    """A store outside of PostgreSQL, which is told what the rows say and may be emptied and filled again.

    Each write holds exactly what it is given, so that it may be repeated; nothing of it may be done where
    GraphUnavailable is raised, or all. One caller at a time writes for a tenant.
    """

    @abstractmethod
    def create(self) -> None:
        """Make constraints and indexes; again is fine."""

    @abstractmethod
    def epoch(self, tenant_id: UUID) -> str | None:
        """What `begin_epoch` was last called with; None where the tenant's nodes were never filled in, or are lost."""

    @abstractmethod
    def begin_epoch(self, tenant_id: UUID, epoch: str) -> None:
        """Remember under which name the tenant's nodes are held."""

    @abstractmethod
    def clear(self, tenant_id: UUID) -> None:
        """Remove all of a tenant, its epoch first."""

    @abstractmethod
    def put_entities(self, tenant_id: UUID, entities: Sequence[EntityNode]) -> None:
        """Hold these entities; their relations and mentions stay."""

    @abstractmethod
    def put_memories(self, tenant_id: UUID, mentions: Mapping[UUID, Collection[UUID]]) -> set[UUID]:
        """Hold these memories, each with mentions of exactly these entities; returns those of which an entity is not there."""

    @abstractmethod
    def put_relations(
        self, tenant_id: UUID, groups: Mapping[Group, Sequence[Relationship]]
    ) -> dict[Group, set[UUID]]:
        """Hold exactly these relations of each group; returns the groups that lack entities, and which those are."""

    @abstractmethod
    def drop(
        self, tenant_id: UUID, *, entities: Collection[UUID] = (), memories: Collection[UUID] = ()
    ) -> None:
        """Remove nodes with all that hangs on them; those that are not there are fine."""

    @abstractmethod
    def held_entities(self, tenant_id: UUID, ids: Collection[UUID]) -> dict[UUID, EntityNode]:
        """Those of these entities that are held."""

    @abstractmethod
    def held_memories(self, tenant_id: UUID, ids: Collection[UUID]) -> dict[UUID, list[UUID]]:
        """Those of these memories that are held, with the entities they mention."""

    @abstractmethod
    def held_relations(self, tenant_id: UUID, subjects: Collection[UUID]) -> list[Relationship]:
        """All relations from these entities, over or not."""

    @abstractmethod
    def scan(self, tenant_id: UUID, label: str, *, batch: int) -> Iterator[list[UUID]]:
        """The ids of all nodes of a label, ``entity`` or ``memory``, in lists of up to ``batch``."""
