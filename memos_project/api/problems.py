"""The one error shape: RFC 9457 problem details, with the fields at fault listed under ``errors``."""

from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any

import orjson
import structlog
from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from psycopg_pool import PoolTimeout
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.serializers import as_serializer_error

from memos_project import errors

log = structlog.get_logger(__name__)

CONTENT_TYPE = "application/problem+json"

STATUS_BY_ERROR: dict[type[Exception], HTTPStatus] = {
    errors.InvalidInput: HTTPStatus.BAD_REQUEST,
    errors.InvalidItem: HTTPStatus.BAD_REQUEST,
    errors.NotFound: HTTPStatus.NOT_FOUND,
    errors.Conflict: HTTPStatus.CONFLICT,
    errors.PreconditionFailed: HTTPStatus.PRECONDITION_FAILED,
    errors.Forbidden: HTTPStatus.FORBIDDEN,
    errors.Unavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    Http404: HTTPStatus.NOT_FOUND,
    PermissionDenied: HTTPStatus.FORBIDDEN,
    RequestDataTooBig: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    SuspiciousOperation: HTTPStatus.BAD_REQUEST,
    OperationalError: HTTPStatus.SERVICE_UNAVAILABLE,
    InterfaceError: HTTPStatus.SERVICE_UNAVAILABLE,
    PoolTimeout: HTTPStatus.SERVICE_UNAVAILABLE,
}


def problem(status: HTTPStatus, detail: str, *, fields: list[dict[str, str]] | None = None) -> dict[str, Any]:
    """The body of an error; ``fields`` lists what is wrong with which."""
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": status.phrase,
        "status": int(status),
        "detail": detail,
    }
    if fields:
        body["errors"] = fields
    if request_id := structlog.contextvars.get_contextvars().get("request_id"):
        body["request_id"] = request_id
    return body


def handle(error: Exception, context: Mapping[str, Any]) -> Response | None:
    """DRF's exception handler: any error a view may raise, as a problem; None for what is a bug of ours."""
    headers: dict[str, str] = {}
    if isinstance(error, exceptions.APIException):
        status, detail, fields = _of_drf(error)
        headers = _headers(error)
    else:
        found = next((known for kind, known in STATUS_BY_ERROR.items() if isinstance(error, kind)), None)
        if found is None:
            return None
        status, detail, fields = found, *_of_domain(error, found)
    return Response(
        problem(status, detail, fields=fields), status=status, headers=headers, content_type=CONTENT_TYPE
    )


def _headers(error: exceptions.APIException) -> dict[str, str]:
    headers = {}
    if authenticate := getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = authenticate
    if wait := getattr(error, "wait", None):
        headers["Retry-After"] = str(int(wait))
    return headers


def _of_drf(error: exceptions.APIException) -> tuple[HTTPStatus, str, list[dict[str, str]]]:
    status = HTTPStatus(error.status_code)
    if not isinstance(error, exceptions.ValidationError):
        return status, str(error.detail), []
    fields = list(flattened(as_serializer_error(error)))
    return status, _sentence(fields), fields


def _of_domain(error: Exception, status: HTTPStatus) -> tuple[str, list[dict[str, str]]]:
    if isinstance(error, errors.InvalidItem):
        fields = list(flattened(error.errors))
        return _sentence(fields), fields
    if isinstance(error, errors.MemosError):
        fields = [{"field": error.field, "detail": error.detail}] if error.field else []
        return (_sentence(fields) if fields else error.detail), fields
    if status is HTTPStatus.SERVICE_UNAVAILABLE:
        log.warning("the database did not answer", error=str(error))
        return "The database does not answer; try again in a moment.", []
    return status.description or status.phrase, []


def _sentence(fields: list[dict[str, str]]) -> str:
    return " ".join(
        f"{each['field']}: {each['detail']}" if each["field"] else each["detail"] for each in fields[:5]
    )


def flattened(errors_: Any, path: str = "") -> Iterator[dict[str, str]]:
    """DRF's nested errors as a flat list; ``tags.0`` is the first of the tags."""
    if isinstance(errors_, Mapping):
        for name, inner in errors_.items():
            own = "" if name == "non_field_errors" else str(name)
            yield from flattened(inner, ".".join(part for part in (path, own) if part))
    elif isinstance(errors_, list) and any(isinstance(each, Mapping) for each in errors_):
        for number, inner in enumerate(errors_):
            yield from flattened(inner, f"{path}.{number}" if path else str(number))
    elif isinstance(errors_, list):
        for inner in errors_:
            yield {"field": path, "detail": str(inner)}
    else:
        yield {"field": path, "detail": str(errors_)}


def respond(status: HTTPStatus, detail: str) -> HttpResponse:
    """A problem from outside of DRF."""
    return HttpResponse(orjson.dumps(problem(status, detail)), status=status, content_type=CONTENT_TYPE)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return respond(HTTPStatus.NOT_FOUND, f"There is nothing at {request.path}.")


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return respond(HTTPStatus.BAD_REQUEST, "This is not a request that can be understood.")


def server_error(request: HttpRequest) -> HttpResponse:
    return respond(
        HTTPStatus.INTERNAL_SERVER_ERROR, "Something went wrong here; the log has it under the request id."
    )
