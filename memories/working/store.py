"""How tier 1 speaks to Redis: names of keys, scripts, and what its being down means.

All keys of a tenant share a hash tag, so that a script may touch several of them in a cluster too.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, cast
from uuid import UUID

import redis
import structlog
from redis.commands.core import Script

from memos_project.errors import Unavailable
from memos_project.redis import client

log = structlog.get_logger(__name__)

LUA = Path(__file__).parent / "lua"


def key_of(tenant_id: UUID, *parts: str) -> str:
    """The Redis key of something of a tenant."""
    return ":".join((f"w:{{{tenant_id}}}", *parts))


@cache
def _script(name: str) -> Script:
    return client().register_script((LUA / f"{name}.lua").read_text())


def run(name: str, keys: Sequence[str], arguments: Sequence[Any]) -> Any:
    """Run ``lua/NAME.lua``, which Redis knows by its hash after the first time."""
    return cast(Any, _script(name)(keys=list(keys), args=list(arguments), client=client()))


@contextmanager
def writing() -> Iterator[None]:
    """A write that Redis does not take was not done: raises Unavailable, naming the part."""
    try:
        yield
    except (redis.ConnectionError, redis.TimeoutError) as error:
        log.warning("working memory does not answer", error=str(error))
        raise Unavailable(
            "Working memory (Redis) does not answer; the rest of memOS does. Try again in a moment."
        ) from error


def read[T](ask: Any, missing: T) -> tuple[T, bool]:
    """What ``ask`` answers and True; with Redis down what stands for nothing, and False."""
    try:
        return ask(), True
    except (redis.ConnectionError, redis.TimeoutError) as error:
        log.warning("working memory does not answer", error=str(error))
        return missing, False
