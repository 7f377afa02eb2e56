"""How far a long command has come: a bar on a terminal, else a line now and then."""

import time
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Protocol, Self, TextIO

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeRemainingColumn

SECONDS_BETWEEN_LINES = 5.0


class Meter(AbstractContextManager["Meter"], Protocol):
    """Shows how much of a task is done; a new task takes the place of the former."""

    def begin(self, task: str, total: int) -> None: ...
    def at(self, done: int, note: str) -> None: ...
    def say(self, line: str) -> None: ...


def meter(stream: TextIO) -> Meter:
    """The meter that suits a stream."""
    return Bar(stream) if stream.isatty() else Lines(stream)


class Bar:
    def __init__(self, stream: TextIO) -> None:
        columns = [
            TextColumn("{task.description}"),
            BarColumn(24),
            TaskProgressColumn(),
            TextColumn("{task.fields[note]}"),
        ]
        self._progress = Progress(*columns, TimeRemainingColumn(), console=Console(file=stream))
        self._task: TaskID | None = None

    def begin(self, task: str, total: int) -> None:
        self._task = self._progress.add_task(task, total=total, note="")

    def at(self, done: int, note: str) -> None:
        assert self._task is not None
        self._progress.update(self._task, completed=done, note=note)

    def say(self, line: str) -> None:
        self._progress.console.print(line, markup=False, highlight=False, soft_wrap=True)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()


class Lines:
    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._task, self._total, self._said = "", 0, time.monotonic()

    def begin(self, task: str, total: int) -> None:
        self._task, self._total = task, total

    def at(self, done: int, note: str) -> None:
        if time.monotonic() - self._said >= SECONDS_BETWEEN_LINES:
            self._said = time.monotonic()
            self.say(f"{self._task}: {100 * done // max(self._total, 1)} %, {note}")

    def say(self, line: str) -> None:
        self._stream.write(f"{line}\n")
        self._stream.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass
