"""Keeps the processes of memOS running: `python -m memos_project.local.supervisor PLAN`.

One thread, one loop: `attend` passes on output, notices who ended, and starts them again. The Python
processes are forked off it, so it must never connect to anything or start a thread itself.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, cast

from memos_project.local import connections, folder, forks, postgres, process, valkey, welcome
from memos_project.local.children import Child, Plan, Process, preload, prepare_program, python_processes
from memos_project.local.connections import Connections
from memos_project.local.log import Log
from memos_project.local.postgres import Postgres
from memos_project.local.process import Program, Server, StartError
from memos_project.local.valkey import Valkey

START_SECONDS = 120.0
HOPELESS = 3  # a process that ends more often than this while memOS starts will not come up
HURRIED_SECONDS = 1.0  # what the second Ctrl-C leaves each process of its time to end
STOP_ORDER = ["prepare", "web", "worker", "beat", "valkey", "postgres"]


class Stopped(Exception):
    """Ctrl-C or a signal came."""


class Supervisor:
    def __init__(self, plan: Plan, log: Log, alive: IO[str]) -> None:
        self.plan = plan
        self.home = Path(plan.home)
        self.log = log
        self.alive = alive  # open in every child: who holds it locked knows that none is left
        self.shared: set[int] = set()
        self.children: list[Child] = []
        self.selector = selectors.DefaultSelector()
        self.signals = 0
        self.stopping = False

    # -- the loop ---------------------------------------------------------------------------------------

    def attend(self, seconds: float = 0.2) -> None:
        """Wait at most that long for output; restart who is due; raise Stopped at the first signal."""
        for key, _ in self.selector.select(seconds):
            if isinstance(key.data, Child):
                self.pass_on(key.data, cast(IO[bytes], key.fileobj))
            else:
                os.read(key.fd, 4096)
        for child in self.children:
            self.look_after(child)
        if self.signals and not self.stopping:
            raise Stopped

    def pass_on(self, child: Child, pipe: IO[bytes]) -> bool:
        """Log what is in the pipe; whether there may be more."""
        try:
            piece = os.read(pipe.fileno(), 65536)
        except BlockingIOError:
            return False
        for line in child.lines.feed(piece):
            self.log.line(child.name, line)
        if not piece:
            self.selector.unregister(pipe)
            pipe.close()
        return bool(piece)

    def look_after(self, child: Child) -> None:
        if child.process is not None and child.process.poll() is not None and child.restart:
            status, delay = child.process.returncode, child.delay()
            end_session(child.process)  # web workers without their master still hold the port
            child.process, child.start_at = None, time.monotonic() + delay
            self.log.say(f"{child.name} ended ({describe(status)}); starting it again in {delay:g} s")
        if child.start_at is not None and time.monotonic() >= child.start_at:
            self.start(child)

    def start(self, child: Child) -> None:
        child.start_at, child.started = None, time.monotonic()
        if child.server is not None:
            child.server.clear_leftovers()
        child.process = launch(child.program, keep=[self.alive.fileno(), *self.shared])
        pipe = output_of(child.process)
        os.set_blocking(pipe.fileno(), False)
        self.selector.register(pipe, selectors.EVENT_READ, child)

    def wait_for(self, condition: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not condition():
            if time.monotonic() > deadline:
                raise StartError(f"{what} within {START_SECONDS:.0f} seconds; see {self.home / 'log'}.")
            for child in self.children:
                if child.early_ends > HOPELESS:
                    raise StartError(f"{child.name} keeps ending; the lines above say why.")
            self.attend(0.05)

    # -- the start --------------------------------------------------------------------------------------

    def run(self) -> None:
        self.listen_to_signals()
        try:
            self.start_servers()
            self.prepare()
            for child in python_processes(self.plan):
                self.add(child)
            self.wait_for(lambda: answers(self.plan), "The web server did not answer")
            self.log.show(welcome.text(self.home, self.plan.address, colour=sys.stdout.isatty()))
            while True:
                self.attend()
        except Stopped:
            self.log.say("stopping; once more Ctrl-C hurries")
        finally:
            self.stop()

    def listen_to_signals(self) -> None:
        reader, writer = os.pipe()
        os.set_blocking(reader, False)
        os.set_blocking(writer, False)
        self.selector.register(reader, selectors.EVENT_READ)
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:  # `nohup make run`
                signal.signal(number, self.note_signal)
        signal.signal(signal.SIGCHLD, lambda *_: None)  # wakes the loop up

    def note_signal(self, number: int, frame: object) -> None:
        self.signals += 1

    def add(self, child: Child) -> None:
        self.children.append(child)
        self.start(child)

    def start_servers(self) -> None:
        shutil.rmtree(self.home / "metrics", ignore_errors=True)
        (self.home / "metrics").mkdir()
        database = cache = None
        if self.plan.embed_postgres:
            self.log.say("starting PostgreSQL")
            database = postgres.prepare(self.home / "postgres")
            self.add_server("postgres", database)
        if self.plan.embed_valkey:
            self.log.say("starting Valkey")
            cache = valkey.prepare(self.home / "valkey")
            self.add_server("valkey", cache)
        if database:
            database.provision()
        connections.write(self.home, reachable(database, cache))

    def add_server(self, name: str, server: Server) -> None:
        child = Child(name, server.program(), server=server)
        self.add(child)
        self.wait_for(lambda: child.process is not None and server.is_ready(), f"{name} was not ready")

    def prepare(self) -> None:
        """Migrations, first tenant, key and user, and the embedding model, in a child that ends."""
        self.log.say("preparing the database")
        child = Child("prepare", prepare_program(), restart=False)
        self.add(child)
        running = child.process
        assert running is not None
        self.shared = preload()  # meanwhile, on another core
        self.wait_for(lambda: running.poll() is not None, "The database was not prepared")
        self.children.remove(child)
        self.drain(child, running)
        if running.returncode:
            raise StartError("the database could not be prepared; the lines above say why.")

    # -- the end ----------------------------------------------------------------------------------------

    def stop(self) -> None:
        """Who takes work first, the stores last."""
        self.stopping = True
        self.signals = min(self.signals, 1)
        for child in self.children:
            child.restart, child.start_at = False, None
        for child in sorted(self.children, key=lambda child: STOP_ORDER.index(child.name)):
            if child.process is not None:
                self.end(child, child.process)
        self.log.say("stopped")

    def end(self, child: Child, running: Process) -> None:
        """Ask the process to end, pass on its last words, and insist when its time is over."""
        running.send_signal(child.program.stop_signal)
        asked = time.monotonic()
        while running.poll() is None:
            patience = child.program.stop_seconds if self.signals < 2 else HURRIED_SECONDS
            if time.monotonic() - asked > patience:
                running.kill()
            self.attend(0.1)
        end_session(running)
        self.drain(child, running)

    def drain(self, child: Child, ended: Process) -> None:
        pipe = output_of(ended)
        while not pipe.closed and self.pass_on(child, pipe):
            pass


def launch(program: Program, *, keep: Sequence[int]) -> Process:
    if program.main is not None:
        return forks.fork(program.main, program.argv, keep=keep)
    return process.spawn(program, output=subprocess.PIPE, keep=keep)


def output_of(running: Process) -> IO[bytes]:
    assert running.stdout is not None
    return running.stdout


def end_session(leader: Process) -> None:
    """End what a process that is gone has left of its session."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader.pid, signal.SIGKILL)


def describe(status: int | None) -> str:
    assert status is not None
    return f"status {status}" if status >= 0 else signal.Signals(-status).name


def reachable(database: Postgres | None, cache: Valkey | None) -> Connections:
    return Connections(
        database_url=database.url(postgres.APP) if database else "",
        database_owner_url=database.url(postgres.OWNER) if database else "",
        redis_url=cache.url if cache else "",
    )


def answers(plan: Plan) -> bool:
    """Whether the web server answers at all; what it thinks of the stores is for /health to say."""
    host = plan.address.removeprefix("http://").rpartition(":")[0]
    try:
        with socket.create_connection((host, plan.port), timeout=5) as connection:
            connection.sendall(b"GET /health HTTP/1.0\r\nHost: localhost\r\n\r\n")
            return connection.recv(64).startswith(b"HTTP/")
    except OSError:
        return False


def check_port(plan: Plan) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((plan.host, plan.port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                reason = (
                    f"port {plan.port} is in use by another program: stop it, or choose one with MEMOS_PORT."
                )
            else:
                reason = f"it may not listen on {plan.host}:{plan.port}: {error.strerror}."
            raise StartError(reason) from None


def main(argument: str) -> None:
    plan = Plan(**json.loads(argument))
    try:
        with folder.held(Path(plan.home), address=plan.address) as alive:
            check_port(plan)
            Supervisor(plan, Log(Path(plan.home) / "log" / "memos.log"), alive).run()
    except StartError as error:
        sys.exit(f"memOS cannot start: {error}")


if __name__ == "__main__":
    main(sys.argv[1])
