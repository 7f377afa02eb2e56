"""Scratchpads: what an agent observes, thinks, looks up and does in a session, entry by entry, for a while."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from itertools import batched, islice
from typing import Any
from uuid import UUID

import orjson
from django.conf import settings

from memories.working.store import jittered, key_of, live, moment_of, quota, read, run_accounted, writing
from memos_project.encoding import to_json
from memos_project.errors import Conflict, InvalidInput, NotFound
from memos_project.redis import client
from memos_project.tenancy.callers import TenantInfo

PARTS = ("observations", "reasoning", "examples", "trajectory")
MISSING = "There is no such scratchpad, or it has expired."

# What is read of a pad at once.
BATCH = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEntry:
    """What is written down. ``uses`` are the ids of earlier entries that it builds on."""

    part: str
    content: str
    author: str = ""
    weight: float = 0.5
    uses: Sequence[str] = ()
    user_id: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """What was written down, and the memory it became."""

    id: str
    part: str
    content: str
    author: str
    weight: float
    uses: list[str]
    user_id: str
    at: datetime
    memory_id: str | None


@dataclass(frozen=True, slots=True)
class Pad:
    """A scratchpad as a list shows it; ``size`` in bytes, ``ttl`` what is left in seconds."""

    session: str
    entries: int
    size: int
    ttl: float
    promote: bool


def append(
    tenant: TenantInfo, session: str, new: NewEntry, *, ttl: float | None = None, promote: bool | None = None
) -> Entry:
    """Write an entry down, beginning the pad where there is none; ``ttl`` in seconds makes it live at least that long.

    ``promote`` says of a new pad whether its end promotes what is worth it. Raises InvalidInput for an entry used that is not there,
    Conflict for a full pad, a used-up quota or another ``promote`` than the pad was begun with, Unavailable with Redis down.
    """
    uses = list(dict.fromkeys(new.uses))
    said = asdict(new) | {"uses": uses}
    status, *rest = _run(
        tenant.id,
        "append",
        session,
        "" if ttl is None else jittered(ttl),
        jittered(settings.MEMOS_WORKING_TTL),
        1000 * settings.MEMOS_SCRATCHPAD_MARGIN_SECONDS,
        settings.MEMOS_SCRATCHPAD_MAX_ENTRIES,
        settings.MEMOS_SCRATCHPAD_MAX_BYTES,
        quota(tenant),
        "" if promote is None else int(promote),
        to_json(said),
        *uses,
    )
    if status != "done":
        _refuse(tenant, status, rest)
    return _entry(rest[0].decode(), said, None)


def page(
    tenant_id: UUID, session: str, *, part: str | None = None, after: str = "", limit: int
) -> tuple[list[Entry], bool]:
    """Entries in order, from the one after the id ``after`` on, of one part or of all; and whether Redis answered."""

    def ask() -> list[Entry]:
        found = (entry for entry in _entries(tenant_id, session, after) if part in (None, entry.part))
        return list(islice(found, limit))

    return read(ask, [])


def whole(tenant_id: UUID, session: str) -> list[Entry]:
    """All entries of a pad in order, none where there is no pad; raises Unavailable with Redis down."""
    with writing():
        return list(_entries(tenant_id, session))


def list_pads(tenant_id: UUID, *, after: str, limit: int) -> tuple[list[Pad], bool]:
    """Live pads by the names of their sessions; and whether Redis answered."""

    def look(sessions: list[str]) -> list[Pad]:
        pipeline: Any = client().pipeline(transaction=False)
        for session in sessions:
            name = key_of(tenant_id, "pad", session)
            pipeline.hmget(name, "entries", "bytes", "promote").pttl(name)
        answers = pipeline.execute()
        return [
            Pad(session, int(entries), int(size), left / 1000, promote == b"1")
            for session, (entries, size, promote), left in zip(
                sessions, answers[::2], answers[1::2], strict=True
            )
            if entries and left >= 0
        ]

    return read(lambda: live(tenant_id, "pad", after=after, limit=limit, look=look), [])


def delete(tenant_id: UUID, session: str) -> None:
    """Raises NotFound."""
    if _run(tenant_id, "delete", session)[0] == "missing":
        raise NotFound(MISSING)


def is_promoted_at_end(tenant_id: UUID, session: str) -> bool:
    """Whether the pad was not begun with the wish that nothing of it be promoted."""
    with writing():
        return client().hget(key_of(tenant_id, "pad", session), "promote") != b"0"


def mark(tenant_id: UUID, session: str, memories: Mapping[str, UUID]) -> None:
    """Show beside entries, by their ids, which memories they became."""
    for some in batched(memories.items(), BATCH):
        _run(tenant_id, "mark", session, *(str(each) for pair in some for each in pair))


def let_go(tenant_id: UUID, session: str, *, seconds: float, seen: str, over: bool = False) -> None:
    """Let a pad live that much longer at most; entries after the one last ``seen`` are promoted before it goes.

    With ``over`` its session has ended. Without, a pad that has got further entries lives on as it is.
    """
    _run(tenant_id, "let_go", session, max(1, int(1000 * seconds)), seen, int(over))


def near_end(tenant_ids: Sequence[UUID]) -> list[tuple[UUID, str]]:
    """The pads of these tenants whose end is nearer than the margin."""

    def ask() -> list[tuple[UUID, str]]:
        seconds, microseconds = client().time()
        soon = 1000 * (seconds + settings.MEMOS_SCRATCHPAD_MARGIN_SECONDS) + microseconds // 1000
        pipeline: Any = client().pipeline(transaction=False)
        for tenant_id in tenant_ids:
            pipeline.zrange(key_of(tenant_id, "pads-due"), "-inf", soon, byscore=True, offset=0, num=BATCH)
        return [
            (tenant_id, session.decode())
            for tenant_id, sessions in zip(tenant_ids, pipeline.execute(), strict=True)
            for session in sessions
        ]

    return read(ask, [])[0]


def claim(tenant_id: UUID, session: str, *, lease: float) -> float | None:
    """Take a pad near its end for so many seconds, in which it does not expire: what it had left, in seconds.

    None where somebody else has taken it, or it is not near its end any more.
    """
    margin = 1000 * settings.MEMOS_SCRATCHPAD_MARGIN_SECONDS
    status, *rest = _run(tenant_id, "claim", session, margin, int(1000 * lease))
    return int(rest[0]) / 1000 if status == "done" else None


def _entries(tenant_id: UUID, session: str, after: str = "") -> Iterator[Entry]:
    log, kept = key_of(tenant_id, "pad-entries", session), key_of(tenant_id, "pad-kept", session)
    while True:
        found: Any = client().xrange(log, min=f"({after}" if after else "-", count=BATCH)
        if not found:
            return
        ids = [entry_id.decode() for entry_id, _ in found]
        memories: Any = client().hmget(kept, ids)
        for entry_id, (_, fields), memory in zip(ids, found, memories, strict=True):
            yield _entry(entry_id, orjson.loads(fields[b"json"]), memory and memory.decode())
        after = ids[-1]


def _entry(entry_id: str, said: Mapping[str, Any], memory_id: str | None) -> Entry:
    return Entry(
        entry_id,
        said["part"],
        said["content"],
        said["author"],
        said["weight"],
        said["uses"],
        said["user_id"],
        moment_of(entry_id),
        memory_id,
    )


def _run(tenant_id: UUID, what: str, session: str, *arguments: Any) -> list[Any]:
    keys = [key_of(tenant_id, name, session) for name in ("pad", "pad-entries", "pad-kept")]
    with writing():
        status, *rest = run_accounted(
            "scratchpad",
            tenant_id,
            [*keys, key_of(tenant_id, "pads-due")],
            [what, f"pad\0{session}", session, *arguments],
        )
    return [status.decode(), *rest]


def _refuse(tenant: TenantInfo, status: str, rest: Sequence[Any]) -> None:
    if status == "unknown":
        raise InvalidInput(f"There is no entry {rest[0].decode()} in this scratchpad.", field="uses")
    if status == "otherwise":
        begun = "true" if rest[0] == b"1" else "false"
        raise Conflict(f"The scratchpad was begun with {begun}.", field="promote")
    if status == "quota":
        raise Conflict(
            f"Working memory of this tenant is full ({quota(tenant)} bytes); delete entries or let them expire."
        )
    raise Conflict(
        f"The scratchpad is full: it may have {settings.MEMOS_SCRATCHPAD_MAX_ENTRIES} entries"
        f" and {settings.MEMOS_SCRATCHPAD_MAX_BYTES} bytes."
    )
