"""The first operator's key and the admin's password, in a file that only its owner can read."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

from memos_project.local.connections import write_private

NAMES = {
    "api_key": "MEMOS_API_KEY",
    "admin_user": "MEMOS_ADMIN_USER",
    "admin_password": "MEMOS_ADMIN_PASSWORD",
}


@dataclass(frozen=True)
class Credentials:
    api_key: str
    admin_password: str
    admin_user: str = "admin"


def path(home: Path) -> Path:
    return home / "credentials"


def read(file: Path) -> Credentials | None:
    """None where there is no such file, or it lacks something."""
    if not file.exists():
        return None
    found = dict(line.partition("=")[::2] for line in shlex.split(file.read_text(), comments=True))
    try:
        return Credentials(**{field: found[name] for field, name in NAMES.items()})
    except KeyError:
        return None


def write(file: Path, credentials: Credentials) -> None:
    """As shell assignments: `. .memos/credentials` works."""
    lines = [f"{name}={shlex.quote(getattr(credentials, field))}" for field, name in NAMES.items()]
    write_private(file, "\n".join(["# Remove this file, and the next start makes new ones.", *lines, ""]))
