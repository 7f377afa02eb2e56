from argparse import ArgumentParser
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError

from memories.consolidation import runs
from memos_project.errors import Conflict, NotFound
from memos_project.tenancy.callers import tenant_info
from memos_project.tenancy.models import Tenant

ACTOR = "manage.py consolidate"


class Command(BaseCommand):
    help = "Make notes of the memories that have come since the last time."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--tenant", help="Its slug; else every tenant.")
        parser.add_argument("--dry-run", action="store_true", help="Only say what would be done.")
        parser.add_argument("--undo", type=UUID, metavar="RUN", help="Bring back what was before a run.")

    def handle(self, *, tenant: str | None, dry_run: bool, undo: UUID | None, **options: Any) -> None:
        found = Tenant.objects.filter(active=True).order_by("slug")
        tenants = list(found.filter(slug=tenant) if tenant else found)
        if tenant and not tenants:
            raise CommandError(f"There is no active tenant {tenant!r}.")
        if undo is not None:
            self._undo(tenants, undo)
            return
        for each in tenants:
            if dry_run:
                self._tell(each)
            else:
                self._consolidate(each)

    def _undo(self, tenants: list[Tenant], run_id: UUID) -> None:
        if len(tenants) != 1:
            raise CommandError("Say whose run it is: --tenant.")
        try:
            runs.undo(tenant_info(tenants[0]), run_id, actor=ACTOR)
        except (NotFound, Conflict) as error:
            raise CommandError(error.detail) from error
        self.stdout.write(f"{tenants[0].slug}: all is as it was before the run {run_id}.")

    def _tell(self, tenant: Tenant) -> None:
        found = runs.planned(tenant.pk)
        self.stdout.write(f"{tenant.slug}: {found.looked_at} memories would be looked at.")
        for group in found.groups:
            what = f"would join the note {group.note_id}" if group.note_id else "would become a note"
            self.stdout.write(f"  {len(group.memory_ids)} of {group.user_id or 'nobody'} {what}")

    def _consolidate(self, tenant: Tenant) -> None:
        """Run after run, each kept when it is done: whoever stops it loses nothing and may go on."""
        made, is_more = 0, True
        while is_more:
            outcome = runs.consolidate(tenant.pk, actor=ACTOR)
            if outcome.run_id is None:
                self.stdout.write(f"{tenant.slug}: a consolidation is under way elsewhere.")
                return
            made, is_more = made + outcome.made, outcome.is_more
            self.stdout.write(f"{tenant.slug}: run {outcome.run_id}, {outcome.made} notes made or grown.")
        self.stdout.write(f"{tenant.slug}: {made} in all.")
