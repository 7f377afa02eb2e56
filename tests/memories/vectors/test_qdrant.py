import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from time import monotonic
from uuid import UUID, uuid4

import pytest
from qdrant_client import QdrantClient, models

from memories.vectors import HALF_WRITTEN, IndexedModel, IndexUnavailable, Scope, VectorIndex
from memories.vectors.qdrant import PAYLOAD_INDEXES, QdrantIndex, point_id
from tests.backends.vectors import DIMENSIONS, VectorIndexTests, a_point, chunks_of, ids, toward
from tests.qdrant_server import QdrantStandIn

MODEL = IndexedModel(1, "small", DIMENSIONS)


class TestQdrantOverHttp(VectorIndexTests):
    @pytest.fixture
    def _backend(self, qdrant_url: str) -> None:
        self.url = qdrant_url

    def make_index(self) -> VectorIndex:
        return QdrantIndex(url=self.url)


@pytest.fixture
def tenant() -> UUID:
    return uuid4()


@pytest.fixture
def index(qdrant_url: str) -> Iterator[QdrantIndex]:
    index = QdrantIndex(url=qdrant_url, prefix="test_", cooldown=0, batch_size=7)
    index.create(MODEL)
    yield index
    index.drop(MODEL)
    index.close()


@pytest.fixture
def client(qdrant_url: str) -> Iterator[QdrantClient]:
    client = QdrantClient(qdrant_url, check_compatibility=False)
    yield client
    client.close()


CALLS: dict[str, Callable[[QdrantIndex], object]] = {
    "create": lambda index: index.create(MODEL),
    "drop": lambda index: index.drop(MODEL),
    "upsert": lambda index: index.upsert(uuid4(), MODEL, [a_point(toward(0))]),
    "delete": lambda index: index.delete(uuid4(), [uuid4()]),
    "nearest": lambda index: index.nearest(uuid4(), MODEL, toward(0), limit=5),
    "held": lambda index: index.held(uuid4(), MODEL, [uuid4()]),
    "scan": lambda index: list(index.scan(None, MODEL, batch=5)),
    "ping": lambda index: index.ping(),
}


class TestLayout:
    def test_the_graph_is_built_per_tenant(self, index: QdrantIndex, client: QdrantClient) -> None:
        info = client.get_collection("test_1")
        assert (info.config.hnsw_config.m, info.config.hnsw_config.payload_m) == (0, 16)
        params = info.payload_schema["tenant_id"].params
        assert isinstance(params, models.KeywordIndexParams)
        assert params.is_tenant

    def test_every_field_that_is_filtered_by_has_an_index(
        self, index: QdrantIndex, client: QdrantClient
    ) -> None:
        schema = client.get_collection("test_1").payload_schema
        assert schema.keys() == PAYLOAD_INDEXES.keys()

    def test_indexes_that_were_not_made_yet_are_made(self, index: QdrantIndex, client: QdrantClient) -> None:
        index.drop(MODEL)
        vectors = models.VectorParams(size=DIMENSIONS, distance=models.Distance.COSINE)
        client.create_collection("test_1", vectors)
        client.create_payload_index("test_1", "kind", models.PayloadSchemaType.KEYWORD)
        index.create(MODEL)
        assert client.get_collection("test_1").payload_schema.keys() == PAYLOAD_INDEXES.keys()

    def test_points_have_the_same_id_each_time_and_chunks_lie_together(self, tenant: UUID) -> None:
        memory_id = uuid4()
        chunks = [point_id(tenant, memory_id, n) for n in range(3)]
        assert chunks == [point_id(tenant, memory_id, n) for n in range(3)]
        assert [each.int - chunks[0].int for each in chunks] == [0, 1, 2]
        assert point_id(uuid4(), memory_id, 0) != chunks[0]

    def test_one_memory_id_in_two_tenants_is_two_memories(self, index: QdrantIndex, tenant: UUID) -> None:
        other, point = uuid4(), a_point(toward(0))
        index.upsert(tenant, MODEL, [point])
        index.upsert(other, MODEL, [point])
        index.delete(other, [point.memory_id])
        assert ids(index.nearest(tenant, MODEL, toward(0), limit=5)) == [point.memory_id]

    def test_other_installations_on_the_server_are_left_alone(
        self, index: QdrantIndex, qdrant_url: str, tenant: UUID
    ) -> None:
        neighbour = QdrantIndex(url=qdrant_url, prefix="test_neighbour_")
        neighbour.create(MODEL)
        point = a_point(toward(0))
        neighbour.upsert(tenant, MODEL, [point])
        index.delete(tenant, [point.memory_id])
        assert neighbour.held(tenant, MODEL, [point.memory_id]).keys() == {point.memory_id}
        neighbour.drop(MODEL)
        neighbour.close()


class TestHalfWritten:
    def test_a_lost_chunk_shows(self, index: QdrantIndex, client: QdrantClient, tenant: UUID) -> None:
        whole, torn = chunks_of([toward(0), toward(1)]), chunks_of([toward(0), toward(1)])
        index.upsert(tenant, MODEL, [*whole, *torn])
        client.delete("test_1", [str(point_id(tenant, torn[0].memory_id, 1))])
        expected = {whole[0].memory_id: whole[0].content_hash, torn[0].memory_id: HALF_WRITTEN}
        assert index.held(tenant, MODEL, expected) == expected
        scanned = [held for some in index.scan(tenant, MODEL, batch=1) for held in some]
        assert {held.memory_id: held.content_hash for held in scanned} == expected

    def test_chunks_of_two_writes_show(self, index: QdrantIndex, client: QdrantClient, tenant: UUID) -> None:
        points = chunks_of([toward(0), toward(1)])
        index.upsert(tenant, MODEL, points)
        stray = models.PointStruct(
            id=str(point_id(tenant, points[0].memory_id, 1)),
            vector=toward(1).tolist(),
            payload={
                "tenant_id": str(tenant),
                "memory_id": str(points[0].memory_id),
                "chunks": 2,
                "content_hash": "e" * 64,
            },
        )
        client.upsert("test_1", [stray])
        assert index.held(tenant, MODEL, [points[0].memory_id]) == {points[0].memory_id: HALF_WRITTEN}


class TestOutage:
    @pytest.mark.parametrize("call", CALLS)
    def test_a_server_that_is_down_is_said_to_be_unavailable(
        self, qdrant: QdrantStandIn, index: QdrantIndex, call: str
    ) -> None:
        with qdrant.stopped(), pytest.raises(IndexUnavailable):
            CALLS[call](index)

    def test_it_goes_on_after_a_restart_with_its_data(
        self, qdrant: QdrantStandIn, index: QdrantIndex, tenant: UUID
    ) -> None:
        point = a_point(toward(0))
        index.upsert(tenant, MODEL, [point])
        with qdrant.stopped():
            pass
        assert ids(index.nearest(tenant, MODEL, toward(0), limit=5)) == [point.memory_id]

    def test_it_is_left_in_peace_for_a_moment_then_asked_again(
        self, qdrant: QdrantStandIn, tenant: UUID
    ) -> None:
        index = QdrantIndex(url=qdrant.url, prefix="test_", cooldown=60)
        index.create(MODEL)
        with qdrant.stopped(), pytest.raises(IndexUnavailable, match="did not answer: "):
            index.held(tenant, MODEL, [tenant])
        with pytest.raises(IndexUnavailable, match="a moment ago"):
            index.held(tenant, MODEL, [tenant])
        index.ping()
        assert index.held(tenant, MODEL, [tenant]) == {}
        index.drop(MODEL)
        index.close()

    @pytest.mark.parametrize("call", ["nearest", "ping"])
    def test_a_server_that_never_answers_is_not_waited_for(self, call: str) -> None:
        with socket.create_server(("127.0.0.1", 0)) as silent:
            index = QdrantIndex(url=f"http://127.0.0.1:{silent.getsockname()[1]}", timeout=1)
            began = monotonic()
            with pytest.raises(IndexUnavailable):
                CALLS[call](index)
            assert monotonic() - began < 2
            index.close()

    @pytest.mark.parametrize("status", [200, 401, 403, 429, 500, 503])
    def test_a_server_that_refuses_or_is_no_qdrant_is_unavailable(self, status: int) -> None:
        with a_server_that_says(status) as server:
            index = QdrantIndex(url=server.url)
            with pytest.raises(IndexUnavailable):
                CALLS["nearest"](index)
            index.close()

    def test_a_request_that_was_hung_up_on_is_sent_once_more(self) -> None:
        answer = b'{"result": {"groups": []}, "status": "ok", "time": 0}'
        with a_server_that_says(HANG_UP, 200, content=answer) as server:
            index = QdrantIndex(url=server.url)
            assert CALLS["nearest"](index) == []
            index.close()
        assert server.asked == 2

    def test_and_not_more_than_once_more(self) -> None:
        with a_server_that_says(HANG_UP) as server:
            index = QdrantIndex(url=server.url)
            with pytest.raises(IndexUnavailable):
                CALLS["nearest"](index)
            index.close()
        assert server.asked == 2

    @pytest.mark.filterwarnings("ignore:Api key is used with an insecure connection")
    def test_the_key_is_sent(self, tmp_path: Path) -> None:
        server = QdrantStandIn(tmp_path, api_key="right")
        server.start()
        right, wrong = (QdrantIndex(url=server.url, api_key=key) for key in ("right", "wrong"))
        right.ping()
        with pytest.raises(IndexUnavailable, match="401"):
            wrong.ping()
        right.close()
        wrong.close()
        server.stop()


HANG_UP = 0


class ScriptedServer(HTTPServer):
    """Answers request after request with the given statuses, the last of them for good."""

    def __init__(self, statuses: list[int], content: bytes) -> None:
        super().__init__(("127.0.0.1", 0), ScriptedHandler)
        self.statuses = statuses
        self.content = content
        self.asked = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class ScriptedHandler(BaseHTTPRequestHandler):
    server: ScriptedServer

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        status = self.server.statuses[min(self.server.asked, len(self.server.statuses) - 1)]
        self.server.asked += 1
        if status == HANG_UP:
            return
        self.send_response(status)
        self.send_header("retry-after", "1")
        self.end_headers()
        self.wfile.write(self.server.content)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@contextmanager
def a_server_that_says(*statuses: int, content: bytes = b"<html>Hello</html>") -> Iterator[ScriptedServer]:
    with ScriptedServer(list(statuses), content) as server:
        Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield server
        server.shutdown()


class TestOptions:
    @pytest.mark.parametrize(
        ("options", "named"),
        [
            ({"url": "qdrant:6333"}, "url"),
            ({"url": ""}, "url"),
            ({"url": "http://qdrant:6333", "timeout": 0}, "timeout"),
            ({"url": "http://qdrant:6333", "write_timeout": -1}, "write_timeout"),
            ({"url": "http://qdrant:6333", "batch_size": 0}, "batch_size"),
        ],
    )
    def test_wrong_ones_are_refused_by_name(self, options: dict[str, object], named: str) -> None:
        with pytest.raises(ValueError, match=named):
            QdrantIndex(**options)  # type: ignore[arg-type]

    def test_a_write_of_many_chunks_goes_in_batches_that_keep_memories_whole(
        self, index: QdrantIndex, tenant: UUID
    ) -> None:
        memories = [chunks_of([toward(0.1 * n)] * (1 + n % 10)) for n in range(20)]
        index.upsert(tenant, MODEL, [point for points in memories for point in points])
        asked = {points[0].memory_id: points[0].content_hash for points in memories}
        assert index.held(tenant, MODEL, asked) == asked
        assert len(index.nearest(tenant, MODEL, toward(0), limit=30, scope=Scope(kinds=("message",)))) == 20
