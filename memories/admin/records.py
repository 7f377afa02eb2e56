"""What memOS keeps for the record: audit entries, and the embedding models that commands manage."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.db.models import Count
from django.db.models.functions import Left
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RangeDateFilter
from unfold.decorators import display
from unfold.views import ChangeList

from memories.models import AuditEntry, EmbeddingModel, Memory, MemoryVector
from memos_project.tenancy.admin_base import ReadOnly, ReadOnlyRows, TenantChangeList
from memos_project.tenancy.middleware import chosen_tenant

EXCERPT = 100
NOBODY = UUID(int=0)


def name_memories(entries: Iterable[AuditEntry]) -> None:
    """Give each entry the beginning of its memory as ``said``, None where the memory is gone."""
    memories = Memory.objects.filter(pk__in={entry.memory_id for entry in entries})
    excerpts: Iterable[Any] = memories.annotate(excerpt=Left("content", EXCERPT)).only("title")
    said = {memory.pk: memory.title or memory.excerpt for memory in excerpts}
    for entry in entries:
        entry.said = said.get(entry.memory_id)  # type: ignore[attr-defined]


class AuditChangeList(TenantChangeList):
    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        name_memories(self.result_list)


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyRows):
    list_display = ("time", "action_name", "actor", "what", "memory_link")
    list_display_links = None
    list_filter = (("action", ChoicesDropdownFilter), ("at", RangeDateFilter))
    search_fields = ("memory_id", "actor")
    search_help_text = "A memory's id, or who acted."
    ordering = ("-id",)
    sortable_by = ()
    fields = ("at", "action", "actor", "memory_id", "detail")

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[TenantChangeList]:
        return AuditChangeList

    @display(description="When")
    def time(self, entry: AuditEntry) -> str:
        return f"{entry.at:%d %b %Y %H:%M:%S}"

    @display(
        description="Action",
        label={
            "remember": "success",
            "promote": "success",
            "revise": "info",
            "forget": "danger",
            "withdraw": "danger",
            "retry": "warning",
        },
    )
    def action_name(self, entry: AuditEntry) -> str:
        return entry.action

    @display(description="What")
    def what(self, entry: AuditEntry) -> str:
        if fields := entry.detail.get("fields"):
            return ", ".join(name.replace("_", " ") for name in fields)
        if scratchpad := entry.detail.get("scratchpad"):
            return f"scratchpad {scratchpad}, {entry.detail['part']}"
        return str(entry.detail.get("kind", "-"))

    @display(description="Memory")
    def memory_link(self, entry: AuditEntry) -> SafeString:
        said: str | None = entry.said  # type: ignore[attr-defined]
        if said is None:
            return format_html('<span class="text-subtle">{}, deleted</span>', entry.memory_id)
        link = reverse("admin:memories_memory_change", args=[entry.memory_id])
        return format_html(
            '<a href="{}" class="memos-link memos-clip" title="{}">{}</a>', link, entry.memory_id, said
        )


class ModelChangeList(ChangeList):
    """Counts what each model holds of the chosen tenant's memories."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        tenant = chosen_tenant(request)
        tenant_id = tenant.id if tenant else NOBODY
        memories = Memory.objects.filter(tenant_id=tenant_id).count()
        counted = (
            MemoryVector.objects.filter(tenant_id=tenant_id, chunk=0)
            .values_list("model")
            .annotate(Count("memory_id"))
        )
        vectors = dict(counted.order_by())
        for model in self.result_list:
            model.memories, model.vectors = memories, vectors.get(model.pk, 0)


@admin.register(EmbeddingModel)
class EmbeddingModelAdmin(ReadOnly):
    """Models belong to the installation; how full they are is said for the chosen tenant."""

    list_display = (
        "name",
        "state_name",
        "provider",
        "dimensions",
        "token_dimensions",
        "filled",
        "created_at",
    )
    fields = (
        ("name", "provider", "state"),
        ("dimensions", "token_dimensions"),
        ("max_tokens", "chunk_overlap"),
        ("query_prefix", "passage_prefix"),
        "options",
        "created_at",
    )
    list_before_template = "admin/memories/embeddingmodel/list_before.html"  # type: ignore[assignment]
    list_fullwidth = True

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return ModelChangeList

    @display(description="State", label={"active": "success", "filling": "info", "retired": "warning"})
    def state_name(self, model: EmbeddingModel) -> str:
        return model.state

    @display(description="Filled")
    def filled(self, model: Any) -> SafeString:
        share = 100.0 if model.memories == 0 else 100 * model.vectors / model.memories
        return format_html(
            '<span class="memos-weight memos-wide"><svg viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true">'
            '<rect width="100" height="6" class="memos-track"/><rect width="{}" height="6" class="memos-fill"/></svg>'
            "{} of {} memories</span>",
            f"{share:.1f}",
            f"{model.vectors:,}",
            f"{model.memories:,}",
        )
