"""The first page: what the chosen tenant holds, what came in, what waits, and whether every part is up."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.core.cache import cache
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.views import View

from memories.admin.records import name_memories
from memories.models import AuditEntry, Conversation, IndexJob, Memory
from memos_project.api.health import overall, services
from memos_project.tenancy.middleware import chosen_tenant, opens_own_transactions

DAYS = 30
# To count a large tenant costs a second; a number of a minute ago will do.
FRESH_SECONDS = 60

# Ids begin with the time at which they were made, so the tenant's index on ids finds the last days.
STORED = """
SELECT (created_at AT TIME ZONE 'UTC')::date, count(*) FROM memories_memory
WHERE tenant_id = %(tenant)s AND id >= %(since)s::uuid GROUP BY 1
"""


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar of a chart; ``share`` is per cent of the longest."""

    label: str
    count: int
    share: float


@dataclass(frozen=True, slots=True)
class Day:
    """A column of a chart of DAYS columns, drawn in a box of 100 in height."""

    day: date
    count: int
    x: float
    height: float


@dataclass(frozen=True, slots=True)
class Holdings:
    """What a tenant held when it was last counted."""

    memories: int
    conversations: int
    kinds: list[Bar]
    days: list[Day]
    at: datetime

    @property
    def most(self) -> int:
        return max(day.count for day in self.days)


def overview(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """What unfold's first page is told beside its own."""
    tenant = chosen_tenant(request)
    if tenant is None or not request.user.has_perm("memories.view_memory"):
        return context
    jobs = IndexJob.objects.filter(tenant_id=tenant.id)
    given_up = jobs.filter(due_at=None)
    lately = list(AuditEntry.objects.filter(tenant_id=tenant.id).order_by("-id")[:8])
    name_memories(lately)
    return context | {
        "title": tenant.name,
        "holdings": cache.get_or_set(f"holdings:{tenant.id}", lambda: _count(tenant.id), FRESH_SECONDS),
        "waiting": jobs.filter(due_at__isnull=False, error="").count(),
        "failing": jobs.filter(due_at__isnull=False).exclude(error="").count(),
        "given_up": given_up.count(),
        "oldest": jobs.order_by("enqueued_at").values_list("enqueued_at", flat=True).first(),
        "lately": lately,
    }


def _count(tenant_id: UUID) -> Holdings:
    kinds = (
        Memory.objects.filter(tenant_id=tenant_id)
        .values_list("kind")
        .annotate(counted=Count("pk"))
        .order_by("-counted")
    )
    today = timezone.now().astimezone(UTC).date()
    first = today - timedelta(days=DAYS - 1)
    with connection.cursor() as cursor:
        cursor.execute(STORED, {"tenant": tenant_id, "since": first_id(first)})
        stored = dict(cursor.fetchall())
    return Holdings(
        sum(count for _, count in kinds),
        Conversation.objects.filter(tenant_id=tenant_id).count(),
        bars(list(kinds)),
        columns([(first + timedelta(days=n), stored.get(first + timedelta(days=n), 0)) for n in range(DAYS)]),
        timezone.now(),
    )


def bars(counts: Sequence[tuple[str, int]]) -> list[Bar]:
    longest = max((count for _, count in counts), default=0) or 1
    return [Bar(label, count, round(100 * count / longest, 1)) for label, count in counts]


def columns(counts: Sequence[tuple[date, int]]) -> list[Day]:
    highest = max((count for _, count in counts), default=0) or 1
    return [
        Day(day, count, place * 10, round(100 * count / highest, 1))
        for place, (day, count) in enumerate(counts)
    ]


def first_id(day: date) -> UUID:
    """The least UUIDv7 of a day (RFC 9562: it begins with 48 bits of milliseconds)."""
    milliseconds = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() * 1000)
    return UUID(int=milliseconds << 80)


class Services(View):
    """Whether each part is up, as a part of the first page that is loaded by itself: the parts are asked over the network."""

    admin_site: admin.AdminSite | None = None

    @opens_own_transactions
    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        return super().dispatch(request, *args, **kwargs)

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not request.user.has_perm("memories.view_memory"):
            raise PermissionDenied
        state = services()
        return TemplateResponse(
            request, "admin/services.html", {"services": state, "overall": overall(state)}
        )
