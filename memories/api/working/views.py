"""Working memory over HTTP: parse, call, render."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from memories.api.working import serializers as s
from memories.working import keyvalue
from memories.working.keyvalue import Entry
from memos_project.api.parameters import IF_MATCH, TENANT_ID, named
from memos_project.api.views import TenantView, etag, if_match, validated

SCOPE_PARAMETER = named(
    "scope", "`tenant`, `agent:NAME` or `session:ID`; a name or id", pattern=s.SCOPE.pattern
)
KEY_PARAMETER = named("key", "The entry's name")


class Place(serializers.Serializer[Any]):
    """What an address names."""

    scope = s.ScopeField()
    key = s.KeyField(required=False)


def place(scope: str, key: str) -> tuple[str, str]:
    """The scope and the key of an address; raises ValidationError naming what is wrong."""
    said = validated(Place, {"scope": scope, "key": key})
    return said["scope"], said["key"]


def _rendered(entry: Entry) -> Response:
    return Response(asdict(entry), headers=etag(entry.version))


class EntryView(TenantView):
    @extend_schema(
        operation_id="working_put",
        parameters=[SCOPE_PARAMETER, KEY_PARAMETER, TENANT_ID, IF_MATCH],
        request=s.PutInput,
        responses=s.EntryOutput,
    )
    def put(self, request: Request, scope: str, key: str) -> Response:
        """Set a value, for a while."""
        data = validated(s.PutInput, request.data)
        entry = keyvalue.put(
            self.tenant(),
            *place(scope, key),
            data["value"],
            ttl=data.get("ttl"),
            if_version=data.get("if_version", if_match(request)),
        )
        return _rendered(entry)

    @extend_schema(
        operation_id="working_get",
        parameters=[SCOPE_PARAMETER, KEY_PARAMETER, TENANT_ID],
        responses=s.EntryOutput,
    )
    def get(self, request: Request, scope: str, key: str) -> Response:
        """A value, its version and the seconds it has left; with Redis down it is missing."""
        return _rendered(keyvalue.get(self.tenant().id, *place(scope, key)))

    @extend_schema(
        operation_id="working_delete",
        parameters=[SCOPE_PARAMETER, KEY_PARAMETER, TENANT_ID, IF_MATCH],
        responses={204: None},
    )
    def delete(self, request: Request, scope: str, key: str) -> Response:
        """Delete an entry before its time."""
        keyvalue.delete(self.tenant(), *place(scope, key), if_version=if_match(request))
        return Response(status=204)


class IncrementView(TenantView):
    @extend_schema(
        operation_id="working_increment",
        parameters=[SCOPE_PARAMETER, KEY_PARAMETER, TENANT_ID],
        request=s.IncrementInput,
        responses=s.EntryOutput,
    )
    def post(self, request: Request, scope: str, key: str) -> Response:
        """Add to a number in one step, beginning at 0."""
        data = validated(s.IncrementInput, request.data)
        entry = keyvalue.increment(self.tenant(), *place(scope, key), data.get("by", 1), ttl=data.get("ttl"))
        return _rendered(entry)


class AppendView(TenantView):
    @extend_schema(
        operation_id="working_append",
        parameters=[SCOPE_PARAMETER, KEY_PARAMETER, TENANT_ID],
        request=s.AppendInput,
        responses=s.EntryOutput,
    )
    def post(self, request: Request, scope: str, key: str) -> Response:
        """Add to the end of a list in one step, beginning with an empty one."""
        data = validated(s.AppendInput, request.data)
        entry = keyvalue.append(self.tenant(), *place(scope, key), data["value"], ttl=data.get("ttl"))
        return _rendered(entry)


class ReadView(TenantView):
    scopes: ClassVar[Mapping[str, str]] = {"POST": "read"}

    @extend_schema(operation_id="working_read", request=s.ReadInput, responses=s.EntriesOutput)
    def post(self, request: Request) -> Response:
        """Several entries of a scope at once."""
        data = validated(s.ReadInput, request.data)
        keys = data["keys"]
        entries, answered = keyvalue.get_many(self.tenant().id, data["scope"], keys)
        return Response(
            {
                "results": [asdict(entry) for entry in entries if entry],
                "missing": [key for key, entry in zip(keys, entries, strict=True) if entry is None],
                "degraded": [] if answered else ["working"],
            }
        )


class ScopeView(TenantView):
    @extend_schema(
        operation_id="working_list", parameters=[SCOPE_PARAMETER, s.ListParams], responses=s.EntryPage
    )
    def get(self, request: Request, scope: str) -> Response:
        """The entries of a scope by key, without their values."""
        params = validated(s.ListParams, request.query_params)
        limit = params.get("limit", 50)
        rows, answered = keyvalue.list_entries(
            self.tenant().id,
            validated(Place, {"scope": scope})["scope"],
            after=params.get("cursor", ""),
            limit=limit + 1,
        )
        cursor = rows[limit - 1].key if len(rows) > limit else None
        page: dict[str, Any] = {"results": [asdict(row) for row in rows[:limit]], "next_cursor": cursor}
        return Response({**page, "degraded": [] if answered else ["working"]})
