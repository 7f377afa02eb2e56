"""Relations as they are known now: a curator says which are certain, and which hold no more."""

from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.safestring import SafeString
from unfold.decorators import action, display

from graph import queries, services
from graph.admin.fields import MomentField
from graph.admin.links import link
from graph.extraction import PREDICATES
from graph.models import Relation
from graph.pictures.svg import spoken
from memos_project.errors import MemosError
from memos_project.tenancy.admin_base import ReadOnlyRows, TenantChangeList, actor_of, tenant_of
from memos_project.tenancy.middleware import chosen_tenant


class PredicateFilter(admin.SimpleListFilter):
    title = "what is said"
    parameter_name = "predicate"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(name, spoken(name)) for name in PREDICATES]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Relation]) -> QuerySet[Relation]:
        return queryset.filter(predicate=self.value()) if self.value() in PREDICATES else queryset


class MisreadFilter(admin.SimpleListFilter):
    title = "how it was read"
    parameter_name = "read"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("wrongly", "wrongly, as a curator found")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Relation]) -> QuerySet[Relation]:
        return (
            queryset.exclude(misread_of="")
            if self.value() == "wrongly"
            else queryset.filter(unlearned_at=None)
        )


class RelationChangeList(TenantChangeList):
    """Works out of the relations on show when they ended."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        shown = [row.pk for row in self.result_list]
        ends = queries.ends(tenant_of(request).id, shown) if shown else {}
        for row in self.result_list:
            row.end = ends.get(row.pk)


class EndForm(forms.Form):
    at = MomentField(required=False)


@admin.register(Relation)
class RelationAdmin(ReadOnlyRows):
    class Media:
        css: ClassVar = {"all": ("graph/graph.css",)}

    list_display = ("subject_link", "said", "object_link", "begun", "ended", "sure", "confirmed_by", "source")
    list_display_links = None
    list_select_related = ("subject", "object")
    list_filter = (PredicateFilter, MisreadFilter)
    search_fields = ("subject__name",)
    search_help_text = "The name of an entity or its beginning."
    ordering = ("-pk",)
    sortable_by = ()
    actions = ("confirm", "end", "take_back", "restore")
    counted_as = "relations"

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[TenantChangeList]:
        return RelationChangeList

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        known = Q(unlearned_at=None) | ~Q(misread_of="")
        rows: QuerySet[Any] = super().get_queryset(request).filter(known)
        return rows

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        if not search_term:
            return queryset, False
        found = queries.ids_named(tenant_of(request).id, search_term)
        return queryset.filter(Q(subject_id__in=found) | Q(object_id__in=found)), False

    def has_settle_permission(self, request: HttpRequest) -> bool:
        return chosen_tenant(request) is not None and request.user.has_perm("graph.change_relation")

    @display(description="Subject")
    def subject_link(self, relation: Relation) -> SafeString:
        return link("graph_entity", relation.subject_id, relation.subject.name)

    @display(description="Said")
    def said(self, relation: Relation) -> str:
        if not relation.negated:
            return spoken(relation.predicate)
        return f"{'ended' if relation.ends_since else 'not'}: {spoken(relation.predicate)}"

    @display(description="Object")
    def object_link(self, relation: Relation) -> SafeString:
        return link("graph_entity", relation.object_id, relation.object.name)

    @display(description="From")
    def begun(self, relation: Relation) -> str:
        return f"{relation.valid_from:%-d %b %Y}"

    @display(description="To")
    def ended(self, relation: Any) -> str:
        if relation.misread_of:
            return f"misread, says {relation.taken_back_by}"
        if relation.negated:
            return "-"
        return f"{relation.end:%-d %b %Y}" if relation.end else "now"

    @display(description="Sure")
    def sure(self, relation: Relation) -> str:
        return f"{relation.confidence:.2f}"

    @display(description="Said by")
    def source(self, relation: Relation) -> SafeString | str:
        return link("memories_memory", relation.memory_id, "memory") if relation.memory_id else "a curator"

    @action(description="Confirm", permissions=["settle"])
    def confirm(self, request: HttpRequest, queryset: QuerySet[Relation]) -> None:
        confirm = partial(services.confirm_relation, tenant_of(request).id, actor=actor_of(request))
        done = each_of(request, queryset, confirm)
        messages.success(request, f"{done} confirmed: certain as long as the memories say so.")

    @action(description="End what holds no more", permissions=["settle"])
    def end(self, request: HttpRequest, queryset: QuerySet[Relation]) -> HttpResponse | None:
        form = EndForm(request.POST)
        if "confirmed" not in request.POST or not form.is_valid():
            context = {
                **self.admin_site.each_context(request),
                "title": "End what holds no more",
                "opts": self.opts,
                "media": self.media,
                "relations": [(each, spoken(each.predicate)) for each in queryset],
                "form": form if "confirmed" in request.POST else None,
            }
            return TemplateResponse(request, "admin/graph/relation/end.html", context)
        at = form.cleaned_data["at"] or timezone.now()
        end = partial(services.end_relation, tenant_of(request).id, at=at, actor=actor_of(request))
        messages.success(request, f"{each_of(request, queryset, end)} ended.")
        return None

    @action(description="Take back what a curator said or memOS misread", permissions=["settle"])
    def take_back(self, request: HttpRequest, queryset: QuerySet[Relation]) -> None:
        take_back = partial(services.take_back, tenant_of(request).id, actor=actor_of(request))
        done = each_of(request, queryset, take_back)
        messages.success(request, f"{done} taken back.")

    @action(description="Learn again what was taken back as misread", permissions=["settle"])
    def restore(self, request: HttpRequest, queryset: QuerySet[Relation]) -> None:
        restore = partial(services.restore, tenant_of(request).id, actor=actor_of(request))
        done = each_of(request, queryset, restore)
        messages.success(request, f"{done} learned again.")


def each_of(request: HttpRequest, queryset: QuerySet[Relation], act: Callable[[UUID], object]) -> int:
    """Do something with each; says what could not be done, returns how many could."""
    done = 0
    for relation_id in list(queryset.values_list("pk", flat=True)):
        try:
            act(relation_id)
            done += 1
        except MemosError as error:
            messages.warning(request, error.detail)
    return done
