"""Memories, messages, knowledge and conversations over HTTP: parse, call, render."""

import time
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar
from uuid import UUID

from django.conf import settings
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, PolymorphicProxySerializer, extend_schema
from rest_framework import serializers as drf
from rest_framework.request import Request
from rest_framework.response import Response

from memories import receipts, retrieval, services
from memories.answers import Query
from memories.api import rendering
from memories.api import serializers as s
from memories.candidates import Filters
from memories.models import Memory, MemoryVersion
from memories.services import NewMemory
from memos_project.api.parameters import IDEMPOTENCY_KEY, IF_MATCH, TENANT_ID, PageParams
from memos_project.api.problems import flattened
from memos_project.api.views import (
    TenantView,
    decode_cursor,
    encode_cursor,
    etag,
    if_match,
    refuse_repeated,
    validated,
)
from memos_project.db import tenant_scope
from memos_project.errors import Forbidden, InvalidInput, MemosError, NotFound
from memos_project.tenancy.callers import TenantInfo


def filters_of(data: Mapping[str, Any]) -> Filters:
    return Filters(
        user_id=data.get("user_id"),
        agent_id=data.get("agent_id"),
        conversation_id=data.get("conversation_id"),
        kinds=data.get("kind", ()),
        tiers=data.get("tier", ()),
        category=data.get("category"),
        tags=data.get("tags", ()),
        since=data.get("since"),
        until=data.get("until"),
        metadata=data.get("metadata", {}),
    )


def query_of(data: Mapping[str, Any]) -> Query:
    named = (
        "top_k",
        "mode",
        "fusion",
        "weights",
        "rerank",
        "threshold",
        "token_budget",
        "context",
        "explain",
    )
    return Query(
        text=data["query"], filters=filters_of(data), **{name: data[name] for name in named if name in data}
    )


class StoreView(TenantView):
    """POST one object, or many under ``plural``."""

    plural: ClassVar[str]
    item: ClassVar[type[s.MemoryInput]]
    defaults: ClassVar[Mapping[str, Any]] = {}

    def store(self, request: Request) -> Response:
        options = validated(s.StoreOptions, request.query_params)
        body = request.data
        if not isinstance(body, dict):
            raise InvalidInput(
                f"Must be an object, or hold up to {settings.MEMOS_MAX_BATCH} under {self.plural!r}.",
                field="body",
            )
        many = body.get(self.plural)
        if self.plural not in body:
            return self._store_one(body, wait=options.get("wait"))
        if not isinstance(many, list) or not 0 < len(many) <= settings.MEMOS_MAX_BATCH:
            raise InvalidInput(f"A list of 1 to {settings.MEMOS_MAX_BATCH} objects.", field=self.plural)
        return self._store_many(body, many, wait=options.get("wait"))

    def _store_one(self, body: Mapping[str, Any], *, wait: str | None) -> Response:
        data = validated(self.item, body)
        tenant = self.tenant()

        def act() -> tuple[int, Any]:
            [answer] = services.remember(tenant, [self._new(data)], actor=self.actor)
            return (201 if answer.created else 200), _told(answer)

        response = self.once(tenant, act)
        return _when_level(tenant, response, [response.data["id"]], wait) if wait else response

    def _store_many(self, body: Mapping[str, Any], many: Sequence[Any], *, wait: str | None) -> Response:
        tenant = self.tenant()
        checked = self._checked(tenant, many)

        def act() -> tuple[int, Any]:
            good = [item for item in checked if isinstance(item, NewMemory)]
            answers = iter(services.remember(tenant, good, actor=self.actor))
            results = [
                _told(next(answers)) if isinstance(item, NewMemory) else _refused(raw, item)
                for raw, item in zip(many, checked, strict=True)
            ]
            return 200, {"results": results}

        response = self.once(tenant, act)
        made = [each["id"] for each in response.data["results"] if each["id"]]
        return _when_level(tenant, response, made, wait) if wait else response

    def _checked(self, tenant: TenantInfo, many: Sequence[Any]) -> list[NewMemory | str]:
        """Each item as the services take it, or the sentence that says what is wrong with it."""
        serializer = self.item()
        checked: list[NewMemory | str] = []
        for number, raw in enumerate(many):
            try:
                if not isinstance(raw, dict):
                    raise InvalidInput("Must be an object.", field=f"{self.plural}.{number}")
                data = serializer.run_validation(raw)
                if data.get("tenant_id") not in (None, tenant.slug, str(tenant.id)):
                    raise Forbidden("A batch is for one tenant; name it beside the list.", field="tenant_id")
                checked.append(self._new(data))
            except drf.ValidationError as error:
                checked.append(
                    " ".join(f"{each['field']}: {each['detail']}" for each in flattened(error.detail))
                )
            except MemosError as error:
                checked.append(f"{error.field}: {error.detail}")
        return checked

    def _new(self, data: Mapping[str, Any]) -> NewMemory:
        return s.new_memory(data, **self.defaults)


def _told(answer: services.Remembered) -> dict[str, Any]:
    return {"id": str(answer.id), "external_id": answer.external_id, "status": answer.status}


def _refused(raw: Any, error: str) -> dict[str, Any]:
    external_id = raw.get("external_id") if isinstance(raw, dict) else None
    return {
        "id": None,
        "external_id": external_id if isinstance(external_id, str) else None,
        "status": "error",
        "error": error,
    }


LEVEL = {"indexed": receipts.is_indexed, "read": receipts.is_read}


def _when_level(tenant: TenantInfo, response: Response, ids: Sequence[str], what: str) -> Response:
    """Hold the answer until these memories are indexed, or read as well, or the patience is over."""
    wanted = [UUID(each) for each in ids]
    patience = time.monotonic() + settings.MEMOS_WAIT_SECONDS
    while not (done := LEVEL[what](tenant.id, wanted)) and time.monotonic() < patience:
        time.sleep(0.02)
    response.data = {**response.data, what: done}
    return response


def one_or_many(name: str, one: type[Any], many: type[Any]) -> PolymorphicProxySerializer:
    return PolymorphicProxySerializer(
        component_name=name, serializers=[one, many], resource_type_field_name=None
    )


class MemoriesView(StoreView):
    plural, item = "memories", s.MemoryInput

    @extend_schema(
        operation_id="memories_store",
        parameters=[s.StoreOptions, IDEMPOTENCY_KEY],
        request=one_or_many("MemoryOrBatch", s.MemoryInput, s.MemoryBatch),
        responses={200: one_or_many("StoredOrBatch", s.Stored, s.StoredBatch), 201: s.Stored},
    )
    def post(self, request: Request) -> Response:
        """Store one memory, or up to 1,000."""
        return self.store(request)

    @extend_schema(operation_id="memories_list", parameters=[s.ListParams], responses=s.MemoryPage)
    def get(self, request: Request) -> Response:
        """List live memories, the newest first."""
        return self.listed(request)

    def listed(self, request: Request, **narrowed: Any) -> Response:
        params = {**validated(s.ListParams, request.query_params), **narrowed}
        limit = params.get("limit", 50)
        before = UUID(bytes=decode_cursor(params["cursor"])) if "cursor" in params else None
        rows = retrieval.list_memories(self.tenant().id, filters_of(params), before=before, limit=limit + 1)
        cursor = encode_cursor(rows[limit - 1].id) if len(rows) > limit else None
        return Response(rendering.page([rendering.memento(row) for row in rows[:limit]], cursor))


class MessagesView(MemoriesView):
    plural, item = "messages", s.MessageInput
    defaults: ClassVar[Mapping[str, Any]] = {"kind": Memory.Kind.MESSAGE}

    @extend_schema(
        operation_id="messages_store",
        parameters=[s.StoreOptions, IDEMPOTENCY_KEY],
        request=one_or_many("MessageOrBatch", s.MessageInput, s.MessageBatch),
        responses={200: one_or_many("StoredOrBatch", s.Stored, s.StoredBatch), 201: s.Stored},
    )
    def post(self, request: Request) -> Response:
        """Store one message, or up to 1,000."""
        return self.store(request)

    @extend_schema(operation_id="messages_list", parameters=[s.ListParams], responses=s.MemoryPage)
    def get(self, request: Request) -> Response:
        """List messages, the newest first."""
        return self.listed(request, kind=[Memory.Kind.MESSAGE])


class KnowledgeView(MemoriesView):
    @extend_schema(
        operation_id="knowledge_store",
        parameters=[IDEMPOTENCY_KEY],
        request=s.KnowledgeInput,
        responses={200: s.Stored, 201: s.Stored},
    )
    def post(self, request: Request) -> Response:
        """Store global knowledge, or bring the one with the same doc_id up to date."""
        data = validated(s.KnowledgeInput, request.data)
        tenant = self.tenant()
        new = s.new_memory(data, kind=Memory.Kind.KNOWLEDGE, external_id=data.get("doc_id"))

        def act() -> tuple[int, Any]:
            memory, status = services.learn(tenant, new, actor=self.actor)
            body = {"id": str(memory.pk), "external_id": memory.external_id, "status": status}
            return (201 if status == "created" else 200), body

        return self.once(tenant, act)

    @extend_schema(operation_id="knowledge_list", parameters=[s.ListParams], responses=s.MemoryPage)
    def get(self, request: Request) -> Response:
        """List global knowledge, the newest first."""
        return self.listed(request, kind=[Memory.Kind.KNOWLEDGE])


class MemoryView(TenantView):
    @extend_schema(operation_id="memories_read", parameters=[TENANT_ID], responses=s.MemoryDetail)
    def get(self, request: Request, memory_id: UUID) -> Response:
        """One memory in full; its ETag is its version."""
        memory = services.get_memory(self.tenant().id, memory_id)
        return Response(rendering.memory(memory), headers=etag(memory.version))

    @extend_schema(
        operation_id="memories_revise",
        parameters=[TENANT_ID, IF_MATCH],
        request=s.MemoryChange,
        responses=s.MemoryDetail,
    )
    def patch(self, request: Request, memory_id: UUID) -> Response:
        """Revise a memory; what it was stays as a version."""
        changes = validated(s.MemoryChange, request.data)
        if "importance" in changes:
            changes["importance_explicit"] = changes.pop("importance")
        memory = services.revise(
            self.tenant(), memory_id, changes, actor=self.actor, if_version=if_match(request)
        )
        return Response(rendering.memory(memory), headers=etag(memory.version))

    @extend_schema(operation_id="memories_forget", parameters=[TENANT_ID, IF_MATCH], responses={204: None})
    def delete(self, request: Request, memory_id: UUID) -> Response:
        """Forget a memory, its versions and all that was made of it."""
        services.forget(self.tenant(), memory_id, actor=self.actor, if_version=if_match(request))
        return Response(status=204)


class VersionsView(TenantView):
    @extend_schema(operation_id="memories_versions", parameters=[TENANT_ID], responses=s.VersionList)
    def get(self, request: Request, memory_id: UUID) -> Response:
        """What a memory was before each of its changes, the latest first."""
        tenant = self.tenant()
        services.get_memory(tenant.id, memory_id)
        with tenant_scope(tenant.id):
            rows = list(
                MemoryVersion.objects.filter(tenant_id=tenant.id, memory_id=memory_id).order_by("-version")
            )
        return Response({"results": [rendering.version(row) for row in rows]})


class ReceiptView(TenantView):
    @extend_schema(operation_id="memories_receipt", parameters=[TENANT_ID], responses=s.ReceiptOutput)
    def get(self, request: Request, memory_id: UUID) -> Response:
        """How far a write has come, from what each store holds."""
        return Response(rendering.receipt(receipts.receipt(self.tenant().id, memory_id)))


class SearchView(TenantView):
    scopes: ClassVar[Mapping[str, str]] = {"POST": "read"}

    @extend_schema(operation_id="memories_search", request=s.SearchInput, responses=s.SearchOutput)
    def post(self, request: Request) -> Response:
        """Find the memories that answer a question best."""
        return self._answer(validated(s.SearchInput, request.data))

    @extend_schema(
        operation_id="memories_search_by_url", parameters=[s.SearchParams], responses=s.SearchOutput
    )
    def get(self, request: Request) -> Response:
        """The same search with query parameters."""
        return self._answer(validated(s.SearchParams, request.query_params))

    def _answer(self, data: Mapping[str, Any]) -> Response:
        query = query_of(data)
        found = retrieval.recall(self.tenant(), query)
        hits = [rendering.hit(each, context=query.context > 0) for each in found.hits]
        return Response({"results": hits, "degraded": found.degraded})


class MessageSearchView(TenantView):
    @extend_schema(
        operation_id="memory_search_messages", parameters=[s.LegacySearchParams], responses=s.SearchOutput
    )
    def get(self, request: Request) -> Response:
        """Search messages only; kept for existing callers."""
        data = validated(s.LegacySearchParams, request.query_params)
        query = query_of({**data, "kind": [Memory.Kind.MESSAGE]})
        found = retrieval.recall(self.tenant(), query)
        return Response(
            {
                "results": [rendering.hit(each, context=False) for each in found.hits],
                "degraded": found.degraded,
            }
        )


class ConversationsView(TenantView):
    @extend_schema(
        operation_id="conversations_list",
        parameters=[PageParams, OpenApiParameter("user_id", str)],
        responses=s.ConversationPage,
    )
    def get(self, request: Request) -> Response:
        """Conversations, those begun last first."""
        params = validated(PageParams, request.query_params)
        limit = params.get("limit", 50)
        before = UUID(bytes=decode_cursor(params["cursor"])) if "cursor" in params else None
        user_id = _text_param(request, "user_id")
        rows = retrieval.list_conversations(self.tenant().id, user_id=user_id, before=before, limit=limit + 1)
        cursor = encode_cursor(rows[limit - 1].id) if len(rows) > limit else None
        return Response(rendering.page([rendering.thread(row) for row in rows[:limit]], cursor))


CONVERSATION = OpenApiParameter(
    "conversation",
    OpenApiTypes.STR,
    OpenApiParameter.PATH,
    description="Its id, or the caller's name for it.",
)
OF_USER = OpenApiParameter("user_id", str, description="Whose, where several users have one of this name.")


class ConversationView(TenantView):
    @extend_schema(
        operation_id="conversations_read",
        parameters=[CONVERSATION, OF_USER, TENANT_ID],
        responses=s.ConversationOutput,
    )
    def get(self, request: Request, conversation: str) -> Response:
        """One conversation."""
        return Response(rendering.thread(_thread(request, self.tenant().id, conversation)))


class ConversationMessagesView(TenantView):
    @extend_schema(
        operation_id="conversations_messages",
        parameters=[CONVERSATION, OF_USER, s.TurnPageParams],
        responses=s.MemoryPage,
    )
    def get(self, request: Request, conversation: str) -> Response:
        """A conversation's turns in order."""
        params = validated(s.TurnPageParams, request.query_params)
        limit = params.get("limit", 50)
        after = int.from_bytes(decode_cursor(params["cursor"], size=8), "big") if "cursor" in params else 0
        tenant = self.tenant()
        thread = _thread(request, tenant.id, conversation)
        rows = retrieval.list_turns(tenant.id, thread.id, after=min(after, 2**31 - 1), limit=limit + 1)
        cursor = encode_cursor(rows[limit - 1].turn or 0) if len(rows) > limit else None
        return Response(rendering.page([rendering.memento(row) for row in rows[:limit]], cursor))


def _thread(request: Request, tenant_id: UUID, conversation: str) -> retrieval.Thread:
    if "\x00" in conversation:  # an address may hold it, a text column may not
        raise NotFound("There is no such conversation.")
    return retrieval.find_conversation(tenant_id, conversation, user_id=_text_param(request, "user_id"))


def _text_param(request: Request, name: str) -> str | None:
    """A query parameter as text that PostgreSQL can hold."""
    refuse_repeated(request.query_params, [name])
    value = request.query_params.get(name)
    if value is not None and ("\x00" in value or len(value) > 200):
        raise InvalidInput("At most 200 characters, none of them null.", field=name)
    return value
