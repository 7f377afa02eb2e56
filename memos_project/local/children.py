"""The processes that make up memOS, and how each is started."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, field

from memos_project.local.log import Lines
from memos_project.local.process import Program, Server

FIRST_DELAY = 0.5  # seconds before a process that ended is started again; doubled each time it ends early
LONGEST_DELAY = 30.0
STEADY_AFTER = 60.0  # seconds after which its earlier ends are forgotten


@dataclass(frozen=True)
class Plan:
    """What `manage.py up` found in the environment."""

    home: str
    host: str
    port: int
    embed_postgres: bool
    embed_valkey: bool

    @property
    def address(self) -> str:
        return f"http://{'127.0.0.1' if self.host == '0.0.0.0' else self.host}:{self.port}"  # noqa: S104

    def to_json(self) -> str:
        return json.dumps(asdict(self))


@dataclass
class Child:
    name: str
    program: Program
    server: Server | None = None
    process: subprocess.Popen[bytes] | None = None
    started: float = 0
    early_ends: int = 0
    restart: bool = True
    start_at: float | None = None
    lines: Lines = field(default_factory=Lines)

    def delay(self) -> float:
        """How long to wait before the next start, which grows while it keeps ending early."""
        if time.monotonic() - self.started > STEADY_AFTER:
            self.early_ends = 0
        self.early_ends += 1
        return float(min(LONGEST_DELAY, FIRST_DELAY * 2 ** (self.early_ends - 1)))


def python_program(*arguments: str, stop_seconds: float = 10) -> Program:
    # Two arenas instead of eight per core, and no idle threads of numpy: a third less memory with threads.
    frugal = {"MALLOC_ARENA_MAX": "2", "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    environ = {name: os.environ.get(name, value) for name, value in frugal.items()}
    return Program(
        argv=[sys.executable, *arguments],
        environ={**environ, "PYTHONUNBUFFERED": "1"},
        stop_seconds=stop_seconds,
    )


def python_processes(plan: Plan) -> list[Child]:
    web = ["--config", "python:memos_project.local.web", "--bind", f"{plan.host}:{plan.port}", "--workers", "2"]
    worker = ["--pool", "threads", "--concurrency", "2", "--without-gossip", "--without-mingle"]
    # As root it would warn of pickled tasks at each start; ours are JSON.
    celery = ["-W", "ignore:You're running the worker", "-m", "celery", "--quiet", "--app", "memos_project"]
    return [
        Child("web", python_program("-m", "gunicorn", *web)),
        Child("worker", python_program(*celery, "worker", *worker, stop_seconds=20)),
        Child("beat", python_program(*celery, "beat", "--pidfile=")),
    ]
