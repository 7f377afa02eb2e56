"""What is done beside a request."""

from threading import Event
from time import sleep

import pytest
import redis

from memos_project import later


@pytest.fixture
def did():
    return []


def test_what_many_ask_for_is_done_once(did):
    for what in ("a", "b", "a", "a"):
        later.once_later(did.append, what)
    later.done()
    assert did == ["a", "b"]


def test_what_is_asked_for_once_it_began_is_done_again(did):
    begun, go_on = Event(), Event()

    def act():
        did.append("act")
        begun.set()
        go_on.wait(5)

    later.once_later(act)
    assert begun.wait(5)
    later.once_later(act)
    go_on.set()
    later.done()
    assert did == ["act", "act"]


def test_what_fails_does_not_hold_up_the_rest(did):
    def fail():
        raise redis.ConnectionError

    later.once_later(fail)
    later.once_later(did.append, "a")
    later.done()
    assert did == ["a"]


def test_with_too_much_waiting_it_is_left_undone_and_the_next_is_not(did, monkeypatch):
    with monkeypatch.context() as full:
        full.setattr(later._room, "acquire", lambda blocking: False)
        later.once_later(did.append, "a")
    later.once_later(did.append, "b")
    later.done()
    assert did == ["b"]


def test_it_gathers_for_a_moment(did, monkeypatch):
    monkeypatch.setattr(later, "MOMENT_SECONDS", 0.5)
    later.once_later(did.append, "a")
    sleep(0.1)
    later.once_later(did.append, "a")
    later.done()
    assert did == ["a"]
