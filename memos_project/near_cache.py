"""A bounded LRU in each process, in front of Redis, that a change empties everywhere.

Who changes something calls ``forget``: the entry in Redis becomes a tombstone, which keeps whoever read the former
state a moment ago from putting it back, and every process hears of it and drops its own copy. A process that has heard
nothing of Redis for a second, not even the answer to a ping, trusts none of its copies: it asks Redis, and with Redis
down whatever is cached.

What a key stands for may also be for ever the same, since the key names a state: then nobody need hear of a change, and
``find`` and ``keep`` take the place of ``get`` and ``forget``.

This is the client-side caching of Redis done by hand, with a channel in place of CLIENT TRACKING: redis-py's own
refuses Valkey.
"""

import os
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Any, cast

import redis
import structlog
from django.conf import settings

from memos_project import metrics
from memos_project.redis import client

log = structlog.get_logger(__name__)

CHANNEL = "near"
# Without a sign of life for so long, no copy is trusted.
SILENCE_SECONDS = 1.0
PING_SECONDS = 0.3
# Longer than it takes to read what is cached: until then nobody may put a former state back.
TOMBSTONE_SECONDS = 10
TOMBSTONE = b""
# Between the name of a cache, which may have spaces, and the key.
SEPARATOR = "\0"


class NearCache[V]:
    """Values by key, at most ``entries`` of them in this process, each for at most ``seconds``.

    ``dump`` and ``load`` turn a value into what Redis keeps and back; without them it stays in this process. None is
    not kept.
    """

    def __init__(
        self,
        name: str,
        *,
        entries: int,
        seconds: float,
        dump: Callable[[V], bytes] | None = None,
        load: Callable[[bytes], V] | None = None,
    ) -> None:
        self.name, self.entries, self.seconds = name, entries, seconds
        self._dump, self._load = dump, load
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, tuple[float, V]] = OrderedDict()
        self._changes = 0
        _caches[name] = self

    def get[M](self, key: str, make: Callable[[], V | M]) -> V | M:
        """The value of a key: from this process, from Redis, or made and kept in both."""
        found = self._near(key) if listener().in_touch else None
        if found is not None:
            self._count("near")
            return found
        changes = self._changes
        far = self._far(key)
        self._count("miss" if far is None else "far")
        value = make() if far is None else far
        if value is not None:
            if far is None:
                self._put_far(key, cast(V, value))
            self._put_near(key, cast(V, value), unchanged_since=changes)
        return value

    def find(self, key: str) -> V | None:
        """What ``keep`` has kept here or in Redis, for what is left of its time; Redis is not asked while it is silent."""
        found = self._near(key)
        if found is not None:
            self._count("near")
            return found
        if self._load and listener().in_touch:
            found = self._take_near(key, self._load)
        self._count("miss" if found is None else "far")
        return found

    def keep(self, key: str, value: V, *, seconds: float) -> None:
        """Have ``find`` find it, here and in other processes, for so long."""
        self._put_near(key, value, unchanged_since=self._changes, seconds=seconds)
        if listener().in_touch:
            self._put_far(key, value, seconds=seconds)

    def forget(self, *keys: str) -> None:
        """What these keys stand for has changed: nobody may be told the former state from now on."""
        self.drop(*keys)
        try:
            pipeline = client().pipeline(transaction=False)
            for key in keys:
                if self._dump:
                    pipeline.set(self._name_of(key), TOMBSTONE, ex=TOMBSTONE_SECONDS)
                pipeline.publish(CHANNEL, f"{self.name}{SEPARATOR}{key}")
            pipeline.execute()
        except redis.RedisError as error:
            log.warning("a change was not told", cache=self.name, error=str(error))

    def drop(self, *keys: str) -> None:
        """Forget these keys, or with none of them all, in this process only."""
        with self._lock:
            self._changes += 1
            if not keys:
                self._kept.clear()
            for key in keys:
                self._kept.pop(key, None)

    def __len__(self) -> int:
        return len(self._kept)

    def _near(self, key: str) -> V | None:
        with self._lock:
            until, value = self._kept.get(key, (0.0, None))
            if until < time.monotonic():
                return None
            self._kept.move_to_end(key)
            return value

    def _put_near(self, key: str, value: V, *, unchanged_since: int, seconds: float | None = None) -> None:
        with self._lock:
            if self._changes != unchanged_since:
                return
            self._kept[key] = (time.monotonic() + (self.seconds if seconds is None else seconds), value)
            self._kept.move_to_end(key)
            while len(self._kept) > self.entries:
                self._kept.popitem(last=False)

    def _far(self, key: str) -> V | None:
        if not self._load:
            return None
        try:
            kept = cast(bytes | None, client().get(self._name_of(key)))
        except redis.RedisError:
            return None
        return self._load(kept) if kept else None

    def _take_near(self, key: str, load: Callable[[bytes], V]) -> V | None:
        """The value in Redis, kept here as well for as long as it is kept there."""
        name = self._name_of(key)
        try:
            pipeline = client().pipeline(transaction=False)
            pipeline.get(name)
            pipeline.pttl(name)
            kept, left = pipeline.execute()
        except redis.RedisError:
            return None
        if not kept or left <= 0:
            return None
        value = load(kept)
        self._put_near(key, value, unchanged_since=self._changes, seconds=left / 1000)
        return value

    def _put_far(self, key: str, value: V, *, seconds: float | None = None) -> None:
        if not self._dump:
            return
        milliseconds = int(1000 * (self.seconds if seconds is None else seconds))
        try:
            # Only where nothing is: neither a tombstone nor what somebody else read is replaced.
            client().set(self._name_of(key), self._dump(value), px=milliseconds, nx=True)
        except redis.RedisError as error:
            log.debug("not kept in Redis", cache=self.name, error=str(error))

    def _name_of(self, key: str) -> str:
        return f"near:{self.name}:{key}"

    def _count(self, outcome: str) -> None:
        metrics.CACHE.labels(cache=self.name, outcome=outcome).inc()


_caches: dict[str, NearCache[Any]] = {}


def drop_all() -> None:
    """Forget everything in this process."""
    for cache in _caches.values():
        cache.drop()


class _Listener:
    """A thread that hears of changes, and knows how long ago it last heard anything."""

    def __init__(self) -> None:
        self._heard = float("-inf")
        threading.Thread(target=self._run, name="near-cache", daemon=True).start()

    @property
    def in_touch(self) -> bool:
        return time.monotonic() - self._heard < SILENCE_SECONDS

    def _run(self) -> None:
        while True:
            try:
                for message in self._messages():
                    if not self.in_touch:
                        # Whatever was said meanwhile was not heard.
                        drop_all()
                    self._heard = time.monotonic()
                    if message["type"] == "message":
                        name, _, key = message["data"].decode().partition(SEPARATOR)
                        if name in _caches:
                            _caches[name].drop(key)
            except redis.RedisError as error:
                log.debug("not in touch with Redis", error=str(error))
            self._heard = float("-inf")
            time.sleep(PING_SECONDS)

    def _messages(self) -> Iterator[dict[str, Any]]:
        """What comes in, among it the answers to a ping every so often; raises RedisError when nothing does."""
        connection = redis.Redis.from_url(
            settings.REDIS_URL, socket_connect_timeout=SILENCE_SECONDS, socket_timeout=SILENCE_SECONDS
        )
        with connection, connection.pubsub() as channel:  # type: ignore[no-untyped-call]
            channel.subscribe(CHANNEL)
            asked = heard = time.monotonic()
            while time.monotonic() - heard < SILENCE_SECONDS:
                message = channel.get_message(timeout=PING_SECONDS)
                if message is not None:
                    heard = time.monotonic()
                    yield message
                if time.monotonic() - asked > PING_SECONDS:
                    asked = time.monotonic()
                    channel.ping()
            raise redis.TimeoutError("no answer to a ping")


_listener: _Listener | None = None
_lock = threading.Lock()


def listener() -> _Listener:
    """The thread of this process, started at the first call."""
    global _listener
    if _listener is None:
        with _lock:
            _listener = _listener or _Listener()
    return _listener


def _begin_anew() -> None:
    """A thread does not survive a fork, and nobody told the child of what changed."""
    global _listener, _lock
    _listener, _lock = None, threading.Lock()
    for cache in _caches.values():
        cache._lock = threading.Lock()
        cache.drop()


os.register_at_fork(after_in_child=_begin_anew)
