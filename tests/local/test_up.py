"""`manage.py up`, really started, in a data folder with a space in its path."""

import contextlib
import http.client
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import psycopg
import pytest
import redis

from memos_project.local import connections, credentials

ROOT = Path(__file__).parents[2]
PROGRAMS = {
    "web": "gunicorn: master",
    "worker": "[celeryd",
    "beat": "[celery beat]",
    "valkey": "valkey-server",
    "postgres": "bin/postgres",
}
STORES = ("DATABASE_URL", "DATABASE_OWNER_URL", "REDIS_URL", "QDRANT_URL", "SECRET_KEY")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def command(home, port, **environ):
    """What starts `manage.py up`, free of the servers that the tests themselves use."""
    inherited = {name: value for name, value in os.environ.items() if name not in STORES}
    return {
        "args": [sys.executable, "manage.py", "up"],
        "cwd": ROOT,
        "env": {**inherited, "MEMOS_HOME": str(home), "MEMOS_PORT": str(port), **environ},
        "stdout": subprocess.PIPE,
        "stderr": subprocess.STDOUT,
        "text": True,
    }


@dataclass
class Stack:
    home: Path
    port: int = field(default_factory=free_port)

    def start(self, **environ):
        self.output = self.home.with_suffix(".out")
        with self.output.open("w") as output:
            self.process = subprocess.Popen(**{**command(self.home, self.port, **environ), "stdout": output})
        eventually(
            lambda: "memOS is running" in self.output.read_text() or self.process.poll() is not None, 90
        )
        assert self.process.poll() is None, self.output.read_text()
        return self

    def stop(self, *signals):
        for number in signals or (signal.SIGTERM,):
            self.process.send_signal(number)
            time.sleep(0.2)
        return self.process.wait(60)

    def child(self, name):
        """The process of that name, if it runs."""
        for child in psutil.Process(self.process.pid).children():
            with contextlib.suppress(psutil.Error):
                if PROGRAMS[name] in " ".join(child.cmdline()):
                    return child
        return None

    def works(self):
        """Whether every part answers."""
        found = connections.read(self.home)
        with contextlib.suppress(OSError, psycopg.Error, redis.RedisError, http.client.HTTPException):
            with psycopg.connect(found.database_url, connect_timeout=2) as database:
                database.execute("SELECT 1")
            with redis.from_url(found.redis_url) as cache:
                cache.ping()
            return self.get("/health") == 200 and all(self.child(name) for name in PROGRAMS)
        return False

    def get(self, path):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        with contextlib.closing(connection):
            connection.request("GET", path)
            return connection.getresponse().status

    def log(self):
        return (self.home / "log" / "memos.log").read_text()


def eventually(condition, seconds=45):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "not within the time"
        time.sleep(0.1)


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    stack = Stack(tmp_path_factory.mktemp("up") / "data folder")
    stack.start(MEMOS_BOOTSTRAP_API_KEY="memos_chosen-by-the-operator", MEMOS_ADMIN_PASSWORD="it's chosen")
    eventually(stack.works)
    yield stack
    stack.stop()


class TestRunning:
    def test_it_ends_by_printing_where_everything_is(self, stack):
        printed = stack.output.read_text()
        assert f"http://127.0.0.1:{stack.port}/docs" in printed
        assert f"http://127.0.0.1:{stack.port}/admin/" in printed
        assert "it's chosen" in printed
        assert "curl -s" in printed

    def test_secrets_are_for_their_owner_only(self, stack):
        for name in ("credentials", "connections.json", "secret_key", "log/memos.log"):
            assert stat.S_IMODE((stack.home / name).stat().st_mode) == 0o600
        assert stat.S_IMODE(stack.home.stat().st_mode) == 0o700

    def test_key_and_password_are_kept_but_not_in_the_log(self, stack):
        kept = credentials.read(credentials.path(stack.home))
        assert kept == credentials.Credentials("memos_chosen-by-the-operator", "it's chosen")
        assert kept.api_key not in stack.log()
        assert kept.admin_password not in stack.log()

    def test_the_credentials_can_be_read_by_a_shell(self, stack):
        script = '. "$1"; printf "%s|%s" "$MEMOS_API_KEY" "$MEMOS_ADMIN_PASSWORD"'
        printed = subprocess.run(
            ["sh", "-c", script, "sh", str(stack.home / "credentials")],
            capture_output=True,
            text=True,
            check=True,
        )
        assert printed.stdout == "memos_chosen-by-the-operator|it's chosen"

    @pytest.mark.parametrize("page", ["/docs", "/admin/login/", "/health", "/metrics"])
    def test_the_promised_pages_answer(self, stack, page):
        assert stack.get(page) == 200

    def test_an_address_may_be_as_long_as_the_api_says(self, stack):
        longest = "/health?".ljust(8190 - len("GET  HTTP/1.1"), "x")
        assert stack.get(longest) == 200
        assert stack.get(f"{longest}x") == 414

    def test_a_path_that_is_not_utf_8_is_refused(self, stack):
        assert stack.get("/v1/working/tenant/%FD") == 400
        assert stack.get("/v1/working/tenant/%25FD") == 401

    def test_other_commands_work_beside_it(self, stack):
        options = command(stack.home, stack.port)
        options["args"] = [sys.executable, "manage.py", "migrate", "--check", "--database", "owner"]
        done = subprocess.run(**options, check=False)
        assert done.returncode == 0, done.stdout

    @pytest.mark.parametrize("name", PROGRAMS)
    def test_what_is_killed_is_started_again(self, stack, name):
        eventually(lambda: stack.child(name) is not None)
        killed = stack.child(name)
        killed.kill()
        eventually(
            lambda: (again := stack.child(name)) is not None and again.pid != killed.pid and stack.works()
        )
        assert f"{name} ended (SIGKILL)" in stack.log()

    def test_a_second_one_on_the_same_data_says_so(self, stack):
        second = subprocess.run(**command(stack.home, free_port()), timeout=60, check=False)
        assert second.returncode == 1
        assert second.stdout.startswith("memOS cannot start: it runs already on")
        assert len(second.stdout.strip().splitlines()) == 1
        eventually(stack.works)

    def test_a_port_in_use_is_said_before_anything_starts(self, stack, tmp_path):
        other = subprocess.run(**command(tmp_path / "other", stack.port), timeout=60, check=False)
        assert other.returncode == 1
        assert f"port {stack.port} is in use" in other.stdout
        assert not (tmp_path / "other" / "postgres").exists()


def test_after_a_kill_the_next_start_needs_no_hand(tmp_path):
    stack = Stack(tmp_path / "data folder").start()
    first = credentials.read(credentials.path(stack.home))
    processes = psutil.Process(stack.process.pid).children(recursive=True)
    stack.process.kill()
    stack.process.wait()
    stack.start()
    assert credentials.read(credentials.path(stack.home)) == first
    assert not [process for process in processes if runs(process)]
    eventually(stack.works)
    children = psutil.Process(stack.process.pid).children(recursive=True)
    assert stack.stop(signal.SIGINT) == 0
    assert not [process for process in children if runs(process)]
    assert ends_in_order(stack.log().rpartition("stopping")[2])


def runs(process):
    """Whether a process still runs; one that ended and whose parent has not asked for its status does not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def ends_in_order(log):
    """The stores go after those who use them, and the database last."""
    last = {name: log.rfind(f"{name} │") for name in ("web", "valkey", "postgres")}
    return last["web"] < last["valkey"] < last["postgres"]


def test_servers_named_by_url_are_not_started(stack, tmp_path):
    found = connections.read(stack.home)
    home = tmp_path / "data folder"
    other = Stack(home).start(
        DATABASE_URL=found.database_url,
        DATABASE_OWNER_URL=found.database_owner_url,
        REDIS_URL=found.redis_url,
    )
    try:
        assert other.child("postgres") is None
        assert other.child("valkey") is None
        assert not (home / "postgres").exists()
        assert other.get("/health") == 200
    finally:
        assert other.stop(signal.SIGINT, signal.SIGINT) == 0


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("MEMOS_PORT", "eighty", "MEMOS_PORT must be a whole number, not 'eighty'."),
        ("MEMOS_PORT", "99999", "MEMOS_PORT must be at most 65535, not 99999."),
        ("LOG_LEVEL", "LOUD", "LOG_LEVEL must be one of DEBUG, INFO, WARNING, ERROR, CRITICAL, not 'LOUD'."),
        ("MEMOS_WAITERS", "0", "MEMOS_WAITERS must be at least 1, not 0."),
        ("DATABASE_URL", "sqlite:///x", "DATABASE_URL must begin with postgresql:// or postgres://."),
    ],
)
def test_a_bad_setting_stops_the_start_with_one_sentence(tmp_path, name, value, sentence):
    done = subprocess.run(**command(tmp_path / "home", 1, **{name: value}), timeout=60, check=False)
    assert done.returncode != 0
    assert done.stdout.strip() == f"memOS cannot start: {sentence}"
