"""One log of all processes: coloured on a terminal, and in a file that does not grow without end."""

from __future__ import annotations

import logging
import logging.handlers
import os
import sys
import time
from pathlib import Path

from rich.console import Console
from rich.text import Text

WIDTH = 8
COLOURS = {
    "memos": "bold white",
    "postgres": "blue",
    "valkey": "magenta",
    "prepare": "bright_black",
    "web": "green",
    "worker": "yellow",
    "beat": "cyan",
}


class Log:
    """Lines with the name of their process before them."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.close(os.open(path, os.O_CREAT | os.O_APPEND, 0o600))
        self._file = logging.handlers.RotatingFileHandler(
            path, maxBytes=10_000_000, backupCount=5, errors="replace"
        )
        self._prefixes: dict[str, str] = {}
        self._silent = False

    def line(self, name: str, text: str) -> None:
        prefix = f"{name:>{WIDTH}} │ "
        self._file.emit(logging.makeLogRecord({"msg": prefix + text}))
        if name not in self._prefixes:
            self._prefixes[name] = coloured(prefix, COLOURS.get(name, "none"))
        self.show(self._prefixes[name] + text)

    def say(self, text: str) -> None:
        """A line of the supervisor's own."""
        self.line("memos", f"{time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())} {text}")

    def show(self, text: str) -> None:
        """Only on the terminal. When nobody reads it any more, the processes still run on."""
        if self._silent:
            return
        try:
            sys.stdout.write(text + "\n")
            sys.stdout.flush()
        except OSError:
            self._silent = True


def coloured(text: str, style: str) -> str:
    """With the escape sequences that standard output takes, which are none unless it is a terminal."""
    console = Console()
    with console.capture() as capture:
        console.print(Text(text, style=style), end="")
    return capture.get()


class Lines:
    """Puts the pieces that come through a pipe together to lines."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, piece: bytes) -> list[str]:
        *whole, self._rest = (self._rest + piece).split(b"\n")
        if len(self._rest) > 100_000 or (not piece and self._rest):
            whole.append(self._rest)
            self._rest = b""
        return [line.decode("utf-8", "replace").rstrip() for line in whole]
