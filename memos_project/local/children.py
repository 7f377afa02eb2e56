"""The processes that make up memOS, and how each is started."""

from __future__ import annotations

import gc
import importlib
import json
import os
import subprocess
import sys
import time
import warnings
from dataclasses import asdict, dataclass, field
from pathlib import Path

from memos_project.local.forks import Forked, open_descriptors
from memos_project.local.log import Lines
from memos_project.local.process import Program, Server

type Process = subprocess.Popen[bytes] | Forked

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
        return f"http://{'127.0.0.1' if self.host == '0.0.0.0' else self.host}:{self.port}"

    def to_json(self) -> str:
        return json.dumps(asdict(self))


@dataclass
class Child:
    name: str
    program: Program
    server: Server | None = None
    process: Process | None = None
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


def environment(home: Path) -> dict[str, str]:
    """What every process needs to find in its environment before it begins; the user's own values win."""
    metrics = home / "metrics"
    values = {
        "DJANGO_SETTINGS_MODULE": "memos_project.settings",
        "PYTHONUNBUFFERED": "1",
        # Two arenas instead of eight per core, and no idle threads of numpy's: threads then cost little.
        "MALLOC_ARENA_MAX": "2",
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
        # Where the processes put their numbers together: /metrics then speaks for all of them.
        "PROMETHEUS_MULTIPROC_DIR": str(metrics),
    }
    return {**values, **os.environ}


def preload() -> set[int]:
    """Import what the Python processes need, for all of them, and return the descriptors this opened.

    None of it may start threads or connect. What it opens (Prometheus keeps its numbers in mapped files) must
    stay open in the children: they close it themselves, when the number could be another file's.
    """
    before = open_descriptors()
    for name in SHARED:
        importlib.import_module(name)
    importlib.import_module("memos_project.celery").app.loader.import_default_modules()
    gc.collect()
    gc.freeze()  # the collector would write into every object, and with that copy it
    return {descriptor for descriptor, *_ in open_descriptors() - before}


SHARED = (
    "memos_project.wsgi",
    "memos_project.urls",
    "gunicorn.workers.gthread",
    "celery.bin.celery",
    "celery.apps.worker",
    "celery.apps.beat",
    "celery.concurrency.thread",
    "django_celery_beat.schedulers",
    "tokenizers",
)


def run_gunicorn() -> None:
    importlib.import_module("gunicorn.app.wsgiapp").run()


def run_celery() -> None:
    # As root it would warn of pickled tasks at each start; ours are JSON.
    warnings.filterwarnings("ignore", message="You're running the worker with superuser privileges")
    importlib.import_module("celery.bin.celery").main()


def prepare_program() -> Program:
    return Program(argv=[sys.executable, "manage.py", "prepare"])


def python_processes(plan: Plan) -> list[Child]:
    web = ["gunicorn", "--config", "python:memos_project.local.web", "--workers", "2"]
    web += ["--bind", f"{plan.host}:{plan.port}"]
    celery = ["celery", "--quiet", "--app", "memos_project"]
    worker = [
        *celery,
        "worker",
        "--pool",
        "threads",
        "--concurrency",
        "2",
        "--without-gossip",
        "--without-mingle",
    ]
    beat = [*celery, "beat", "--pidfile="]
    return [
        Child("web", Program(web, main=run_gunicorn)),
        Child("worker", Program(worker, main=run_celery, stop_seconds=20)),
        Child("beat", Program(beat, main=run_celery)),
    ]
