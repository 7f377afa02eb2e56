from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from graph import projections as graph
from graph.stores import GraphUnavailable
from memories import indexing, projections
from memories.vectors import IndexUnavailable
from memos_project.tenancy.models import Tenant


class Command(BaseCommand):
    help = (
        "Compare words, vectors, vector index and graph store with the rows; exit code 1 where they differ."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--repair", action="store_true", help="Mend what differs.")
        parser.add_argument("--tenant", help="Only the tenant of this slug.")

    def handle(self, *, repair: bool, tenant: str | None, **options: Any) -> None:
        tenants = Tenant.objects.filter(slug=tenant) if tenant else Tenant.objects.all()
        if tenant and not tenants.exists():
            raise CommandError(f"There is no tenant {tenant!r}.")
        try:
            differing = sum(self._check(each, repair=repair) for each in tenants)
        except IndexUnavailable as error:
            raise CommandError(f"The vector index does not answer: {error}") from error
        except GraphUnavailable as error:
            raise CommandError(f"The graph store does not answer: {error}") from error
        if differing and not repair:
            raise CommandError(f"{differing} differences; --repair mends them.")

    def _check(self, tenant: Tenant, *, repair: bool) -> int:
        differing = 0
        for drift in projections.check(tenant.id):
            name = f"{drift.store} {drift.model}" if drift.model else drift.store
            differing += self._tell(tenant, name, drift)
            if repair and len(drift):
                projections.repair(tenant.id, drift)
        for found in graph.check(tenant.id):
            differing += self._tell(tenant, str(found), found)
            if repair and len(found):
                graph.repair(tenant.id, found)
        if repair and differing:
            indexing.drain(tenant.id)
            sum(graph.settle(tenant.id))
            self.stdout.write(f"{tenant.slug}: {differing} differences mended.")
        return differing

    def _tell(self, tenant: Tenant, name: str, drift: projections.Drift | graph.Drift) -> int:
        counts = f"{len(drift.missing)} missing, {len(drift.stale)} stale, {len(drift.left_over)} left over"
        self.stdout.write(f"{tenant.slug}: {name}: {counts if len(drift) else 'level'}")
        return len(drift)
