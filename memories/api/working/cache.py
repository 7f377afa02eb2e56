"""The LLM cache over HTTP."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from memories.api.working.serializers import AnyJsonField, TtlField
from memories.working import llm_cache
from memos_project.api.fields import (
    JsonObjectField,
    MomentField,
    StrictBooleanField,
    StrictCharField,
    StrictFloatField,
)
from memos_project.api.views import TenantView, validated
from memos_project.errors import InvalidInput

MOST_MESSAGES = 1000


@extend_schema_field(
    {
        "type": "array",
        "minItems": 1,
        "maxItems": MOST_MESSAGES,
        "items": {"type": "object", "required": ["role"], "properties": {"role": {"type": "string"}}},
    }
)
class AskedField(serializers.ListField):
    """The messages of a chat: objects with a role."""

    default_error_messages = {"role": "Each message is an object with a role."}

    def __init__(self, **kwargs: Any) -> None:
        # A picture within a message is as long as a request may be.
        child = AnyJsonField(limit="DATA_UPLOAD_MAX_MEMORY_SIZE")
        super().__init__(child=child, min_length=1, max_length=MOST_MESSAGES, **kwargs)

    def to_internal_value(self, data: Any) -> list[Any]:
        messages: list[Any] = super().to_internal_value(data)
        if not all(isinstance(each, dict) and isinstance(each.get("role"), str) for each in messages):
            self.fail("role")
        return messages


class RequestInput(serializers.Serializer[Any]):
    """What a language model is asked."""

    model = StrictCharField(max_length=200)
    messages = AskedField()
    parameters = JsonObjectField(required=False)
    tenant_id = StrictCharField(max_length=63, required=False)


class StoreInput(RequestInput):
    # How large it may be is for the cache to say, which then lets somebody else compute.
    response = AnyJsonField(limit="DATA_UPLOAD_MAX_MEMORY_SIZE")
    ttl = TtlField(required=False)
    tags = serializers.ListField(child=StrictCharField(max_length=100), max_length=100, required=False)
    memory_ids = serializers.ListField(
        child=serializers.UUIDField(),
        max_length=1000,
        required=False,
        help_text="The memories the answer rests on: it goes when one of them is changed or forgotten.",
    )
    asked_at = MomentField(
        required=False,
        help_text="From the look-up that found nothing: the answer is refused (409) where a memory was revised since.",
    )


class CacheStored(serializers.Serializer[Any]):
    key = serializers.CharField()
    ttl = serializers.FloatField()


class LookupInput(RequestInput):
    semantic = StrictBooleanField(
        required=False, help_text="Also the answer to an earlier prompt that asks the same."
    )
    threshold = StrictFloatField(
        min_value=0, max_value=1, required=False, help_text="The least cosine of such a prompt."
    )
    wait = StrictFloatField(
        min_value=0,
        max_value=30,
        required=False,
        help_text="Seconds to wait for an answer somebody else is computing.",
    )


class LookupOutput(serializers.Serializer[Any]):
    key = serializers.CharField()
    hit = serializers.ChoiceField(choices=["exact", "semantic"], allow_null=True)
    response = AnyJsonField()
    similarity = serializers.FloatField(required=False)
    compute = serializers.BooleanField(
        help_text="Whether it is for this caller to ask the model and store the answer."
    )
    retry_after = serializers.FloatField(
        allow_null=True, help_text="Seconds that the one who is asking the model may take at most."
    )
    asked_at = serializers.DateTimeField(
        allow_null=True, help_text="When nothing was there, to be sent back with the answer."
    )
    degraded = serializers.ListField(child=serializers.CharField())


class DropParams(serializers.Serializer[Any]):
    key = serializers.RegexField(r"^[0-9a-f]{32}$", required=False)
    tag = serializers.CharField(max_length=100, required=False)
    model = serializers.CharField(max_length=200, required=False)
    all = serializers.BooleanField(required=False)
    tenant_id = serializers.CharField(max_length=63, required=False)


class Dropped(serializers.Serializer[Any]):
    dropped = serializers.IntegerField()


class UsageOutput(serializers.Serializer[Any]):
    entries = serializers.IntegerField()
    bytes = serializers.IntegerField()
    counts = serializers.DictField(
        child=serializers.IntegerField(),
        help_text="exact, semantic, near (alike, but refused), miss, outdated, saved_tokens",
    )


def request_of(data: Mapping[str, Any]) -> llm_cache.Request:
    return llm_cache.Request(data["model"], data["messages"], data.get("parameters", {}))


class CacheView(TenantView):
    @extend_schema(operation_id="cache_put", request=StoreInput, responses=CacheStored)
    def put(self, request: Request) -> Response:
        """Store the answer of a language model."""
        data = validated(StoreInput, request.data)
        stored = llm_cache.put(
            self.tenant(),
            request_of(data),
            data["response"],
            ttl=data.get("ttl"),
            tags=data.get("tags", ()),
            memory_ids=data.get("memory_ids", ()),
            asked_at=data.get("asked_at"),
        )
        return Response(asdict(stored))

    @extend_schema(operation_id="cache_drop", parameters=[DropParams], responses={200: Dropped})
    def delete(self, request: Request) -> Response:
        """Drop the answers that have this key, this tag or this model, or all of them."""
        params = validated(DropParams, request.query_params)
        if not any(params.get(name) for name in ("key", "tag", "model", "all")):
            raise InvalidInput("Name what to drop: key, tag, model or all=true.", field="key")
        dropped = llm_cache.drop(
            self.tenant().id,
            keys=[params["key"]] if "key" in params else (),
            tag=params.get("tag"),
            model=params.get("model"),
            everything=params.get("all", False),
        )
        return Response({"dropped": dropped})


class LookupView(TenantView):
    scopes: ClassVar[Mapping[str, str]] = {"POST": "read"}

    @extend_schema(operation_id="cache_lookup", request=LookupInput, responses=LookupOutput)
    def post(self, request: Request) -> Response:
        """The stored answer to a request, or who is to ask the model."""
        data = validated(LookupInput, request.data)
        found = llm_cache.lookup(
            self.tenant(),
            request_of(data),
            semantic=data.get("semantic", False),
            claim=self.caller.may("write"),
            threshold=data.get("threshold"),
            wait=data.get("wait", 0.0),
        )
        body = {"key": found.key, "hit": found.hit, "response": found.response, "compute": found.compute,
                "retry_after": found.retry_after, "asked_at": found.asked_at, "degraded": ["working"] if found.degraded else []}  # fmt: skip
        return Response(body if found.similarity is None else {**body, "similarity": found.similarity})


class CacheUsageView(TenantView):
    @extend_schema(operation_id="cache_usage", responses=UsageOutput)
    def get(self, request: Request) -> Response:
        """What the cache holds and has done."""
        return Response(asdict(llm_cache.usage(self.tenant().id)))
