"""The Bolt server that tests take for Neo4j: ArcadeDB from its wheel, a process of its own on loopback.

It is no proof about a Neo4j server. Run it by hand with `python tests/graph_server.py --dir DIR`.
"""

import argparse
import fcntl
import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

PASSWORD = "testpassword"  # it wants at least eight characters
STARTED = b"ArcadeDB Server started in"


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


class GraphServer:
    """A server on ports of its own; killed and started again it has the same ports and what was committed."""

    def __init__(self, directory: Path, *, heap: str = "256m", bolt: int = 0) -> None:
        self.directory, self._heap = directory, heap
        self._bolt, self._http = bolt or free_port(), free_port()
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"bolt://root:{PASSWORD}@127.0.0.1:{self._bolt}/neo4j"

    def start(self) -> None:
        """Returns once it answers: after two to five seconds."""
        self.directory.mkdir(parents=True, exist_ok=True)
        log = self.directory / "server.log"
        with log.open("wb") as out:
            self.process = subprocess.Popen(self._command(), cwd=self.directory, stdout=out, stderr=out)
        end = time.monotonic() + 60
        while STARTED not in log.read_bytes():
            if self.process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"ArcadeDB did not start:\n{log.read_text()[-2000:]}")
            time.sleep(0.05)

    def kill(self) -> None:
        """As a crash does."""
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None

    def stop(self) -> None:
        self.kill()
        shutil.rmtree(self.directory, ignore_errors=True)

    def _command(self) -> list[str]:
        found = importlib.util.find_spec("arcadedb")
        assert found
        assert found.origin
        package = Path(found.origin).parent
        settings = {
            "server.rootPath": self.directory,
            "server.rootPassword": PASSWORD,
            "server.mode": "development",  # "production" hides what went wrong
            "server.defaultDatabases": "neo4j[root]",
            "server.httpIncomingHost": "127.0.0.1",
            "server.httpIncomingPort": self._http,
            "server.plugins": "Bolt:com.arcadedb.bolt.BoltProtocolPlugin",
            "bolt.host": "127.0.0.1",
            "bolt.port": self._bolt,
        }
        return [
            str(package / "jre/bin/java"),
            "-Xms64m",
            f"-Xmx{self._heap}",
            "-XX:+UseSerialGC",
            "-Djava.awt.headless=true",
            "--enable-native-access=ALL-UNNAMED",
            "-cp",
            f"{package}/jars/*",
            *(f"-Darcadedb.{name}={value}" for name, value in settings.items()),
            "com.arcadedb.server.ArcadeDBServer",
        ]


_keepers: list[subprocess.Popen[bytes]] = []


def shared_url() -> str:
    """The one server of a test run, which all its processes share: each has tenants of its own."""
    runner = os.getppid() if "PYTEST_XDIST_WORKER" in os.environ else os.getpid()
    folder = Path(tempfile.gettempdir()) / f"memos-graph-{runner}"
    folder.mkdir(mode=0o700, exist_ok=True)
    address = folder / "url"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not address.exists():
            command = [sys.executable, __file__, "--dir", str(folder), "--runner", str(runner)]
            _keepers.append(subprocess.Popen(command, start_new_session=True, stdout=subprocess.DEVNULL))
        end = time.monotonic() + 90
        while not address.exists():
            if time.monotonic() > end:
                raise RuntimeError(f"no Bolt server; see {folder}")
            time.sleep(0.05)
    return address.read_text()


def main() -> None:
    """Run a server until its runner ends, or until it is interrupted."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--dir", type=Path, required=True)
    arguments.add_argument("--port", type=int, default=0)
    arguments.add_argument("--heap", default="256m")
    arguments.add_argument("--runner", type=int, default=os.getppid())
    given = arguments.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    server = GraphServer(given.dir / "server", heap=given.heap, bolt=given.port)
    try:
        server.start()
        new = given.dir / "url.new"
        new.write_text(server.url)
        new.rename(given.dir / "url")
        print(server.url, flush=True)
        while psutil.pid_exists(given.runner):
            time.sleep(0.5)
    except KeyboardInterrupt:
        pass
    finally:
        server.kill()
        shutil.rmtree(given.dir, ignore_errors=True)


if __name__ == "__main__":
    main()
