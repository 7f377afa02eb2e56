"""Nearest neighbours from a Qdrant server: one collection per embedding model, shared by all tenants.

Laid out as Qdrant's guide to multitenancy advises (https://qdrant.tech/documentation/manage-data/multitenancy/):
the tenant is a payload field, and instead of one graph over all vectors there is one graph per tenant.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cached_property
from itertools import batched, groupby
from json import JSONDecodeError
from time import monotonic
from typing import Any
from uuid import UUID, uuid5

import httpx
from qdrant_client import QdrantClient, models
from qdrant_client.common.client_exceptions import QdrantException
from qdrant_client.http.exceptions import ApiException, ResponseHandlingException, UnexpectedResponse

from memories.vectors.base import (
    HALF_WRITTEN,
    HeldMemory,
    IndexedModel,
    IndexMissing,
    IndexUnavailable,
    Neighbour,
    Scope,
    Vector,
    VectorIndex,
    VectorPoint,
    WrongVector,
)

POINT_NAMESPACE = UUID("1b1c2f0a-6d0e-5a53-9d0b-3f3f6b0f6b52")


def _keyword(*, is_tenant: bool | None = None, enable_hnsw: bool | None = None) -> models.KeywordIndexParams:
    keyword = models.KeywordIndexType.KEYWORD
    return models.KeywordIndexParams(type=keyword, is_tenant=is_tenant, enable_hnsw=enable_hnsw)


# Qdrant links the vectors of each value of an indexed field in a graph of their own. For tenants that is the
# point of the layout, and users are the next thing most searches are narrowed to. For the other fields it
# would cost much for little: nearly all memories share one kind and tier, and conversations are small.
PAYLOAD_INDEXES: dict[str, models.PayloadSchemaParams] = {
    "tenant_id": _keyword(is_tenant=True),
    "user_id": _keyword(),
    "memory_id": _keyword(enable_hnsw=False),
    "agent_id": _keyword(enable_hnsw=False),
    "conversation_id": _keyword(enable_hnsw=False),
    "kind": _keyword(enable_hnsw=False),
    "tags": _keyword(enable_hnsw=False),
    "tier": models.IntegerIndexParams(type=models.IntegerIndexType.INTEGER, enable_hnsw=False),
    "occurred_at": models.DatetimeIndexParams(type=models.DatetimeIndexType.DATETIME, enable_hnsw=False),
}


class QdrantIndex(VectorIndex):
    """The contract on a Qdrant server reached by URL. Its options, all times in seconds:

    - `url` and `api_key` of the server; `prefix` begins the names of this installation's collections.
    - `timeout` for questions and `write_timeout` for changes. For `cooldown` after no answer came nothing
      is asked, lest every search wait for a server that is down.
    - `batch_size`, the points in one request.
    - `payload_m`, `ef_construct`, `on_disk`, `shard_number`, `replication_factor` of new collections.
    - `hnsw_ef`, the candidates a search looks at; None leaves it to the server.
    """

    def __init__(
        self,
        *,
        url: str,
        api_key: str | None = None,
        prefix: str = "memos_",
        timeout: int = 3,
        write_timeout: int = 30,
        cooldown: float = 2.0,
        batch_size: int = 256,
        payload_m: int = 16,
        ef_construct: int = 100,
        on_disk: bool = False,
        shard_number: int | None = None,
        replication_factor: int | None = None,
        hnsw_ef: int | None = None,
    ) -> None:
        if not url.startswith(("http://", "https://")):
            raise ValueError(f"url must begin with http:// or https://, not be {url!r}.")
        numbers = {"timeout": timeout, "write_timeout": write_timeout, "batch_size": batch_size}
        for name, number in numbers.items():
            if number < 1:
                raise ValueError(f"{name} must be at least 1, not {number}.")
        self._url = url
        self._api_key = api_key
        self._prefix = prefix
        self._timeout = timeout
        self._write_timeout = write_timeout
        self._cooldown = cooldown
        self._resting_until = 0.0
        self._batch_size = batch_size
        self._on_disk = on_disk
        self._search_params = models.SearchParams(hnsw_ef=hnsw_ef)
        self._collection_params: dict[str, Any] = {
            "hnsw_config": models.HnswConfigDiff(m=0, payload_m=payload_m, ef_construct=ef_construct),
            "shard_number": shard_number,
            "replication_factor": replication_factor,
        }

    def create(self, model: IndexedModel) -> None:
        name = self._collection(model)
        with self._server() as client:
            if not client.collection_exists(name):
                self._create_collection(client, model)
            info = client.get_collection(name)
            vectors = info.config.params.vectors
            if not isinstance(vectors, models.VectorParams) or vectors.size != model.dimensions:
                raise WrongVector(f"Qdrant's collection {name} is not for {model.dimensions} dimensions.")
            for field in PAYLOAD_INDEXES.keys() - info.payload_schema.keys():
                client.create_payload_index(name, field, PAYLOAD_INDEXES[field], timeout=self._write_timeout)

    def _create_collection(self, client: QdrantClient, model: IndexedModel) -> None:
        vectors = models.VectorParams(
            size=model.dimensions, distance=models.Distance.COSINE, on_disk=self._on_disk
        )
        try:
            client.create_collection(
                self._collection(model), vectors, timeout=self._write_timeout, **self._collection_params
            )
        except UnexpectedResponse as error:
            if error.status_code != httpx.codes.CONFLICT:  # another process was quicker
                raise

    def drop(self, model: IndexedModel) -> None:
        with suppress(IndexMissing), self._server() as client:
            client.delete_collection(self._collection(model), timeout=self._write_timeout)

    def _upsert(self, tenant: UUID, model: IndexedModel, points: Sequence[VectorPoint]) -> None:
        memories: dict[UUID, list[VectorPoint]] = {}
        for point in points:
            memories.setdefault(point.memory_id, []).append(point)
        batch: list[models.PointStruct] = []
        for chunks in memories.values():
            if batch and len(batch) + len(chunks) > self._batch_size:
                self._replace(tenant, model, batch)
                batch = []
            batch += [_point_struct(tenant, point, chunks=len(chunks)) for point in chunks]
        self._replace(tenant, model, batch)

    def _replace(self, tenant: UUID, model: IndexedModel, points: list[models.PointStruct]) -> None:
        """Store the points, then remove what else is held for their memories: chunks of a longer text."""
        memory_ids = {(point.payload or {})["memory_id"] for point in points}
        stale = _of_memories(tenant, memory_ids)
        stale.must_not = [models.HasIdCondition(has_id=[point.id for point in points])]
        store = models.UpsertOperation(upsert=models.PointsList(points=points))
        tidy = models.DeleteOperation(delete=models.FilterSelector(filter=stale))
        with self._server() as client:
            client.batch_update_points(
                self._collection(model), [store, tidy], wait=True, timeout=self._write_timeout
            )

    def delete(self, tenant: UUID, memory_ids: Collection[UUID]) -> None:
        for some in batched(memory_ids, self._batch_size):
            selected = models.FilterSelector(filter=_of_memories(tenant, some))
            for name in self._collections():
                # A model may be dropped while we are at it, and its points with it.
                with suppress(IndexMissing), self._server() as client:
                    client.delete(name, selected, wait=True, timeout=self._write_timeout)

    def _nearest(
        self, tenant: UUID, model: IndexedModel, vector: Vector, *, limit: int, scope: Scope
    ) -> list[Neighbour]:
        # Qdrant gives up filling its groups after some rounds, so memories of many chunks can leave it short
        # of the limit. Asking again without those found brings at least one more, or shows there are no more.
        found: list[Neighbour] = []
        while len(found) < limit:
            wanted = _in_scope(tenant, scope, but_not=[neighbour.memory_id for neighbour in found])
            more = self._best_of_groups(model, vector, wanted, limit=limit - len(found))
            if not more:
                break
            found += more
        return sorted(found, key=lambda neighbour: (-neighbour.similarity, neighbour.memory_id))

    def _best_of_groups(
        self, model: IndexedModel, vector: Vector, wanted: models.Filter, *, limit: int
    ) -> list[Neighbour]:
        with self._server() as client:
            answer = client.query_points_groups(
                self._collection(model),
                group_by="memory_id",
                query=vector.tolist(),
                query_filter=wanted,
                search_params=self._search_params,
                limit=limit,
                group_size=1,
                with_payload=False,
                timeout=self._timeout,
            )
        return [Neighbour(UUID(str(group.id)), group.hits[0].score) for group in answer.groups]

    def held(self, tenant: UUID, model: IndexedModel, memory_ids: Collection[UUID]) -> dict[UUID, str]:
        found: dict[UUID, str] = {}
        for some in batched(memory_ids, self._batch_size):
            points = self._scroll(model, _of_memories(tenant, some), page=self._batch_size)
            found |= {memory.memory_id: memory.content_hash for memory in _held_memories(points)}
        return found

    def scan(self, tenant: UUID | None, model: IndexedModel, *, batch: int) -> Iterator[list[HeldMemory]]:
        selected = models.Filter(must=[_matches("tenant_id", str(tenant))] if tenant else None)
        for some in batched(_held_memories(self._scroll(model, selected, page=batch)), batch):
            yield list(some)

    def _scroll(self, model: IndexedModel, selected: models.Filter, *, page: int) -> Iterator[models.Record]:
        """All points of a filter in the order of their ids; none if the model is not there."""
        offset: Any = None
        while True:
            try:
                with self._server() as client:
                    points, offset = client.scroll(
                        self._collection(model),
                        selected,
                        limit=page,
                        offset=offset,
                        with_payload=["tenant_id", "memory_id", "chunks", "content_hash"],
                        timeout=self._timeout,
                    )
            except IndexMissing:
                return
            yield from points
            if offset is None:
                return

    def ping(self) -> None:
        self._resting_until = 0.0
        with self._server() as client:
            client.get_collections()

    def close(self) -> None:
        client = self.__dict__.pop("_client", None)
        if client is not None:
            client.close()

    def _collection(self, model: IndexedModel) -> str:
        return f"{self._prefix}{model.id}"

    def _collections(self) -> list[str]:
        """The collections of all models; what other installations keep on the server is left alone."""
        with self._server() as client:
            names = [each.name for each in client.get_collections().collections]
        ours = len(self._prefix)
        return [name for name in names if name.startswith(self._prefix) and name[ours:].isdigit()]

    @cached_property
    def _client(self) -> QdrantClient:
        return QdrantClient(
            self._url,
            api_key=self._api_key,
            timeout=self._timeout,
            check_compatibility=False,  # it would ask for the server's version in a thread at once
            transport=_OnceMore(limits=httpx.Limits(max_connections=100, max_keepalive_connections=20)),
        )

    @contextmanager
    def _server(self) -> Iterator[QdrantClient]:
        """The client, for requests that may be repeated; what goes wrong is told in the contract's terms."""
        if monotonic() < self._resting_until:
            raise IndexUnavailable("Qdrant did not answer a moment ago.")
        try:
            yield self._client
        except ResponseHandlingException as error:
            self._resting_until = monotonic() + self._cooldown
            raise IndexUnavailable(f"Qdrant did not answer: {error.source!r}") from error
        except JSONDecodeError as error:
            raise IndexUnavailable(f"{self._url} does not answer as Qdrant does: {error}") from error
        except QdrantException as error:
            raise IndexUnavailable(f"Qdrant is overloaded: {error}") from error
        except UnexpectedResponse as error:
            raise _meaning(error) from error


class _OnceMore(httpx.HTTPTransport):
    """Sends a request again, once, if the server closed the kept connection while it was on its way."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        try:
            return super().handle_request(request)
        except (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError):
            return super().handle_request(request)


def _meaning(error: UnexpectedResponse) -> ApiException | IndexUnavailable:
    """What a refusal means to the caller; one that says our request was wrong is a bug and stays as it is."""
    status = error.status_code or 0
    if status == httpx.codes.NOT_FOUND:
        return IndexMissing(f"Qdrant has no such collection: {error}")
    if status >= 500 or status in (401, 403, 408, 429):
        return IndexUnavailable(f"Qdrant refused: {error}")
    return error


def point_id(tenant: UUID, memory_id: UUID, chunk: int) -> UUID:
    """The id of a chunk's point, the same each time.

    Chunks differ in the last four bytes only, so that those of a memory are neighbours in the order of
    ids, in which Qdrant scrolls.
    """
    memory = uuid5(POINT_NAMESPACE, f"{tenant}/{memory_id}")
    return UUID(bytes=memory.bytes[:12] + chunk.to_bytes(4))


def _point_struct(tenant: UUID, point: VectorPoint, *, chunks: int) -> models.PointStruct:
    payload = {
        "tenant_id": str(tenant),
        "memory_id": str(point.memory_id),
        "chunks": chunks,
        "content_hash": point.content_hash,
        "user_id": point.user_id,
        "agent_id": point.agent_id,
        "conversation_id": point.conversation_id,
        "kind": point.kind,
        "tier": point.tier,
        "tags": list(point.tags),
        "occurred_at": point.occurred_at.isoformat(),
    }
    identity = str(point_id(tenant, point.memory_id, point.chunk))
    return models.PointStruct(id=identity, vector=point.vector.tolist(), payload=payload)


def _held_memories(points: Iterable[models.Record]) -> Iterator[HeldMemory]:
    """One entry for each run of points of the same memory."""
    payloads = (point.payload or {} for point in points)
    for (tenant, memory_id), chunks in groupby(payloads, lambda held: (held["tenant_id"], held["memory_id"])):
        writes = [(held["content_hash"], held["chunks"]) for held in chunks]
        content_hash, expected = writes[0]
        whole = len(writes) == expected and len(set(writes)) == 1
        yield HeldMemory(UUID(tenant), UUID(memory_id), content_hash if whole else HALF_WRITTEN)


def _of_memories(tenant: UUID, memory_ids: Iterable[UUID | str]) -> models.Filter:
    return models.Filter(must=[_matches("tenant_id", str(tenant)), _one_of("memory_id", memory_ids)])


def _in_scope(tenant: UUID, scope: Scope, *, but_not: Collection[UUID]) -> models.Filter:
    owners = {
        "user_id": scope.user_id,
        "agent_id": scope.agent_id,
        "conversation_id": scope.conversation_id,
    }
    must: list[models.Condition] = [_matches("tenant_id", str(tenant))]
    must += [_matches(field, value) for field, value in owners.items() if value is not None]
    must += [_matches("tags", tag) for tag in scope.tags]
    if scope.kinds is not None:
        must.append(_one_of("kind", scope.kinds))
    if scope.tiers is not None:
        must.append(models.FieldCondition(key="tier", match=models.MatchAny(any=list(scope.tiers))))
    if scope.since is not None or scope.until is not None:
        period = models.DatetimeRange(gte=scope.since, lt=scope.until)
        must.append(models.FieldCondition(key="occurred_at", range=period))
    return models.Filter(must=must, must_not=[_one_of("memory_id", but_not)] if but_not else None)


def _matches(field: str, value: str) -> models.FieldCondition:
    return models.FieldCondition(key=field, match=models.MatchValue(value=value))


def _one_of(field: str, values: Iterable[UUID | str]) -> models.FieldCondition:
    return models.FieldCondition(key=field, match=models.MatchAny(any=[str(value) for value in values]))
