"""Memories: the list, the page of one, what became of it, and where it stands in the indexes."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Model, Q, QuerySet
from django.db.models.functions import Left
from django.forms import Form
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RangeDateFilter
from unfold.decorators import display
from unfold.views import ChangeList

from memories import services
from memories.admin import filters
from memories.admin.backlog import JOB_COLOURS, state_of
from memories.admin.forms import MemoryForm, NewMemoryForm
from memories.admin.history import revisions
from memories.admin.meaning import search_by_meaning
from memories.models import AuditEntry, IndexJob, Memory, MemoryVersion
from memories.receipts import receipt
from memories.revisions import REVISABLE
from memos_project.errors import Conflict, MemosError, NotFound, PreconditionFailed
from memos_project.tenancy.admin_base import TenantChangeList, TenantRows, actor_of, tenant_of
from memos_project.tenancy.middleware import opens_own_transactions

EXCERPT = 140
# Each memory is forgotten by itself, with an audit entry; a curator waits for them.
MOST_DELETED = 500

WRITTEN: tuple[tuple[str | None, dict[str, Any]], ...] = (
    ("What it says", {"fields": ("content", "title", ("speaker", "category"), "tags")}),
    (
        "What it weighs and when it holds",
        {
            "fields": (
                ("importance_explicit", "pinned"),
                "occurred_at",
                "valid_from",
                "valid_to",
                "expires_at",
            )
        },
    ),
    ("Metadata", {"fields": ("metadata",), "classes": ("tab",)}),
)
PROVENANCE = (
    ("kind", "tier", "role"),
    ("user_id", "agent_id", "external_id"),
    ("conversation_link", "turn", "superseded_by_link"),
    ("importance", "importance_computed", "language"),
    ("created_at", "updated_at", "version"),
    ("last_accessed_at", "access_count", "length"),
    "content_hash",
)
NEW = (
    (
        "What it is",
        {"fields": (("kind", "tier", "role"), ("user_id", "agent_id", "external_id"), "conversation_key")},
    ),
    *WRITTEN,
)
CHANGED_MEANWHILE = PreconditionFailed(
    "This memory was changed while you were editing it; its history shows how. Saving again replaces that with what you see here."
)


class MemoryChangeList(TenantChangeList):
    """Fetches of each memory what the list shows, and for the page on show where its indexes stand."""

    def get_queryset(
        self, request: HttpRequest, exclude_parameters: list[str | None] | None = None
    ) -> QuerySet[Memory]:
        found: QuerySet[Memory] = super().get_queryset(request, exclude_parameters)
        return found.annotate(excerpt=Left("content", EXCERPT + 1)).defer("content", "metadata", "lexemes")

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        jobs = {
            job.pk: job
            for job in IndexJob.objects.filter(memory_id__in=[memory.pk for memory in self.result_list])
        }
        for memory in self.result_list:
            memory.job = jobs.get(memory.pk)


def _excerpt(memory: Memory) -> str:
    """The beginning of the content; a row of the list does not have all of it."""
    text: str = getattr(memory, "excerpt", None) or memory.content
    return text if len(text) <= EXCERPT else f"{text[:EXCERPT]}…"


@admin.register(Memory)
class MemoryAdmin(TenantRows):
    """Every change goes through the services, so that it leaves a version and an audit entry."""

    list_display = (
        "said",
        "kind",
        "user_id",
        "agent_id",
        "conversation_link",
        "speaker",
        "weight",
        "occurred",
        "index_state",
    )
    list_display_links = ("said",)
    list_select_related = ("conversation",)
    list_filter = (
        ("kind", ChoicesDropdownFilter),
        ("tier", ChoicesDropdownFilter),
        ("role", ChoicesDropdownFilter),
        filters.UserFilter,
        filters.AgentFilter,
        filters.ConversationFilter,
        filters.SpeakerFilter,
        filters.TagFilter,
        ("occurred_at", RangeDateFilter),
        filters.StandingFilter,
        filters.IndexFilter,
    )
    search_fields = ("content",)
    search_help_text = "All of these words, in any inflection; or an id."
    ordering = ("-id",)
    show_facets = admin.ShowFacets.NEVER
    list_before_template = "admin/memories/memory/list_before.html"  # type: ignore[assignment]
    list_disable_select_all = True
    warn_unsaved_form = True

    # -- what is shown

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return MemoryChangeList

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        said = search_term.strip()
        if not said:
            return queryset, False
        try:
            return queryset.filter(Q(pk=UUID(said)) | Q(external_id=said)), False
        except ValueError:
            named = queryset.filter(external_id=said) if " " not in said else None
            if named is not None and named.exists():
                return named, False
            return filters.with_words(queryset, said, tenant_of(request)), False

    def get_fieldsets(self, request: HttpRequest, obj: Model | None = None) -> Any:
        if obj is None:
            return NEW
        return (*WRITTEN, ("Where it comes from", {"fields": PROVENANCE, "classes": ("tab",)}))

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> Any:
        if obj is None:
            return ()
        return [name for row in PROVENANCE for name in ((row,) if isinstance(row, str) else row)]

    def get_form(
        self, request: HttpRequest, obj: Model | None = None, change: bool = False, **kwargs: Any
    ) -> Any:
        kwargs["form"] = MemoryForm if obj else NewMemoryForm
        form: Any = super().get_form(request, obj, change, **kwargs)
        form.refused = getattr(request, "refused", None)
        return form

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        given: dict[str, Any] = super().get_changeform_initial_data(request)
        return {"kind": Memory.Kind.FACT, "tier": Memory.Tier.EPISODIC, "role": Memory.Role.USER, **given}

    @display(description="Memory", header=True)
    def said(self, memory: Memory) -> list[str]:
        return [memory.title, _excerpt(memory)] if memory.title else [_excerpt(memory)]

    @display(description="Importance", ordering="importance")
    def weight(self, memory: Memory) -> SafeString:
        own = "" if memory.importance_explicit is None else " memos-given"
        return format_html(
            '<span class="memos-weight{}" title="{}"><svg viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true">'
            '<rect width="100" height="6" class="memos-track"/><rect width="{}" height="6" class="memos-fill"/></svg>{}</span>',
            own,
            "given" if own else "computed",
            f"{100 * memory.importance:.0f}",
            f"{memory.importance:.2f}",
        )

    @display(description="Occurred", ordering="occurred_at")
    def occurred(self, memory: Memory) -> SafeString:
        return format_html(
            '<span class="whitespace-nowrap" title="{}">{}</span>',
            memory.occurred_at,
            f"{memory.occurred_at:%d %b %Y %H:%M}",
        )

    @display(description="Index", label=JOB_COLOURS)
    def index_state(self, memory: Memory) -> str:
        return state_of(memory.job)  # type: ignore[attr-defined]

    @display(description="Conversation")
    def conversation_link(self, memory: Memory) -> SafeString | str:
        if memory.conversation is None:
            return "-"
        link = reverse("admin:memories_conversation_change", args=[memory.conversation_id])
        return format_html(
            '<a href="{}?around={}" class="memos-link">{}</a>', link, memory.turn or 0, memory.conversation
        )

    @display(description="Superseded by")
    def superseded_by_link(self, memory: Memory) -> SafeString | str:
        if memory.superseded_by_id is None:
            return "-"
        link = reverse("admin:memories_memory_change", args=[memory.superseded_by_id])
        return format_html('<a href="{}" class="memos-link">{}</a>', link, memory.superseded_by_id)

    # -- what is changed

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """The page; what the services refuse is shown in the form, with what was typed still in it."""
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except PreconditionFailed:
            request.refused = CHANGED_MEANWHILE  # type: ignore[attr-defined]
            return super().changeform_view(request, object_id, form_url, extra_context)
        except MemosError as error:
            request.refused = error  # type: ignore[attr-defined]
            return super().changeform_view(request, object_id, form_url, extra_context)

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        # Not of the form's own instance: validation has written to it.
        memory = context.get("original")
        context["seen_version"] = memory.version if memory else ""
        response: HttpResponse = super().render_change_form(request, context, *args, **kwargs)
        return response

    def save_model(self, request: HttpRequest, obj: Any, form: Form, change: Any) -> None:
        if change:
            self._revise(request, obj, form)
        else:
            self._remember(request, obj, form)

    def _revise(self, request: HttpRequest, memory: Memory, form: Form) -> None:
        changes = {name: form.cleaned_data[name] for name in form.changed_data if name in REVISABLE}
        seen = request.POST.get("version", "")
        version = int(seen) if seen.isdecimal() and len(seen) < 10 else 0
        services.revise(tenant_of(request), memory.pk, changes, actor=actor_of(request), if_version=version)

    def _remember(self, request: HttpRequest, memory: Memory, form: Form) -> None:
        assert isinstance(form, NewMemoryForm)
        [answer] = services.remember(tenant_of(request), [form.new_memory()], actor=actor_of(request))
        if not answer.created:
            raise Conflict(f"This is stored already, as {answer.id}.")
        memory.pk = answer.id

    def save_related(self, request: HttpRequest, form: Form, formsets: Any, change: bool) -> None:
        """A memory has no rows that its form could save."""

    def delete_model(self, request: HttpRequest, obj: Memory) -> None:
        self._forget(request, [obj.pk])

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        chosen = list(queryset.values_list("pk", flat=True)[: MOST_DELETED + 1])
        if len(chosen) > MOST_DELETED:
            messages.warning(
                request, f"The first {MOST_DELETED} were deleted; for more at a time there is the API."
            )
        self._forget(request, chosen[:MOST_DELETED])

    def _forget(self, request: HttpRequest, memory_ids: Iterable[UUID]) -> None:
        for memory_id in memory_ids:
            try:
                services.forget(tenant_of(request), memory_id, actor=actor_of(request))
            except NotFound:
                continue  # somebody else was quicker

    def get_deleted_objects(
        self, objs: Any, request: HttpRequest
    ) -> tuple[list[str], dict[str, int], set[str], list[str]]:
        """What goes with a memory goes by itself; Django would look for it row by row."""
        some = list(objs[: MOST_DELETED + 1])
        lacking = set() if self.has_delete_permission(request) else {"memory"}
        return [memory.title or _excerpt(memory) for memory in some], {"memories": len(some)}, lacking, []

    # Django's own log of changes is not kept: it knows no tenants and quotes what was deleted. Audit entries are the record.

    def log_addition(self, request: HttpRequest, obj: Model, message: Any) -> None:  # type: ignore[override]
        pass

    def log_change(self, request: HttpRequest, obj: Model, message: Any) -> None:  # type: ignore[override]
        pass

    def log_deletions(self, request: HttpRequest, queryset: Any) -> None:  # type: ignore[override]
        pass

    # -- further pages

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("meaning/", view(self.meaning_view), name="memories_memory_meaning"),
            path("<uuid:memory_id>/receipt/", view(self.receipt_view), name="memories_memory_receipt"),
            *super().get_urls(),
        ]

    @opens_own_transactions
    def meaning_view(self, request: HttpRequest) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        return search_by_meaning(request, tenant_of(request), self.admin_site.each_context)

    @opens_own_transactions
    def receipt_view(self, request: HttpRequest, memory_id: UUID) -> HttpResponse:
        """Where a memory stands, as a part of its page that is loaded by itself: stores are asked over the network."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        try:
            found = receipt(tenant_of(request).id, memory_id)
        except NotFound as error:
            raise Http404(error.detail) from error
        return TemplateResponse(request, "admin/memories/memory/receipt.html", {"receipt": found}).render()

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        memory = self.get_object(request, object_id)
        if memory is None:
            raise Http404("There is no such memory.")
        if not self.has_view_permission(request, memory):
            raise PermissionDenied
        tenant = tenant_of(request)
        context = {
            **self.admin_site.each_context(request),
            "title": "History",
            "opts": self.opts,
            "object": memory,
            "revisions": revisions(
                memory, MemoryVersion.objects.filter(tenant_id=tenant.id, memory=memory).order_by("-version")
            ),
            "entries": AuditEntry.objects.filter(tenant_id=tenant.id, memory_id=memory.pk).order_by("-at")[
                :100
            ],
        }
        return TemplateResponse(request, "admin/memories/memory/history.html", context)
