"""JSON documents read piece by piece, so that an export of gigabytes needs the memory of one conversation."""

from collections.abc import Iterator
from typing import Any, BinaryIO

import ijson

BrokenJson = ijson.JSONError


def first_keys(stream: BinaryIO) -> Iterator[str]:
    """The keys of the document, or of the first object in its list, as far as they are asked for."""
    depth = 0
    for _, event, value in ijson.parse(stream, multiple_values=True):
        if event == "map_key" and depth == 1:
            yield value
        elif event == "start_map":
            depth += 1
        elif event == "end_map":
            depth -= 1
            if depth == 0:
                return


def is_list(stream: BinaryIO) -> bool:
    """Whether the document is a list; the stream is left where it was."""
    start = stream.tell()
    first = next((byte for byte in iter(lambda: stream.read(1), b"") if not byte.isspace()), b"")
    stream.seek(start)
    return first == b"["


def conversations(stream: BinaryIO, prefix: str) -> Iterator[Any]:
    """The values at a prefix such as ``item`` of the document, one at a time; raises BrokenJson."""
    yield from ijson.items(stream, prefix)
