"""The contract every vector index keeps; `tests/backends/vectors.py` holds each backend to it.

The vectors themselves are rows of PostgreSQL. An index is a projection of them that answers
nearest-neighbour questions, and may be dropped and rebuilt at any time.
"""

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import ClassVar, NamedTuple
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

type Vector = NDArray[np.float32]

# What `held` and `scan` report for a memory of which only some chunks, or chunks of several writes, are held.
HALF_WRITTEN = ""


class IndexUnavailable(Exception):
    """The index did not answer; the same call may succeed later, and a search goes on without it."""


class IndexMissing(IndexUnavailable):
    """The index answers but knows no such model: it was never created, or is lost and wants a rebuild."""


class WrongVector(ValueError):
    """A vector is not finite or not of the model's dimensions, or the index was made for others."""


@dataclass(frozen=True, slots=True)
class IndexedModel:
    """The embedding model whose vectors are meant; those of different models never meet."""

    id: int
    name: str
    dimensions: int

    def check(self, vector: Vector) -> None:
        """Raise WrongVector unless this vector can be one of the model's."""
        if vector.shape != (self.dimensions,):
            raise WrongVector(f"{self.name} has {self.dimensions} dimensions, not {vector.shape}.")
        if not np.isfinite(vector).all():
            raise WrongVector(f"A vector for {self.name} holds NaN or infinity.")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class VectorPoint:
    """One chunk of one memory: its unit vector, and the memory's fields that a search may be narrowed by.

    `content_hash` is the hex SHA-256 of what was embedded, the same for all chunks of a memory.
    """

    memory_id: UUID
    chunk: int
    vector: Vector
    content_hash: str
    kind: str
    tier: int
    occurred_at: datetime
    user_id: str = ""
    agent_id: str = ""
    conversation_id: str = ""
    tags: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What a search is narrowed to within its tenant: all of the fields that are set must hold.

    None narrows nothing, while "" means the memories without a user, agent or conversation, and an
    empty `kinds` or `tiers` means no memory at all. A memory must carry all the `tags`, and have occurred
    at or after `since` and before `until`, both timezone-aware.
    """

    user_id: str | None = None
    agent_id: str | None = None
    conversation_id: str | None = None
    kinds: tuple[str, ...] | None = None
    tiers: tuple[int, ...] | None = None
    tags: tuple[str, ...] = ()
    since: datetime | None = None
    until: datetime | None = None

    def filters(self) -> frozenset[str]:
        """The names of the fields that narrow this search."""
        values = {each.name: getattr(self, each.name) for each in fields(self)}
        return frozenset(name for name, value in values.items() if value is not None and value != ())

    @property
    def is_empty(self) -> bool:
        """Whether no memory can be in it."""
        return () in (self.kinds, self.tiers)


WHOLE_TENANT = Scope()


class Neighbour(NamedTuple):
    """A memory and its cosine similarity, -1..1, rising with likeness."""

    memory_id: UUID
    similarity: float


class HeldMemory(NamedTuple):
    """What an index really holds for one memory; the hash is HALF_WRITTEN when it is not whole."""

    tenant: UUID
    memory_id: UUID
    content_hash: str


class VectorIndex(ABC):
    """Finds the memories whose vectors lie nearest to a given one, within one tenant.

    The tenant is always named, and what another tenant holds is neither found, reported, changed nor
    removed by a call, not even under the same memory id. Any method may raise IndexUnavailable, which
    says nothing about whether a write arrived: repeating it is safe. Making an instance touches no network.
    Instances are shared between threads.
    """

    # True: the vectors are searched where they are stored, so the recall statement does it itself.
    # False: the service asks the index first and hands the ids to its statement.
    in_database: ClassVar[bool] = False

    # The fields of Scope that `_nearest` applies; a search narrowed by another one finds nothing.
    supports_filters: ClassVar[frozenset[str]] = frozenset(each.name for each in fields(Scope))

    @abstractmethod
    def create(self, model: IndexedModel) -> None:
        """Make room for a model's vectors; again is fine, but WrongVector if made with other dimensions."""

    @abstractmethod
    def drop(self, model: IndexedModel) -> None:
        """Remove a model's vectors of all tenants; a model that is not there is fine."""

    def upsert(self, tenant: UUID, model: IndexedModel, points: Sequence[VectorPoint]) -> None:
        """Hold exactly these chunks for the memories they belong to, found by the next search.

        All chunks of a memory come in one call, numbered from 0, and replace what was held for it.
        ValueError for chunks left out or given twice, WrongVector for a vector that does not fit and
        IndexMissing without `create` mean that nothing changed; when IndexUnavailable is raised, some
        of the memories may have been stored.
        """
        chunks: dict[UUID, list[int]] = {}
        for point in points:
            model.check(point.vector)
            chunks.setdefault(point.memory_id, []).append(point.chunk)
        for memory_id, numbers in chunks.items():
            if sorted(numbers) != list(range(len(numbers))):
                raise ValueError(f"The chunks of {memory_id} are not numbered from 0 on: {sorted(numbers)}.")
        if points:
            self._upsert(tenant, model, points)

    @abstractmethod
    def _upsert(self, tenant: UUID, model: IndexedModel, points: Sequence[VectorPoint]) -> None:
        """Store checked points, at least one."""

    @abstractmethod
    def delete(self, tenant: UUID, memory_ids: Collection[UUID]) -> None:
        """Remove all chunks of these memories under every model; ids that are not there are fine."""

    def nearest(
        self, tenant: UUID, model: IndexedModel, vector: Vector, *, limit: int, scope: Scope = WHOLE_TENANT
    ) -> list[Neighbour]:
        """The memories in scope nearest to a unit vector, most similar first, each once by its best chunk.

        Exactly `limit` of them if that many are in scope. The search may be approximate: a slightly
        nearer memory can be missed, but the similarity of those found is right to 1e-3.
        IndexMissing without `create`.
        """
        model.check(vector)
        if limit < 1 or scope.is_empty or not scope.filters() <= self.supports_filters:
            return []
        return self._nearest(tenant, model, vector, limit=limit, scope=scope)

    @abstractmethod
    def _nearest(
        self, tenant: UUID, model: IndexedModel, vector: Vector, *, limit: int, scope: Scope
    ) -> list[Neighbour]:
        """Search with a checked vector, a limit of at least 1 and a scope that can be applied."""

    @abstractmethod
    def held(self, tenant: UUID, model: IndexedModel, memory_ids: Collection[UUID]) -> dict[UUID, str]:
        """The content hash of each of these memories that is held, HALF_WRITTEN if not wholly; no other."""

    @abstractmethod
    def scan(self, tenant: UUID | None, model: IndexedModel, *, batch: int) -> Iterator[list[HeldMemory]]:
        """Everything held for one tenant, or for all with None, each memory once, in lists of up to `batch`.

        For an operator's drift check: writes that happen meanwhile may or may not be seen.
        """

    @abstractmethod
    def ping(self) -> None:
        """Return if the index answers, else raise IndexUnavailable, within its timeout."""

    @abstractmethod
    def close(self) -> None:
        """Let go of connections; the next call opens them anew."""
