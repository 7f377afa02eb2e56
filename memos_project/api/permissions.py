"""What an API key must be allowed for a view."""

from typing import Any

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from memos_project.tenancy.callers import Caller


class HasScope(BasePermission):
    """The key's scopes must hold what the view wants for the method: to read, to write, or an operator's."""

    message = "This API key's scopes do not allow this."

    def has_permission(self, request: Request, view: Any) -> bool:
        if not isinstance(request.user, Caller):
            return False
        wanted = getattr(view, "scopes", {}).get(request.method)
        safe = request.method in ("GET", "HEAD", "OPTIONS")
        return request.user.may(wanted or ("read" if safe else "write"))
