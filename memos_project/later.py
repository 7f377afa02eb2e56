"""What a request need not wait for, and nobody misses where it is not done: done by one thread beside it."""

import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from threading import BoundedSemaphore

import redis
import structlog
from django.db import Error, connections
from psycopg_pool import PoolTimeout

from memos_project.errors import MemosError

log = structlog.get_logger(__name__)

# What is waiting at most: with Redis down each takes as long as its timeout.
WAITING = 1000

_thread = ThreadPoolExecutor(1, thread_name_prefix="later")
_room = BoundedSemaphore(WAITING)
_last: Future[None] | None = None


def later[**P](act: Callable[P, object], *args: P.args, **kwargs: P.kwargs) -> None:
    """Do it soon, or, with too much waiting already, not at all."""
    global _last
    if not _room.acquire(blocking=False):
        log.warning("left undone", what=getattr(act, "__name__", repr(act)))
        return
    _last = _thread.submit(_do, lambda: act(*args, **kwargs))


def done(timeout: float = 5.0) -> None:
    """Wait until what was given so far is done."""
    if _last is not None:
        wait([_last], timeout)


def _do(act: Callable[[], object]) -> None:
    try:
        act()
    except (redis.RedisError, Error, PoolTimeout, MemosError) as error:
        log.warning("left undone", error=str(error))
    except Exception:
        log.exception("something done beside a request failed")
    finally:
        connections.close_all()
        _room.release()


def _begin_anew() -> None:
    """A thread does not survive a fork."""
    global _thread, _room, _last
    _thread, _room, _last = ThreadPoolExecutor(1, thread_name_prefix="later"), BoundedSemaphore(WAITING), None


os.register_at_fork(after_in_child=_begin_anew)
