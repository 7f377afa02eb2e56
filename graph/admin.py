"""The curators' pages of the graph: entities with their timelines, pairs that may be one, merges that can be undone."""

from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import action, display

from graph import merging, queries, services
from graph.models import Doubt, Entity, Mention, Merge
from graph.names import normal
from memos_project.errors import MemosError
from memos_project.tenancy.admin_base import ReadOnlyRows, TenantChangeList, TenantRows, actor_of, tenant_of
from memos_project.tenancy.middleware import chosen_tenant

MAX_FACTS = 200


class EntityChangeList(TenantChangeList):
    """Counts the mentions of the entities on show."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        counted = Mention.objects.filter(entity_id__in=[each.pk for each in self.result_list])
        spoken = dict(counted.values_list("entity").annotate(Count("pk")).order_by())
        for entity in self.result_list:
            entity.spoken = spoken.get(entity.pk, 0)


@admin.register(Entity)
class EntityAdmin(TenantRows):
    list_display = ("name", "kind_name", "names_shown", "mentions_shown")
    list_filter = (("kind", ChoicesDropdownFilter),)
    search_fields = ("names__normal",)
    search_help_text = "A name."
    ordering = ("name", "pk")
    sortable_by = ("name",)
    fields = ("name", "kind", "summary", "timeline")
    readonly_fields = ("kind", "timeline")

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[TenantChangeList]:
        return EntityChangeList

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().get_queryset(request).prefetch_related("names")
        return rows

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        try:
            services.describe(obj.tenant_id, obj.pk, name=obj.name, summary=obj.summary)
        except MemosError as error:
            messages.set_level(request, messages.ERROR)
            messages.error(request, error.detail)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        if not search_term:
            return queryset, False
        return queryset.filter(
            pk__in=[each.id for each in queries.search(tenant_of(request).id, search_term)]
        ), False

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        entity = super().get_object(request, object_id, from_field)
        if entity is not None:
            entity.facts = queries.timeline(entity.tenant_id, entity.pk, limit=MAX_FACTS)
        return entity

    @display(description="Kind", label=True)
    def kind_name(self, entity: Entity) -> str:
        return entity.kind

    @display(description="Also known as")
    def names_shown(self, entity: Any) -> str:
        return (
            ", ".join(each.name for each in entity.names.all() if each.normal != normal(entity.name)) or "-"
        )

    @display(description="Mentions")
    def mentions_shown(self, entity: Any) -> int:
        return int(entity.spoken)

    @display(description="What is said of it")
    def timeline(self, entity: Any) -> SafeString:
        if not entity.facts:
            return format_html("Nothing yet.")
        rows = format_html_join(
            "",
            '<tr><td class="memos-when">{} – {}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>',
            (
                (
                    f"{fact.valid_from:%d %b %Y}",
                    f"{fact.valid_to:%d %b %Y}" if fact.valid_to else "now",
                    _link("graph_entity", fact.subject_id, fact.subject),
                    fact.predicate.replace("_", " "),
                    _link("graph_entity", fact.object_id, fact.object),
                    f"{fact.confidence:.2f}",
                    _link("memories_memory", fact.memory_id, "memory") if fact.memory_id else "a curator",
                )
                for fact in entity.facts
            ),
        )
        return format_html('<table class="memos-table"><tbody>{}</tbody></table>', rows)


def _link(page: str, row_id: UUID, text: str) -> SafeString:
    return format_html(
        '<a href="{}" class="memos-link">{}</a>', reverse(f"admin:{page}_change", args=[row_id]), text
    )


@admin.register(Doubt)
class DoubtAdmin(ReadOnlyRows):
    """Pairs that may be one."""

    list_display = ("one_link", "other_link", "alike", "state_name", "decided_by", "raised_at")
    list_display_links = None
    list_select_related = ("one", "other")
    list_filter = (("state", ChoicesDropdownFilter),)
    ordering = ("-pk",)
    sortable_by = ()
    actions = ("same", "different")
    counted_as = "pairs"

    def has_decide_permission(self, request: HttpRequest) -> bool:
        return chosen_tenant(request) is not None and request.user.has_perm("graph.change_doubt")

    @display(description="One")
    def one_link(self, doubt: Doubt) -> SafeString:
        return _link("graph_entity", doubt.one_id, doubt.one.name)

    @display(description="Other")
    def other_link(self, doubt: Doubt) -> SafeString:
        return _link("graph_entity", doubt.other_id, doubt.other.name)

    @display(description="Alike")
    def alike(self, doubt: Doubt) -> str:
        return f"{doubt.likeness:.2f}"

    @display(description="State", label={"open": "warning", "same": "success", "different": "info"})
    def state_name(self, doubt: Doubt) -> str:
        return doubt.state

    @action(description="They are one: merge", permissions=["decide"])
    def same(self, request: HttpRequest, queryset: QuerySet[Doubt]) -> None:
        self._decide(request, queryset, same=True)

    @action(description="They are different", permissions=["decide"])
    def different(self, request: HttpRequest, queryset: QuerySet[Doubt]) -> None:
        self._decide(request, queryset, same=False)

    def _decide(self, request: HttpRequest, queryset: QuerySet[Doubt], *, same: bool) -> None:
        tenant, done = tenant_of(request), 0
        for doubt_id in list(queryset.values_list("pk", flat=True)):
            try:
                merging.decide(tenant.id, doubt_id, same=same, actor=actor_of(request))
                done += 1
            except MemosError as error:
                messages.warning(request, error.detail)
        messages.success(request, f"{done} settled.")


@admin.register(Merge)
class MergeAdmin(ReadOnlyRows):
    """What was made one, and the way back."""

    list_display = ("dropped_name", "kept_name", "actor", "at", "undone_at")
    list_display_links = None
    ordering = ("-pk",)
    sortable_by = ()
    actions = ("undo",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        kept = Entity.objects.filter(pk=OuterRef("kept_id")).values("name")
        rows: QuerySet[Any] = super().get_queryset(request).annotate(kept_name=Subquery(kept))
        return rows

    def has_undo_permission(self, request: HttpRequest) -> bool:
        return chosen_tenant(request) is not None and request.user.has_perm("graph.change_merge")

    @display(description="Merged")
    def dropped_name(self, merge: Merge) -> str:
        return str(merge.dropped["name"])

    @display(description="Into")
    def kept_name(self, merge: Any) -> str:
        return str(merge.kept_name or "-")

    @action(description="Undo", permissions=["undo"])
    def undo(self, request: HttpRequest, queryset: QuerySet[Merge]) -> None:
        tenant, done = tenant_of(request), 0
        for merge_id in list(queryset.order_by("-pk").values_list("pk", flat=True)):
            try:
                merging.undo_merge(tenant.id, merge_id, actor=actor_of(request))
                done += 1
            except MemosError as error:
                messages.warning(request, error.detail)
        messages.success(request, f"{done} undone.")
