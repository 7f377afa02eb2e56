"""What tests make: tenants, keys, memories, requests."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from typing import Any

import orjson
from django.test import Client

from graph.extraction import Extraction, Mention, Statement
from memories.services import NewMemory
from memos_project.tenancy.callers import TenantInfo, tenant_info
from memos_project.tenancy.services import create_tenant, issue_key

_numbers = count(1)


def make_tenant(name: str = "tenant", **fields: Any) -> TenantInfo:
    """A tenant of its own; ``fields`` are those of create_tenant."""
    return tenant_info(create_tenant(slug=f"{name}-{next(_numbers)}", **fields))


def make_key(tenant: TenantInfo, *scopes: str, **fields: Any) -> str:
    """A key's secret; it reads and writes unless told otherwise."""
    return issue_key(tenant.id, name="test", scopes=scopes or ("read", "write"), **fields)[1]


def new_memory(content: str | None = None, **fields: Any) -> NewMemory:
    """A memory whose content is unlike that of any other, unless told otherwise."""
    return NewMemory(content=content if content is not None else f"Memory number {next(_numbers)}.", **fields)


def saying(*statements: Statement, **kinds: str) -> Extraction:
    """What an extractor found that read these statements; names are people's unless ``kinds`` says what they are."""
    names = dict.fromkeys(name for each in statements for name in (each.subject, each.object))
    mentions = tuple(Mention(0, len(name), name, kinds.get(name, "person"), name) for name in names)
    return Extraction((), mentions, statements, "rules")


def statement(subject: str, predicate: str, object_: str, start: datetime | None, **more: Any) -> Statement:
    """Somebody said so, of a time from ``start`` on."""
    return Statement(subject, predicate, object_, 0.9, 0, 1, valid_from=start, **more)


@dataclass(frozen=True)
class Answer:
    """What came back: its status, its body as Python values, its headers."""

    status: int
    body: Any
    headers: Mapping[str, str]

    @property
    def fields(self) -> list[str]:
        """The fields that a problem names."""
        return [each["field"] for each in self.body.get("errors", ())]


class Api:
    """Django's test client, speaking JSON with an API key; an error inside of memOS is raised."""

    def __init__(self, key: str | None = None) -> None:
        self.headers = {"x-api-key": key} if key else {}
        self.client = Client()

    def get(self, path: str, headers: Mapping[str, str] | None = None, **params: Any) -> Answer:
        return self.send("GET", path, headers=headers, params=params)

    def post(self, path: str, body: Any, headers: Mapping[str, str] | None = None, **params: Any) -> Answer:
        return self.send("POST", path, body, headers=headers, params=params)

    def patch(self, path: str, body: Any, headers: Mapping[str, str] | None = None, **params: Any) -> Answer:
        return self.send("PATCH", path, body, headers=headers, params=params)

    def delete(self, path: str, headers: Mapping[str, str] | None = None, **params: Any) -> Answer:
        return self.send("DELETE", path, headers=headers, params=params)

    def send(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, Any] | None = None,
        content_type: str = "application/json",
    ) -> Answer:
        """Any request; a body of bytes goes out as it is."""
        data = body if isinstance(body, bytes) else b"" if body is None else orjson.dumps(body)
        response = self.client.generic(
            method,
            path,
            data,
            content_type=content_type,
            query_params=params,
            headers={**self.headers, **(headers or {})},
        )
        raw = b"".join(response.streaming_content) if response.streaming else response.content
        is_json = "json" in response.headers.get("Content-Type", "")
        return Answer(response.status_code, orjson.loads(raw) if raw and is_json else raw, response.headers)
