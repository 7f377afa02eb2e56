"""A stand-in for a Qdrant server: its own engine, qdrant-edge-py, behind the part of its REST API we use.

For tests only, and no proof about a real server: engine and client are Qdrant's, the HTTP between is ours.
Run it by hand with `python tests/qdrant_server.py --port 6333 --dir DIR`.
"""

import argparse
import json
import re
import shutil
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import version
from pathlib import Path
from threading import Lock, Thread
from typing import Any
from uuid import UUID

import qdrant_edge as edge
from pydantic import BaseModel, TypeAdapter
from qdrant_client import models

# A real server, too, gives up filling its groups after some rounds; ours looks at so many points a group.
POINTS_PER_GROUP = 4

SCHEMAS: dict[str, Callable[..., Any]] = {
    "keyword": edge.KeywordIndexParams,
    "integer": edge.IntegerIndexParams,
    "datetime": edge.DatetimeIndexParams,
}
COMPLETED = {"operation_id": 0, "status": "completed"}


class Refusal(Exception):
    """A request answered with an error status."""

    def __init__(self, status: HTTPStatus, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class Collection:
    """One shard of the engine and, beside it on disk, what the API has to tell about how it was made."""

    def __init__(self, directory: Path, config: dict[str, Any] | None = None) -> None:
        self._directory = directory
        self._described = directory / "collection.json"
        shard = str(directory / "shard")
        if config is None:
            self.description = json.loads(self._described.read_text())
            self.shard = edge.EdgeShard.load(shard)
        else:
            self.description = {"config": config, "indexes": {}}
            (directory / "shard").mkdir(parents=True)
            self.shard = edge.EdgeShard.create(shard, _edge_config(config))
            self._described.write_text(json.dumps(self.description))

    def info(self) -> dict[str, Any]:
        config, indexes = self.description["config"], self.description["indexes"]
        hnsw = {"m": 16, "ef_construct": 100, "full_scan_threshold": 10_000}
        return {
            "status": "green",
            "optimizer_status": "ok",
            "segments_count": self.shard.info().segments_count,
            "points_count": self.shard.info().points_count,
            "config": {
                "params": {"vectors": config["vectors"]},
                "hnsw_config": hnsw | (config.get("hnsw_config") or {}),
                "optimizer_config": {"default_segment_number": 0, "flush_interval_sec": 5},
                "wal_config": {"wal_capacity_mb": 32, "wal_segments_ahead": 0},
            },
            "payload_schema": {
                field: {"data_type": params["type"], "params": params, "points": 0}
                for field, params in indexes.items()
            },
        }

    def create_index(self, body: dict[str, Any]) -> dict[str, Any]:
        field, schema = body["field_name"], body["field_schema"]
        params = {"type": schema} if isinstance(schema, str) else schema
        known = {name: value for name, value in params.items() if name != "type"}
        self.shard.update(edge.UpdateOperation.create_field_index(field, SCHEMAS[params["type"]](**known)))
        self.description["indexes"][field] = params
        self._described.write_text(json.dumps(self.description))
        return COMPLETED

    def upsert(self, body: dict[str, Any]) -> dict[str, Any]:
        self.shard.update(_edge_operation({"upsert": body}))
        return COMPLETED

    def delete(self, body: dict[str, Any]) -> dict[str, Any]:
        self.shard.update(_edge_operation({"delete": body}))
        return COMPLETED

    def batch(self, body: dict[str, Any]) -> list[dict[str, Any]]:
        operations = [_edge_operation(operation) for operation in body["operations"]]
        for operation in operations:
            self.shard.update(operation)
        return [COMPLETED for _ in operations]

    def groups(self, body: dict[str, Any]) -> dict[str, Any]:
        request = models.QueryGroupsRequest.model_validate(body)
        limit = request.limit or 10
        found = self._query(body, limit=limit * POINTS_PER_GROUP, with_payload=[request.group_by])
        groups: dict[str, list[Any]] = {}
        for point in found:
            groups.setdefault(str((point.payload or {})[request.group_by]), []).append(point)
        best = list(groups.items())[:limit]
        size = request.group_size or 1
        return {"groups": [{"id": key, "hits": [_scored(hit) for hit in hits[:size]]} for key, hits in best]}

    def query(self, body: dict[str, Any]) -> dict[str, Any]:
        found = self._query(body, limit=body.get("limit") or 10, with_payload=body.get("with_payload", False))
        return {"points": [_scored(point) for point in found]}

    def _query(self, body: dict[str, Any], *, limit: int, with_payload: Any) -> list[edge.ScoredPoint]:
        query = body["query"]
        nearest = edge.Query.Nearest(query["nearest"] if isinstance(query, dict) else query)
        given = body.get("params") or {}
        params = edge.SearchParams(hnsw_ef=given.get("hnsw_ef"), exact=bool(given.get("exact")))
        wanted = _edge_filter(body.get("filter"))
        return self.shard.query(
            edge.QueryRequest(limit, query=nearest, filter=wanted, params=params, with_payload=with_payload)
        )

    def scroll(self, body: dict[str, Any]) -> dict[str, Any]:
        request = models.ScrollRequest.model_validate(body)
        records, following = self.shard.scroll(
            edge.ScrollRequest(
                offset=_edge_id(request.offset) if request.offset else None,
                limit=request.limit or 10,
                filter=_edge_filter(body.get("filter")),
                with_payload=body.get("with_payload", True),
            )
        )
        points = [{"id": str(record.id), "payload": record.payload} for record in records]
        return {"points": points, "next_page_offset": str(following) if following else None}

    def count(self, body: dict[str, Any]) -> dict[str, Any]:
        return {"count": self.shard.count(edge.CountRequest(filter=_edge_filter(body.get("filter"))))}

    def close(self) -> None:
        self.shard.close()

    def remove(self) -> None:
        self.close()
        shutil.rmtree(self._directory)


def _edge_config(config: dict[str, Any]) -> edge.EdgeConfig:
    vectors, hnsw = config["vectors"], config.get("hnsw_config") or {}
    distance = getattr(edge.Distance, vectors["distance"])
    return edge.EdgeConfig(
        vectors=edge.EdgeVectorParams(size=vectors["size"], distance=distance),
        hnsw_config=edge.HnswIndexConfig(
            hnsw.get("m", 16), hnsw.get("ef_construct", 100), 10_000, payload_m=hnsw.get("payload_m")
        ),
    )


def _edge_operation(operation: dict[str, Any]) -> edge.UpdateOperation:
    if "upsert" in operation:
        points = models.PointsList.model_validate(operation["upsert"]).points
        return edge.UpdateOperation.upsert_points(
            [edge.Point(_edge_id(point.id), _plain(point.vector), point.payload) for point in points]
        )
    if "delete" in operation:
        return _edge_delete(operation["delete"])
    raise Refusal(HTTPStatus.BAD_REQUEST, f"The stand-in does not do {list(operation)}.")


def _plain(vector: models.VectorStruct) -> list[float]:
    return TypeAdapter(list[float]).validate_python(vector)


def _edge_delete(selector: dict[str, Any]) -> edge.UpdateOperation:
    if "points" in selector:
        return edge.UpdateOperation.delete_points([_edge_id(point) for point in selector["points"]])
    return edge.UpdateOperation.delete_points_by_filter(_edge_filter(selector["filter"]) or edge.Filter())


def _edge_id(point_id: Any) -> int | UUID:
    return point_id if isinstance(point_id, int) else UUID(str(point_id))


def _edge_filter(given: dict[str, Any] | None) -> edge.Filter | None:
    if given is None:
        return None
    parsed = models.Filter.model_validate(given)
    return edge.Filter(
        must=_edge_conditions(parsed.must),
        should=_edge_conditions(parsed.should),
        must_not=_edge_conditions(parsed.must_not),
    )


def _edge_conditions(clause: Any) -> list[Any] | None:
    if clause is None:
        return None
    return [_edge_condition(each) for each in (clause if isinstance(clause, list) else [clause])]


def _edge_condition(condition: BaseModel) -> Any:
    match condition:
        case models.Filter():
            return _edge_filter(condition.model_dump(mode="json", exclude_none=True))
        case models.HasIdCondition(has_id=ids):
            return edge.HasIdCondition({_edge_id(point_id) for point_id in ids})
        case models.FieldCondition(key=key, match=models.MatchValue(value=value)):
            return edge.FieldCondition(key, match=edge.MatchValue(value))
        case models.FieldCondition(key=key, match=models.MatchAny(any=values)):
            return edge.FieldCondition(key, match=edge.MatchAny(values))
        case models.FieldCondition(key=key, range=models.DatetimeRange() as period):
            bounds = period.model_dump(mode="json", exclude_none=True)
            return edge.FieldCondition(key, range=edge.RangeDateTime(**bounds))
    raise Refusal(HTTPStatus.BAD_REQUEST, f"The stand-in does not filter by {condition!r}.")


def _scored(point: edge.ScoredPoint) -> dict[str, Any]:
    return {"id": str(point.id), "version": point.version, "score": point.score, "payload": point.payload}


class Collections:
    """Every collection under one directory, by name."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._lock = Lock()
        found = [path.parent for path in directory.glob("*/collection.json")]
        self._open = {path.name: Collection(path) for path in found}

    def __getitem__(self, name: str) -> Collection:
        if name not in self._open:
            raise Refusal(HTTPStatus.NOT_FOUND, f"Not found: Collection `{name}` doesn't exist!")
        return self._open[name]

    def __contains__(self, name: str) -> bool:
        return name in self._open

    def names(self) -> list[str]:
        return sorted(self._open)

    def create(self, name: str, body: dict[str, Any]) -> bool:
        models.CreateCollection.model_validate(body)
        with self._lock:
            if name in self._open:
                raise Refusal(HTTPStatus.CONFLICT, f"Wrong input: Collection `{name}` already exists!")
            self._open[name] = Collection(self._directory / name, body)
        return True

    def delete(self, name: str) -> bool:
        with self._lock:
            collection = self._open.pop(name, None)
        if collection is not None:
            collection.remove()
        return collection is not None

    def close(self) -> None:
        for collection in self._open.values():
            collection.close()


SERVER_ROUTES: dict[tuple[str, str], Callable[[Collections], Any]] = {
    ("GET", "/"): lambda collections: {"title": "qdrant", "version": version("qdrant-client")},
    ("GET", "/collections"): lambda collections: {
        "collections": [{"name": name} for name in collections.names()]
    },
}
COLLECTION_ROUTES: dict[tuple[str, str], Callable[[Collection, dict[str, Any]], Any]] = {
    ("GET", ""): lambda collection, body: collection.info(),
    ("PUT", "/index"): Collection.create_index,
    ("PUT", "/points"): Collection.upsert,
    ("POST", "/points/delete"): Collection.delete,
    ("POST", "/points/batch"): Collection.batch,
    ("POST", "/points/query"): Collection.query,
    ("POST", "/points/query/groups"): Collection.groups,
    ("POST", "/points/scroll"): Collection.scroll,
    ("POST", "/points/count"): Collection.count,
}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: "Server"

    def answer(self) -> None:
        try:
            status, said = HTTPStatus.OK, {"result": self._result(), "status": "ok", "time": 0.0}
        except Refusal as refusal:
            status, said = refusal.status, {"status": {"error": str(refusal)}, "time": 0.0}
        # The engine raises bare Exceptions for what is wrong with a request, such as a vector's dimensions.
        except Exception as error:
            status, said = HTTPStatus.BAD_REQUEST, {"status": {"error": f"Wrong input: {error}"}, "time": 0.0}
        content = json.dumps(said).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_PUT = do_POST = do_DELETE = answer

    def _result(self) -> Any:
        content = self.rfile.read(int(self.headers.get("content-length") or 0))
        if self.server.api_key not in (None, self.headers.get("api-key")):
            raise Refusal(HTTPStatus.UNAUTHORIZED, "Must provide an API key or an Authorization bearer token")
        path = self.path.partition("?")[0]
        matched = re.fullmatch(r"/collections/(?P<name>[^/]+)(?P<rest>/.*)?", path)
        if matched is None:
            return self._route(SERVER_ROUTES, path)(self.server.collections)
        return self._of_collection(matched["name"], matched["rest"] or "", json.loads(content or b"{}"))

    def _of_collection(self, name: str, rest: str, body: dict[str, Any]) -> Any:
        collections = self.server.collections
        match self.command, rest:
            case "GET", "/exists":
                return {"exists": name in collections}
            case "PUT", "":
                return collections.create(name, body)
            case "DELETE", "":
                return collections.delete(name)
        return self._route(COLLECTION_ROUTES, rest)(collections[name], body)

    def _route[R](self, routes: dict[tuple[str, str], R], path: str) -> R:
        if (self.command, path) not in routes:
            raise Refusal(HTTPStatus.NOT_FOUND, f"The stand-in has no {self.command} {self.path}.")
        return routes[self.command, path]

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: tests read the client's side."""


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, port: int, collections: Collections, api_key: str | None) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.collections = collections
        self.api_key = api_key
        self._connections: set[socket.socket] = set()

    def process_request(self, request: Any, client_address: Any) -> None:
        self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._connections.discard(request)
        super().shutdown_request(request)

    def hang_up(self) -> None:
        """Close the connections that clients keep open, as the end of a process would."""
        for connection in list(self._connections):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class QdrantStandIn:
    """A server that can be stopped and started again on the same port with the same data."""

    def __init__(self, directory: Path, *, port: int = 0, api_key: str | None = None) -> None:
        self._directory = directory
        self._port = port
        self._api_key = api_key
        self._server: Server | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        self._server = Server(self._port, Collections(self._directory), self._api_key)
        self._port = self._server.server_port
        Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.hang_up()
            self._server.server_close()
            self._server.collections.close()
            self._server = None

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """An outage for the length of a block."""
        self.stop()
        try:
            yield
        finally:
            self.start()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=6333)
    parser.add_argument("--dir", type=Path, required=True)
    options = parser.parse_args()
    options.dir.mkdir(parents=True, exist_ok=True)
    server = Server(options.port, Collections(options.dir), None)
    with suppress(KeyboardInterrupt):
        server.serve_forever()
    server.collections.close()


if __name__ == "__main__":
    main()
