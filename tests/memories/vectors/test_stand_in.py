"""What keeps the stand-in for a Qdrant server honest: the client's own imitation must do the same."""

import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from itertools import batched, product
from pathlib import Path
from socket import create_server
from time import monotonic, sleep
from uuid import UUID, uuid4

import numpy as np
import pytest
from qdrant_client import QdrantClient, models
from qdrant_client.http.exceptions import UnexpectedResponse

from memories.vectors import (
    WHOLE_TENANT,
    IndexedModel,
    IndexMissing,
    IndexUnavailable,
    Scope,
    VectorIndex,
    VectorPoint,
)
from memories.vectors.qdrant import QdrantIndex
from tests import qdrant_server
from tests.backends.vectors import DIMENSIONS, VectorIndexTests, chunks_of, clustered, ids, toward

MODEL = IndexedModel(1, "small", DIMENSIONS)


class LocalQdrantIndex(QdrantIndex):
    """The same on the client's own imitation of a server in memory, which the stand-in must equal."""

    def __init__(self) -> None:
        super().__init__(url="http://localhost")

    @cached_property
    def _client(self) -> QdrantClient:
        return QdrantClient(":memory:")

    @contextmanager
    def _server(self) -> Iterator[QdrantClient]:
        try:
            yield self._client
        except ValueError as error:
            if "not found" not in str(error):
                raise
            raise IndexMissing(str(error)) from error

    def create(self, model: IndexedModel) -> None:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Payload indexes have no effect")
            super().create(model)

    def close(self) -> None:
        """Keep the client, for the data is in it."""


class TestQdrantInMemory(VectorIndexTests):
    def make_index(self) -> VectorIndex:
        return LocalQdrantIndex()


type Write = tuple[UUID, list[VectorPoint], list[UUID]]


def a_history(tenants: list[UUID], *, seed: int) -> Iterator[Write]:
    """Memories written, some of them written again or deleted later, at random."""
    random = np.random.default_rng(seed)
    written: list[VectorPoint] = []
    for turn, vectors in enumerate(batched(clustered(120, seed=seed), 10)):
        points = chunks_of(list(vectors), user_id=f"u{turn % 3}", tags=[f"t{turn % 4}"])
        former = written[int(random.integers(len(written)))] if written else points[0]
        written.append(points[0])
        yield tenants[turn % 2], points, []
        if random.random() < 0.5:
            yield tenants[turn % 2], [replace(former, kind="fact")], []
        elif random.random() < 0.5:
            yield tenants[turn % 2], [], [former.memory_id]


@pytest.mark.parametrize("seed", range(3))
def test_both_answer_alike_after_the_same_writes(qdrant_url: str, seed: int) -> None:
    tenants = [UUID(int=seed * 2 + n) for n in range(2)]
    over_http, local = QdrantIndex(url=qdrant_url, prefix="alike_"), LocalQdrantIndex()
    history = list(a_history(tenants, seed=seed))
    for index in (over_http, local):
        index.create(MODEL)
        for tenant, points, deleted in history:
            index.upsert(tenant, MODEL, points)
            index.delete(tenant, deleted)
    # In the order of the points' ids, too, on which paging depends.
    assert list(over_http.scan(None, MODEL, batch=3)) == list(local.scan(None, MODEL, batch=3))
    for tenant, scope in product(tenants, (WHOLE_TENANT, Scope(kinds=("fact",)), Scope(user_id="u1"))):
        ours = over_http.nearest(tenant, MODEL, toward(0), limit=5, scope=scope)
        theirs = local.nearest(tenant, MODEL, toward(0), limit=5, scope=scope)
        assert ids(ours) == ids(theirs)
        assert [n.similarity for n in ours] == pytest.approx([n.similarity for n in theirs], abs=1e-5)
    over_http.drop(MODEL)
    over_http.close()


def test_refusals_have_the_status_of_a_server(qdrant_url: str) -> None:
    client = QdrantClient(qdrant_url, check_compatibility=False)
    vectors = models.VectorParams(size=4, distance=models.Distance.COSINE)
    client.create_collection("refusals", vectors)
    point = models.PointStruct(id=1, vector=[1.0, 2.0], payload={})
    refused: dict[int, Callable[[], object]] = {
        409: lambda: client.create_collection("refusals", vectors),
        404: lambda: client.get_collection("nowhere"),
        400: lambda: client.upsert("refusals", [point]),
    }
    for status, call in refused.items():
        with pytest.raises(UnexpectedResponse) as raised:
            call()
        assert raised.value.status_code == status
    client.delete_collection("refusals")
    client.close()


class TestAsAProcess:
    @contextmanager
    def running(self, directory: Path) -> Iterator[QdrantIndex]:
        """The stand-in as its own process, killed at the end without a chance to tidy up."""
        with create_server(("127.0.0.1", 0)) as free:
            port = str(free.getsockname()[1])
        command = [sys.executable, qdrant_server.__file__, "--port", port, "--dir", str(directory)]
        index = QdrantIndex(url=f"http://127.0.0.1:{port}", cooldown=0)
        with subprocess.Popen(command) as process:
            try:
                self.wait_for(index)
                yield index
            finally:
                index.close()
                process.kill()

    def wait_for(self, index: QdrantIndex) -> None:
        deadline = monotonic() + 20
        while True:
            try:
                return index.ping()
            except IndexUnavailable:
                if monotonic() > deadline:
                    raise
                sleep(0.05)

    def test_it_keeps_its_data_when_killed(self, tmp_path: Path) -> None:
        tenant, points = uuid4(), chunks_of([toward(0), toward(1)])
        with self.running(tmp_path) as index:
            index.create(MODEL)
            index.upsert(tenant, MODEL, points)
        with self.running(tmp_path) as index:
            assert ids(index.nearest(tenant, MODEL, toward(0), limit=5)) == [points[0].memory_id]
