from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from memories import embedding_models
from memories.models import EmbeddingModel, Memory
from memories.vectors import IndexUnavailable
from memos_project.db import tenant_scope
from memos_project.progress import follow
from memos_project.tenancy.models import Tenant


class Command(BaseCommand):
    help = "Make the vector index anew from the rows; memories without a vector are embedded."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--if-needed", action="store_true", help="Only where the index differs from the rows."
        )

    def handle(self, *, if_needed: bool, **options: Any) -> None:
        try:
            self._rebuild(if_needed=if_needed)
        except IndexUnavailable as error:
            raise CommandError(f"The vector index does not answer: {error}") from error

    def _rebuild(self, *, if_needed: bool) -> None:
        for model in EmbeddingModel.objects.exclude(state=EmbeddingModel.State.RETIRED):
            if if_needed and embedding_models.is_level(model):
                self.stdout.write(f"{model.name}: level, nothing to do.")
                continue
            done = follow(f"rebuilding {model.name}", count_memories(), embedding_models.rebuild(model))
            self.stdout.write(f"{model.name}: rebuilt, {done} memories embedded or sent.")


def count_memories() -> int:
    total = 0
    for tenant_id in Tenant.objects.values_list("id", flat=True):
        with tenant_scope(tenant_id):
            total += Memory.objects.filter(tenant_id=tenant_id).count()
    return total
