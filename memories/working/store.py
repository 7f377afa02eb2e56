"""How tier 1 speaks to Redis: names of keys, scripts, lifetimes, and what its being down means.

All keys of a tenant share a hash tag, so that a script may touch several of them in a cluster too.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, cast
from uuid import UUID

import redis
import structlog
from django.conf import settings
from redis.commands.core import Script

from memos_project.errors import Unavailable
from memos_project.redis import client
from memos_project.tenancy.callers import TenantInfo

log = structlog.get_logger(__name__)

# It does not answer, or takes no writes: its memory is full, it is a replica, it cannot save.
DOWN = (
    redis.ConnectionError,
    redis.TimeoutError,
    redis.exceptions.OutOfMemoryError,
    redis.exceptions.ReadOnlyError,
    redis.exceptions.ClusterDownError,
)

LUA = Path(__file__).parent / "lua"

# What is made together does not expire together: each lives up to this share shorter than it was given.
JITTER = 0.1


def key_of(tenant_id: UUID, *parts: str) -> str:
    """The Redis key of something of a tenant."""
    return ":".join((f"w:{{{tenant_id}}}", *parts))


def quota(tenant: TenantInfo) -> int:
    """Bytes that all a tenant holds in working memory may take."""
    return int(tenant.overrides.get("working_quota_bytes", settings.MEMOS_WORKING_QUOTA_BYTES))


def jittered(seconds: float) -> int:
    """Milliseconds."""
    return max(1, int(1000 * seconds * (1 - JITTER * random.random())))


def moment_of(stream_id: str) -> datetime:
    """When an entry of a stream was written, which its id tells."""
    return datetime.fromtimestamp(int(stream_id.partition("-")[0]) / 1000, UTC)


def live[T](
    tenant_id: UUID, kind: str, *, after: str, limit: int, look: Callable[[list[str]], list[T]]
) -> list[T]:
    """Of a scope's or a kind's names from the one after ``after`` on, what ``look`` finds of those that have not expired."""
    found: list[T] = []
    while len(found) < limit:
        start = f"({kind}\0{after}" if after else f"[{kind}\0"
        members: Any = client().zrange(
            key_of(tenant_id, "names"), start, f"({kind}\x01", bylex=True, offset=0, num=limit
        )
        if not members:
            break
        names = [member.decode().partition("\0")[2] for member in members]
        found += look(names)
        after = names[-1]
    return found[:limit]


@cache
def _script(*parts: str) -> Script:
    """The script made of ``lua/PART.lua``; Redis knows it by its hash after the first time."""
    return client().register_script("".join((LUA / f"{part}.lua").read_text() for part in parts))


def run_accounted(name: str, tenant_id: UUID, keys: Sequence[str], arguments: Sequence[Any]) -> Any:
    """Run ``lua/NAME.lua`` after ``account.lua``, whose keys come first."""
    account = [key_of(tenant_id, each) for each in ("names", "ends", "sizes", "total")]
    return cast(Any, _script("account", name)(keys=[*account, *keys], args=list(arguments), client=client()))


def run(name: str, keys: Sequence[str], arguments: Sequence[Any]) -> Any:
    """Run ``lua/NAME.lua``, which keeps an account of its own."""
    return cast(Any, _script(name)(keys=list(keys), args=list(arguments), client=client()))


@contextmanager
def writing() -> Iterator[None]:
    """A write that Redis does not take was not done: raises Unavailable, naming the part."""
    try:
        yield
    except DOWN as error:
        log.warning("working memory does not answer", error=str(error))
        raise Unavailable(
            "Working memory (Redis) does not answer; the rest of memOS does. Try again in a moment."
        ) from error


def read[T](ask: Any, missing: T) -> tuple[T, bool]:
    """What ``ask`` answers and True; with Redis down what stands for nothing, and False."""
    try:
        return ask(), True
    except DOWN as error:
        log.warning("working memory does not answer", error=str(error))
        return missing, False
