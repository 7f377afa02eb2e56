"""REST callers prove themselves with ``x-api-key`` or ``Authorization: Bearer``."""

import structlog
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from memos_project.tenancy.callers import Caller, authenticate


def secret_of(request: Request) -> str | None:
    """The secret a request carries, from either header; None where it carries none."""
    if key := request.headers.get("x-api-key"):
        return key
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


class ApiKeyAuthentication(BaseAuthentication):
    def authenticate(self, request: Request) -> tuple[Caller, str] | None:
        secret = secret_of(request)
        if secret is None:
            return None
        caller = authenticate(secret)
        if caller is None:
            raise AuthenticationFailed("This API key is unknown, expired or revoked.")
        structlog.contextvars.bind_contextvars(tenant=caller.tenant.slug, key=caller.key_name)
        return caller, "api-key"

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="memOS"'


class ApiKeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "memos_project.tenancy.authentication.ApiKeyAuthentication"
    name = ["apiKey", "bearer"]

    def get_security_requirement(self, auto_schema: object) -> list[dict[str, list[str]]]:
        """Either of the two; one mapping of both would mean that both are needed."""
        return [{"apiKey": []}, {"bearer": []}]

    def get_security_definition(self, auto_schema: object) -> list[dict[str, str]]:
        return [
            {"type": "apiKey", "in": "header", "name": "x-api-key"},
            {"type": "http", "scheme": "bearer"},
        ]
