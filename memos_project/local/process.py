"""Starting and stopping child processes: one way for the supervisor, the embedded servers and the tests."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Protocol

SYSTEM_USER = "memos"
LAUNCHER = Path(__file__).with_name("launch.py")


class StartError(RuntimeError):
    """Why memOS cannot start, in a sentence for whoever typed the command."""


@dataclass(frozen=True)
class Account:
    uid: int = -1
    gid: int = -1

    def own(self, *paths: Path) -> None:
        """Give the files to this account, unless it is the one that runs now."""
        if self.uid >= 0:
            for path in paths:
                os.chown(path, self.uid, self.gid)


CURRENT_USER = Account()


@dataclass(frozen=True)
class Program:
    """A command line, and how its process is asked to end."""

    argv: Sequence[str]
    main: Callable[[], object] | None = None  # a Python program that is forked off instead
    account: Account = CURRENT_USER
    environ: Mapping[str, str] = field(default_factory=dict)
    stop_signal: signal.Signals = signal.SIGTERM
    stop_seconds: float = 10
    death_signal: signal.Signals = signal.SIGKILL  # what the kernel sends when the parent died without a word


class Server(Protocol):
    """What the embedded servers have in common."""

    def program(self) -> Program: ...
    def is_ready(self) -> bool: ...
    def clear_leftovers(self) -> None:
        """Stop what an earlier run that was killed left running on the same data."""


def unprivileged_account(directory: Path) -> Account:
    """Who shall run a server that refuses to be root: the directory's owner, or a system user made for it."""
    if os.geteuid() != 0:
        return CURRENT_USER
    owner = directory.stat()
    if owner.st_uid != 0:
        return Account(owner.st_uid, owner.st_gid)
    entry = system_user()
    return Account(entry.pw_uid, entry.pw_gid)


def system_user() -> pwd.struct_passwd:
    with contextlib.suppress(KeyError):
        return pwd.getpwnam(SYSTEM_USER)
    for command in (
        ["useradd", "--system", "--no-create-home", "--home-dir", "/nonexistent", SYSTEM_USER],
        ["adduser", "-S", "-D", "-H", SYSTEM_USER],
    ):
        if shutil.which(command[0]):
            subprocess.run(command, check=False, capture_output=True)
            with contextlib.suppress(KeyError):
                return pwd.getpwnam(SYSTEM_USER)
    raise StartError(
        f"PostgreSQL does not run as root and the system user {SYSTEM_USER!r} could not be made:"
        " run memOS as an ordinary user, or set DATABASE_URL."
    )


def spawn(
    program: Program, *, output: int | IO[bytes] | None = None, keep: Sequence[int] = ()
) -> subprocess.Popen[bytes]:
    """Start a program in a session of its own, so that Ctrl-C reaches it only through its parent.

    Call it from the main thread: on Linux a child ends with the thread that started it. `keep` are
    descriptors that stay open in it.
    """
    return subprocess.Popen(
        launch_line(program),
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT if output is not None else None,
        env={**os.environ, **program.environ},
        pass_fds=keep,
        start_new_session=True,
    )


def run(program: Program) -> str:
    """Run a program to its end and return what it printed; if it fails, a StartError says what it said."""
    done = subprocess.run(
        launch_line(program),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        env={**os.environ, **program.environ},
        start_new_session=True,  # Ctrl-C is for the parent, which notices it right afterwards
        check=False,
    )
    if done.returncode:
        said = (done.stderr or done.stdout).strip()
        raise StartError(f"{Path(program.argv[0]).name} failed with status {done.returncode}: {said}")
    return done.stdout


def launch_line(program: Program) -> list[str]:
    account = program.account
    parent_and_user = [os.getpid(), int(program.death_signal), account.uid, account.gid]
    return [sys.executable, "-I", "-S", str(LAUNCHER), *map(str, parent_and_user), *program.argv]


def stop(process: subprocess.Popen[bytes], program: Program, *, hurry: bool = False) -> None:
    """Ask the process to end, insist when its time is over, and take what is left of its session along."""
    with contextlib.suppress(ProcessLookupError):
        if process.poll() is None:
            process.send_signal(signal.SIGKILL if hurry else program.stop_signal)
    try:
        process.wait(program.stop_seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


@contextlib.contextmanager
def running(server: Server, *, log: Path, seconds: float = 60) -> Iterator[None]:
    """Keep a server running for the length of a block, without a supervisor."""
    server.clear_leftovers()
    with log.open("ab") as output:
        process = spawn(server.program(), output=output)
    try:
        wait_until_ready(server, process, log=log, seconds=seconds)
        yield
    finally:
        stop(process, server.program())


def wait_until_ready(server: Server, process: subprocess.Popen[bytes], *, log: Path, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not server.is_ready():
        name = Path(server.program().argv[0]).name
        if process.poll() is not None:
            raise StartError(f"{name} ended with status {process.returncode}; its log is {log}.")
        if time.monotonic() > deadline:
            raise StartError(f"{name} was not ready within {seconds:.0f} seconds; its log is {log}.")
        time.sleep(0.02)


def end_processes_in(directory: Path, name: str, asking: signal.Signals, *, seconds: float) -> None:
    """End every process of that name whose working directory it is: first asking, at last by force."""
    import psutil  # 8 MB that are needed only after a crash

    deadline = time.monotonic() + seconds
    while True:
        found = [
            candidate
            for candidate in psutil.process_iter(["name", "cwd"])
            if candidate.info["name"] == name and candidate.info["cwd"] == str(directory)
        ]
        if not found:
            return
        for candidate in found:
            with contextlib.suppress(psutil.NoSuchProcess):
                candidate.send_signal(asking if time.monotonic() < deadline else signal.SIGKILL)
        psutil.wait_procs(found, timeout=1)


def processes_with_open(path: Path) -> list[int]:
    """The other processes that have the file open."""
    import psutil  # see above

    found = []
    for candidate in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if candidate.pid != os.getpid() and any(
                file.path == str(path) for file in candidate.open_files()
            ):
                found.append(candidate.pid)
    return found
