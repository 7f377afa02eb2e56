"""What the graph has not read yet: what is waiting, what failed and why, and the way to try again."""

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import action, display

from memories import reading
from memories.models import ReadJob
from memos_project.tenancy.admin_base import ReadOnlyRows, tenant_of
from memos_project.tenancy.middleware import chosen_tenant


@admin.register(ReadJob)
class ReadJobAdmin(ReadOnlyRows):
    list_display = ("memory_link", "state", "attempts", "said", "due_at")
    list_display_links = None
    list_select_related = ("memory",)
    ordering = ("due_at",)
    sortable_by = ()
    actions = ("retry",)
    counted_as = "memories"

    def has_retry_permission(self, request: HttpRequest) -> bool:
        return chosen_tenant(request) is not None and request.user.has_perm("memories.change_readjob")

    @display(description="Memory")
    def memory_link(self, job: ReadJob) -> SafeString:
        link = reverse("admin:memories_memory_change", args=[job.pk])
        return format_html('<a href="{}" class="memos-link memos-clip">{}</a>', link, job.memory)

    @display(description="State", label={"waiting": "info", "failing": "warning", "given up": "danger"})
    def state(self, job: ReadJob) -> str:
        return "given up" if job.due_at is None else "failing" if job.error else "waiting"

    @display(description="Error")
    def said(self, job: ReadJob) -> str:
        return job.error or "-"

    @action(description="Try again", permissions=["retry"])
    def retry(self, request: HttpRequest, queryset: QuerySet[ReadJob]) -> None:
        retried = reading.retry(tenant_of(request).id, list(queryset.values_list("pk", flat=True)))
        messages.success(request, f"To be read again: {retried}.")
