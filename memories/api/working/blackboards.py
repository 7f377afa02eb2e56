"""Blackboards over HTTP: parse, call, render."""

import re
from dataclasses import asdict

from django.conf import settings
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from memories.api.working import blackboard_serializers as s
from memories.api.working.scratchpads import paged
from memories.api.working.serializers import ListParams
from memories.working import blackboards
from memories.working.blackboards import BEGINNING, TOKEN_HEADER
from memos_project.api.parameters import TENANT_ID, named
from memos_project.api.views import TenantView, validated
from memos_project.errors import Forbidden

BOARD = named("board", "The task's name")
TOKEN_FORM = re.compile("[A-Za-z0-9_-]{43}")
TOKEN = OpenApiParameter(
    TOKEN_HEADER,
    {"type": "string", "pattern": f"^{TOKEN_FORM.pattern}$"},
    OpenApiParameter.HEADER,
    description="The token that an agent was given when it joined: whoever sends it acts as that agent.",
)
# Seconds after which who was turned away may ask again.
AGAIN = 1


def board_of(name: str) -> str:
    board: str = validated(s.BoardPlace, {"board": name})["board"]
    return board


def token_of(request: Request) -> str:
    """The token that was sent, or none; raises Forbidden for what can be no agent's."""
    token: str | None = request.headers.get(TOKEN_HEADER)
    if token is not None and not TOKEN_FORM.fullmatch(token):
        raise Forbidden("This is not the token of an agent of this blackboard.", field=TOKEN_HEADER)
    return token or ""


class BlackboardsView(TenantView):
    @extend_schema(operation_id="blackboards_list", parameters=[ListParams], responses=s.BoardPage)
    def get(self, request: Request) -> Response:
        """The live blackboards by name."""
        params = validated(ListParams, request.query_params)
        limit = params.get("limit", 50)
        rows, answered = blackboards.list_boards(
            self.tenant().id, after=params.get("cursor", ""), limit=limit + 1
        )
        return Response(paged(rows, limit, "board", answered=answered))


class BlackboardView(TenantView):
    @extend_schema(operation_id="blackboards_end", parameters=[BOARD, TENANT_ID], responses={204: None})
    def delete(self, request: Request, board: str) -> Response:
        """End a blackboard with all that is on it."""
        blackboards.end(self.tenant(), board_of(board))
        return Response(status=204)


class AgentsView(TenantView):
    @extend_schema(
        operation_id="blackboards_join",
        parameters=[BOARD, TENANT_ID, TOKEN],
        request=s.JoinInput,
        responses={200: s.JoinOutput, 201: s.JoinOutput},
    )
    def post(self, request: Request, board: str) -> Response:
        """Join a blackboard under a name, beginning it where there is none; its token tells whether it is the same agent."""
        data = validated(s.JoinInput, request.data)
        joined = blackboards.join(
            self.tenant(), board_of(board), data["agent"], token=token_of(request), ttl=data.get("ttl")
        )
        return Response({"agent": joined.agent, "token": joined.token}, status=201 if joined.is_new else 200)


class PostsView(TenantView):
    @extend_schema(
        operation_id="blackboards_post",
        parameters=[BOARD, TENANT_ID, TOKEN],
        request=s.PostInput,
        responses={201: s.PostOutput},
    )
    def post(self, request: Request, board: str) -> Response:
        """Post something, for all or for oneself."""
        data = validated(s.PostInput, request.data)
        made = blackboards.post(self.tenant(), board_of(board), token_of(request), **data)
        return Response(asdict(made), status=201)

    @extend_schema(
        operation_id="blackboards_posts",
        parameters=[BOARD, s.PostsParams, TOKEN],
        responses=s.PostPage,
    )
    def get(self, request: Request, board: str) -> Response:
        """Posts in order since a cursor, waiting for the next one if asked to; private ones are the token's agent's own."""
        params = validated(s.PostsParams, request.query_params)
        reading = blackboards.read_posts(
            self.tenant().id,
            board_of(board),
            area=params.get("area", "public"),
            token=token_of(request),
            agent=params.get("agent"),
            after=params.get("cursor", BEGINNING),
            limit=params.get("limit", 50),
            wait=min(params.get("wait", 0), settings.MEMOS_WAIT_SECONDS),
        )
        body = {
            "results": [asdict(each) for each in reading.posts],
            "next_cursor": reading.cursor,
            "degraded": [] if reading.answered else ["working"],
        }
        return Response(body, headers={"Retry-After": str(AGAIN)} if reading.turned_away else None)
