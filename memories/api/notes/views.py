"""Notes and consolidations over HTTP: parse, call, render."""

from dataclasses import asdict
from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from graph.english.text import shortened
from memories import notes, retrieval, services
from memories.answers import Query
from memories.api.notes import serializers as s
from memories.api.serializers import Stored
from memories.candidates import Filters
from memories.consolidation import runs
from memories.models import ConsolidationRun, ConsolidationStep, Memory
from memos_project.api.parameters import IDEMPOTENCY_KEY, TENANT_ID
from memos_project.api.views import TenantView, decode_cursor, etag, page, validated

MOST_CONTEXT = 500


def rendered(note: notes.Described) -> dict[str, Any]:
    memory = note.memory
    plain = (
        "id",
        "title",
        "content",
        "tags",
        "user_id",
        "importance",
        "occurred_at",
        "created_at",
        "version",
    )
    return {
        **{name: getattr(memory, name) for name in plain},
        **{name: getattr(note, name) for name in ("context", "keywords", "summariser", "sources")},
        "links": [{"id": pk, "likeness": likeness} for pk, likeness in note.links.items()],
    }


def _before(params: dict[str, Any]) -> UUID | None:
    return UUID(bytes=decode_cursor(params["cursor"])) if "cursor" in params else None


class NotesView(TenantView):
    @extend_schema(operation_id="notes_list", parameters=[s.NotesParams], responses=s.NotePage)
    def get(self, request: Request) -> Response:
        """Notes, the newest first, or those that answer a question, the best first."""
        params = validated(s.NotesParams, request.query_params)
        tenant, limit = self.tenant(), params.get("limit", 50)
        if "query" in params:
            filters = Filters(user_id=params.get("user_id"), kinds=(Memory.Kind.NOTE,))
            hits = retrieval.recall(tenant, Query(text=params["query"], top_k=limit, filters=filters)).hits
            found = {each.memory.id: each for each in notes.of(tenant.id, [hit.memory.id for hit in hits])}
            ranked = [found[hit.memory.id] for hit in hits if hit.memory.id in found]
            return Response({"results": [rendered(each) for each in ranked], "next_cursor": None})
        named = {name: params[name] for name in ("user_id", "keyword", "source") if name in params}
        rows = notes.list_notes(tenant.id, before=_before(params), limit=limit + 1, **named)
        return Response(page(rows, limit, render=rendered, key=lambda each: each.memory.pk))

    @extend_schema(
        operation_id="notes_store",
        parameters=[IDEMPOTENCY_KEY],
        request=s.NoteInput,
        responses={200: Stored, 201: Stored},
    )
    def post(self, request: Request) -> Response:
        """Write a note by hand."""
        data = validated(s.NoteInput, request.data)
        data.pop("tenant_id", None)
        tenant = self.tenant()
        context = data.pop("context", None) or shortened(
            data["content"].strip().splitlines()[0], MOST_CONTEXT
        )
        new = services.NewNote(**data, context=context)

        def act() -> tuple[int, Any]:
            stored = services.note_down(tenant, new, actor=self.actor)
            body = {"id": str(stored.id), "external_id": stored.external_id, "status": stored.status}
            return (201 if stored.created else 200), body

        return self.once(tenant, act)


class NoteView(TenantView):
    @extend_schema(operation_id="notes_read", parameters=[TENANT_ID], responses=s.NoteOutput)
    def get(self, request: Request, note_id: UUID) -> Response:
        """One note with its sources and links; it is revised and forgotten as a memory."""
        note = notes.describe(self.tenant().id, note_id)
        return Response(rendered(note), headers=etag(note.memory.version))


def _run(run: ConsolidationRun) -> dict[str, Any]:
    named = ("id", "state", "user_id", "actor", "started_at", "ended_at", "undone_by")
    return {name: getattr(run, name) for name in named}


def _step(step: ConsolidationStep) -> dict[str, Any]:
    return {name: getattr(step, name) for name in ("note_id", "grows", "memory_ids", "state", "reason")}


class ConsolidationsView(TenantView):
    @extend_schema(
        operation_id="consolidations_list", parameters=[s.SmallPageParams], responses=s.ConsolidationPage
    )
    def get(self, request: Request) -> Response:
        """Consolidations, the latest first."""
        params = validated(s.SmallPageParams, request.query_params)
        limit = params.get("limit", 50)
        rows = runs.list_runs(self.tenant().id, before=_before(params), limit=limit + 1)
        return Response(page(rows, limit, render=_run, key=lambda each: each.pk))

    @extend_schema(
        operation_id="consolidations_start",
        request=s.ConsolidationInput,
        responses={200: s.PlanOutput, 202: s.ConsolidationOutput},
    )
    def post(self, request: Request) -> Response:
        """Have what is new consolidated in the background, or with ``dry_run`` say what would come of it."""
        data = validated(s.ConsolidationInput, request.data)
        tenant, user_id = self.tenant(), data["user_id"]
        if data.get("dry_run"):
            found = runs.planned(tenant.id, user_id=user_id)
            groups = [asdict(group) for group in found.groups]
            return Response({"looked_at": found.looked_at, "groups": groups})
        return Response(_run(runs.start(tenant.id, user_id=user_id, actor=self.actor)), status=202)


class ConsolidationView(TenantView):
    @extend_schema(
        operation_id="consolidations_read", parameters=[TENANT_ID], responses=s.ConsolidationDetail
    )
    def get(self, request: Request, run_id: UUID) -> Response:
        """One consolidation with what it made of which memories."""
        run, steps = runs.read(self.tenant().id, run_id)
        return Response({**_run(run), "steps": [_step(each) for each in steps]})


class UndoView(TenantView):
    @extend_schema(
        operation_id="consolidations_undo",
        parameters=[TENANT_ID],
        request=None,
        responses=s.ConsolidationDetail,
    )
    def post(self, request: Request, run_id: UUID) -> Response:
        """Bring back what was before it; one that a later one builds on comes after that one."""
        tenant = self.tenant()
        runs.undo(tenant, run_id, actor=self.actor)
        run, steps = runs.read(tenant.id, run_id)
        return Response({**_run(run), "steps": [_step(each) for each in steps]})
