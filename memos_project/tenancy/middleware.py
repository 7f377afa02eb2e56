"""The admin works within one tenant at a time, chosen by the curator among those they belong to."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import Resolver404, ResolverMatch, resolve

from memos_project.db import tenant_scope
from memos_project.tenancy.models import Tenant

SESSION_KEY = "tenant"
# What a staff user who belongs to no tenant can still use.
ACCOUNT_PAGES = {"login", "logout", "password_change", "password_change_done", "jsi18n"}


def opens_own_transactions[View: Callable[..., Any]](view: View) -> View:
    """Mark an admin view that asks something over the network: it runs outside of the page's transaction."""
    view.opens_own_transactions = True  # type: ignore[attr-defined]
    return view


def tenants_of(request: HttpRequest) -> list[Tenant]:
    """The tenants whose rows this admin user may see."""
    user = request.user
    if not user.is_authenticated or not user.is_staff:
        return []
    tenants = Tenant.objects.filter(active=True)
    return list(tenants if user.is_superuser else tenants.filter(members=user))


def chosen_tenant(request: HttpRequest) -> Tenant | None:
    """The tenant this admin request is about."""
    return getattr(request, "tenant", None)


def admin_tenant(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Run an admin page in one transaction with its curator's tenant set; without one it sees no rows."""

    def middleware(request: HttpRequest) -> HttpResponse:
        request.tenant = None  # type: ignore[attr-defined]
        match = _admin_page(request)
        if match is None:
            return get_response(request)
        tenants = tenants_of(request)
        if not tenants:
            return _without_tenant(request, match) or get_response(request)
        chosen = request.session.get(SESSION_KEY)
        tenant = next((each for each in tenants if str(each.id) == chosen), tenants[0])
        request.tenant, request.tenants = tenant, tenants  # type: ignore[attr-defined]
        if getattr(match.func, "opens_own_transactions", False):
            return get_response(request)
        with tenant_scope(tenant.id):
            response = get_response(request)
            if response.status_code >= 500:
                # Django has made a page of the error; what was written before it must still not stay.
                transaction.set_rollback(True)
            return response

    return middleware


def _admin_page(request: HttpRequest) -> ResolverMatch | None:
    if not request.path_info.startswith("/admin/"):
        return None
    try:
        return resolve(request.path_info)
    except Resolver404:
        return None


def _without_tenant(request: HttpRequest, match: ResolverMatch) -> HttpResponse | None:
    """A page that explains, for staff who belong to no tenant; a superuser must get on, to make one."""
    user = request.user
    if not user.is_authenticated or not user.is_staff or user.is_superuser or match.url_name in ACCOUNT_PAGES:
        return None
    context = {**admin.site.each_context(request), "title": "No tenant yet", "sidebar_navigation": []}
    return TemplateResponse(request, "admin/no_tenant.html", context).render()
