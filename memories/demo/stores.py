"""Where memOS does not run: its embedded stores for the length of a demonstration."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psycopg

from memos_project.local import folder, postgres, valkey


def answers(database_url: str) -> bool:
    """Whether the database takes connections now."""
    try:
        psycopg.connect(database_url, connect_timeout=3).close()
    except psycopg.OperationalError:
        return False
    return True


@contextmanager
def started(home: Path) -> Iterator[Mapping[str, str]]:
    """PostgreSQL and Valkey on a data folder that nobody else uses; yields the environment that names them.

    Raises StartError where memOS runs on it or the servers do not start.
    """
    with (
        folder.held(home, address="manage.py demo"),
        postgres.running(home / "postgres") as database,
        valkey.running(home / "valkey") as store,
    ):
        yield {
            "DATABASE_URL": database.url(postgres.APP),
            "DATABASE_OWNER_URL": database.url(postgres.OWNER),
            "REDIS_URL": store.url,
        }


def manage(*arguments: str, environ: Mapping[str, str], directory: Path) -> int:
    """Run a management command as a process of its own; its exit status."""
    return subprocess.run(
        [sys.executable, "manage.py", *arguments], cwd=directory, env={**os.environ, **environ}, check=False
    ).returncode
