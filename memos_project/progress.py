"""Progress of long commands: a bar on a terminal, nothing in a pipe."""

from collections.abc import Iterable

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


def follow(what: str, total: int, steps: Iterable[int]) -> int:
    """Show a bar while the steps are taken; returns their sum."""
    done = 0
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task(what, total=total)
        for step in steps:
            done += step
            progress.advance(task, step)
    return done
