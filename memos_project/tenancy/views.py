"""The admin's tenant switch."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest
from django.shortcuts import redirect
from django.views import View

from memos_project.tenancy.middleware import SESSION_KEY, tenants_of


class ChooseTenant(View):
    """Remember for the session which of their tenants an admin user works in."""

    admin_site: admin.AdminSite | None = None

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        wanted = request.POST.get("tenant", "")
        if wanted not in {str(tenant.id) for tenant in tenants_of(request)}:
            return HttpResponseBadRequest("This is not one of your tenants.")
        request.session[SESSION_KEY] = wanted
        return redirect("admin:index")
