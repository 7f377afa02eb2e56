"""The drop-in door: an agent that changes its base URL to memOS has its language model cached."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, cast

import httpx
import orjson
import structlog
from django.conf import settings
from django.http import HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.request import Request

from memories.api.working.cache import AskedField
from memories.working import llm_cache
from memories.working.llm_cache import upstream
from memos_project.api.fields import StrictBooleanField, StrictCharField
from memos_project.api.views import TenantView, validated
from memos_project.errors import InvalidInput, MemosError, Unavailable
from memos_project.tenancy.callers import TenantInfo

log = structlog.get_logger(__name__)

HEADER = "x-memos-cache"
MODES = ("exact", "semantic", "off")

type Keep = Callable[[dict[str, Any] | None], None]


class CompletionInput(serializers.Serializer[Any]):
    """A request of the Chat Completions API; fields that are not named here go through as they are."""

    model = StrictCharField(max_length=200)
    messages = AskedField()
    stream = StrictBooleanField(required=False, allow_null=True)


class AnyAccept(DefaultContentNegotiation):
    """A client that wants a stream may say so; it is told what it asked for in the body."""

    def select_renderer(self, request: Request, renderers: Any, format_suffix: str | None = None) -> Any:
        return renderers[0], renderers[0].media_type


class CompletionsView(TenantView):
    content_negotiation_class = AnyAccept
    body_names_tenant = False  # it goes through as it is

    @extend_schema(
        operation_id="openai_chat_completions",
        parameters=[
            OpenApiParameter(
                HEADER,
                {"type": "string", "enum": [*MODES]},
                OpenApiParameter.HEADER,
                description="exact (as if left out): the same request; semantic: one that asks the same, too; off: neither.",
            )
        ],
        request=CompletionInput,
        responses={200: dict},
    )
    def post(self, request: Request) -> HttpResponseBase:
        """Chat completions of the configured upstream, answered from the cache where it can."""
        data = validated(CompletionInput, request.data)
        body = cast(dict[str, Any], request.data)
        mode = request.headers.get(HEADER, "exact")
        if mode not in MODES:
            raise InvalidInput(f"One of {', '.join(MODES)}.", field=HEADER)
        tenant = self.tenant()
        asked = llm_cache.Request(
            data["model"], data["messages"], {name: value for name, value in body.items() if name not in ("model", "messages")}
        )  # fmt: skip
        if mode != "off":
            found = llm_cache.lookup(
                tenant, asked, semantic=mode == "semantic", wait=settings.MEMOS_OPENAI_WAIT_SECONDS
            )
            if found.hit:
                return _from_cache(found, body)
            if found.turned_away:
                raise Unavailable(
                    "Somebody else asks the same just now, and too many wait: try again in a moment."
                )
            keep: Keep = partial(_keep, tenant, asked, found)
        else:
            keep = _keep_nothing
        return _streamed(body, keep) if data.get("stream") else _whole(body, keep)


def _from_cache(found: llm_cache.Found, body: Mapping[str, Any]) -> HttpResponseBase:
    headers = {HEADER: str(found.hit)}
    if body.get("stream"):
        options = body.get("stream_options")
        usage = isinstance(options, dict) and bool(options.get("include_usage"))
        return StreamingHttpResponse(
            upstream.chunks_of(found.response, usage=usage),
            content_type="text/event-stream",
            headers=headers,
        )
    return HttpResponse(orjson.dumps(found.response), content_type="application/json", headers=headers)


def _whole(body: Mapping[str, Any], keep: Keep) -> HttpResponse:
    completion = None
    try:
        with upstream.asked(body) as response:
            answer = response.read()
        if response.status_code == httpx.codes.OK:
            completion = _completion(answer)
    finally:
        keep(completion)
    return HttpResponse(
        answer,
        status=response.status_code,
        content_type=response.headers.get("content-type", "application/json"),
        headers={HEADER: "miss", **_when(response)},
    )


def _streamed(body: Mapping[str, Any], keep: Keep) -> HttpResponseBase:
    """What the upstream says as it says it; what it amounts to is kept when it has come to its end."""
    events = _events(body, keep)
    status, content_type, when = next(events)
    return StreamingHttpResponse(
        events,
        status=status,
        content_type=content_type,
        headers={HEADER: "miss", "Cache-Control": "no-cache", **when},
    )


def _events(body: Mapping[str, Any], keep: Keep) -> Iterator[Any]:
    """The status, the content type and when to ask again, then the lines."""
    completion = None
    try:
        with upstream.asked(body) as response:
            content_type = response.headers.get("content-type", "text/event-stream")
            yield response.status_code, content_type, _when(response)
            chunks: list[dict[str, Any]] = []
            for line in response.iter_lines():
                yield line.encode() + b"\n"
                data = upstream.data_of(line)
                if data == "[DONE]" and response.status_code == httpx.codes.OK:
                    completion = upstream.completion_of(chunks)
                elif data and (chunk := _completion(data)):
                    chunks.append(chunk)
    finally:
        # Whoever goes away in the middle leaves nothing behind.
        keep(completion)


def _when(response: httpx.Response) -> dict[str, str]:
    """When the upstream wants to be asked again, if it says so."""
    names = [name for name in ("Retry-After", "retry-after-ms") if name in response.headers]
    return {name: response.headers[name] for name in names}


def _completion(answer: bytes | str) -> dict[str, Any] | None:
    try:
        said = orjson.loads(answer)
    except orjson.JSONDecodeError:
        return None
    return said if isinstance(said, dict) and "choices" in said else None


def _keep(
    tenant: TenantInfo, asked: llm_cache.Request, found: llm_cache.Found, answer: dict[str, Any] | None
) -> None:
    """Store an answer, or let somebody else compute it; what cannot be stored is answered all the same."""
    try:
        if answer is None:
            llm_cache.release(tenant.id, found)
        else:
            llm_cache.put(tenant, asked, answer, asked_at=found.asked_at)
    except MemosError as error:
        log.warning("an answer was not cached", error=error.detail)


def _keep_nothing(answer: dict[str, Any] | None) -> None:
    pass
