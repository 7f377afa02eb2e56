import argparse
import logging
import shutil
import sys
import time
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import InterfaceError, OperationalError

from memories import ingest
from memories.ingest import Choices, Source, Work
from memos_project.errors import MemosError, NotFound
from memos_project.tenancy.callers import TenantInfo, find_tenant

ACTOR = "command:ingest_conversations"
GO_ON = "The same command again goes on from there."


def batch_size(given: str) -> int:
    if not given.isdecimal() or not 1 <= int(given) <= settings.MEMOS_MAX_BATCH:
        raise argparse.ArgumentTypeError(f"must be from 1 to {settings.MEMOS_MAX_BATCH}")
    return int(given)


class Command(BaseCommand):
    help = "Store the conversations of files: JSONL, ChatGPT and Claude exports (also zipped), transcripts."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
        parser.add_argument(
            "--format", dest="format_name", choices=[*ingest.FORMATS], help="Instead of looking what it is."
        )
        parser.add_argument(
            "--tenant", default="default", help="Slug or id of the tenant. Default: %(default)s."
        )
        parser.add_argument("--user", help="Whose memories these are, instead of what the file says.")
        parser.add_argument("--agent", help="The agent_id of all messages, instead of what the file says.")
        parser.add_argument(
            "--tag", action="append", default=[], help="A tag for all messages; may be repeated."
        )
        parser.add_argument(
            "--batch", type=batch_size, default=500, help="Messages in a transaction. Default: %(default)s."
        )
        parser.add_argument(
            "--dry-run", action="store_true", help="Say what would be done, and store nothing."
        )
        parser.add_argument(
            "--strict", action="store_true", help="Stop after the batch in which a message is refused."
        )
        parser.add_argument(
            "--wait", action="store_true", help="Stay until all is indexed, and help with it."
        )

    def handle(
        self,
        *,
        files: Sequence[Path],
        format_name: str | None,
        tenant: str,
        user: str | None,
        agent: str | None,
        tag: Sequence[str],
        batch: int,
        dry_run: bool,
        strict: bool,
        wait: bool,
        **options: Any,
    ) -> None:
        # What is worth a line in a server's log would tear the progress bar apart.
        logging.getLogger("django_structlog").setLevel(logging.WARNING)
        owner = find(tenant)
        choices = Choices(user_id=user, agent_id=agent, tags=tag)
        if wrong := choices.wrong(owner):
            raise CommandError(wrong)
        sources = [source for file in files for source in sources_in(file, format_name)]
        with ingest.stoppable() as wish, ingest.meter(sys.stderr) as meter:
            work = Work(tenant=owner, choices=choices, batch=batch, strict=strict, meter=meter, wish=wish)
            try:
                said = planned(work, sources) if dry_run else stored(work, sources, wait=wait)
            except (OperationalError, InterfaceError) as error:
                raise CommandError(
                    f"The database does not answer: {str(error).partition('\n')[0]}\n{GO_ON}"
                ) from None
            except MemosError as error:
                raise CommandError(f"{error.detail}\n{GO_ON}") from None
        self.stdout.write(said)
        if wish or work.tally.refused:
            sys.exit(wish.exit_code or 1)


def find(tenant: str) -> TenantInfo:
    try:
        return find_tenant(tenant)
    except NotFound:
        raise CommandError(f"There is no tenant {tenant!r}.") from None


def sources_in(file: Path, format_name: str | None) -> list[Source]:
    try:
        return ingest.find_sources(file, format_name)
    except ingest.UnknownFormat as error:
        raise CommandError(str(error)) from None
    except (OSError, zipfile.BadZipFile) as error:
        raise CommandError(f"{file} cannot be read: {getattr(error, 'strerror', None) or error}.") from None


def planned(work: Work, sources: Sequence[Source]) -> str:
    plan = work.plan(sources)
    return ingest.plan_text(plan, work.tally, width=shutil.get_terminal_size().columns)


def stored(work: Work, sources: Sequence[Source], *, wait: bool) -> str:
    started = time.monotonic()
    work.store(sources, actor=ACTOR)
    lines = [work.tally.summary(time.monotonic() - started)]
    if wait and not work.is_over:
        lines.append(work.wait())
    if work.wish:
        lines.append(f"Stopped by {work.wish.name}. {GO_ON}")
    return "\n".join(lines)
