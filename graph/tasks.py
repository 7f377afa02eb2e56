"""Celery's doors: the tenant first, ids in, the work elsewhere."""

from uuid import UUID

from celery import shared_task

from graph import indexing


@shared_task(ignore_result=True)
def project_graph(tenant_id: str) -> None:
    """Bring a tenant's graph store level with the rows."""
    indexing.drain(UUID(tenant_id))


@shared_task(ignore_result=True)
def sweep_graph_backlog() -> None:
    """Make certain what messages make soon: wake a worker for every tenant whose graph store is behind."""
    indexing.sweep()
