"""Waiting for what happens in another thread or process."""

import time
from collections.abc import Callable


def until(held: Callable[[], object], seconds: float = 5.0) -> bool:
    """Whether it holds within that time."""
    end = time.monotonic() + seconds
    while not held() and time.monotonic() < end:
        time.sleep(0.01)
    return bool(held())
