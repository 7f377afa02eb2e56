"""Parameters of many operations, as the OpenAPI schema tells them."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers

from memos_project.api.fields import CursorField

# A part of an address.
NAME = r"[^\x00-\x1f\x7f/]{1,200}"

OWN_OR_ANY = "The key's own tenant, or any for an operator."
TENANT_ID = OpenApiParameter("tenant_id", str, description=OWN_OR_ANY)
IF_MATCH = OpenApiParameter(
    "If-Match",
    {"type": "string", "pattern": r'^(\*|"[0-9]{1,16}")$'},
    OpenApiParameter.HEADER,
    description="The ETag of the version to change.",
)
IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    {"type": "string", "pattern": "^[!-~]{1,200}$"},
    OpenApiParameter.HEADER,
    description="The same request again is answered, not done, again.",
)


class PageParams(serializers.Serializer[Any]):
    """Of lists in pages."""

    limit = serializers.IntegerField(min_value=1, max_value=1000, required=False)
    cursor: serializers.CharField = CursorField(
        max_length=100, required=False, help_text="From ``next_cursor`` of the page before."
    )
    tenant_id = serializers.CharField(max_length=63, required=False, help_text=OWN_OR_ANY)


def named(parameter: str, what: str, *, pattern: str = NAME) -> OpenApiParameter:
    """A part of an address; ``what`` it names."""
    return OpenApiParameter(
        parameter,
        {"type": "string", "pattern": f"^{pattern}$"},
        OpenApiParameter.PATH,
        description=f"{what}: 1 to 200 characters, none of them a slash or a control character.",
    )
