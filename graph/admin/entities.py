"""Entities: what is known of each, drawn and told, and which of its names are another's."""

from typing import Any, ClassVar
from uuid import UUID

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Model, QuerySet
from django.forms import Script
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import action, display

from graph import merging, queries, services
from graph.admin import drawn
from graph.admin.drawn import View
from graph.models import Entity, Mention
from graph.names import normal
from graph.neighbourhoods import around
from memos_project.errors import MemosError, NotFound
from memos_project.tenancy.admin_base import TenantChangeList, TenantRows, actor_of, tenant_of
from memos_project.tenancy.middleware import chosen_tenant

MOST_MERGED = 10
"""At once: a whole list is chosen by mistake."""


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
    search_help_text = "A name or its beginning."
    ordering = ("name", "pk")
    sortable_by = ("name",)
    fields = ("name", "kind", "summary")
    actions = ("merge",)
    change_form_template = "admin/graph/entity/change_form.html"

    class Media:
        css: ClassVar = {"all": ("graph/graph.css",)}
        js: ClassVar = (
            Script("graph/cytoscape/cytoscape-3.34.4.min.js", defer=True),
            Script("graph/neighbourhood.js", defer=True),
        )

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
            services.describe(obj.tenant_id, obj.pk, name=obj.name, summary=obj.summary, kind=obj.kind)
        except MemosError as error:
            messages.set_level(request, messages.ERROR)
            messages.error(request, error.detail)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        if not search_term:
            return queryset, False
        return queryset.filter(pk__in=queries.ids_named(tenant_of(request).id, search_term)), False

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        # Django looks for the entity and says that it is not there.
        entity = self.get_object(request, unquote(object_id))
        more: dict[str, Any] = {"show_history": False}
        if entity is not None and request.method == "GET" and self.has_view_permission(request, entity):
            more |= drawn.context(entity.tenant_id, entity.pk, View.of(request.GET))
            more["may_split"] = self.has_change_permission(request, entity)
        response: HttpResponse = super().change_view(
            request, object_id, form_url, {**more, **(extra_context or {})}
        )
        return response

    def has_merge_permission(self, request: HttpRequest) -> bool:
        return chosen_tenant(request) is not None and request.user.has_perm("graph.change_entity")

    @action(description="They are one: merge", permissions=["merge"])
    def merge(self, request: HttpRequest, queryset: QuerySet[Entity]) -> None:
        """Into the one that is mentioned most."""
        chosen = list(queryset.annotate(spoken=Count("mentions")).order_by("-spoken", "pk"))
        if not 2 <= len(chosen) <= MOST_MERGED:
            messages.warning(request, f"Choose the two that are one, or up to {MOST_MERGED}.")
            return
        kept, *others = chosen
        try:
            for other in others:
                merging.merge(kept.tenant_id, kept.pk, other.pk, actor=actor_of(request))
                messages.success(
                    request,
                    f"{other.name} ({other.kind}) is {kept.name} ({kept.kind}) now; Merges undoes it.",
                )
        except MemosError as error:
            messages.error(request, error.detail)

    def log_change(self, request: HttpRequest, obj: Model, message: Any) -> None:  # type: ignore[override]
        """Django's own log knows no tenants and would quote names that are forgotten."""

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path(
                "<uuid:entity_id>/neighbourhood/",
                view(self.neighbourhood_view),
                name="graph_entity_neighbourhood",
            ),
            path("<uuid:entity_id>/split/", view(self.split_view), name="graph_entity_split"),
            *super().get_urls(),
        ]

    def neighbourhood_view(self, request: HttpRequest, entity_id: UUID) -> HttpResponse:
        """What is one step around an entity, for a picture that grows."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        ended = View.of(request.GET).ended
        try:
            found = around(tenant_of(request).id, entity_id, limit=drawn.MAX_AROUND, ended=ended)
        except NotFound as error:
            raise Http404(error.detail) from error
        return JsonResponse(drawn.drawn(entity_id, found))

    def split_view(self, request: HttpRequest, entity_id: UUID) -> HttpResponse:
        """The names of an entity, of which some become another one's."""
        entity = self.get_queryset(request).filter(pk=entity_id).first()
        if entity is None:
            raise Http404("There is no such entity.")
        if not self.has_change_permission(request, entity):
            raise PermissionDenied
        names = queries.names_of(entity.tenant_id, entity_id)
        asked = request.POST.getlist("names")
        chosen = {each.pk for each in names if str(each.pk) in asked}
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
            "media": self.media,
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
