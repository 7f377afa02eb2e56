"""The index backlog: what is waiting, what failed and why, and the way to try again."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.db.models.functions import Left
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timesince import timesince
from unfold.decorators import action, display

from memories import services
from memories.admin.filters import JobFilter
from memories.models import IndexJob, Memory
from memos_project.db import tenant_scope
from memos_project.tenancy.admin_base import ReadOnlyRows, TenantChangeList, actor_of, tenant_of
from memos_project.tenancy.middleware import chosen_tenant

JOB_COLOURS = {"indexed": "success", "waiting": "info", "failing": "warning", "given up": "danger"}
EXCERPT = 100


def state_of(job: IndexJob | None) -> str:
    """Where a memory's indexes stand, in a word."""
    if job is None:
        return "indexed"
    if job.due_at is None:
        return "given up"
    return "failing" if job.error else "waiting"


def badge(request: HttpRequest) -> str | None:
    """How many memories need a curator: shown in the menu."""
    tenant = chosen_tenant(request)
    if tenant is None:
        return None
    with tenant_scope(tenant.id):
        failing = IndexJob.objects.filter(tenant_id=tenant.id).exclude(error="")[:1000].count()
    return str(failing) if failing else None


class JobChangeList(TenantChangeList):
    """Fetches the memories of the jobs on show; they may be gone, that is why there is no foreign key."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        wanted = Memory.objects.filter(pk__in=[job.pk for job in self.result_list])
        memories = wanted.annotate(excerpt=Left("content", EXCERPT)).only("title").in_bulk()
        for job in self.result_list:
            job.memory = memories.get(job.pk)


@admin.register(IndexJob)
class IndexJobAdmin(ReadOnlyRows):
    list_display = ("memory_link", "state", "attempts", "said", "age", "next_try")
    list_display_links = None
    list_filter = (JobFilter,)
    list_filter_submit = False
    ordering = ("enqueued_at",)
    search_fields = ("error",)
    search_help_text = "Words of the error."
    actions = ("retry",)
    counted_as = "entries"
    fields = ("memory_id", "enqueued_at", "due_at", "attempts", "error")
    sortable_by = ("attempts", "age", "next_try")

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[TenantChangeList]:
        return JobChangeList

    def has_retry_permission(self, request: HttpRequest) -> bool:
        return chosen_tenant(request) is not None and request.user.has_perm("memories.change_indexjob")

    @display(description="Memory")
    def memory_link(self, job: IndexJob) -> SafeString:
        memory: Memory | None = job.memory  # type: ignore[attr-defined]
        if memory is None:
            return format_html(
                '<span class="text-subtle">deleted, to be taken out of the indexes: {}</span>', job.pk
            )
        text = memory.title or memory.excerpt  # type: ignore[attr-defined]
        return format_html(
            '<a href="{}" class="memos-link">{}</a>',
            reverse("admin:memories_memory_change", args=[job.pk]),
            text,
        )

    @display(description="State", label=JOB_COLOURS)
    def state(self, job: IndexJob) -> str:
        return state_of(job)

    @display(description="Error")
    def said(self, job: IndexJob) -> SafeString | str:
        return (
            format_html('<span class="memos-error" title="{}">{}</span>', job.error, job.error)
            if job.error
            else "-"
        )

    @display(description="Waiting since", ordering="enqueued_at")
    def age(self, job: IndexJob) -> SafeString:
        return format_html('<span title="{}">{}</span>', job.enqueued_at, timesince(job.enqueued_at, depth=1))

    @display(description="Next try", ordering="due_at")
    def next_try(self, job: IndexJob) -> str:
        if job.due_at is None:
            return "-"
        # Its non-breaking space holds the number and the unit together already.
        return (
            "now"
            if job.due_at <= timezone.now()
            else f"in\N{NO-BREAK SPACE}{timesince(timezone.now(), job.due_at, depth=1)}"
        )

    @action(description="Try again", permissions=["retry"])
    def retry(self, request: HttpRequest, queryset: QuerySet[IndexJob]) -> None:
        chosen = list(queryset.values_list("pk", flat=True))
        retried = services.retry_indexing(tenant_of(request).id, chosen, actor=actor_of(request))
        messages.success(
            request, f"{retried} will be tried again now." if retried != 1 else "One will be tried again now."
        )
