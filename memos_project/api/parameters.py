"""Parameters of many operations, as the OpenAPI schema tells them."""

from drf_spectacular.utils import OpenApiParameter

# A part of an address.
NAME = r"[^\x00-\x1f\x7f/]{1,200}"

TENANT_ID = OpenApiParameter("tenant_id", str, description="The key's own tenant, or any for an operator.")
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


def named(parameter: str, what: str, *, pattern: str = NAME) -> OpenApiParameter:
    """A part of an address; ``what`` it names."""
    return OpenApiParameter(
        parameter,
        {"type": "string", "pattern": f"^{pattern}$"},
        OpenApiParameter.PATH,
        description=f"{what}: 1 to 200 characters, none of them a slash or a control character.",
    )
