"""What every format is read into, and the pieces the formats share."""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, BinaryIO

LONGEST_ID = 200


@dataclass(frozen=True, slots=True)
class Message:
    """One message as a file has it: where it stands, and the fields of POST /v1/messages, not yet checked."""

    place: str
    fields: Mapping[str, Any] = field(default_factory=dict)
    title: str = ""
    """The conversation's, where the file names it."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """What cannot be stored: where it stands, and a sentence naming the field."""

    place: str
    reason: str


type Messages = Iterator[Message | Refusal]


class UnknownFormat(Exception):
    """A file that is none of the formats, said in a sentence for whoever named it."""


@dataclass(frozen=True, slots=True)
class Format:
    """How files of one shape are read."""

    name: str
    read: Callable[[BinaryIO], Messages]
    """The messages in the order in which a conversation went, conversation after conversation."""


def stable_id(*parts: object) -> str:
    """The same external id each time the same file is read; a long one is shortened to its hash."""
    plain = ":".join(map(str, parts))
    return plain if len(plain) <= LONGEST_ID else f"{parts[0]}:{hashlib.sha256(plain.encode()).hexdigest()}"


def moment(seconds: object) -> Any:
    """Seconds since 1970 as ISO 8601; what is no such number is left for the field to refuse."""
    try:
        return datetime.fromtimestamp(float(str(seconds)), UTC).isoformat()
    except (ValueError, OverflowError, OSError):
        return seconds if isinstance(seconds, str) else str(seconds)


def mapping(value: object) -> Mapping[str, Any]:
    """The value if it is a JSON object, else an empty one: exports null what they do not know."""
    return value if isinstance(value, dict) else {}


def objects(value: object) -> list[Mapping[str, Any]]:
    """The JSON objects of a list."""
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def text(value: object) -> str:
    """The value if it is a string, else an empty one."""
    return value if isinstance(value, str) else ""


def path_to(leaf: str, parent_of: Callable[[str], str]) -> list[str]:
    """The ids from the root of a tree to this leaf; an empty id is no node, and a cycle ends the path."""
    path: dict[str, None] = {}
    while leaf and leaf not in path:
        path[leaf] = None
        leaf = parent_of(leaf)
    return [*path][::-1]
