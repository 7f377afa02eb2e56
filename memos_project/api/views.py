"""What the views of all apps share: scopes, the tenant a request is about, Idempotency-Key, cursors."""

import base64
import binascii
import hashlib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from typing import Any, ClassVar
from urllib.parse import parse_qsl
from uuid import UUID

from django.core.handlers.wsgi import get_bytes_from_wsgi
from django.http import QueryDict
from rest_framework.exceptions import ValidationError
from rest_framework.fields import ListField
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer
from rest_framework.views import APIView

from memos_project.errors import Forbidden, InvalidInput, PreconditionFailed
from memos_project.tenancy.callers import Caller, TenantInfo, find_tenant
from memos_project.tenancy.idempotency import answer_once

MAX_IDEMPOTENCY_KEY = 200
IDEMPOTENCY_KEY = re.compile(f"[!-~]{{1,{MAX_IDEMPOTENCY_KEY}}}")
# What decoding by "surrogateescape" makes of bytes that are not UTF-8.
UNDECODED = re.compile("[\udc80-\udcff]")


class TenantView(APIView):
    """A view on the rows of one tenant: the key's own, or for an operator the one that is named."""

    # By method, where it is not to read for GET and to write for the rest.
    scopes: ClassVar[Mapping[str, str]] = {}
    body_names_tenant: ClassVar[bool] = True
    """Whether a ``tenant_id`` in the body is for memOS."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        refuse_undecodable(get_bytes_from_wsgi(request.META, "QUERY_STRING", ""))

    @property
    def caller(self) -> Caller:
        caller = self.request.user
        if not isinstance(caller, Caller):  # permissions.HasScope has refused everybody else
            raise Forbidden("An API key is needed.")
        return caller

    @property
    def actor(self) -> str:
        return f"key:{self.caller.key_name}"

    def tenant(self) -> TenantInfo:
        """The tenant of this request, named in its body or its query, or else the key's own.

        Raises Forbidden where the key may not act for the one named, NotFound where there is none.
        """
        own = self.caller.tenant
        refuse_repeated(self.request.query_params, ["tenant_id"])
        named = self._named_in_body() or self.request.query_params.get("tenant_id")
        if named is None or named in (own.slug, str(own.id)):
            return own
        if not self.caller.is_operator:
            raise Forbidden("This is not the tenant of the API key.", field="tenant_id")
        return find_tenant(named)

    def _named_in_body(self) -> str | None:
        body = self.request.data if self.body_names_tenant and self.request.method != "GET" else None
        named = body.get("tenant_id") if isinstance(body, dict) else None
        if named is not None and not isinstance(named, str):
            raise InvalidInput("Must be a string.", field="tenant_id")
        if named is not None and self.request.query_params.get("tenant_id") not in (None, named):
            raise InvalidInput("The query names another one than the body.", field="tenant_id")
        return named

    def once(self, tenant: TenantInfo, act: Callable[[], tuple[int, Any]]) -> Response:
        """Answer what ``act`` answers; a request with an Idempotency-Key acts once and is answered the same again."""
        key = self.request.headers.get("Idempotency-Key")
        if key is None:
            status, body = act()
            return Response(body, status=status)
        if not IDEMPOTENCY_KEY.fullmatch(key):
            raise InvalidInput(
                f"1 to {MAX_IDEMPOTENCY_KEY} printable characters of ASCII.", field="Idempotency-Key"
            )
        request = self.request
        said = b"\n".join(
            [str(request.method).encode(), request.get_full_path().encode(), request._request.body]
        )
        status, body, replayed = answer_once(tenant.id, key, hashlib.sha256(said).digest(), act)
        return Response(body, status=status, headers={"Idempotent-Replayed": "true"} if replayed else None)


def validated(serializer: type[Serializer[Any]], data: Any, *, partial: bool = False) -> dict[str, Any]:
    """The serializer's view of the data; raises ValidationError naming the fields."""
    if not isinstance(data, Mapping):
        raise ValidationError({"body": ["Must be an object."]})
    made = _made_once(serializer, partial)
    if isinstance(data, QueryDict):
        refuse_repeated(
            data, [name for name, field in made.fields.items() if not isinstance(field, ListField)]
        )
    return dict(made.run_validation(data))


def refuse_repeated(params: QueryDict, names: Iterable[str]) -> None:
    """Raise ValidationError for parameters that are given more than once, of which any but one would go unheard."""
    if repeated := [name for name in names if len(params.getlist(name)) > 1]:
        raise ValidationError({name: ["Given more than once."] for name in repeated})


def refuse_undecodable(query: bytes) -> None:
    """Raise ValidationError for parameters that are not UTF-8, of which Django would make replacement characters."""
    said = parse_qsl(query.decode(errors="surrogateescape"), keep_blank_values=True, errors="surrogateescape")
    if wrong := [name for name, value in said if UNDECODED.search(name + value)]:
        raise ValidationError({UNDECODED.sub("?", name): ["Must be UTF-8."] for name in wrong})


@cache
def _made_once(serializer: type[Serializer[Any]], partial: bool) -> Serializer[Any]:
    # To make a serializer is to copy its fields, which takes longer than to check with them.
    return serializer(partial=partial)


def if_match(request: Request) -> int | None:
    """The version that an If-Match header names; None without one or for ``*``."""
    tag = request.headers.get("If-Match")
    if tag is None or tag.strip() == "*":
        return None
    bare = tag.strip().removeprefix("W/").strip('"')
    if not bare.isdecimal() or len(bare) > 16:
        raise PreconditionFailed(
            "No version has this tag; send the ETag of the last answer.", field="If-Match"
        )
    return int(bare)


def etag(version: int) -> dict[str, str]:
    return {"ETag": f'"{version}"'}


def page[Row](
    rows: Sequence[Row], limit: int, *, render: Callable[[Row], Any], key: Callable[[Row], UUID]
) -> dict[str, Any]:
    """Of one row more than asked for, the page and where the next one begins."""
    cursor = encode_cursor(key(rows[limit - 1])) if len(rows) > limit else None
    return {"results": [render(each) for each in rows[:limit]], "next_cursor": cursor}


def encode_cursor(last: UUID | int) -> str:
    raw = last.bytes if isinstance(last, UUID) else last.to_bytes(8, "big")
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def decode_cursor(cursor: str, *, size: int = 16) -> bytes:
    """The bytes of a cursor that ``encode_cursor`` made; raises InvalidInput for any other."""
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    if len(raw) != size:
        raise InvalidInput("Not a cursor of this list; leave it out to begin at the start.", field="cursor")
    return raw
