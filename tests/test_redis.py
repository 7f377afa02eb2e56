"""The client of Redis: it gives up soon, and does not ask again and again who does not answer."""

import os
import signal
import time

import pytest
import redis

from memos_project.redis import COOLDOWN, TIMEOUT, client

pytestmark = pytest.mark.usefixtures("django_db_setup")


def timed(act) -> float:
    began = time.monotonic()
    with pytest.raises(redis.RedisError):
        act()
    return time.monotonic() - began


@pytest.fixture
def hung():
    """A server that takes connections and answers nothing."""
    client().ping()
    pid = int(client().info("server")["process_id"])
    os.kill(pid, signal.SIGSTOP)
    yield pid
    os.kill(pid, signal.SIGCONT)


def test_a_server_that_hangs_is_waited_for_once(hung):
    assert timed(lambda: client().get("x")) < TIMEOUT + 1
    for _ in range(20):
        assert timed(lambda: client().get("x")) < 0.1
    assert timed(lambda: client().pipeline(transaction=False).get("x").execute()) < 0.1


def test_it_is_asked_again_when_it_may_be_back(hung):
    timed(lambda: client().get("x"))
    os.kill(hung, signal.SIGCONT)
    time.sleep(COOLDOWN)
    assert client().ping()
