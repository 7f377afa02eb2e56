"""Scratchpads over HTTP: parse, call, render."""

from dataclasses import asdict
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from memories import promotion
from memories.api.working import scratchpad_serializers as s
from memories.api.working.serializers import ListParams
from memories.promotion import Promotion, Verdict
from memories.working import scratchpads
from memories.working.scratchpads import NewEntry
from memos_project.api.parameters import TENANT_ID, named
from memos_project.api.views import TenantView, validated
from memos_project.errors import InvalidInput

SESSION = named("session", "The session's id")


def _named(session: str) -> str:
    name: str = validated(s.Named, {"session": session})["session"]
    return name


def paged(rows: list[Any], limit: int, cursor: str, *, answered: bool) -> dict[str, Any]:
    """A page of the rows, which are one more than the limit where there are more; ``cursor`` names their field."""
    results = [asdict(row) for row in rows[:limit]]
    return {
        "results": results,
        "next_cursor": results[-1][cursor] if len(rows) > limit else None,
        "degraded": [] if answered else ["working"],
    }


class ScratchpadsView(TenantView):
    @extend_schema(operation_id="scratchpads_list", parameters=[ListParams], responses=s.PadPage)
    def get(self, request: Request) -> Response:
        """The live scratchpads by the names of their sessions."""
        params = validated(ListParams, request.query_params)
        limit = params.get("limit", 50)
        rows, answered = scratchpads.list_pads(
            self.tenant().id, after=params.get("cursor", ""), limit=limit + 1
        )
        return Response(paged(rows, limit, "session", answered=answered))


class ScratchpadView(TenantView):
    @extend_schema(
        operation_id="scratchpads_read", parameters=[SESSION, s.PadEntryParams], responses=s.PadEntryPage
    )
    def get(self, request: Request, session: str) -> Response:
        """The entries of a scratchpad in order, of one part or of all."""
        params = validated(s.PadEntryParams, request.query_params)
        limit = params.get("limit", 50)
        rows, answered = scratchpads.page(
            self.tenant().id,
            _named(session),
            part=params.get("part"),
            after=params.get("cursor", ""),
            limit=limit + 1,
        )
        return Response(paged(rows, limit, "id", answered=answered))

    @extend_schema(operation_id="scratchpads_delete", parameters=[SESSION, TENANT_ID], responses={204: None})
    def delete(self, request: Request, session: str) -> Response:
        """Delete a scratchpad; what was promoted from it stays."""
        scratchpads.delete(self.tenant().id, _named(session))
        return Response(status=204)


class EntriesView(TenantView):
    @extend_schema(
        operation_id="scratchpads_append",
        parameters=[SESSION, TENANT_ID],
        request=s.PadEntryInput,
        responses={201: s.PadEntryOutput},
    )
    def post(self, request: Request, session: str) -> Response:
        """Write an entry down, beginning the scratchpad where there is none."""
        data = validated(s.PadEntryInput, request.data)
        options = {name: data.pop(name, None) for name in ("ttl", "promote")}
        entry = scratchpads.append(self.tenant(), _named(session), NewEntry(**data), **options)
        return Response(asdict(entry), status=201)


class PromoteView(TenantView):
    @extend_schema(
        operation_id="scratchpads_promote",
        parameters=[SESSION, TENANT_ID],
        request=s.PromoteInput,
        responses=s.PromotionOutput,
    )
    def post(self, request: Request, session: str) -> Response:
        """Make lasting memories of the entries that are named, or of those that are worth it."""
        data = validated(s.PromoteInput, request.data)
        tenant, name = self.tenant(), _named(session)
        if "entries" not in data:
            promoted = promotion.promote_worthy(
                tenant, name, threshold=data.get("threshold"), actor=self.actor
            )
        elif "threshold" in data:
            raise InvalidInput(
                "Not beside entries, which are promoted whatever their score.", field="threshold"
            )
        else:
            promoted = promotion.promote_chosen(tenant, name, data["entries"], actor=self.actor)
        return Response(_rendered(promoted))


class EndView(TenantView):
    @extend_schema(
        operation_id="sessions_end",
        parameters=[SESSION, TENANT_ID],
        request=None,
        responses=s.PromotionOutput,
    )
    def post(self, request: Request, session: str) -> Response:
        """End a session: what is worth it of its scratchpad is promoted, and the scratchpad expires soon."""
        return Response(_rendered(promotion.end(self.tenant(), _named(session), actor=self.actor)))


def _rendered(promoted: Promotion) -> dict[str, Any]:
    return {
        "results": [_verdict(each) for each in promoted.verdicts],
        "threshold": promoted.threshold,
        "degraded": promoted.degraded,
    }


def _verdict(each: Verdict) -> dict[str, Any]:
    score = asdict(each.score) if each.score else dict.fromkeys(("score", "reuse", "novelty", "nearest"))
    return {
        "entry": each.entry.id,
        "status": each.status,
        "memory_id": each.memory_id,
        "weight": each.entry.weight,
        **score,
    }
