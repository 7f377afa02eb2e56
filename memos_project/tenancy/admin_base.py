"""What the pages on a tenant's rows share: the tenant, who acts, lists that stay quick."""

import json
from collections.abc import Sequence
from functools import cached_property
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin.options import IncorrectLookupParameters
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.db import DataError
from django.db.models import Model, QuerySet
from django.forms.fields import InvalidJSONInput
from django.http import HttpRequest, HttpResponse
from unfold.admin import ModelAdmin
from unfold.views import ChangeList
from unfold.widgets import UnfoldAdminTextareaWidget

from memos_project.tenancy.callers import TenantInfo, tenant_info
from memos_project.tenancy.middleware import chosen_tenant


def tenant_of(request: HttpRequest) -> TenantInfo:
    """The chosen tenant; only for requests that a permission has let through, since those have one."""
    tenant = chosen_tenant(request)
    assert tenant is not None
    return tenant_info(tenant)


def actor_of(request: HttpRequest) -> str:
    """How audit entries name an admin user."""
    return f"user:{request.user.get_username()}"


class StorableJSONField(forms.JSONField):
    """JSON as PostgreSQL can hold it, nothing being ``{}``; Python would read more, and could not even show it again."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(required=False, widget=UnfoldAdminTextareaWidget(attrs={"rows": 8}), **kwargs)

    def clean(self, value: Any) -> Any:
        cleaned = super().clean(value)
        try:
            written = json.dumps(cleaned, allow_nan=False, ensure_ascii=False).encode()
        except ValueError as error:
            raise ValidationError("Only numbers and characters that JSON knows.") from error
        if b"\\u0000" in written:
            raise ValidationError("Null characters are not allowed.")
        return {} if cleaned is None else cleaned

    def bound_data(self, data: Any, initial: Any) -> Any:
        """What was typed, as it was typed."""
        return None if data is None else InvalidJSONInput(data)


class LimitedPaginator(Paginator):  # type: ignore[type-arg]
    """Counts no further than LIMIT: to count everything would cost more than to show the page."""

    LIMIT = 10_000
    template_name = "admin/limited_pagination.html"

    @cached_property
    def count(self) -> int:
        if not isinstance(self.object_list, QuerySet):
            return len(self.object_list)
        counted: int = self.object_list.order_by().values("pk")[: self.LIMIT].count()
        return counted

    @property
    def is_cut(self) -> bool:
        return self.count >= self.LIMIT


class TenantChangeList(ChangeList):
    """A list without "of so many in all"."""

    def get_results(self, request: HttpRequest) -> None:
        try:
            super().get_results(request)
        except (ValueError, DataError) as error:  # a filter that was written by hand into the address
            raise IncorrectLookupParameters(error) from error
        if not (self.query or self.has_active_filters):
            self.full_result_count = self.result_count


class TenantRows(ModelAdmin):
    """Rows of the chosen tenant. Row-level security says the same; the filter is what the indexes begin with."""

    paginator = LimitedPaginator
    show_full_result_count = False
    list_per_page = 50
    list_fullwidth = True
    list_filter_submit = True
    # What the foot of the list calls the rows, where that is not the model's name.
    counted_as = ""

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return TenantChangeList

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        tenant = chosen_tenant(request)
        rows: QuerySet[Any] = super().get_queryset(request)
        return rows.filter(tenant_id=tenant.id) if tenant else rows.none()

    def response_action(
        self, request: HttpRequest, queryset: QuerySet[Any, Any], *where: Any, **options: Any
    ) -> HttpResponse | None:
        try:
            return super().response_action(request, queryset, *where, **options)
        except ValidationError:
            messages.warning(request, "Some of what was chosen is no row of this list; nothing was done.")
            return None

    def has_module_permission(self, request: HttpRequest) -> bool:
        return chosen_tenant(request) is not None and bool(super().has_module_permission(request))

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return chosen_tenant(request) is not None and bool(super().has_view_permission(request, obj))

    def has_add_permission(self, request: HttpRequest) -> bool:
        return chosen_tenant(request) is not None and bool(super().has_add_permission(request))

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return chosen_tenant(request) is not None and bool(super().has_change_permission(request, obj))

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return chosen_tenant(request) is not None and bool(super().has_delete_permission(request, obj))


class ReadOnly(ModelAdmin):
    """Rows that only memOS itself writes, and that have no history."""

    actions: Sequence[Any] = ()

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        response: HttpResponse = super().change_view(
            request, object_id, form_url, {"show_history": False, **(extra_context or {})}
        )
        return response

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class ReadOnlyRows(ReadOnly, TenantRows):
    """Rows of the chosen tenant that only memOS itself writes."""


class Superusers(ModelAdmin):
    """What belongs to the installation and not to a tenant: superusers alone may see and change it."""

    list_fullwidth = True

    def has_module_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_superuser)

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return bool(request.user.is_superuser)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_superuser)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return bool(request.user.is_superuser)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return bool(request.user.is_superuser)
