"""How many requests of this process may wait for something to happen: each takes a thread from the others."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

from django.conf import settings

_lock = Lock()
_waiting = 0


@contextmanager
def place() -> Iterator[bool]:
    """Whether there is a place among those who wait; it is held until the end."""
    global _waiting
    with _lock:
        found = _waiting < settings.MEMOS_WAITERS
        _waiting += found
    try:
        yield found
    finally:
        with _lock:
            _waiting -= found
