"""Celery's doors: the tenant first, ids in, the work elsewhere."""

import ctypes
from datetime import datetime
from uuid import UUID

from celery import shared_task
from django.utils import timezone

from graph import indexing as graph_indexing
from memories import accesses, indexing, notes, promotion, reading, statistics
from memories.consolidation import runs
from memories.working import llm_cache
from memos_project.tenancy import idempotency


@shared_task(ignore_result=True)
def index_memories(tenant_id: str) -> None:
    """Bring the indexes level with one tenant's backlog."""
    if indexing.take_up(UUID(tenant_id)):
        reading.wake(UUID(tenant_id))
        graph_indexing.wake(UUID(tenant_id))  # what was forgotten was in the graph too
    _give_back_memory()


def _give_back_memory() -> None:
    """Hand what a batch of long texts needed back to the system; of itself glibc keeps it for the next one."""
    if trim := getattr(ctypes.CDLL(None), "malloc_trim", None):
        trim(0)


@shared_task(ignore_result=True)
def sweep_index_backlog() -> None:
    """Make certain what messages make soon: wake a worker for every tenant with work that is due."""
    indexing.sweep()


@shared_task(ignore_result=True)
def read_memories(tenant_id: str) -> None:
    """Have the graph learn what a tenant's memories say."""
    reading.drain(UUID(tenant_id))
    graph_indexing.wake(UUID(tenant_id))


@shared_task(ignore_result=True)
def sweep_unread() -> None:
    """Make certain what messages make soon: wake a worker for every tenant with something to read."""
    reading.sweep()


@shared_task(ignore_result=True)
def consolidate(tenant_id: str) -> None:
    """Make notes of what is new of a tenant, a part at a time, so that indexing comes in between."""
    if runs.consolidate(UUID(tenant_id)).is_more:
        runs.wake(UUID(tenant_id))


@shared_task(ignore_result=True)
def carry_on_consolidation(tenant_id: str, run_id: str, leased_until: str) -> None:
    """Do what a consolidation was begun for."""
    runs.carry_on_once(UUID(tenant_id), UUID(run_id), datetime.fromisoformat(leased_until))


@shared_task(ignore_result=True)
def sweep_consolidation() -> None:
    """Wake a worker for every tenant with memories that no consolidation has looked at."""
    runs.sweep()


@shared_task(ignore_result=True)
def take_up_consolidations() -> None:
    """Wake a worker for every tenant with a consolidation that was cut off."""
    runs.take_up()


@shared_task(ignore_result=True)
def decay_notes() -> None:
    """Let notes that nobody recalls count for less."""
    notes.decay(now=timezone.now())


@shared_task(ignore_result=True)
def count_text_statistics() -> None:
    """Recount the word statistics of the tenants that have grown since."""
    statistics.refresh()


@shared_task(ignore_result=True)
def flush_accesses() -> None:
    """Write what was read lately to the rows that were read."""
    accesses.flush()


@shared_task(ignore_result=True)
def drop_expired_prompts() -> None:
    """Delete the prompts whose answers have expired or are gone."""
    llm_cache.sweep()


@shared_task(ignore_result=True)
def promote_ending_scratchpads() -> None:
    """Make memories of what is worth it, before scratchpads expire."""
    promotion.promote_ending()


@shared_task(ignore_result=True)
def drop_old_idempotency_keys() -> None:
    """Forget the answers to requests that nobody will repeat any more."""
    idempotency.drop_old()
