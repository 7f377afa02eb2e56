"""Claims and handles on a blackboard over HTTP: parse, call, render."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from memories.api.working import blackboard_serializers as s
from memories.api.working.blackboards import BOARD, TOKEN, board_of, token_of
from memories.working import leases
from memories.working.leases import Lease
from memos_project.api.parameters import TENANT_ID, named
from memos_project.api.views import TenantView, validated

NAME = named("name", "The name of the subtask or handle")


def _place(board: str, name: str) -> tuple[str, str]:
    said = validated(s.BoardPlace, {"board": board, "name": name})
    return said["board"], said["name"]


def _claim(lease: Lease) -> dict[str, Any]:
    return {"subtask": lease.name, "agent": lease.agent, "fence": lease.fence, "ttl": lease.ttl}


def _handle(lease: Lease) -> dict[str, Any]:
    return {"name": lease.name, "agent": lease.agent, "location": lease.value, "ttl": lease.ttl}


class ClaimsView(TenantView):
    @extend_schema(operation_id="claims_list", parameters=[BOARD, TENANT_ID], responses=s.ClaimList)
    def get(self, request: Request, board: str) -> Response:
        """Who has claimed which subtask, and for how long."""
        held, answered = leases.list_leases(self.tenant().id, board_of(board), "claims")
        return Response({"results": [*map(_claim, held)], "degraded": [] if answered else ["working"]})


class ClaimView(TenantView):
    @extend_schema(
        operation_id="claims_take",
        parameters=[BOARD, NAME, TENANT_ID, TOKEN],
        request=s.ClaimInput,
        responses=s.ClaimOutput,
    )
    def put(self, request: Request, board: str, name: str) -> Response:
        """Claim a subtask for a while, or renew the claim."""
        data, (board, name) = validated(s.ClaimInput, request.data), _place(board, name)
        lease = leases.take(self.tenant(), board, "claims", name, token_of(request), seconds=data["lease"])
        return Response(_claim(lease))

    @extend_schema(
        operation_id="claims_release", parameters=[BOARD, NAME, TENANT_ID, TOKEN], responses={204: None}
    )
    def delete(self, request: Request, board: str, name: str) -> Response:
        """Release a subtask before the claim's time is over."""
        board, name = _place(board, name)
        leases.release(self.tenant(), board, "claims", name, token_of(request))
        return Response(status=204)


class HandlesView(TenantView):
    @extend_schema(operation_id="handles_list", parameters=[BOARD, TENANT_ID], responses=s.HandleList)
    def get(self, request: Request, board: str) -> Response:
        """The KV-cache handles that are pinned, and for how long."""
        held, answered = leases.list_leases(self.tenant().id, board_of(board), "handles")
        return Response({"results": [*map(_handle, held)], "degraded": [] if answered else ["working"]})


class HandleView(TenantView):
    @extend_schema(
        operation_id="handles_pin",
        parameters=[BOARD, NAME, TENANT_ID, TOKEN],
        request=s.HandleInput,
        responses=s.HandleOutput,
    )
    def put(self, request: Request, board: str, name: str) -> Response:
        """Pin a KV-cache handle for a while, or renew or change the one that is pinned."""
        data, (board, name) = validated(s.HandleInput, request.data), _place(board, name)
        lease = leases.take(
            self.tenant(), board, "handles", name, token_of(request), seconds=data["lease"], value=data["location"]
        )  # fmt: skip
        return Response(_handle(lease))

    @extend_schema(
        operation_id="handles_release", parameters=[BOARD, NAME, TENANT_ID, TOKEN], responses={204: None}
    )
    def delete(self, request: Request, board: str, name: str) -> Response:
        """Release a handle before its time is over."""
        board, name = _place(board, name)
        leases.release(self.tenant(), board, "handles", name, token_of(request))
        return Response(status=204)
