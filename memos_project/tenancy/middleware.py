"""The admin works within one tenant at a time, chosen by the curator among those they belong to."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from memos_project.db import tenant_scope
from memos_project.tenancy.models import Tenant

SESSION_KEY = "tenant"


def tenants_of(request: HttpRequest) -> list[Tenant]:
    """The tenants whose rows this admin user may see."""
    user = request.user
    if not user.is_authenticated or not user.is_staff:
        return []
    tenants = Tenant.objects.filter(active=True)
    return list(tenants if user.is_superuser else tenants.filter(members=user))


def admin_tenant(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Run an admin page in one transaction with its curator's tenant set; without one it sees no rows."""

    def middleware(request: HttpRequest) -> HttpResponse:
        request.tenant = None  # type: ignore[attr-defined]
        if not request.path.startswith("/admin/"):
            return get_response(request)
        tenants = tenants_of(request)
        if not tenants:
            return get_response(request)
        chosen = request.session.get(SESSION_KEY)
        tenant = next((each for each in tenants if str(each.id) == chosen), tenants[0])
        request.tenant, request.tenants = tenant, tenants  # type: ignore[attr-defined]
        with tenant_scope(tenant.id):
            response = get_response(request)
            if hasattr(response, "render") and callable(response.render):
                response.render()  # a template reads rows too
            return response

    return middleware
