"""Doors that join several apps: the paths promised to callers of before ``/v1/``."""

from collections.abc import Mapping
from typing import Any, ClassVar
from uuid import uuid4

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from graph.extraction import Passage, RulesExtractor
from graph.stores import graph_projection
from memories import retrieval, services
from memories.answers import Query
from memories.api import rendering
from memories.api import serializers as s
from memories.api.working import serializers as w
from memories.models import Memory
from memories.retrieval import active_model
from memories.services import NewMemory
from memories.working import keyvalue
from memos_project.api.views import TenantView, validated
from memos_project.errors import NotFound

_RULES = RulesExtractor()

# Where the promised paths of tier 1 keep their entries.
TIER_ONE = "tenant"

# What a store's free-form metadata says that memOS has columns for.
UNDERSTOOD = (
    "user_id",
    "agent_id",
    "conversation_id",
    "role",
    "speaker",
    "tags",
    "importance",
    "external_id",
    "occurred_at",
)


class StoreView(TenantView):
    @extend_schema(operation_id="memory_store", request=s.LegacyStoreInput, responses=s.LegacyStored)
    def post(self, request: Request) -> Response:
        """Store a memory and say what it is about."""
        data = validated(s.LegacyStoreInput, request.data)
        tenant = self.tenant()
        metadata = data.get("metadata", {})
        new: NewMemory = s.new_memory(
            {**_understood(metadata), "content": data["content"], "metadata": metadata}
        )

        def act() -> tuple[int, Any]:
            [stored] = services.remember(tenant, [new], actor=self.actor)
            return 200, {
                "memory_id": str(stored.id),
                "embedding_id": f"{active_model().spec.name}:{stored.id}",
                "concepts_extracted": list(_RULES.extract([Passage(new.content)])[0].concepts),
                "neo4j_node": str(stored.id) if graph_projection() else None,
            }

        return self.once(tenant, act)


def _understood(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """What the metadata says in fields of our own, held to their rules; raises ValidationError naming metadata.FIELD."""
    said = {name: metadata[name] for name in UNDERSTOOD if metadata.get(name) is not None}
    try:
        return validated(s.MemoryInput, said, partial=True)
    except ValidationError as error:
        raise ValidationError({"metadata": error.detail}) from error


class TierOneView(TenantView):
    @extend_schema(operation_id="tier_one_store", request=w.TierOneInput, responses=w.TierOneStored)
    def post(self, request: Request) -> Response:
        """Keep something in working memory for a while."""
        data = validated(w.TierOneInput, request.data)
        metadata = data.get("metadata", {})
        try:
            said = validated(w.TierOneMetadata, metadata)
        except ValidationError as error:
            raise ValidationError({"metadata": error.detail}) from error
        value = {"content": data["content"], "metadata": metadata}
        tenant = self.tenant()
        entry = keyvalue.put(tenant, TIER_ONE, uuid4().hex, value, ttl=said.get("ttl"))
        return Response({"tier": 1, "storage": "redis", "key": entry.key})


class TierOneEntryView(TenantView):
    @extend_schema(
        operation_id="tier_one_read",
        parameters=[
            OpenApiParameter("key", {"type": "string", "pattern": "^[a-z0-9]{1,200}$"}, OpenApiParameter.PATH)
        ],
        responses=w.TierOneOutput,
    )
    def get(self, request: Request, key: str) -> Response:
        """What was kept in working memory under a key that storing answered."""
        entry = keyvalue.get(self.tenant().id, TIER_ONE, key)
        if not isinstance(entry.value, dict) or entry.value.keys() != {"content", "metadata"}:
            raise NotFound(keyvalue.MISSING)
        return Response({"tier": 1, "storage": "redis", "key": key, **entry.value, "ttl": entry.ttl})


class TierThreeView(TenantView):
    @extend_schema(operation_id="tier_three_store", request=s.LegacyStoreInput, responses=s.TierThreeStored)
    def post(self, request: Request) -> Response:
        """Store a fact, which the graph then learns."""
        data = validated(s.LegacyStoreInput, request.data)
        tenant = self.tenant()
        metadata = data.get("metadata", {})
        said = {**_understood(metadata), "content": data["content"], "metadata": metadata}
        new: NewMemory = s.new_memory({**said, "kind": Memory.Kind.FACT, "tier": Memory.Tier.SEMANTIC})

        def act() -> tuple[int, Any]:
            [stored] = services.remember(tenant, [new], actor=self.actor)
            return 200, {"tier": 3, "storage": "postgres", "memory_node": str(stored.id)}

        return self.once(tenant, act)


class QueryView(TenantView):
    scopes: ClassVar[Mapping[str, str]] = {"POST": "read"}

    @extend_schema(operation_id="memory_query", request=s.LegacyQueryInput, responses=s.LegacyQueryOutput)
    def post(self, request: Request) -> Response:
        """Find memories and tools for a question."""
        data = validated(s.LegacyQueryInput, request.data)
        found = retrieval.recall(self.tenant(), Query(text=data["query"], top_k=data.get("top_k", 10)))
        memories = [rendering.hit(each, context=False) for each in found.hits]
        return Response(
            {
                "memories": memories,
                "tools": [],
                "total_memories": len(memories),
                "total_tools": 0,
                "degraded": found.degraded,
            }
        )
