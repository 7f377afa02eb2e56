"""The graph over HTTP: parse, call, render."""

from collections.abc import Mapping
from dataclasses import asdict
from operator import attrgetter, itemgetter
from typing import Any, ClassVar
from uuid import UUID

from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from graph import merging, neighbourhoods, queries, services, traversal
from graph.api import serializers as s
from graph.api.renderers import SvgRenderer
from graph.matching import match
from memos_project.api.parameters import IDEMPOTENCY_KEY, TENANT_ID, PageParams
from memos_project.api.renderers import JSONRenderer
from memos_project.api.views import TenantView, decode_cursor, page, validated

FIRST = UUID(int=0)
PICTURE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; sandbox"


def _after(params: Mapping[str, Any]) -> UUID:
    return UUID(bytes=decode_cursor(params["cursor"])) if "cursor" in params else FIRST


class EntitiesView(TenantView):
    @extend_schema(operation_id="entities_list", parameters=[s.EntitiesParams], responses=s.EntityPage)
    def get(self, request: Request) -> Response:
        """Entities: all in the order in which they were first read of, or those of a name, the likest first."""
        params = validated(s.EntitiesParams, request.query_params)
        tenant, limit, kind = self.tenant(), params.get("limit", 50), params.get("kind")
        if "name" in params:
            found = queries.search(tenant.id, params["name"], kind=kind, limit=limit)
            return Response({"results": [asdict(each) for each in found], "next_cursor": None})
        found = queries.list_entities(tenant.id, kind=kind, after=_after(params), limit=limit + 1)
        return Response(page(found, limit, render=asdict, key=attrgetter("id")))


class EntityView(TenantView):
    @extend_schema(operation_id="entities_read", parameters=[TENANT_ID], responses=s.EntityOutput)
    def get(self, request: Request, entity_id: UUID) -> Response:
        """One entity with all its names."""
        return Response(asdict(queries.get_entity(self.tenant().id, entity_id)))


class TimelineView(TenantView):
    @extend_schema(operation_id="entities_timeline", parameters=[s.TimelineParams], responses=s.FactList)
    def get(self, request: Request, entity_id: UUID) -> Response:
        """All that is said of an entity, ended or not, in the order of time."""
        params = validated(s.TimelineParams, request.query_params)
        tenant = self.tenant()
        queries.get_entity(tenant.id, entity_id)
        facts = queries.timeline(
            tenant.id, entity_id, predicate=params.get("predicate"), known_at=params.get("known_at")
        )
        return Response({"results": [asdict(fact) for fact in facts]})


class FactsView(TenantView):
    @extend_schema(operation_id="entities_facts", parameters=[s.FactsParams], responses=s.FactList)
    def get(self, request: Request, entity_id: UUID) -> Response:
        """What holds of an entity, now or at a moment, by what is known now or was known at another."""
        params = validated(s.FactsParams, request.query_params)
        tenant = self.tenant()
        queries.get_entity(tenant.id, entity_id)
        facts = queries.as_of(
            tenant.id,
            entity_id,
            at=params.get("at"),
            known_at=params.get("known_at"),
            predicate=params.get("predicate"),
        )
        return Response({"results": [asdict(fact) for fact in facts]})


class MemoriesView(TenantView):
    @extend_schema(operation_id="entities_memories", parameters=[PageParams], responses=s.MentionedPage)
    def get(self, request: Request, entity_id: UUID) -> Response:
        """The memories that speak of an entity."""
        params = validated(PageParams, request.query_params)
        limit = params.get("limit", 50)
        rows = queries.memories_of(self.tenant().id, entity_id, after=_after(params), limit=limit + 1)
        found = [{"memory_id": memory_id, "text": text} for memory_id, text in rows]
        return Response(page(found, limit, render=dict, key=itemgetter("memory_id")))


class NeighbourhoodView(TenantView):
    renderer_classes = (JSONRenderer, SvgRenderer)

    @extend_schema(
        operation_id="entities_neighbourhood",
        parameters=[s.NeighbourhoodParams],
        responses={
            (200, "application/json"): s.NeighbourhoodOutput,
            (200, "image/svg+xml"): OpenApiTypes.STR,
        },
    )
    def get(self, request: Request, entity_id: UUID) -> Response:
        """What is around an entity, as JSON or, asked for as ``image/svg+xml`` or with ``format=svg``, as a picture."""
        params = validated(s.NeighbourhoodParams, request.query_params)
        found = neighbourhoods.around(
            self.tenant().id,
            entity_id,
            depth=params.get("depth", 1),
            limit=params.get("limit", 60),
            ended=params.get("ended", False),
        )
        if isinstance(request.accepted_renderer, SvgRenderer):
            # Opened by itself it is a document: nothing in it may ever run or be fetched.
            return Response(found, headers={"Content-Security-Policy": PICTURE_POLICY})
        return Response(asdict(found))


def _entity(tenant_id: UUID, entity_id: UUID) -> dict[str, Any]:
    """As an answer that is kept for an Idempotency-Key."""
    return {**asdict(queries.get_entity(tenant_id, entity_id)), "id": str(entity_id)}


class EndView(TenantView):
    @extend_schema(
        operation_id="relations_end",
        parameters=[TENANT_ID, IDEMPOTENCY_KEY],
        request=s.EndInput,
        responses={201: s.EndOutput},
    )
    def post(self, request: Request, relation_id: UUID) -> Response:
        """Say that a relation holds no more, from now or a moment on."""
        tenant, data = self.tenant(), validated(s.EndInput, request.data)

        def act() -> tuple[int, Any]:
            at = data.get("at") or timezone.now()
            return 201, {"id": str(services.end_relation(tenant.id, relation_id, at=at, actor=self.actor).pk)}

        return self.once(tenant, act)


class RelationView(TenantView):
    @extend_schema(operation_id="relations_read", parameters=[TENANT_ID], responses=s.RelationOutput)
    def get(self, request: Request, relation_id: UUID) -> Response:
        """What a memory or a curator says of two entities, a denial too, and whether that is still known."""
        return Response(asdict(queries.get_relation(self.tenant().id, relation_id)))

    @extend_schema(operation_id="relations_take_back", parameters=[TENANT_ID], responses={204: None})
    def delete(self, request: Request, relation_id: UUID) -> Response:
        """Take back what a curator has said, as that something ended, or what was misread of a memory's text."""
        services.take_back(self.tenant().id, relation_id, actor=self.actor)
        return Response(status=204)


class RestoreView(TenantView):
    @extend_schema(
        operation_id="relations_restore", parameters=[TENANT_ID], request=None, responses={204: None}
    )
    def post(self, request: Request, relation_id: UUID) -> Response:
        """Learn again what was taken back as misread; it is a relation of another id then."""
        services.restore(self.tenant().id, relation_id, actor=self.actor)
        return Response(status=204)


class MergesView(TenantView):
    @extend_schema(
        operation_id="entities_merge",
        parameters=[TENANT_ID, IDEMPOTENCY_KEY],
        request=s.MergeInput,
        responses={201: s.MergeOutput},
    )
    def post(self, request: Request, entity_id: UUID) -> Response:
        """Make another entity one with this one; it can be undone."""
        tenant, data = self.tenant(), validated(s.MergeInput, request.data)

        def act() -> tuple[int, Any]:
            done = merging.merge(tenant.id, entity_id, data["other"], actor=self.actor)
            return 201, {"id": str(done.pk), "entity": _entity(tenant.id, entity_id)}

        return self.once(tenant, act)


class AllMergesView(TenantView):
    @extend_schema(operation_id="merges_list", parameters=[s.MergesParams], responses=s.MergedPage)
    def get(self, request: Request) -> Response:
        """What was made one, by curators and by memOS itself, also what was undone since."""
        params = validated(s.MergesParams, request.query_params)
        limit = params.get("limit", 50)
        found = queries.merges(
            self.tenant().id, entity_id=params.get("entity_id"), after=_after(params), limit=limit + 1
        )
        return Response(page(found, limit, render=asdict, key=attrgetter("id")))


class UndoView(TenantView):
    @extend_schema(
        operation_id="merges_undo", parameters=[TENANT_ID], request=None, responses={201: s.EntityOutput}
    )
    def post(self, request: Request, merge_id: UUID) -> Response:
        """Part again what was merged; answers the entity that is back."""
        tenant = self.tenant()
        entity = merging.undo_merge(tenant.id, merge_id, actor=self.actor)
        return Response(asdict(queries.get_entity(tenant.id, entity.pk)), status=201)


class SplitView(TenantView):
    @extend_schema(
        operation_id="entities_split",
        parameters=[TENANT_ID, IDEMPOTENCY_KEY],
        request=s.SplitInput,
        responses={201: s.SplitOutput},
    )
    def post(self, request: Request, entity_id: UUID) -> Response:
        """Make an entity of its own of some of its names, with all that is said under them; it can be undone."""
        tenant, data = self.tenant(), validated(s.SplitInput, request.data)

        def act() -> tuple[int, Any]:
            done = merging.split(tenant.id, entity_id, data["names"], actor=self.actor)
            return 201, {"id": str(done.pk), "entity": _entity(tenant.id, done.made_id)}

        return self.once(tenant, act)


class UndoSplitView(TenantView):
    @extend_schema(
        operation_id="splits_undo", parameters=[TENANT_ID], request=None, responses={201: s.EntityOutput}
    )
    def post(self, request: Request, split_id: UUID) -> Response:
        """Make one again what was split; answers the entity that has all the names again."""
        tenant = self.tenant()
        entity = merging.undo_split(tenant.id, split_id)
        return Response(asdict(queries.get_entity(tenant.id, entity.pk)), status=201)


class DoubtsView(TenantView):
    @extend_schema(operation_id="doubts_list", parameters=[PageParams], responses=s.DoubtPage)
    def get(self, request: Request) -> Response:
        """Pairs of entities that may be one."""
        params = validated(PageParams, request.query_params)
        limit = params.get("limit", 50)
        doubts = queries.doubts(self.tenant().id, after=_after(params), limit=limit + 1)
        return Response(page(doubts, limit, render=asdict, key=attrgetter("id")))


class DoubtView(TenantView):
    scopes: ClassVar[Mapping[str, str]] = {"POST": "write"}

    @extend_schema(
        operation_id="doubts_decide", parameters=[TENANT_ID], request=s.DecisionInput, responses={204: None}
    )
    def post(self, request: Request, doubt_id: UUID) -> Response:
        """Say whether two entities are one: they are merged, or not asked about again."""
        data = validated(s.DecisionInput, request.data)
        merging.decide(self.tenant().id, doubt_id, same=data["same"], actor=self.actor)
        return Response(status=204)


class RelatedView(TenantView):
    @extend_schema(operation_id="graph_related", parameters=[s.RelatedParams], responses=s.RelatedOutput)
    def get(self, request: Request, node_id: UUID) -> Response:
        """What is near an entity or a memory in the graph as it holds now."""
        params = validated(s.RelatedParams, request.query_params)
        found = traversal.related(
            self.tenant().id,
            node_id,
            depth=params.get("depth", 1),
            predicates=params.get("kinds"),
            mentions=params.get("mentions", False),
            limit=params.get("limit", 100),
        )
        near = [
            {"node": each.node._asdict(), "depth": each.depth, "edge": each.edge._asdict()}
            for each in found.found
        ]
        return Response(
            {
                "start": found.start._asdict(),
                "found": near,
                "is_cut": found.is_cut,
                "degraded": found.degraded,
            }
        )


class PathView(TenantView):
    @extend_schema(operation_id="graph_path", parameters=[s.WayParams], responses=s.WayOutput)
    def get(self, request: Request, start: UUID, end: UUID) -> Response:
        """A shortest way between two nodes, with the memories that justify each step."""
        params = validated(s.WayParams, request.query_params)
        params.pop("tenant_id", None)
        found = traversal.path(self.tenant().id, start, end, **params)
        return Response(
            {
                "nodes": [each._asdict() for each in found.nodes],
                "edges": [each._asdict() for each in found.edges],
                "cost": found.cost,
                "is_cut": found.is_cut,
                "degraded": found.degraded,
            }
        )


class QueryView(TenantView):
    scopes: ClassVar[Mapping[str, str]] = {"POST": "read"}

    @extend_schema(operation_id="graph_query", request=s.QueryInput, responses=s.QueryOutput)
    def post(self, request: Request) -> Response:
        """Entities by their properties."""
        data = validated(s.QueryInput, request.data)
        found = match(
            self.tenant().id,
            data["node_label"],
            data.get("filters", {}),
            data.get("return_properties", ()),
            limit=data.get("limit", 100),
        )
        return Response(asdict(found))
