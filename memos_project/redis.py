"""The one Redis connection pool of a process, and what its errors mean."""

import time
from collections.abc import Callable
from functools import cache
from typing import Any

import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

# A server that does not answer is not asked again for so many seconds: each question costs the timeout.
COOLDOWN = 1.0
TIMEOUT = 2.0


class Cooldown(Retry):
    """Tries once more where a connection was closed meanwhile, and spares a server that lets callers wait."""

    def __init__(self) -> None:
        super().__init__(NoBackoff(), 1, (redis.ConnectionError,))
        self._silent_until = 0.0

    def call_with_retry(self, do: Callable[[], Any], *args: Any, **kwargs: Any) -> Any:
        if time.monotonic() < self._silent_until:
            raise redis.ConnectionError("Redis did not answer a moment ago.")
        try:
            return super().call_with_retry(do, *args, **kwargs)
        except redis.TimeoutError:
            self._silent_until = time.monotonic() + COOLDOWN
            raise

    def __deepcopy__(self, memo: dict[int, Any]) -> "Cooldown":
        """One for all connections of the pool, each of which asks for a copy."""
        return self


@cache
def client() -> redis.Redis:
    """A client that gives up soon: everything that uses Redis has something to do without it."""
    return redis.Redis.from_url(
        settings.REDIS_URL,
        socket_connect_timeout=0.5,
        socket_timeout=TIMEOUT,
        health_check_interval=30,
        decode_responses=False,
        retry=Cooldown(),
    )
