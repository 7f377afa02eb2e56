"""Entities: what is known of each, drawn and told, and which of its names are another's."""

from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display

from graph import merging, queries, services
from graph.admin.links import link
from graph.models import Entity, Mention
from graph.names import normal
from memos_project.errors import MemosError
from memos_project.tenancy.admin_base import TenantChangeList, TenantRows, actor_of, tenant_of

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

    def log_change(self, request: HttpRequest, obj: Model, message: Any) -> None:  # type: ignore[override]
        """Django's own log knows no tenants and would quote names that are forgotten."""

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("<uuid:entity_id>/split/", view(self.split_view), name="graph_entity_split"),
            *super().get_urls(),
        ]

    def split_view(self, request: HttpRequest, entity_id: UUID) -> HttpResponse:
        """The names of an entity, of which some become another one's."""
        entity = self.get_queryset(request).filter(pk=entity_id).first()
        if entity is None:
            raise Http404("There is no such entity.")
        if not self.has_change_permission(request, entity):
            raise PermissionDenied
        names = queries.names_of(entity.tenant_id, entity_id)
        chosen = {int(each) for each in request.POST.getlist("names") if each.isdecimal()}
        if request.method == "POST":
            try:
                wanted = [each.name for each in names if each.pk in chosen]
                done = merging.split(entity.tenant_id, entity_id, wanted, actor=actor_of(request))
            except MemosError as error:
                messages.error(request, error.detail)
            else:
                messages.success(request, "It is an entity of its own now.")
                return HttpResponseRedirect(reverse("admin:graph_entity_change", args=[done.made_id]))
        context = {
            **self.admin_site.each_context(request),
            "title": "Split",
            "opts": self.opts,
            "entity": entity,
            "names": names,
            "chosen": chosen,
        }
        return TemplateResponse(request, "admin/graph/entity/split.html", context)

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
                    link("graph_entity", fact.subject_id, fact.subject),
                    fact.predicate.replace("_", " "),
                    link("graph_entity", fact.object_id, fact.object),
                    f"{fact.confidence:.2f}",
                    link("memories_memory", fact.memory_id, "memory") if fact.memory_id else "a curator",
                )
                for fact in entity.facts
            ),
        )
        return format_html('<table class="memos-table"><tbody>{}</tbody></table>', rows)
