"""Rate limits per tenant and per key: fixed windows of a minute, counted in Redis."""

import time

import redis
import structlog
from django.conf import settings
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from memos_project.redis import client
from memos_project.tenancy.callers import Caller

WINDOW_SECONDS = 60

log = structlog.get_logger(__name__)


class TenantRateThrottle(BaseThrottle):
    """Counts a request against its key and its tenant; whichever is nearer its limit speaks.

    With Redis down nothing is counted and nothing refused: a limit protects the service, it is no reason
    to stop serving.
    """

    reset: int

    def allow_request(self, request: Request, view: object) -> bool:
        caller = request.user
        if not isinstance(caller, Caller):
            return True
        limits = self._limits(caller)
        window = int(time.time()) // WINDOW_SECONDS
        try:
            counts = self._count([f"rate:{scope}:{window}" for scope in limits])
        except redis.RedisError as error:
            log.warning("rate limits not counted", error=str(error))
            return True
        limit, left = min(
            ((limit, limit - count) for limit, count in zip(limits.values(), counts, strict=True)),
            key=lambda pair: pair[1],
        )
        self.reset = WINDOW_SECONDS - int(time.time()) % WINDOW_SECONDS
        request._request.rate_limit = (limit, max(0, left), self.reset)
        return left >= 0

    def wait(self) -> float:
        return float(self.reset)

    @staticmethod
    def _limits(caller: Caller) -> dict[str, int]:
        overrides = caller.tenant.overrides
        return {
            f"tenant:{caller.tenant.id}": int(
                overrides.get("rate_limit_tenant", settings.MEMOS_RATE_LIMIT_TENANT)
            ),
            f"key:{caller.key_id}": int(overrides.get("rate_limit_key", settings.MEMOS_RATE_LIMIT_KEY)),
        }

    @staticmethod
    def _count(keys: list[str]) -> list[int]:
        pipeline = client().pipeline(transaction=False)
        for key in keys:
            pipeline.incr(key)
            pipeline.expire(key, 2 * WINDOW_SECONDS, nx=True)
        return [int(count) for count in pipeline.execute()[::2]]


def rate_limit_headers(get_response):  # type: ignore[no-untyped-def]
    """Middleware: say on every answer how much of the limit is left (draft-ietf-httpapi-ratelimit-headers)."""

    def middleware(request):  # type: ignore[no-untyped-def]
        response = get_response(request)
        if known := getattr(request, "rate_limit", None):
            limit, left, reset = known
            response["RateLimit-Limit"] = str(limit)
            response["RateLimit-Remaining"] = str(left)
            response["RateLimit-Reset"] = str(reset)
        return response

    return middleware
