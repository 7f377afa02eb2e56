"""What the benchmarks share: a started memOS, seen from inside (Django) and outside (HTTP)."""

import http.client
import json
import os
import sys
import time
from collections.abc import Callable
from email.message import Message
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

sys.path.insert(0, str(Path(__file__).parent.parent))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "memos_project.settings")

import django

django.setup()


class Client:
    """One kept connection to a memOS, with MEMOS_API_KEY (an operator's)."""

    def __init__(self, base_url: str) -> None:
        where = urlsplit(base_url)
        self._connection = http.client.HTTPConnection(where.hostname or "127.0.0.1", where.port or 80)
        self.headers = {"x-api-key": os.environ["MEMOS_API_KEY"], "Content-Type": "application/json"}
        self.answered: Message = Message()
        """The headers of the last answer."""

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """The parsed answer; raises RuntimeError for any status but 2xx."""
        payload = None if body is None else json.dumps(body)
        try:
            self._connection.request(method, path, payload, self.headers)
            answer = self._connection.getresponse()
        except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError):
            self._connection.close()  # the server ends connections that rest
            self._connection.request(method, path, payload, self.headers)
            answer = self._connection.getresponse()
        text, self.answered = answer.read(), answer.headers
        if answer.status // 100 != 2:
            raise RuntimeError(f"{method} {path}: {answer.status} {text[:300]!r}")
        return json.loads(text) if text else None


def timed(act: Callable[[], object]) -> float:
    """Milliseconds."""
    started = time.perf_counter()
    act()
    return 1000 * (time.perf_counter() - started)
