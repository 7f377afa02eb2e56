"""Pairs that may be one, for a curator to settle."""

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import action, display

from graph import merging
from graph.admin.links import link
from graph.models import Doubt
from memos_project.errors import MemosError
from memos_project.tenancy.admin_base import ReadOnlyRows, actor_of, tenant_of
from memos_project.tenancy.middleware import chosen_tenant


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
        return link("graph_entity", doubt.one_id, doubt.one.name)

    @display(description="Other")
    def other_link(self, doubt: Doubt) -> SafeString:
        return link("graph_entity", doubt.other_id, doubt.other.name)

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
