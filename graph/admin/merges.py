"""What was made one and what was split, and the way back."""

from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.decorators import action, display

from graph import merging
from graph.admin.links import link
from graph.models import Entity, Merge, Split
from memos_project.errors import MemosError
from memos_project.tenancy.admin_base import ReadOnlyRows, TenantChangeList, actor_of, tenant_of
from memos_project.tenancy.middleware import chosen_tenant


def _ends(row: Merge | Split) -> tuple[UUID, UUID]:
    """The entity that was dropped or made, and the other one."""
    return (UUID(row.dropped["id"]), row.kept_id) if isinstance(row, Merge) else (row.made_id, row.entity_id)


class RecordChangeList(TenantChangeList):
    """Finds the names that the entities of the records on show have now."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        ids = {each for row in self.result_list for each in _ends(row)}
        names = dict(Entity.objects.filter(pk__in=ids).values_list("pk", "name"))
        for row in self.result_list:
            row.ends = [(each, names.get(each, "")) for each in _ends(row)]


class Records(ReadOnlyRows):
    """What a curator or resolution did to two entities, to be undone."""

    list_display_links = None
    ordering = ("-pk",)
    sortable_by = ()
    actions = ("undo",)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[TenantChangeList]:
        return RecordChangeList

    def undone(self, request: HttpRequest, row_id: UUID) -> None:
        raise NotImplementedError

    def has_undo_permission(self, request: HttpRequest) -> bool:
        return chosen_tenant(request) is not None and request.user.has_perm(
            f"graph.change_{self.opts.model_name}"
        )

    @action(description="Undo", permissions=["undo"])
    def undo(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        done = 0
        for row_id in list(queryset.order_by("-pk").values_list("pk", flat=True)):
            try:
                self.undone(request, row_id)
                done += 1
            except MemosError as error:
                messages.warning(request, error.detail)
        messages.success(request, f"{done} undone.")


def _shown(end: tuple[UUID, str]) -> str:
    """An entity by the name it has now, if it is still there."""
    entity_id, name = end
    return link("graph_entity", entity_id, name) if name else "-"


@admin.register(Merge)
class MergeAdmin(Records):
    list_display = ("dropped_name", "kept_name", "actor", "at", "undone_at")

    def undone(self, request: HttpRequest, row_id: UUID) -> None:
        merging.undo_merge(tenant_of(request).id, row_id, actor=actor_of(request))

    @display(description="Merged")
    def dropped_name(self, merge: Any) -> str:
        return str(merge.dropped.get("name") or _shown(merge.ends[0]))

    @display(description="Into")
    def kept_name(self, merge: Any) -> str:
        return _shown(merge.ends[1])


@admin.register(Split)
class SplitAdmin(Records):
    list_display = ("made_name", "entity_name", "actor", "at", "undone_at")

    def undone(self, request: HttpRequest, row_id: UUID) -> None:
        merging.undo_split(tenant_of(request).id, row_id)

    @display(description="Split off")
    def made_name(self, split: Any) -> str:
        return _shown(split.ends[0])

    @display(description="From")
    def entity_name(self, split: Any) -> str:
        return _shown(split.ends[1])
