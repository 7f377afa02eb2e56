"""Is everything there? For load balancers (``/health``), for operators (``/v1/admin/health``), for Prometheus."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Any, ClassVar

import redis
import structlog
from django.db import Error, connection
from django.http import HttpRequest, HttpResponse
from django_prometheus.exports import ExportToDjangoView
from drf_spectacular.utils import extend_schema
from kombu.exceptions import KombuError
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from psycopg_pool import PoolTimeout
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from graph.stores import GraphUnavailable, graph_store
from memories.embeddings import EmbeddingError, get_embedder
from memories.retrieval import active_model
from memories.vectors import IndexUnavailable, vector_index
from memos_project.api.views import TenantView
from memos_project.celery import app as celery
from memos_project.redis import client

log = structlog.get_logger(__name__)

BACKLOG = (
    "SELECT tenant_id, waiting, failing, oldest, extract(epoch FROM now() - oldest) FROM memos_backlog()"
)

GRAPH_BACKLOG = (
    "SELECT tenant_id, waiting, failing, oldest, extract(epoch FROM now() - oldest) FROM graph_backlog()"
    " WHERE waiting > 0"
)


def _postgres() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


def _redis() -> None:
    client().ping()


def _vectors() -> None:
    vector_index().ping()


def _graph() -> None:
    graph_store().ping()


def _embeddings() -> None:
    get_embedder(active_model().spec)


CHECKS: Mapping[str, Callable[[], None]] = {
    "postgres": _postgres,
    "redis": _redis,
    "vectors": _vectors,
    "graph": _graph,
    "embeddings": _embeddings,
}
# A ValueError is an embedding model whose options make no sense.
DOWN = (
    Error,
    PoolTimeout,
    redis.RedisError,
    IndexUnavailable,
    GraphUnavailable,
    EmbeddingError,
    OSError,
    ValueError,
)


def services() -> dict[str, str]:
    """Each part with "up" or "down"."""
    state = {}
    for name, check in CHECKS.items():
        try:
            check()
            state[name] = "up"
        except DOWN as error:
            log.warning("a part is down", part=name, error=str(error))
            state[name] = "down"
    return state


def overall(state: Mapping[str, str]) -> str:
    """Without PostgreSQL nothing works; without the rest memOS goes on, degraded."""
    if state["postgres"] == "down":
        return "down"
    return "degraded" if "down" in state.values() else "ok"


class HealthOutput(serializers.Serializer[Any]):
    status = serializers.ChoiceField(choices=["ok", "degraded", "down"])
    services = serializers.DictField(child=serializers.ChoiceField(choices=["up", "down"]))


class BacklogOfTenant(serializers.Serializer[Any]):
    tenant_id = serializers.UUIDField()
    waiting = serializers.IntegerField()
    failing = serializers.IntegerField()
    oldest = serializers.DateTimeField()


class AdminHealthOutput(HealthOutput):
    workers = serializers.IntegerField(help_text="Celery workers that answered.")
    embedding_model = serializers.CharField()
    backlog = BacklogOfTenant(many=True)
    graph_backlog = BacklogOfTenant(
        many=True, help_text="Of a graph store outside of PostgreSQL: what it has not been told yet."
    )


class HealthView(APIView):
    authentication_classes = []
    permission_classes = []
    throttle_classes = []

    @extend_schema(operation_id="health", auth=[], responses={200: HealthOutput, 503: HealthOutput})
    def get(self, request: Request) -> Response:
        """The state of each part; 503 only where nothing can be answered."""
        state = services()
        status = overall(state)
        code = HTTPStatus.SERVICE_UNAVAILABLE if status == "down" else HTTPStatus.OK
        return Response({"status": status, "services": state}, status=code)


class AdminHealthView(TenantView):
    scopes: ClassVar[Mapping[str, str]] = {"GET": "operator"}

    @extend_schema(operation_id="admin_health", responses=AdminHealthOutput)
    def get(self, request: Request) -> Response:
        """The state of each part, of the workers and of the index backlog of every tenant."""
        state = services()
        body = {
            "status": overall(state),
            "services": state,
            "workers": _workers(),
            "embedding_model": "",
            "backlog": [],
            "graph_backlog": [],
        }
        if state["postgres"] == "up":
            body["embedding_model"] = active_model().spec.name
            body["backlog"] = _by_tenant(_rows(BACKLOG))
            body["graph_backlog"] = _by_tenant(_rows(GRAPH_BACKLOG))
        return Response(body)


def _workers() -> int:
    try:
        return len(celery.control.ping(timeout=0.3) or ())
    except (OSError, KombuError, *celery.connection_for_read().transport.connection_errors):  # type: ignore[misc]
        return 0


def _by_tenant(rows: Iterable[tuple[Any, ...]]) -> list[dict[str, Any]]:
    return [dict(zip(("tenant_id", "waiting", "failing", "oldest"), row, strict=False)) for row in rows]


def _rows(sql: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows


class BacklogCollector(Collector):
    """The backlogs of the indexes and of the graph store, asked for when Prometheus asks."""

    def collect(self) -> Iterator[GaugeMetricFamily]:
        try:
            indexes, graph = _rows(BACKLOG), _rows(GRAPH_BACKLOG)
        except (Error, PoolTimeout):
            return
        yield from _gauges("memos_index", "Memories whose indexes are behind", indexes)
        yield from _gauges("memos_graph", "Changes that the graph store has not been told of", graph)


def _gauges(prefix: str, what: str, rows: Sequence[tuple[Any, ...]]) -> Iterator[GaugeMetricFamily]:
    waiting = GaugeMetricFamily(f"{prefix}_backlog", what)
    failing = GaugeMetricFamily(f"{prefix}_failing", "Of these, those that failed before")
    oldest = GaugeMetricFamily(f"{prefix}_oldest_seconds", "Age of the oldest of these")
    waiting.add_metric([], sum(row[1] for row in rows))
    failing.add_metric([], sum(row[2] for row in rows))
    oldest.add_metric([], max((float(row[4]) for row in rows), default=0.0))
    yield from (waiting, failing, oldest)


BACKLOG_REGISTRY = CollectorRegistry(auto_describe=False)
BACKLOG_REGISTRY.register(BacklogCollector())


def metrics(request: HttpRequest) -> HttpResponse:
    """What all processes have counted, and the backlog as it is now.

    Numbers of several processes are put together from files, which a collector has no part in.
    """
    counted = ExportToDjangoView(request)
    return HttpResponse(
        counted.content + generate_latest(BACKLOG_REGISTRY), content_type=counted["content-type"]
    )
