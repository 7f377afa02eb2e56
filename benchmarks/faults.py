"""Writes while parts of memOS are killed, then asks whether anything that was acknowledged is missing.

    python benchmarks/faults.py --writes 2000

Starts a memOS of its own (``manage.py up``) in a temporary folder, kills web, worker, Valkey and PostgreSQL
with SIGKILL in turn while several clients write and repeat what was not answered, and then checks, within a
minute of the last restart, that every acknowledged message is there, indexed, found and honest in its receipt.

With ``--graph`` (needs the development requirements) an ArcadeDB is the graph server, and the worker and then the
graph server are killed instead; the latter is started again after ten seconds. At the end ``check_projections`` must find
that it holds what PostgreSQL says.
"""

import argparse
import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from tests.graph_server import GraphServer

KEY = "mos_faults_0123456789"
# What a part's process is called.
PARTS = {
    "web": "gunicorn",
    "worker": "memos_project worker",
    "valkey": "valkey-server",
    "postgres": "postgres",
}
PLACES = ("Berlin", "Paris", "Rome", "Madrid", "London", "Vienna", "Prague")


class Stack:
    """A memOS started for this run."""

    def __init__(self, home: Path, **more: str) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        environment = {name: value for name, value in os.environ.items() if not name.endswith("_URL")}
        environment |= {"MEMOS_HOME": str(home), "MEMOS_PORT": str(self.port), "MEMOS_BOOTSTRAP_API_KEY": KEY}
        self.environment = environment = {**environment, **more}
        self.log = (home.parent / "up.log").open("wb")
        self.process = subprocess.Popen(
            [sys.executable, "manage.py", "up"], cwd=ROOT, env=environment, stdout=self.log, stderr=self.log
        )
        self.wait_for_health(120)

    def call(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            headers = {"x-api-key": KEY, "Content-Type": "application/json"}
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read() or b"null")
        finally:
            connection.close()

    def wait_for_health(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                if self.call("GET", "/health")[1].get("status") == "ok":
                    return
            except (OSError, ValueError, http.client.HTTPException):
                pass
            time.sleep(0.2)
        raise SystemExit(f"memOS is not healthy after {seconds:.0f} s; its log is {self.log.name}")

    def kill(self, part: str) -> None:
        """SIGKILL the oldest process of a part: the one that the others hang on."""
        children = psutil.Process(self.process.pid).children(recursive=True)
        named = [each for each in children if PARTS[part] in " ".join(each.cmdline())]
        if not named:
            raise SystemExit(f"there is no process of {part}")
        min(named, key=lambda each: each.create_time()).kill()

    def manage(self, *command: str) -> subprocess.CompletedProcess[str]:
        whole = [sys.executable, "manage.py", *command]
        return subprocess.run(whole, cwd=ROOT, env=self.environment, capture_output=True, text=True)

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)


class Writers:
    """Clients that send numbered messages and repeat each until it is acknowledged."""

    def __init__(self, stack: Stack, writes: int, clients: int) -> None:
        self.stack, self.acknowledged, self.repeated = stack, {}, 0
        self._numbers, self._lock = iter(range(writes)), threading.Lock()
        self._threads = [threading.Thread(target=self._work, daemon=True) for _ in range(clients)]

    def run(self) -> None:
        for each in self._threads:
            each.start()

    def join(self) -> None:
        for each in self._threads:
            each.join()

    def _work(self) -> None:
        while (number := self._next()) is not None:
            # Names that come again, so that there is something to merge into, and statements that end each other.
            who, where = f"Person{number % 97} Alder", PLACES[number % len(PLACES)]
            message = {"content": f"Fault message {number} says word{number}. {who} lives in {where}.", "external_id": str(number), "user_id": "faults",
                       "conversation_id": f"c{number % 20}"}  # fmt: skip
            while True:
                try:
                    status, body = self.stack.call("POST", "/v1/messages", message)
                except (OSError, ValueError, http.client.HTTPException):
                    status, body = 0, None
                if status in (200, 201):
                    with self._lock:
                        self.acknowledged[number] = body["id"]
                    break
                with self._lock:
                    self.repeated += 1
                time.sleep(0.1)

    def _next(self) -> int | None:
        with self._lock:
            return next(self._numbers, None)


def check(stack: Stack, acknowledged: dict[int, str]) -> list[str]:
    """What is wrong, in sentences."""
    end = time.monotonic() + 60
    while (backlog := stack.call("GET", "/v1/admin/health")[1]["backlog"]) and time.monotonic() < end:
        time.sleep(0.5)
    wrong = [f"the backlog is not empty after a minute: {backlog}"] if backlog else []
    for number, memory_id in acknowledged.items():
        status, receipt = stack.call("GET", f"/v1/memories/{memory_id}/receipt")
        if status != 200 or receipt["state"] != "projected":
            wrong.append(f"message {number}: receipt {status} {receipt}")
    for number in list(acknowledged)[:: max(1, len(acknowledged) // 50)]:
        body = {"query": f"word{number}", "user_id": "faults", "mode": "text", "top_k": 1}
        hits = stack.call("POST", "/v1/memories/search", body)[1]["results"]
        if [hit["id"] for hit in hits] != [acknowledged[number]]:
            wrong.append(f"message {number} is not found by its own word")
    return wrong


def check_graph(stack: Stack) -> list[str]:
    """The graph is read and projected after indexing; then both must say the same."""
    end = time.monotonic() + 180
    while time.monotonic() < end:
        checked = stack.manage("check_projections")
        unread = stack.manage("shell", "--verbosity=0", "--command", UNREAD).stdout.strip()
        waiting = stack.call("GET", "/v1/admin/health")[1]["graph_backlog"]
        if unread == "0" and not waiting and checked.returncode == 0:
            break
        time.sleep(1)
    print(stack.manage("shell", "--verbosity=0", "--command", HELD).stdout.strip())
    print(checked.stdout.strip())
    wrong = [f"check_projections: {checked.stdout} {checked.stderr}"] if checked.returncode else []
    return wrong + ([f"left over: {unread} unread, {waiting}"] if unread != "0" or waiting else [])


TENANT = "from memos_project.tenancy.models import Tenant; from memos_project.db import tenant_scope; t = Tenant.objects.get()\n"
UNREAD = f"""{TENANT}
from memories.models import ReadJob
with tenant_scope(t.pk): print(ReadJob.objects.count())
"""
HELD = f"""{TENANT}
from graph.stores import graph_store; from graph.models import Entity, Relation, Reading
with tenant_scope(t.pk): print("rows:", Entity.objects.count(), "entities,", Reading.objects.count(), "memories,", Relation.objects.count(), "relations")
one = lambda q: graph_store()._read(q, t=str(t.pk))[0][0]
print("held:", one("MATCH (n:Entity {{tenant: $t}}) RETURN count(n)"), "entities,", one("MATCH (n:Memory {{tenant: $t}}) RETURN count(n)"), "memories,",
      one("MATCH (:Entity {{tenant: $t}})-[r:RELATES]->() RETURN count(r)"), "relations that hold,", one("MATCH (:Memory {{tenant: $t}})-[r:MENTIONS]->() RETURN count(r)"), "mentions")
"""


def main() -> None:
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument("--writes", type=int, default=2000)
    arguments.add_argument("--clients", type=int, default=4)
    arguments.add_argument("--graph", action="store_true")
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder, contextlib.ExitStack() as ends:
        home = Path(folder) / "home"
        server = GraphServer(Path(folder) / "graph") if given.graph else None
        if server:
            server.start()
            ends.callback(server.stop)
        stack = Stack(home, **({"NEO4J_URL": server.url} if server else {}))
        ends.callback(stack.stop)
        writers = Writers(stack, given.writes, given.clients)
        writers.run()
        parts = ["worker", "graph"] if server else [*PARTS]
        for share, part in enumerate(parts, start=1):
            while len(writers.acknowledged) < given.writes * share / (len(parts) + 1):
                time.sleep(0.02)
            server.kill() if server and part == "graph" else stack.kill(part)
            print(f"killed {part} after {len(writers.acknowledged)} writes", flush=True)
        if server:
            time.sleep(10)
            print(f"graph server back after {len(writers.acknowledged)} writes", flush=True)
            server.start()
        writers.join()
        stack.wait_for_health(60)
        wrong = check(stack, writers.acknowledged) + (check_graph(stack) if server else [])
    print(f"{len(writers.acknowledged)} acknowledged, {writers.repeated} repeated, {len(wrong)} wrong")
    for each in wrong[:20]:
        print(" ", each)
    raise SystemExit(bool(wrong))


if __name__ == "__main__":
    main()
