import logging
import shlex
import sys
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import ProgrammingError
from rich.console import Console

from memories import demo, ingest
from memories.answers import Query
from memories.candidates import Filters
from memories.demo import stores
from memories.ingest import Choices, Work
from memories.retrieval import recall
from memos_project.env import env
from memos_project.errors import NotFound
from memos_project.local import credentials, folder
from memos_project.local.process import StartError
from memos_project.tenancy.callers import TenantInfo, find_tenant

TOP_K = 3


class Command(BaseCommand):
    help = "Load sample conversations and show three queries with their explained results."
    requires_system_checks = ()  # they may ask the database, which may have to be started first

    def handle(self, **options: Any) -> None:
        # What is worth a line in a server's log would tear the tables apart.
        logging.getLogger("django_structlog").setLevel(logging.WARNING)
        if stores.answers(settings.CONNECTIONS.database_url):
            show(tenant(), Console(file=sys.stdout))
        elif env.str("DATABASE_URL", default=""):
            raise CommandError("The database that DATABASE_URL names does not answer.")
        else:
            self.alone()

    def alone(self) -> None:
        """Start what is needed, and this command again beside it."""
        self.stdout.write("memOS is not running: starting its database for the demonstration.")
        self.stdout.flush()
        try:
            with stores.started(settings.MEMOS_HOME) as environ:
                for name in ("prepare", "demo"):
                    if status := stores.manage(name, environ=environ, directory=settings.BASE_DIR):
                        sys.exit(status)
        except StartError as error:
            raise CommandError(f"memOS cannot be started for the demonstration: {error}") from None


def tenant() -> TenantInfo:
    try:
        return find_tenant(demo.TENANT)
    except (NotFound, ProgrammingError):
        raise CommandError("The database is not prepared: run `manage.py prepare` first.") from None


def show(owner: TenantInfo, console: Console) -> None:
    with ingest.stoppable() as wish, ingest.meter(sys.stderr) as meter:
        work = Work(
            tenant=owner, choices=Choices(user_id=demo.USER), batch=100, strict=True, meter=meter, wish=wish
        )
        work.store([source for file in demo.FILES for source in ingest.find_sources(file)], actor=demo.ACTOR)
        work.wait()
    if wish:
        sys.exit(wish.exit_code)
    tally = work.tally
    console.print(
        f"{tally.seen} sample messages: {tally.created} stored now, {tally.duplicates} there already.\n"
    )
    for question in demo.QUESTIONS:
        query = Query(text=question.text, top_k=TOP_K, filters=Filters(user_id=demo.USER), explain=True)
        console.print(demo.shown(question, recall(owner, query).hits))
        console.print()
    console.print(more(), markup=False, highlight=False, soft_wrap=True)


MORE = """\
Ask more, while `make run` runs:

  . {file}
  curl -s {address}/v1/memories/search \\
    -H "x-api-key: $MEMOS_API_KEY" -H 'content-type: application/json' \\
    -d '{{"query": "Who bakes at night?", "user_id": "demo", "explain": true}}'
"""


def more() -> str:
    """How to ask something else; lines to copy, which must not be broken."""
    file = shlex.quote(str(credentials.path(settings.MEMOS_HOME)))
    address = folder.address(settings.MEMOS_HOME) or f"http://127.0.0.1:{env.int('MEMOS_PORT', default=8000)}"
    return MORE.format(file=file, address=address)
