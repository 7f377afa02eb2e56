"""Which files there are to read, as they are or within a zip archive, and of which format each is."""

import io
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import BinaryIO, cast

from memories.ingest.base import Format, Messages, Refusal, UnknownFormat
from memories.ingest.chatgpt import CHATGPT
from memories.ingest.claude import CLAUDE
from memories.ingest.jsonl import JSONL
from memories.ingest.streams import BrokenJson, first_keys, is_list
from memories.ingest.transcript import TRANSCRIPT

FORMATS = {each.name: each for each in (JSONL, CHATGPT, CLAUDE, TRANSCRIPT)}
# What conversations are in within an archive; large ChatGPT exports have conversations-000.json and so on.
MEMBERS = ("conversations.json", "conversations-*.json", "*.jsonl")
# How a file shows in the middle of reading that it is damaged.
UNREADABLE = (BrokenJson, zipfile.BadZipFile, zlib.error, EOFError, UnicodeDecodeError)
BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Source:
    """A file that holds messages, or a file within an archive that does."""

    path: Path
    member: str
    size: int
    format: Format

    @property
    def name(self) -> str:
        return f"{self.path.name}/{self.member}" if self.member else self.path.name


def find_sources(path: Path, format_name: str | None = None) -> list[Source]:
    """What there is to read in a file; raises UnknownFormat, or OSError where it cannot be read."""
    if not zipfile.is_zipfile(path):
        return [Source(path, "", path.stat().st_size, _format(path, "", format_name))]
    with zipfile.ZipFile(path) as archive:
        members = sorted(
            (
                each
                for each in archive.infolist()
                if any(fnmatch(Path(each.filename).name, name) for name in MEMBERS)
            ),
            key=lambda each: each.filename,
        )
    if not members:
        raise UnknownFormat(f"{path.name}: there is no conversations.json in this archive.")
    return [
        Source(path, each.filename, each.file_size, _format(path, each.filename, format_name))
        for each in members
    ]


@contextmanager
def opened(source: Source) -> Iterator[tuple[BinaryIO, Messages]]:
    """A source's stream, whose position tells how far it is read, and the messages in it."""
    with _stream(source.path, source.member) as stream:
        yield stream, _as_far_as_readable(source.format.read(stream))


def _as_far_as_readable(messages: Messages) -> Messages:
    try:
        yield from messages
    except UNREADABLE as error:
        yield Refusal("the rest", f"cannot be read: {str(error).partition('\n')[0]}")


@contextmanager
def _stream(path: Path, member: str) -> Iterator[BinaryIO]:
    """The bytes of a file or member, after the byte order mark if there is one."""
    with path.open("rb") as file:
        if not member:
            yield _after_mark(file)
            return
        with zipfile.ZipFile(file) as archive, archive.open(member) as unpacked:
            yield _after_mark(cast(BinaryIO, unpacked))


def _after_mark(stream: BinaryIO) -> BinaryIO:
    if stream.read(len(BYTE_ORDER_MARK)) != BYTE_ORDER_MARK:
        stream.seek(0, io.SEEK_SET)
    return stream


def _format(path: Path, member: str, name: str | None) -> Format:
    if name:
        return FORMATS[name]
    with _stream(path, member) as stream:
        found = _looks_like(stream)
    if found is None:
        raise UnknownFormat(
            f"{member or path.name}: this is none of {', '.join(FORMATS)}; if it is, say which with --format."
        )
    return found


def _looks_like(stream: BinaryIO) -> Format | None:
    """A look at the first object: an export has a key of its own, a line of JSONL ends after a few."""
    listed = is_list(stream)
    by_key = {"mapping": CHATGPT, "chat_messages": CLAUDE} | (
        {} if listed else {"conversations": TRANSCRIPT, "content": JSONL}
    )
    try:
        return next((by_key[key] for key in first_keys(stream) if key in by_key), None)
    except UNREADABLE:
        return None
