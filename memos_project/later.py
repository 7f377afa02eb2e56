"""What a request need not wait for, and nobody misses where it is not done: done by one thread beside it."""

import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import partial
from threading import BoundedSemaphore, Event, Lock
from typing import Any

import redis
import structlog
from django.db import Error, connections
from psycopg_pool import PoolTimeout

from memos_project.errors import MemosError

log = structlog.get_logger(__name__)

# What is waiting at most: with Redis down each takes as long as its timeout.
WAITING = 1000
# How long those gather who ask for the same: every request pays for a thread that works beside it.
MOMENT_SECONDS = 0.025

_thread = ThreadPoolExecutor(1, thread_name_prefix="later")
_room = BoundedSemaphore(WAITING)
_last: Future[None] | None = None
# In the order in which they were first asked for.
_gathered: dict[tuple[Callable[..., object], tuple[Any, ...]], None] = {}
_lock = Lock()
_hurry = Event()


def later[**P](act: Callable[P, object], *args: P.args, **kwargs: P.kwargs) -> bool:
    """Do it soon, or, with too much waiting already, not at all: False."""
    global _last
    if not _room.acquire(blocking=False):
        log.warning("left undone", what=getattr(act, "__name__", repr(act)))
        return False
    _last = _thread.submit(_do, lambda: act(*args, **kwargs))
    return True


def once_later[*P](act: Callable[[*P], object], *args: *P) -> None:
    """Do it in a moment, and once for all who ask for it with the same arguments until it begins."""
    with _lock:
        is_first = not _gathered
        _gathered[act, args] = None
        if is_first and not later(_do_gathered):
            _gathered.clear()


def done(timeout: float = 5.0) -> None:
    """Wait until what was given so far is done."""
    if _last is not None:
        _hurry.set()
        wait([_last], timeout)
        _hurry.clear()


def _do(act: Callable[[], object]) -> None:
    try:
        _attempt(act)
    finally:
        connections.close_all()
        _room.release()


def _attempt(act: Callable[[], object]) -> None:
    try:
        act()
    except (redis.RedisError, Error, PoolTimeout, MemosError) as error:
        log.warning("left undone", error=str(error))
    except Exception:
        log.exception("something done beside a request failed")


def _do_gathered() -> None:
    _hurry.wait(MOMENT_SECONDS)
    with _lock:
        acts = [partial(act, *args) for act, args in _gathered]
        _gathered.clear()
    for act in acts:
        _attempt(act)


def _begin_anew() -> None:
    """A thread does not survive a fork."""
    global _thread, _room, _last, _lock, _hurry
    _thread, _room, _last = ThreadPoolExecutor(1, thread_name_prefix="later"), BoundedSemaphore(WAITING), None
    _lock, _hurry = Lock(), Event()
    _gathered.clear()


os.register_at_fork(after_in_child=_begin_anew)
