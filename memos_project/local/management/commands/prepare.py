import secrets
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from graph import indexing as graph_indexing
from graph.stores import graph_projection
from memories import embedding_models
from memories.embeddings.modelfiles import packaged, prepared_path
from memories.models import EmbeddingModel
from memories.vectors import WrongVector
from memos_project.env import env
from memos_project.errors import MemosError
from memos_project.local import credentials
from memos_project.local.credentials import Credentials
from memos_project.tenancy import services


class Command(BaseCommand):
    help = "Migrate, and make the first tenant, API key and admin user and the model's files where missing."
    requires_system_checks = ()

    def handle(self, **options: Any) -> None:
        call_command("migrate", database="owner", interactive=False, verbosity=0)
        try:
            ensure_credentials(settings.MEMOS_HOME)
        except MemosError as error:
            raise CommandError(f"MEMOS_BOOTSTRAP_API_KEY: {error.detail}") from error
        ensure_model(settings.MEMOS_HOME / "models")
        try:
            for model in EmbeddingModel.objects.exclude(state=EmbeddingModel.State.RETIRED):
                embedding_models.make_room(model)
        except WrongVector as error:
            raise CommandError(f"QDRANT_URL: {error}") from error
        if graph_projection():
            graph_indexing.begin()
        else:
            graph_indexing.end()


def ensure_credentials(home: Path) -> None:
    """Make key and password once, on disk before they are in the database: a crash then loses neither."""
    file, pending = credentials.path(home), home / "credentials.new"
    known = credentials.read(file) or credentials.read(pending)
    key = env.str("MEMOS_BOOTSTRAP_API_KEY", default="")
    password = env.str("MEMOS_ADMIN_PASSWORD", default="")
    if known is None:
        known = Credentials(
            api_key=key or services.KEY_MARK + secrets.token_urlsafe(32),
            admin_password=password or secrets.token_urlsafe(12),
        )
    if not file.exists():
        credentials.write(pending, known)
        key, password = known.api_key, known.admin_password
    made = services.bootstrap(api_key=key or None, admin_password=password or None)
    credentials.write(
        file, Credentials(made.api_key or known.api_key, made.admin_password or known.admin_password)
    )
    pending.unlink(missing_ok=True)


def ensure_model(directory: Path) -> None:
    """Rebuild the packaged embedding model for this machine, unless that has been done."""
    if not prepared_path(directory, packaged().model).exists():
        from memories.embeddings.preparation import prepare  # its libraries take a second

        prepare(directory)
