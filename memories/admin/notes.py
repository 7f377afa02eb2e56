"""Notes with what they rest on and are linked to, and the consolidations that made them, which can be undone."""

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import action, display

from memories import notes, services
from memories.admin.filters import with_words
from memories.consolidation import runs
from memories.models import ConsolidationRun, ConsolidationStep, Memory, Note
from memos_project.errors import MemosError, NotFound
from memos_project.tenancy.admin_base import ReadOnlyRows, actor_of, tenant_of
from memos_project.tenancy.middleware import chosen_tenant, opens_own_transactions

EXCERPT = 140
STEP_COLOURS = {"done": "success", "dropped": "danger", "undone": "warning"}


def _memory_link(memory_id: UUID, text: str) -> SafeString:
    link = reverse("admin:memories_memory_change", args=[memory_id])
    return format_html('<a href="{}" class="memos-link">{}</a>', link, text)


def _note_link(note_id: UUID, text: str) -> SafeString:
    link = reverse("admin:memories_note_change", args=[note_id])
    return format_html('<a href="{}" class="memos-link">{}</a>', link, text)


def _said(memory: Memory) -> str:
    text = f"{memory.speaker}: {memory.content}" if memory.speaker else memory.content
    return text if len(text) <= EXCERPT else f"{text[:EXCERPT]}…"


def _table(head: Sequence[str], rows: Iterable[tuple[object, ...]]) -> SafeString:
    columns = format_html_join("", "<th>{}</th>", ((name,) for name in head))
    cells = format_html_join(
        "", "<tr>{}</tr>", ((format_html_join("", "<td>{}</td>", ((cell,) for cell in row)),) for row in rows)
    )
    return format_html(
        '<table class="memos-table"><thead><tr>{}</tr></thead><tbody>{}</tbody></table>', columns, cells
    )


@admin.register(Note)
class NoteAdmin(ReadOnlyRows):
    """What notes say is revised as a memory; here is what belongs to them besides."""

    list_display = ("said", "user", "keywords_shown", "rests_on", "summariser_name", "weight", "made")
    list_display_links = ("said",)
    list_select_related = ("memory",)
    list_filter = (("summariser", ChoicesDropdownFilter),)
    search_fields = ("keywords",)
    search_help_text = "All of these words, in any inflection."
    ordering = ("-pk",)
    sortable_by = ()
    fields = ("title", "context", "content", "keywords_shown", "tags", "user", "summariser_name", "weight", "sources_shown", "links_shown")  # fmt: skip
    readonly_fields = fields
    actions = ("withdraw",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().get_queryset(request).annotate(cited=Count("sources"))
        return rows

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        if not search_term.strip():
            return queryset, False
        found = with_words(Memory.objects.filter(kind=Memory.Kind.NOTE), search_term, tenant_of(request))
        return queryset.filter(pk__in=found.values("pk")), False

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        note = super().get_object(request, object_id, from_field)
        if note is not None:
            [note.described] = notes.described([note.memory])
        return note

    def has_withdraw_permission(self, request: HttpRequest) -> bool:
        return chosen_tenant(request) is not None and request.user.has_perm("memories.delete_memory")

    @display(description="Note", header=True)
    def said(self, note: Note) -> list[str]:
        return [note.memory.title or note.context, note.context]

    @display(description="Title")
    def title(self, note: Note) -> SafeString:
        return _memory_link(note.pk, note.memory.title or "open as a memory")

    @display(description="Says")
    def content(self, note: Note) -> SafeString:
        return format_html_join(
            mark_safe("<br>"), "{}", ((line,) for line in note.memory.content.splitlines())
        )

    @display(description="User")
    def user(self, note: Note) -> str:
        return note.memory.user_id or "-"

    @display(description="Keywords")
    def keywords_shown(self, note: Note) -> str:
        return ", ".join(note.keywords) or "-"

    @display(description="Tags")
    def tags(self, note: Note) -> str:
        return ", ".join(note.memory.tags) or "-"

    @display(description="Sources")
    def rests_on(self, note: Any) -> int:
        return int(note.cited)

    @display(
        description="Written by", label={"a model": "info", "hand": "success", "chosen sentences": "warning"}
    )
    def summariser_name(self, note: Note) -> str:
        return {"llm": "a model", "extractive": "chosen sentences"}.get(note.summariser, "hand")

    @display(description="Importance")
    def weight(self, note: Note) -> str:
        return f"{note.memory.importance:.2f}"

    @display(description="Made")
    def made(self, note: Note) -> SafeString:
        return format_html('<span class="whitespace-nowrap">{}</span>', f"{note.memory.created_at:%d %b %Y}")

    @display(description="Rests on")
    def sources_shown(self, note: Any) -> SafeString | str:
        sources = Memory.objects.filter(pk__in=note.described.sources).order_by("occurred_at", "pk")
        rows = [(f"{each.occurred_at:%d %b %Y}", _memory_link(each.pk, _said(each))) for each in sources]
        return _table(("When", "Memory"), rows) if rows else "Nothing."

    @display(description="Linked to")
    def links_shown(self, note: Any) -> SafeString | str:
        linked = note.described.links
        found = {each.pk: each for each in Note.objects.select_related("memory").filter(pk__in=linked)}
        rows = [
            (f"{likeness:.2f}", _note_link(pk, found[pk].memory.title or found[pk].context))
            for pk, likeness in linked.items()
        ]
        return _table(("Alike", "Note"), rows) if rows else "No other note."

    @action(description="Withdraw: the sources stay", permissions=["withdraw"])
    def withdraw(self, request: HttpRequest, queryset: QuerySet[Note]) -> None:
        done = 0
        for note_id in list(queryset.values_list("pk", flat=True)):
            try:
                services.forget(tenant_of(request), note_id, actor=actor_of(request))
                done += 1
            except NotFound:
                continue  # somebody else was quicker
        messages.success(request, f"{done} withdrawn.")


@admin.register(ConsolidationRun)
class ConsolidationRunAdmin(ReadOnlyRows):
    """What was made of which memories, and the way back."""

    list_display = ("begun", "state_name", "whose", "outcome", "actor", "undone_by")
    list_display_links = ("begun",)
    list_filter = (("state", ChoicesDropdownFilter),)
    ordering = ("-pk",)
    sortable_by = ()
    fields = ("begun", "state_name", "whose", "actor", "undone_by", "steps_shown")
    readonly_fields = fields
    actions = ("undo",)
    list_before_template = "admin/memories/consolidationrun/list_before.html"  # type: ignore[assignment]
    counted_as = "runs"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        done = Q(steps__state=ConsolidationStep.State.DONE)
        rows: QuerySet[Any] = (
            super()
            .get_queryset(request)
            .annotate(
                made=Count("steps", filter=done & Q(steps__grows=False)),
                grown=Count("steps", filter=done & Q(steps__grows=True)),
                dropped=Count("steps", filter=Q(steps__state=ConsolidationStep.State.DROPPED)),
            )
        )
        return rows

    def has_undo_permission(self, request: HttpRequest) -> bool:
        return chosen_tenant(request) is not None and request.user.has_perm(
            "memories.change_consolidationrun"
        )

    @display(description="Begun")
    def begun(self, run: ConsolidationRun) -> str:
        return f"{run.started_at:%d %b %Y %H:%M:%S}"

    @display(description="State", label={"running": "info", "done": "success", "undone": "warning"})
    def state_name(self, run: ConsolidationRun) -> str:
        return run.state

    @display(description="Whose memories")
    def whose(self, run: ConsolidationRun) -> str:
        return "everybody's" if run.user_id is None else run.user_id or "nobody's"

    @display(description="Came to")
    def outcome(self, run: Any) -> str:
        counts = ((run.made, "made"), (run.grown, "grown"), (run.dropped, "dropped"))
        return ", ".join(f"{count} {what}" for count, what in counts if count) or "nothing"

    @display(description="What it did")
    def steps_shown(self, run: ConsolidationRun) -> SafeString | str:
        steps = list(run.steps.order_by("number"))
        named = Note.objects.select_related("memory").filter(
            pk__in=[each.note_id for each in steps if each.note_id]
        )
        titles = {note.pk: note.memory.title or note.context for note in named}
        rows = [
            (
                _note_link(each.note_id, titles[each.note_id])
                if each.note_id and each.note_id in titles
                else "(gone)",
                "grew by" if each.grows else "made of",
                f"{len(each.memory_ids)} memories",
                each.get_state_display(),
                each.reason,
            )
            for each in steps
        ]
        return _table(("Note", "", "", "State", ""), rows) if rows else "There was nothing to do."

    @action(description="Undo", permissions=["undo"])
    def undo(self, request: HttpRequest, queryset: QuerySet[ConsolidationRun]) -> None:
        done = 0
        for run_id in list(queryset.order_by("-pk").values_list("pk", flat=True)):
            try:
                runs.undo(tenant_of(request), run_id, actor=actor_of(request))
                done += 1
            except MemosError as error:
                messages.warning(request, error.detail)
        if done:
            messages.success(request, f"{done} undone.")

    def get_urls(self) -> list[URLPattern]:
        begin = self.admin_site.admin_view(self.begin_view)
        return [path("begin/", begin, name="memories_consolidationrun_begin"), *super().get_urls()]

    @opens_own_transactions
    def begin_view(self, request: HttpRequest) -> HttpResponse:
        """Have what is new looked at now."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        if not self.has_undo_permission(request):
            raise PermissionDenied
        try:
            runs.start(tenant_of(request).id, actor=actor_of(request))
            messages.success(request, "Begun. What comes of it is shown here in a moment.")
        except MemosError as error:
            messages.warning(request, error.detail)
        return redirect("admin:memories_consolidationrun_changelist")
