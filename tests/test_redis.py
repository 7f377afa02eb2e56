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
def asked() -> redis.Redis:
    """A client of its own, so that nobody else is spared."""
    return client.__wrapped__()


@pytest.fixture
def hung(asked):
    """A server that takes connections and answers nothing."""
    pid = int(asked.info("server")["process_id"])
    os.kill(pid, signal.SIGSTOP)
    yield pid
    os.kill(pid, signal.SIGCONT)


def test_a_server_that_hangs_is_waited_for_once(asked, hung):
    assert timed(lambda: asked.get("x")) < TIMEOUT + 1
    for _ in range(20):
        assert timed(lambda: asked.get("x")) < 0.1
    assert timed(lambda: asked.pipeline(transaction=False).get("x").execute()) < 0.1


def test_it_is_asked_again_when_it_may_be_back(asked, hung):
    timed(lambda: asked.get("x"))
    os.kill(hung, signal.SIGCONT)
    time.sleep(COOLDOWN)
    assert asked.ping()
