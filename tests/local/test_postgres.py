import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import psycopg
import pytest

from memos_project.local import postgres, process, tuning
from memos_project.local.process import StartError


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    return tmp_path_factory.mktemp("data folder") / "postgres"


@pytest.fixture(scope="module")
def server(directory):
    with postgres.running(directory, durable=False) as server:
        yield server


def fetch(url, statement):
    """The rows of the last of one or more statements."""
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(statement)
        while cursor.nextset():
            pass
        return cursor.fetchall()


class TestRoles:
    def test_neither_is_more_than_a_plain_role(self, server):
        rows = fetch(
            server.superuser_dsn(),
            "SELECT rolname, rolsuper, rolbypassrls, rolcreaterole FROM pg_roles"
            " WHERE rolname LIKE 'memos%' ORDER BY 1",
        )
        assert rows == [("memos_app", False, False, False), ("memos_owner", False, False, False)]

    def test_the_application_uses_tables_of_the_owner_and_makes_none(self, server):
        fetch(server.url(postgres.OWNER), "CREATE TABLE thing (id serial, name text); SELECT 1")
        fetch(server.url(postgres.APP), "INSERT INTO thing (name) VALUES ('a') RETURNING id")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            fetch(server.url(postgres.APP), "CREATE TABLE other (id int)")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            fetch(server.url(postgres.APP), "TRUNCATE thing")

    def test_row_level_security_holds_the_application_and_the_owner(self, server):
        owner = server.url(postgres.OWNER)
        with psycopg.connect(owner, autocommit=True) as connection:
            connection.execute("CREATE TABLE secret (tenant int)")
            connection.execute("INSERT INTO secret VALUES (1), (2)")
            connection.execute("ALTER TABLE secret ENABLE ROW LEVEL SECURITY")
            connection.execute("ALTER TABLE secret FORCE ROW LEVEL SECURITY")
            connection.execute("CREATE POLICY only_two ON secret USING (tenant = 2)")
        assert fetch(server.url(postgres.APP), "SELECT tenant FROM secret") == [(2,)]
        assert fetch(owner, "SELECT tenant FROM secret") == [(2,)]


def test_the_extensions_are_there(server):
    found = {name for (name,) in fetch(server.url(postgres.APP), "SELECT extname FROM pg_extension")}
    assert found >= {"vector", "pg_trgm", "unaccent", "btree_gin", "pg_stat_statements"}


def test_another_database_is_provisioned_the_same_way_twice(server):
    for _ in range(2):
        server.provision("another one")
    fetch(server.url(postgres.OWNER, "another one"), "CREATE TABLE IF NOT EXISTS thing (id int); SELECT 1")
    assert fetch(server.url(postgres.APP, "another one"), "SELECT count(*) FROM thing") == [(0,)]


def test_words_beyond_ascii_are_folded_and_stemmed(server):
    [(lowered, words)] = fetch(
        server.url(postgres.APP), "SELECT lower('ÄPFEL'), to_tsvector('german', 'Äpfel, Überraschung, 東京')"
    )
    assert lowered == "äpfel"
    assert words == "'apfel':1 'uberrasch':2 '東京':3"


def test_nothing_listens_on_the_network_and_nobody_else_may_enter(server):
    assert fetch(server.superuser_dsn(), "SHOW listen_addresses") == [("",)]
    for folder in (server.directory, server.data, server.sockets):
        assert folder.stat().st_mode & 0o077 == 0


def kill_postmaster(server):
    pid = int((server.data / "postmaster.pid").read_text().splitlines()[0])
    os.kill(pid, signal.SIGKILL)


def test_it_comes_back_after_kill_with_what_was_committed(tmp_path):
    server = postgres.prepare(tmp_path / "pg")
    log = tmp_path / "log"
    with process.running(server, log=log):
        server.provision()
        fetch(server.url(postgres.OWNER), "CREATE TABLE kept (id int); INSERT INTO kept VALUES (7); SELECT 1")
        kill_postmaster(server)
    with process.running(postgres.prepare(tmp_path / "pg"), log=log):
        assert fetch(server.url(postgres.APP), "SELECT id FROM kept") == [(7,)]


def test_a_stale_pid_file_with_the_number_of_a_living_process_is_no_obstacle(tmp_path):
    server = postgres.prepare(tmp_path / "pg", durable=False)
    (server.data / "postmaster.pid").write_text(
        f"{os.getpid()}\n{server.data}\n1\n5432\n{server.sockets}\n\n\nready\n"
    )
    server.account.own(server.data / "postmaster.pid")
    with process.running(server, log=tmp_path / "log"):
        assert fetch(server.superuser_dsn(), "SELECT 1") == [(1,)]


def test_a_server_left_over_is_ended_before_a_new_one_starts(tmp_path):
    server = postgres.prepare(tmp_path / "pg", durable=False)
    with process.running(server, log=tmp_path / "log"):
        old = int((server.data / "postmaster.pid").read_text().splitlines()[0])
        with process.running(server, log=tmp_path / "log"):
            assert not psutil.pid_exists(old) or psutil.Process(old).status() == psutil.STATUS_ZOMBIE


def test_a_path_too_long_for_a_socket(tmp_path):
    directory = tmp_path / ("long " * 20) / "pg"
    with postgres.running(directory, durable=False) as server:
        assert fetch(server.superuser_dsn(), "SELECT 1") == [(1,)]
        assert not server.sockets.is_relative_to(tmp_path)
    server.sockets.rmdir()


def test_an_interrupted_initdb_is_not_taken_for_a_database(tmp_path):
    half_made = tmp_path / "pg" / "data.new"
    half_made.mkdir(parents=True)
    (half_made / "PG_VERSION").write_text("18\n")
    with postgres.running(tmp_path / "pg", durable=False) as server:
        assert fetch(server.superuser_dsn(), "SELECT 1") == [(1,)]


def test_data_of_another_version_is_left_alone(tmp_path):
    data = tmp_path / "pg" / "data"
    data.mkdir(parents=True)
    (data / "PG_VERSION").write_text("17\n")
    with pytest.raises(StartError, match="was made by PostgreSQL 17"):
        postgres.prepare(tmp_path / "pg")


def test_the_server_ends_with_whom_started_it(tmp_path):
    script = (
        "import os, pathlib, signal, sys\n"
        "from memos_project.local import postgres\n"
        "with postgres.running(pathlib.Path(sys.argv[1]), durable=False) as server:\n"
        "    print((server.data / 'postmaster.pid').read_text().split()[0], flush=True)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "pg")],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
        check=False,
    )
    deadline = time.monotonic() + 10
    while psutil.pid_exists(int(done.stdout)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not psutil.pid_exists(int(done.stdout))


class TestTuning:
    @pytest.mark.parametrize("gigabytes", [0.5, 2, 24, 512])
    def test_no_machine_gets_settings_out_of_proportion(self, gigabytes):
        machine = tuning.Machine(memory=int(gigabytes * tuning.GB), cores=2, shared_memory=8 * tuning.GB)
        settings = tuning.postgres_settings(machine)
        for name in ("shared_buffers", "maintenance_work_mem"):
            assert settings[name].endswith("MB")
            assert 64 <= int(settings[name].removesuffix("MB")) <= gigabytes * 1024 / 8

    def test_little_shared_memory_as_in_containers_is_not_relied_on(self):
        machine = tuning.Machine(memory=8 * tuning.GB, cores=2, shared_memory=64 * tuning.MB)
        assert tuning.postgres_settings(machine)["dynamic_shared_memory_type"] == "sysv"

    def test_the_server_accepts_every_setting(self, server):
        wrong = fetch(
            server.superuser_dsn(),
            "SELECT name, error FROM pg_file_settings WHERE error IS NOT NULL AND NOT applied",
        )
        assert wrong == []
