"""Copies in a process, and what makes them go."""

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from django.conf import settings

from memos_project import near_cache
from memos_project.near_cache import NearCache
from memos_project.redis import client
from tests.waiting import until

OTHER_PROCESS = """
import django, os, sys
django.setup()
from django.conf import settings
settings.REDIS_URL = sys.argv[1]
from memos_project.near_cache import NearCache
cache = NearCache("test keys", entries=10, seconds=60, dump=str.encode, load=bytes.decode)
for line in sys.stdin:
    what, key, value = line.split()
    if what == "forget":
        cache.forget(key)
        print("done", flush=True)
    else:
        print(cache.get(key, lambda: value), flush=True)
"""


@pytest.fixture
def cache(django_db_setup: None) -> Iterator[NearCache[str]]:
    client().flushdb()
    made = NearCache[str]("test keys", entries=3, seconds=60, dump=str.encode, load=bytes.decode)
    assert until(lambda: near_cache.listener().in_touch)
    yield made
    del near_cache._caches["test keys"]


@pytest.fixture
def other(cache: NearCache[str]) -> Iterator[Callable[[str, str, str], str]]:
    """Another process with the same cache: what it answers."""
    command = [sys.executable, "-c", OTHER_PROCESS, settings.REDIS_URL]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin
        assert process.stdout
        into, out = process.stdin, process.stdout

        def ask(what: str, key: str, value: str = "-") -> str:
            print(what, key, value, file=into, flush=True)
            return out.readline().strip()

        yield ask
        into.close()


def refuse() -> str:
    raise AssertionError("made anew")


class TestOneProcess:
    def test_what_was_made_is_not_made_again(self, cache):
        assert cache.get("a", lambda: "one") == "one"
        assert cache.get("a", refuse) == "one"

    def test_none_is_not_kept(self, cache):
        assert cache.get("a", lambda: None) is None
        assert cache.get("a", lambda: "one") == "one"

    def test_no_more_than_it_may_hold_are_kept_and_the_least_used_go_first(self, cache):
        for key in "abc":
            cache.get(key, lambda: "x")
        cache.get("a", refuse)
        cache.get("d", lambda: "x")
        assert len(cache) == 3
        client().flushdb()
        assert cache.get("a", refuse) == "x"
        assert cache.get("b", lambda: "again") == "again"

    def test_it_is_made_anew_when_its_time_is_over(self, django_db_setup):
        brief = NearCache[str]("test", entries=3, seconds=0.05)
        assert until(lambda: near_cache.listener().in_touch)
        assert brief.get("a", lambda: "one") == "one"
        time.sleep(0.06)
        assert brief.get("a", lambda: "two") == "two"

    def test_what_is_forgotten_is_made_anew(self, cache):
        cache.get("a", lambda: "one")
        cache.forget("a")
        assert cache.get("a", lambda: "two") == "two"

    def test_a_change_while_it_is_read_is_not_covered_up(self, cache):
        """Who read the former state before the change puts it nowhere after it."""

        def read() -> str:
            cache.forget("a")
            return "former"

        assert cache.get("a", read) == "former"
        assert cache.get("a", lambda: "present") == "present"

    def test_many_threads_at_once(self, cache):
        answers: list[str] = []

        def work(n: int) -> None:
            for i in range(200):
                answers.append(cache.get(str(i % 5), lambda i=i: str(i % 5)))
                if not i % 17:
                    cache.forget(str(n % 5))

        threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        assert len(answers) == 1600
        assert set(answers) == set("01234")
        assert len(cache) <= 3


class TestSeveralProcesses:
    def test_what_one_made_the_other_has(self, cache, other):
        cache.get("a", lambda: "one")
        assert other("get", "a", "two") == "one"

    def test_a_change_reaches_the_other_within_a_second(self, cache, other):
        assert other("get", "a", "one") == "one"
        assert cache.get("a", refuse) == "one"
        began = time.monotonic()
        assert other("forget", "a") == "done"
        assert until(lambda: len(cache) == 0, 1.0)
        assert time.monotonic() - began < 1.0
        assert cache.get("a", lambda: "two") == "two"
        assert other("get", "a", "three") in ("two", "three")


class TestFindAndKeep:
    def test_what_is_kept_is_found_until_its_time_is_over(self, cache):
        assert cache.find("a") is None
        cache.keep("a", "one", seconds=0.2)
        assert cache.find("a") == "one"
        time.sleep(0.21)
        assert cache.find("a") is None

    def test_what_comes_from_redis_stays_no_longer_than_there(self, cache):
        cache.keep("a", "one", seconds=0.2)
        cache.drop()
        assert cache.find("a") == "one"
        client().flushdb()
        assert cache.find("a") == "one"
        time.sleep(0.21)
        assert cache.find("a") is None

    def test_while_redis_is_silent_it_is_not_asked_and_the_copy_here_is_good(self, cache, monkeypatch):
        cache.keep("a", "one", seconds=60)
        monkeypatch.setattr(near_cache._Listener, "in_touch", False)
        assert cache.find("a") == "one"
        cache.drop()
        assert cache.find("a") is None
        cache.keep("b", "two", seconds=60)
        assert client().exists("near:test:b") == 0
        assert cache.find("b") == "two"


class TestWithoutRedis:
    def test_a_lost_connection_empties_it(self, cache):
        cache.get("a", lambda: "one")
        client().delete("near:test keys:a")
        client().client_kill_filter(_type="pubsub")
        assert until(lambda: len(cache) == 0 or cache.get("a", lambda: "two") == "two")
        assert until(lambda: near_cache.listener().in_touch)

    def test_with_redis_down_everything_is_made_anew(self, cache, monkeypatch):
        cache.get("a", lambda: "one")
        monkeypatch.setattr(near_cache._Listener, "in_touch", False)
        monkeypatch.setattr(settings, "REDIS_URL", "redis://127.0.0.1:1/0")
        client.cache_clear()
        try:
            assert cache.get("a", lambda: "two") == "two"
            assert cache.get("a", lambda: "three") == "three"
            cache.forget("a")
        finally:
            client.cache_clear()
