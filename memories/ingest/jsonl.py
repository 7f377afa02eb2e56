"""One message per line, with the fields of POST /v1/messages."""

import hashlib
from typing import Any, BinaryIO

import orjson

from memories.ingest.base import Format, Message, Messages, Refusal

# Far more than the longest content and metadata; without a limit a broken file would fill the memory.
LONGEST_LINE = 16 * 1024 * 1024


def read(stream: BinaryIO) -> Messages:
    """The lines in their order; one that is no message is refused and the next one read."""
    number = 0
    while line := stream.readline(LONGEST_LINE):
        number += 1
        if not line.endswith(b"\n") and len(line) == LONGEST_LINE:
            yield Refusal(f"line {number}", f"longer than {LONGEST_LINE} bytes")
            while line and not line.endswith(b"\n"):
                line = stream.readline(LONGEST_LINE)
        elif line := line.strip():
            yield message(number, line)


def message(number: int, line: bytes) -> Message | Refusal:
    place = f"line {number}"
    try:
        fields: Any = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        return Refusal(place, f"not JSON: {error.msg} at character {error.colno}")
    if not isinstance(fields, dict):
        return Refusal(place, "not a JSON object")
    if fields.get("external_id") is None:
        fields["external_id"] = line_id(number, line)
    return Message(place, fields)


def line_id(number: int, line: bytes) -> str:
    """The number counts too: somebody may say the same thing twice."""
    return f"jsonl:{number}:{hashlib.sha256(line).hexdigest()[:32]}"


JSONL = Format("jsonl", read)
