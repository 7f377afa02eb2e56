"""The WSGI entry point for gunicorn."""

import os
from collections.abc import Iterable
from http import HTTPStatus
from typing import TYPE_CHECKING

from django.core.wsgi import get_wsgi_application

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "memos_project.settings")

serve = get_wsgi_application()

from memos_project.api.problems import respond  # noqa: E402  It needs the apps.


def application(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
    """Django, but for paths that are not UTF-8: it would take the byte FD for the three characters %FD."""
    try:
        environ.get("PATH_INFO", "").encode("latin-1").decode()
    except UnicodeDecodeError:
        refusal = respond(HTTPStatus.BAD_REQUEST, "The path is not UTF-8.")
        start_response(f"{refusal.status_code} {refusal.reason_phrase}", [*refusal.items()])
        return [refusal.content]
    return serve(environ, start_response)
