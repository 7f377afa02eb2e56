"""Who has the data folder: one `manage.py up` at a time, and none of what a killed one left behind."""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from memos_project.local.process import StartError, processes_with_open

LEFTOVER_SECONDS = 15.0


@contextlib.contextmanager
def held(home: Path, *, address: str) -> Iterator[IO[str]]:
    """Hold the data folder, and yield a file that every child must keep open.

    It is locked as long as one of them runs, whatever became of the process that started them.
    """
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    home.chmod(0o700)
    with (home / "lock").open("a+") as mine, (home / "children.lock").open("a+") as theirs:
        if not try_lock(mine):
            mine.seek(0)
            raise StartError(f"it runs already on {home} ({mine.read().strip()}): stop that one first.")
        mine.truncate(0)
        mine.write(f"process {os.getpid()}, {address}")
        mine.flush()
        end_leftovers(home / "children.lock", theirs)
        yield theirs


def address(home: Path) -> str | None:
    """Where the memOS that has the data folder, or had it last, is reached; None where there was none."""
    try:
        return (home / "lock").read_text().rpartition(", ")[2] or None
    except OSError:
        return None


def try_lock(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def end_leftovers(path: Path, file: IO[str]) -> None:
    """Wait until the children of a supervisor that was killed have ended, and then no longer."""
    deadline = time.monotonic() + LEFTOVER_SECONDS
    while not try_lock(file):
        if time.monotonic() > deadline:
            for pid in processes_with_open(path):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        time.sleep(0.1)
