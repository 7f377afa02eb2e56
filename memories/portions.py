"""Work on texts in portions that are done long before a lease is over."""

from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Protocol
from uuid import UUID

from django.db.models.functions import Length

from memories.models import Memory
from memos_project.db import tenant_scope


class OfMemory(Protocol):
    @property
    def memory_id(self) -> UUID: ...


def portions[Job: OfMemory](
    tenant_id: UUID, jobs: Sequence[Job], characters: int
) -> Iterator[tuple[list[Job], list[Job]]]:
    """Jobs whose memories have so many characters together, or one that has more, the shortest first; and those that wait."""
    with tenant_scope(tenant_id):
        found = Memory.objects.filter(tenant_id=tenant_id, pk__in=[each.memory_id for each in jobs])
        lengths = dict(found.values_list("pk", Length("content")))
    waiting = sorted(jobs, key=lambda each: lengths.get(each.memory_id, 0))
    while waiting:
        sums = accumulate(lengths.get(each.memory_id, 0) for each in waiting)
        fitting = max(1, sum(size <= characters for size in sums))
        portion, waiting = waiting[:fitting], waiting[fitting:]
        yield portion, waiting
