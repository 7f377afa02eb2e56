"""Pairs that may be one, for a curator to settle."""

from typing import Any, ClassVar
from uuid import UUID

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import action, display

from graph import merging, queries
from graph.admin.drawn import told
from graph.models import Doubt, Entity
from memos_project.errors import MemosError
from memos_project.tenancy.admin_base import ReadOnlyRows, actor_of, tenant_of
from memos_project.tenancy.middleware import chosen_tenant

SHOWN = 20


def _side(tenant_id: UUID, entity: Entity) -> dict[str, Any]:
    """What a curator needs to know of one of two entities."""
    return {
        "entity": entity,
        "names": queries.names_of(tenant_id, entity.pk),
        "facts": told(tenant_id, entity.pk, limit=SHOWN),
        "speaking": queries.speaking_of(tenant_id, entity.pk, limit=SHOWN // 2),
    }


@admin.register(Doubt)
class DoubtAdmin(ReadOnlyRows):
    class Media:
        css: ClassVar = {"all": ("graph/graph.css",)}

    list_display = ("pair", "alike", "state_name", "decided_by", "raised_at")
    list_display_links = ("pair",)
    list_select_related = ("one", "other")
    list_filter = (("state", ChoicesDropdownFilter),)
    ordering = ("-pk",)
    sortable_by = ()
    actions = ("same", "different")
    counted_as = "pairs"

    def has_decide_permission(self, request: HttpRequest) -> bool:
        return chosen_tenant(request) is not None and request.user.has_perm("graph.change_doubt")

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """What is known of both, side by side."""
        doubt = self.get_object(request, unquote(object_id))
        if doubt is None:
            raise Http404("There is no such doubt.")
        if not self.has_view_permission(request, doubt):
            raise PermissionDenied
        context = {
            **self.admin_site.each_context(request),
            "title": f"{doubt.one.name} or {doubt.other.name}",
            "opts": self.opts,
            "media": self.media,
            "doubt": doubt,
            "sides": [_side(doubt.tenant_id, each) for each in (doubt.one, doubt.other)],
            "may_decide": self.has_decide_permission(request),
        }
        return TemplateResponse(request, "admin/graph/doubt/compare.html", context)

    @display(description="These two")
    def pair(self, doubt: Doubt) -> str:
        return f"{doubt.one.name} ({doubt.one.kind}) or {doubt.other.name} ({doubt.other.kind})"

    @display(description="Alike")
    def alike(self, doubt: Doubt) -> str:
        return f"{doubt.likeness:.2f}"

    @display(description="State", label={"open": "warning", "different": "info"})
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
