"""What every vector index must do; a backend's tests subclass VectorIndexTests and say how to make one."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from itertools import count
from typing import Any
from uuid import UUID, uuid4

import numpy as np
import pytest
from numpy.typing import NDArray

from memories.vectors import (
    WHOLE_TENANT,
    IndexedModel,
    IndexMissing,
    Neighbour,
    Scope,
    Vector,
    VectorIndex,
    VectorPoint,
    WrongVector,
)

DIMENSIONS = 24
NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)
ODD = "o'Neill \"%_*\\ ünï 😀"

_model_ids = count(1)


def unit(values: NDArray[np.floating]) -> Vector:
    """The vector scaled to length one."""
    scaled: Vector = (values / np.linalg.norm(values)).astype(np.float32)
    return scaled


def toward(angle: float, *, dimensions: int = DIMENSIONS) -> Vector:
    """A unit vector at this angle, in radians, from toward(0)."""
    vector = np.zeros(dimensions, dtype=np.float32)
    vector[:2] = np.cos(angle), np.sin(angle)
    return vector


def clustered(number: int, *, seed: int = 0) -> list[Vector]:
    """Unit vectors around some centres, as texts on some topics have."""
    random = np.random.default_rng(seed)
    centres = random.normal(size=(20, DIMENSIONS))
    chosen = centres[random.integers(0, len(centres), size=number)]
    return [unit(vector) for vector in chosen + 0.4 * random.normal(size=chosen.shape)]


def a_point(vector: Vector, *, chunk: int = 0, memory_id: UUID | None = None, **fields: Any) -> VectorPoint:
    """A point of a new message, unless told otherwise."""
    usual = VectorPoint(
        memory_id=memory_id or uuid4(),
        chunk=chunk,
        vector=vector,
        content_hash=sha256(b"one").hexdigest(),
        kind="message",
        tier=2,
        occurred_at=NEW_YEAR,
    )
    return replace(usual, **fields)


def chunks_of(vectors: list[Vector], **fields: Any) -> list[VectorPoint]:
    """The points of one memory."""
    memory_id = uuid4()
    return [a_point(vector, chunk=n, memory_id=memory_id, **fields) for n, vector in enumerate(vectors)]


def ids(found: list[Neighbour]) -> list[UUID]:
    return [neighbour.memory_id for neighbour in found]


class VectorIndexTests:
    """The contract of `memories.vectors.base`, with two tenants at all times."""

    # Whether the backend keeps a place of its own for each model, and so notices when there is none.
    keeps_models = True

    index: VectorIndex
    model: IndexedModel
    tenant: UUID
    other: UUID

    def make_index(self) -> VectorIndex:
        raise NotImplementedError

    def make_tenant(self) -> UUID:
        return uuid4()

    def make_model(self, dimensions: int = DIMENSIONS) -> IndexedModel:
        number = next(_model_ids)
        return IndexedModel(number, f"model-{number}", dimensions)

    def make_memories(self, tenant: UUID, points: list[VectorPoint]) -> None:
        """Write the rows these points belong to, for a backend that needs them."""

    @pytest.fixture(autouse=True)
    def _two_tenants_and_a_model(self, _backend: None) -> Any:
        self.index = self.make_index()
        self.model = self.make_model()
        self.tenant, self.other = self.make_tenant(), self.make_tenant()
        self.index.create(self.model)
        yield
        self.index.drop(self.model)
        self.index.close()

    @pytest.fixture
    def _backend(self) -> None:
        """What the backend's tests have to set up first, such as a server or the database."""

    def store(self, *points: VectorPoint, tenant: UUID | None = None) -> None:
        self.make_memories(tenant or self.tenant, list(points))
        self.index.upsert(tenant or self.tenant, self.model, points)

    def search(self, vector: Vector, *, limit: int = 10, scope: Scope = WHOLE_TENANT) -> list[Neighbour]:
        return self.index.nearest(self.tenant, self.model, vector, limit=limit, scope=scope)

    def everything(self, tenant: UUID | None) -> list[UUID]:
        return [held.memory_id for some in self.index.scan(tenant, self.model, batch=100) for held in some]

    # Nearest neighbours

    def test_the_most_similar_come_first_with_their_cosine(self) -> None:
        angles = [0.9, 0.1, 2.0, 0.5]
        points = [a_point(toward(angle)) for angle in angles]
        self.store(*points)
        found = self.search(toward(0))
        assert ids(found) == [points[n].memory_id for n in (1, 3, 0, 2)]
        assert [n.similarity for n in found] == pytest.approx(np.cos(sorted(angles)), abs=1e-3)

    @pytest.mark.parametrize(("limit", "expected"), [(-1, 0), (0, 0), (1, 1), (5, 5), (6, 5), (1000, 5)])
    def test_as_many_as_asked_for_if_there_are_so_many(self, limit: int, expected: int) -> None:
        self.store(*(a_point(vector) for vector in clustered(5)))
        assert len(self.search(toward(0), limit=limit)) == expected

    def test_nothing_is_found_where_nothing_is(self) -> None:
        assert self.search(toward(0)) == []

    def test_a_thousand_are_searched_as_exactly_as_by_hand(self) -> None:
        points = [a_point(vector) for vector in clustered(1000)]
        self.store(*points)
        matrix = np.stack([point.vector for point in points])
        hits = 0
        for query in clustered(20, seed=0):
            best = {points[n].memory_id for n in np.argsort(-(matrix @ query))[:10]}
            hits += len(best & set(ids(self.search(query))))
        assert hits >= 0.95 * 200
        assert len(set(ids(self.search(toward(0), limit=1000)))) == 1000

    # Tenants

    def test_another_tenants_memories_are_not_found(self) -> None:
        mine, theirs = a_point(toward(1)), a_point(toward(0))
        self.store(mine)
        self.store(theirs, tenant=self.other)
        assert ids(self.search(toward(0))) == [mine.memory_id]
        assert self.index.nearest(self.make_tenant(), self.model, toward(0), limit=10) == []

    def test_another_tenants_memories_are_not_reported(self) -> None:
        theirs = a_point(toward(0))
        self.store(theirs, tenant=self.other)
        assert self.index.held(self.tenant, self.model, [theirs.memory_id]) == {}
        assert self.everything(self.tenant) == []

    def test_another_tenants_memories_are_not_deleted(self) -> None:
        theirs = a_point(toward(0))
        self.store(theirs, tenant=self.other)
        self.index.delete(self.tenant, [theirs.memory_id])
        assert self.everything(self.other) == [theirs.memory_id]

    # Filters

    @pytest.mark.parametrize(
        ("scope", "matches"),
        [
            (Scope(), lambda p: True),
            (Scope(user_id="ann"), lambda p: p.user_id == "ann"),
            (Scope(user_id=ODD), lambda p: p.user_id == ODD),
            (Scope(user_id=""), lambda p: p.user_id == ""),
            (Scope(user_id="an"), lambda p: False),
            (Scope(agent_id="scout"), lambda p: p.agent_id == "scout"),
            (Scope(conversation_id="c1"), lambda p: p.conversation_id == "c1"),
            (Scope(kinds=("fact",)), lambda p: p.kind == "fact"),
            (Scope(kinds=("fact", "message")), lambda p: True),
            (Scope(kinds=()), lambda p: False),
            (Scope(tiers=(3,)), lambda p: p.tier == 3),
            (Scope(tiers=()), lambda p: False),
            (Scope(tags=("red",)), lambda p: "red" in p.tags),
            (Scope(tags=("red", ODD)), lambda p: {"red", ODD} <= set(p.tags)),
            (Scope(tags=("blue",)), lambda p: False),
            (Scope(since=NEW_YEAR + timedelta(days=9)), lambda p: p.occurred_at.day >= 10),
            (Scope(until=NEW_YEAR + timedelta(days=9)), lambda p: p.occurred_at.day < 10),
            (Scope(since=NEW_YEAR, until=NEW_YEAR), lambda p: False),
            (
                Scope(user_id="ann", kinds=("fact",), tiers=(2, 3), tags=("red",), since=NEW_YEAR),
                lambda p: p.user_id == "ann" and p.kind == "fact" and "red" in p.tags,
            ),
        ],
    )
    def test_a_scope_keeps_what_matches_and_nothing_else(
        self, scope: Scope, matches: Callable[[VectorPoint], bool]
    ) -> None:
        points = [
            a_point(
                vector,
                user_id=("ann", "ben", ODD, "")[n % 4],
                agent_id=("scout", "")[n % 2],
                conversation_id=f"c{n % 5}",
                kind=("message", "fact")[n % 3 == 0],
                tier=(2, 3)[n % 7 == 0],
                tags=[("red",), (), ("red", ODD), (ODD,)][n % 11 % 4],
                occurred_at=NEW_YEAR + timedelta(days=n % 20),
            )
            for n, vector in enumerate(clustered(60))
        ]
        self.store(*points)
        self.store(*(replace(point, memory_id=uuid4()) for point in points), tenant=self.other)
        expected = {point.memory_id for point in points if matches(point)}
        assert set(ids(self.search(toward(0), limit=100, scope=scope))) == expected

    def test_times_are_told_apart_to_the_microsecond_and_across_zones(self) -> None:
        moment = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)
        point = a_point(toward(0), occurred_at=moment)
        self.store(point)
        elsewhere = moment.astimezone(datetime.strptime("+0530", "%z").tzinfo)
        just_after = moment + timedelta(microseconds=1)
        around = Scope(since=elsewhere, until=just_after)
        assert ids(self.search(toward(0), scope=around)) == [point.memory_id]
        assert self.search(toward(0), scope=Scope(since=just_after)) == []
        assert self.search(toward(0), scope=Scope(until=elsewhere)) == []

    def test_a_filtered_search_still_finds_as_many_as_asked_for(self) -> None:
        vectors = clustered(600)
        owners = ["ann" if n % 20 == 0 else "ben" for n in range(600)]
        self.store(*(a_point(vector, user_id=owner) for vector, owner in zip(vectors, owners, strict=True)))
        for query in vectors[1:6]:
            assert len(self.search(query, limit=30, scope=Scope(user_id="ann"))) == 30

    def test_a_filter_that_cannot_be_applied_finds_nothing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.store(a_point(toward(0), user_id="ann", tags=("red",)))
        monkeypatch.setattr(type(self.index), "supports_filters", frozenset({"user_id"}))
        assert len(self.search(toward(0), scope=Scope(user_id="ann"))) == 1
        assert self.search(toward(0), scope=Scope(user_id="ann", tags=("red",))) == []

    # Chunks

    def test_the_best_chunk_counts(self) -> None:
        long = chunks_of([toward(1.5), toward(0.1), toward(2)])
        short = a_point(toward(0.5))
        self.store(*long, short)
        found = self.search(toward(0))
        assert ids(found) == [long[0].memory_id, short.memory_id]
        assert found[0].similarity == pytest.approx(np.cos(0.1), abs=1e-3)

    def test_memories_of_many_chunks_leave_room_for_the_others(self) -> None:
        long = [chunks_of([toward(0.001 * n + 0.1 * m) for n in range(60)]) for m in range(3)]
        short = [a_point(toward(1 + 0.01 * n)) for n in range(20)]
        self.store(*(point for points in long for point in points), *short)
        expected = [points[0].memory_id for points in long] + [point.memory_id for point in short]
        assert ids(self.search(toward(0), limit=20)) == expected[:20]

    # Writing

    def test_a_memory_written_again_is_there_once_as_last_written(self) -> None:
        point = a_point(toward(0), tags=("red",))
        self.store(point)
        changed = replace(point, vector=toward(1), content_hash=sha256(b"two").hexdigest(), tags=("blue",))
        self.make_memories(self.tenant, [changed])
        for _ in range(2):
            self.index.upsert(self.tenant, self.model, [changed])
        assert self.everything(self.tenant) == [point.memory_id]
        assert self.index.held(self.tenant, self.model, [point.memory_id]) == {
            point.memory_id: changed.content_hash
        }
        [found] = self.search(toward(1), scope=Scope(tags=("blue",)))
        assert found.similarity == pytest.approx(1, abs=1e-3)
        assert self.search(toward(0), scope=Scope(tags=("red",))) == []

    def test_chunks_of_a_longer_former_text_are_gone(self) -> None:
        points = chunks_of([toward(1), toward(0), toward(2)])
        neighbour = chunks_of([toward(0.2), toward(0.3)])
        self.store(*points, *neighbour)
        self.index.upsert(self.tenant, self.model, points[:1])
        found = {each.memory_id: each.similarity for each in self.search(toward(0))}
        assert found[points[0].memory_id] == pytest.approx(np.cos(1), abs=1e-3)
        assert found[neighbour[0].memory_id] == pytest.approx(np.cos(0.2), abs=1e-3)

    def test_nothing_to_write_is_fine(self) -> None:
        self.index.upsert(self.tenant, self.model, [])
        assert self.everything(self.tenant) == []

    @pytest.mark.parametrize("numbers", [(1,), (0, 2), (0, 0)])
    def test_chunks_left_out_or_given_twice_are_refused(self, numbers: tuple[int, ...]) -> None:
        memory_id = uuid4()
        points = [a_point(toward(0), chunk=number, memory_id=memory_id) for number in numbers]
        with pytest.raises(ValueError, match=str(memory_id)):
            self.index.upsert(self.tenant, self.model, [a_point(toward(0)), *points])
        assert self.everything(self.tenant) == []

    @pytest.mark.parametrize(
        "vector", [toward(0, dimensions=DIMENSIONS - 1), np.full(DIMENSIONS, np.nan, np.float32)]
    )
    def test_a_vector_that_does_not_fit_is_refused(self, vector: Vector) -> None:
        with pytest.raises(WrongVector):
            self.index.upsert(self.tenant, self.model, [a_point(toward(0)), a_point(vector)])
        with pytest.raises(WrongVector):
            self.search(vector)
        assert self.everything(self.tenant) == []

    def test_deleting_takes_all_chunks_and_leaves_the_others(self) -> None:
        long, short = chunks_of([toward(0), toward(1)]), a_point(toward(0.5))
        self.store(*long, short)
        for _ in range(2):
            self.index.delete(self.tenant, [long[0].memory_id, uuid4()])
            assert ids(self.search(toward(0))) == [short.memory_id]
        self.index.delete(self.tenant, [])
        assert self.everything(self.tenant) == [short.memory_id]

    # What is held

    def test_held_tells_what_is_there(self) -> None:
        long, short = chunks_of([toward(0), toward(1)]), a_point(toward(0), content_hash="f" * 64)
        self.store(*long, short)
        asked = [long[0].memory_id, short.memory_id, uuid4()]
        assert self.index.held(self.tenant, self.model, asked) == {
            long[0].memory_id: long[0].content_hash,
            short.memory_id: "f" * 64,
        }
        assert self.index.held(self.tenant, self.model, []) == {}

    def test_held_answers_for_hundreds_at_once(self) -> None:
        memories = [chunks_of([vector, vector]) for vector in clustered(400)]
        self.store(*(point for points in memories for point in points))
        asked = [points[0].memory_id for points in memories]
        assert self.index.held(self.tenant, self.model, asked).keys() == set(asked)

    def test_scan_lists_each_memory_once_in_batches(self) -> None:
        mine = [chunks_of([toward(0), toward(1), toward(2)][: 1 + n % 3]) for n in range(30)]
        theirs = a_point(toward(0))
        self.store(*(point for points in mine for point in points))
        self.store(theirs, tenant=self.other)
        batches = list(self.index.scan(self.tenant, self.model, batch=7))
        assert all(0 < len(some) <= 7 for some in batches)
        expected = sorted((self.tenant, points[0].memory_id, points[0].content_hash) for points in mine)
        assert sorted(tuple(held) for some in batches for held in some) == expected
        everyones = self.everything(None)
        assert sorted(everyones) == sorted([*(p[0].memory_id for p in mine), theirs.memory_id])

    # Models

    def test_models_are_kept_apart_and_deletes_reach_them_all(self) -> None:
        second = self.make_model(DIMENSIONS // 2)
        self.index.create(second)
        point = a_point(toward(0))
        self.store(point)
        halved = replace(point, vector=toward(1, dimensions=second.dimensions))
        self.index.upsert(self.tenant, second, [halved])
        [found] = self.index.nearest(self.tenant, second, toward(0, dimensions=second.dimensions), limit=5)
        assert found.similarity == pytest.approx(np.cos(1), abs=1e-3)
        self.index.delete(self.tenant, [point.memory_id])
        assert self.index.held(self.tenant, self.model, [point.memory_id]) == {}
        assert self.index.held(self.tenant, second, [point.memory_id]) == {}
        self.index.drop(second)

    def test_making_a_model_again_keeps_what_is_there(self) -> None:
        point = a_point(toward(0))
        self.store(point)
        self.index.create(self.model)
        assert ids(self.search(toward(0))) == [point.memory_id]

    def test_a_dropped_model_holds_nothing(self) -> None:
        point, spared = a_point(toward(0)), self.make_model()
        self.index.create(spared)
        self.store(point)
        self.index.upsert(self.tenant, spared, [point])
        for _ in range(2):
            self.index.drop(self.model)
        assert self.index.held(self.tenant, self.model, [point.memory_id]) == {}
        assert self.everything(None) == []
        assert self.index.held(self.tenant, spared, [point.memory_id]).keys() == {point.memory_id}
        self.index.drop(spared)

    def test_a_model_that_is_not_there_is_said_to_be_missing(self) -> None:
        if not self.keeps_models:
            pytest.skip("the backend keeps all models in one place")
        self.index.drop(self.model)
        with pytest.raises(IndexMissing):
            self.search(toward(0))
        with pytest.raises(IndexMissing):
            self.index.upsert(self.tenant, self.model, [a_point(toward(0))])
        self.index.delete(self.tenant, [uuid4()])

    def test_a_model_made_with_other_dimensions_is_refused(self) -> None:
        if not self.keeps_models:
            pytest.skip("the backend keeps all models in one place")
        with pytest.raises(WrongVector):
            self.index.create(replace(self.model, dimensions=DIMENSIONS * 2))

    # The connection

    def test_it_answers(self) -> None:
        self.index.ping()

    def test_it_works_again_after_being_closed(self) -> None:
        point = a_point(toward(0))
        self.store(point)
        self.index.close()
        assert ids(self.search(toward(0))) == [point.memory_id]
