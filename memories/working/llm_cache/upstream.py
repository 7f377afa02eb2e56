"""The OpenAI-compatible service behind the cache: ask it, or follow its stream and put the pieces together.

Chunks are those of the Chat Completions API: server-sent events, each a ``chat.completion.chunk``, ended by ``[DONE]``.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from threading import BoundedSemaphore
from typing import Any

import httpx
import orjson
import structlog
from django.conf import settings

from memos_project.errors import Unavailable

log = structlog.get_logger(__name__)

_calls = BoundedSemaphore(settings.MEMOS_OPENAI_UPSTREAM_CALLS)

DONE = b"data: [DONE]\n\n"


@cache
def _http() -> httpx.Client:
    timeout = httpx.Timeout(settings.MEMOS_OPENAI_UPSTREAM_TIMEOUT, connect=5.0)
    return httpx.Client(timeout=timeout, trust_env=False)


@contextmanager
def asked(body: Mapping[str, Any]) -> Iterator[httpx.Response]:
    """The upstream's answer to a request, its body not yet read.

    Raises Unavailable where there is none, or as many calls are under way as this process may make at once: each
    takes a thread from all other requests.
    """
    if not settings.MEMOS_OPENAI_UPSTREAM_URL:
        raise Unavailable("No upstream is configured: set MEMOS_OPENAI_UPSTREAM_URL.")
    key = settings.MEMOS_OPENAI_UPSTREAM_KEY
    if not _calls.acquire(blocking=False):
        raise Unavailable("Too many calls of the language model are under way; try again in a moment.")
    try:
        with _http().stream(
            "POST",
            f"{settings.MEMOS_OPENAI_UPSTREAM_URL.rstrip('/')}/chat/completions",
            content=orjson.dumps(body),
            headers={
                "Content-Type": "application/json",
                **({"Authorization": f"Bearer {key}"} if key else {}),
            },
        ) as response:
            yield response
    except httpx.HTTPError as error:
        log.warning("the upstream did not answer", error=str(error))
        raise Unavailable("The language model's service does not answer; try again in a moment.") from error
    finally:
        _calls.release()


def completion_of(chunks: list[dict[str, Any]]) -> dict[str, Any] | None:
    """The completion that a whole stream amounts to; None where a choice did not come to its end."""
    if not chunks:
        return None
    choices: dict[int, dict[str, Any]] = {}
    for chunk in chunks:
        for part in chunk.get("choices") or ():
            index = part.get("index", 0)
            choice = choices.setdefault(
                index,
                {"index": index, "message": {"role": "assistant", "content": None}, "finish_reason": None},
            )
            _add(choice["message"], part.get("delta") or {})
            for name, found in (part.get("logprobs") or {}).items():
                choice.setdefault("logprobs", {}).setdefault(name, []).extend(found or ())
            choice["finish_reason"] = part.get("finish_reason") or choice["finish_reason"]
    if not choices or any(choice["finish_reason"] is None for choice in choices.values()):
        return None
    first, last = chunks[0], chunks[-1]
    whole: dict[str, Any] = {"object": "chat.completion"}
    whole |= {name: first[name] for name in ("id", "created", "model", "system_fingerprint") if name in first}
    whole["choices"] = [choices[index] for index in sorted(choices)]
    if last.get("usage"):
        whole["usage"] = last["usage"]
    return whole


def chunks_of(completion: Mapping[str, Any], *, usage: bool) -> Iterator[bytes]:
    """A completion as a stream of one chunk a choice, and one with the ``usage`` if that is wanted."""
    shared = {name: completion[name] for name in ("id", "created", "model") if name in completion}
    for choice in completion.get("choices") or ():
        delta = dict(choice.get("message") or {})
        if calls := delta.get("tool_calls"):
            delta["tool_calls"] = [{"index": number, **call} for number, call in enumerate(calls)]
        for part, reason in ((delta, None), ({}, choice.get("finish_reason") or "stop")):
            piece = {"index": choice.get("index", 0), "delta": part, "finish_reason": reason}
            yield _event({**shared, "object": "chat.completion.chunk", "choices": [piece]})
    if usage and completion.get("usage"):
        yield _event(
            {**shared, "object": "chat.completion.chunk", "choices": [], "usage": completion["usage"]}
        )
    yield DONE


def data_of(line: str) -> str | None:
    """What an event line says; None for a comment, an empty line and everything else."""
    return line[5:].strip() if line.startswith("data:") else None


def _event(data: Mapping[str, Any]) -> bytes:
    return b"data: " + orjson.dumps(data) + b"\n\n"


def _add(message: dict[str, Any], delta: Mapping[str, Any]) -> None:
    """Texts go on where they stopped; tool calls likewise, by their index."""
    for name, value in delta.items():
        if name == "tool_calls":
            for call in value or ():
                _add_call(message.setdefault("tool_calls", []), call)
        elif isinstance(value, str) and name != "role":
            message[name] = (message.get(name) or "") + value
        elif value is not None:
            message[name] = value


def _add_call(calls: list[dict[str, Any]], delta: Mapping[str, Any]) -> None:
    index = delta.get("index", len(calls))
    while len(calls) <= index < 128:
        calls.append({"id": "", "type": "function", "function": {"name": "", "arguments": ""}})
    call, function = calls[index], delta.get("function") or {}
    call["id"] = delta.get("id") or call["id"]
    call["function"]["name"] += function.get("name") or ""
    call["function"]["arguments"] += function.get("arguments") or ""
