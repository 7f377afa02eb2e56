"""Where the embedded servers of a data folder can be reached, for commands that run beside `manage.py up`."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Connections:
    """URLs of the stores; the one with `owner` in its name is for migrations and index building."""

    database_url: str = ""
    database_owner_url: str = ""
    redis_url: str = ""


# Nothing answers there: what belongs to somebody else must not be taken for ours while memOS is not running.
NOT_RUNNING = Connections(
    database_url="postgresql://memos_app@127.0.0.1:1/memos",
    database_owner_url="postgresql://memos_owner@127.0.0.1:1/memos",
    redis_url="redis://127.0.0.1:1/0",
)


def read(home: Path) -> Connections:
    """What the last start wrote, NOT_RUNNING if there was none."""
    try:
        kept = json.loads((home / "connections.json").read_text())
    except (OSError, ValueError):
        return NOT_RUNNING
    return Connections(**{**asdict(NOT_RUNNING), **{name: url for name, url in kept.items() if url}})


def write(home: Path, connections: Connections) -> None:
    write_private(home / "connections.json", json.dumps(asdict(connections), indent=2) + "\n")


def write_private(path: Path, text: str) -> None:
    """Replace a file in one step; only its owner can ever read it."""
    fresh = fresh_private(path, text)
    fresh.replace(path)


def create_private(path: Path, text: str) -> None:
    """Write a file unless it exists; of several processes that try, one wins and all find it whole."""
    fresh = fresh_private(path, text)
    with contextlib.suppress(FileExistsError):
        os.link(fresh, path)
    fresh.unlink()


def fresh_private(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    return fresh
