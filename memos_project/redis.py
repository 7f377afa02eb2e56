"""The one Redis connection pool of a process, and what its errors mean."""

from functools import cache

import redis
from django.conf import settings


@cache
def client() -> redis.Redis:
    """A client that gives up soon: everything that uses Redis has something to do without it."""
    return redis.Redis.from_url(
        settings.REDIS_URL,
        socket_connect_timeout=0.5,
        socket_timeout=2.0,
        health_check_interval=30,
        decode_responses=False,
    )
