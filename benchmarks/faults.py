"""Writes while parts of memOS are killed, then asks whether anything that was acknowledged is missing.

    python benchmarks/faults.py --writes 2000

Starts a memOS of its own (``manage.py up``) in a temporary folder, kills web, worker, Valkey and PostgreSQL
with SIGKILL in turn while several clients write and repeat what was not answered, and then checks, within a
minute of the last restart, that every acknowledged message is there, indexed, found and honest in its receipt.
"""

import argparse
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
KEY = "mos_faults_0123456789"
# What a part's process is called.
PARTS = {
    "web": "gunicorn",
    "worker": "memos_project worker",
    "valkey": "valkey-server",
    "postgres": "postgres",
}


class Stack:
    """A memOS started for this run."""

    def __init__(self, home: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        environment = {name: value for name, value in os.environ.items() if not name.endswith("_URL")}
        environment |= {"MEMOS_HOME": str(home), "MEMOS_PORT": str(self.port), "MEMOS_BOOTSTRAP_API_KEY": KEY}
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
            message = {"content": f"Fault message {number} says word{number}.", "external_id": str(number), "user_id": "faults",
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


def main() -> None:
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument("--writes", type=int, default=2000)
    arguments.add_argument("--clients", type=int, default=4)
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        stack = Stack(Path(folder) / "home")
        try:
            writers = Writers(stack, given.writes, given.clients)
            writers.run()
            for share, part in enumerate(PARTS, start=1):
                while len(writers.acknowledged) < given.writes * share / (len(PARTS) + 1):
                    time.sleep(0.02)
                stack.kill(part)
                print(f"killed {part} after {len(writers.acknowledged)} writes", flush=True)
            writers.join()
            stack.wait_for_health(60)
            wrong = check(stack, writers.acknowledged)
        finally:
            stack.stop()
    print(f"{len(writers.acknowledged)} acknowledged, {writers.repeated} repeated, {len(wrong)} wrong")
    for each in wrong[:20]:
        print(" ", each)
    raise SystemExit(bool(wrong))


if __name__ == "__main__":
    main()
