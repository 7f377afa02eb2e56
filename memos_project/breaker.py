"""A circuit breaker that threads may share: what failed repeatedly is left alone for a while."""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from types import TracebackType

from purgatory import SyncCircuitBreakerFactory
from purgatory.domain.model import OpenedState


class CircuitOpen(Exception):
    """Not even tried; it will be after ``seconds``."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"failed repeatedly, left alone for {seconds:.0f} s")
        self.seconds = seconds


class CircuitBreaker:
    """Opens for ``seconds`` after so many ``failures`` in a row; what is in ``exclude`` is an answer."""

    def __init__(
        self, name: str, *, failures: int, seconds: float, exclude: Sequence[type[Exception]] = ()
    ) -> None:
        self._seconds = seconds
        self._breaker = SyncCircuitBreakerFactory().get_breaker(
            name, threshold=failures, ttl=seconds, exclude=[*exclude]
        )
        # The library's is not made for threads: its state changes under a lock, the call itself is outside.
        self._lock = threading.Lock()

    @contextmanager
    def call(self) -> Iterator[None]:
        """Around one call, whose exceptions are counted. Raises CircuitOpen."""
        with ExitStack() as stack:
            with self._lock:
                try:
                    self._breaker.__enter__()
                except OpenedState as error:
                    rest = error.opened_at + self._seconds - time.time()
                    raise CircuitOpen(max(0.0, rest)) from None
            stack.push(self._leave)
            yield

    def _leave(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            self._breaker.__exit__(kind, error, trace)
