from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from graph import projections
from graph.stores import GraphUnavailable, graph_projection
from memos_project.progress import follow
from memos_project.tenancy.models import Tenant


class Command(BaseCommand):
    help = "Empty the graph store and fill it anew from the rows. Stopped, it goes on with --if-needed."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--if-needed",
            action="store_true",
            help="Work off what is waiting first, and rebuild only tenants whose graph then differs.",
        )
        parser.add_argument("--tenant", help="Only the tenant of this slug.")

    def handle(self, *, if_needed: bool, tenant: str | None, **options: Any) -> None:
        if graph_projection() is None:
            self.stdout.write(
                "The graph is asked of PostgreSQL itself (NEO4J_URL is not set): nothing to do."
            )
            return
        tenants = Tenant.objects.filter(slug=tenant) if tenant else Tenant.objects.all()
        if tenant and not tenants.exists():
            raise CommandError(f"There is no tenant {tenant!r}.")
        try:
            for each in tenants:
                self._rebuild(each, if_needed=if_needed)
        except GraphUnavailable as error:
            raise CommandError(f"The graph store does not answer: {error}") from error

    def _rebuild(self, tenant: Tenant, *, if_needed: bool) -> None:
        total = projections.count_rows(tenant.id)
        if if_needed:
            done = follow(f"bringing {tenant.slug} level", total, projections.settle(tenant.id))
            if projections.is_level(tenant.id):
                self.stdout.write(f"{tenant.slug}: level, {done} changes worked off.")
                return
        done = follow(f"rebuilding {tenant.slug}", total, projections.rebuild(tenant.id))
        self.stdout.write(f"{tenant.slug}: rebuilt, {done} nodes and groups of relations written.")
