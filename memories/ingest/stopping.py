"""Ending between two steps of a long command when a signal asks for it."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType


@dataclass(slots=True)
class Wish:
    """Whether somebody wishes this to end, and by which signal."""

    number: signal.Signals | None = None

    @property
    def exit_code(self) -> int:
        return 128 + self.number if self.number else 0

    @property
    def name(self) -> str:
        return self.number.name if self.number else ""

    def __bool__(self) -> bool:
        return self.number is not None


@contextmanager
def stoppable() -> Iterator[Wish]:
    """Take the first Ctrl-C or SIGTERM as a wish, asked for between steps; the second acts as always."""
    wish = Wish()
    former = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def note(number: int, frame: FrameType | None) -> None:
        wish.number = signal.Signals(number)
        restore()

    def restore() -> None:
        for number, handler in former.items():
            signal.signal(number, handler)

    for number in former:
        signal.signal(number, note)
    try:
        yield wish
    finally:
        restore()
