"""Python processes forked off the supervisor, so that what they import is in memory once.

Django, Celery and what they bring along are 110 MB, of which a process then changes some 20.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO

from setproctitle import setproctitle

from memos_project.local.launch import die_with


class Forked:
    """What of subprocess.Popen the supervisor needs, for a process made by `fork`."""

    def __init__(self, pid: int, stdout: IO[bytes]) -> None:
        self.pid = pid
        self.stdout = stdout
        self.returncode: int | None = None

    def poll(self) -> int | None:
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def fork(main: Callable[[], object], argv: Sequence[str], *, keep: Sequence[int]) -> Forked:
    """Run `main` under that command line in a process of its own, with no descriptors open but `keep`."""
    parent = os.getpid()
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        os._exit(child(main, argv, parent=parent, output=writer, keep=keep))
    os.close(writer)
    return Forked(pid, os.fdopen(reader, "rb", buffering=0))


def child(
    main: Callable[[], object],
    argv: Sequence[str],
    *,
    parent: int,
    output: int,
    keep: Sequence[int],
) -> int:
    """Leave everything of the supervisor's behind, run, and return the exit status."""
    try:
        die_with(parent, signal.SIGKILL)
        os.setsid()
        reset_signals()
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(output, 1)
        os.dup2(output, 2)
        close_all_but(keep)
        setproctitle(" ".join(argv))
        sys.argv = list(argv)
        main()
    except SystemExit as end:
        return exit_status(end)
    except BaseException:
        traceback.print_exc()
        return 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    return 0


def reset_signals() -> None:
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD):
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)


def close_all_but(keep: Sequence[int]) -> None:
    """Above all the lock of the data folder, which would outlive the supervisor in its children."""
    low = 3
    for descriptor in sorted(keep):
        os.closerange(low, descriptor)
        low = descriptor + 1
    os.closerange(low, os.sysconf("SC_OPEN_MAX"))


def open_descriptors() -> set[tuple[int, int, int]]:
    """Descriptors with the identity of their file, as a number may be closed and given out again."""
    found = set()
    for descriptor in [int(path.name) for path in Path("/dev/fd").iterdir()]:
        with contextlib.suppress(OSError):  # the one that the listing itself used
            file = os.fstat(descriptor)
            found.add((descriptor, file.st_dev, file.st_ino))
    return found


def exit_status(end: SystemExit) -> int:
    if isinstance(end.code, str):
        print(end.code, file=sys.stderr)
    return end.code if isinstance(end.code, int) else int(end.code is not None)
