import os
import signal
import time

import psutil
import pytest
import redis

from memos_project.local import process, valkey


@pytest.fixture
def directory(tmp_path):
    return tmp_path / "data folder"


def test_it_answers_only_to_its_password(directory):
    with valkey.running(directory, durable=False) as server:
        with redis.from_url(server.url) as client:
            assert client.set("a", "1")
        with redis.Redis(port=server.port) as stranger, pytest.raises(redis.AuthenticationError):
            stranger.get("a")


def test_it_listens_on_loopback_only(directory):
    with valkey.running(directory, durable=False) as server:
        [found] = {
            connection.laddr.ip
            for candidate in psutil.process_iter(["name", "cwd"])
            if candidate.info["name"] == "valkey-server" and candidate.info["cwd"] == str(server.directory)
            for connection in candidate.net_connections("tcp")
            if connection.status == psutil.CONN_LISTEN
        }
        assert found == "127.0.0.1"


def test_the_next_start_has_its_data_port_and_password(directory):
    with valkey.running(directory) as first, redis.from_url(first.url) as client:
        client.set("kept", "yes", ex=600)
    with valkey.running(directory) as second, redis.from_url(second.url) as client:
        assert (second.port, second.password) == (first.port, first.password)
        assert client.get("kept") == b"yes"


def test_after_kill_it_has_what_was_written_a_second_before(directory):
    with valkey.running(directory) as server, redis.from_url(server.url) as client:
        client.set("kept", "yes")
        time.sleep(1.5)
        os.kill(client.info("server")["process_id"], signal.SIGKILL)
    with valkey.running(directory) as server, redis.from_url(server.url) as client:
        assert client.get("kept") == b"yes"


def test_a_server_left_over_is_ended_first(directory):
    with valkey.running(directory) as server:
        same = valkey.Valkey(server.directory, server.port, server.password)
        with process.running(same, log=directory / "log"), redis.from_url(server.url) as client:
            assert client.ping()


def test_another_port_is_taken_when_the_former_is_in_use(directory, tmp_path):
    with valkey.running(tmp_path / "first", durable=False) as first:
        directory.mkdir()
        (directory / "port").write_text(str(first.port))
        with valkey.running(directory, durable=False) as second:
            assert second.port != first.port


def test_what_has_no_expiry_is_never_evicted(directory):
    with valkey.running(directory, durable=False) as server, redis.from_url(server.url) as client:
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "volatile-lru"}
        assert server.configuration.stat().st_mode & 0o077 == 0
