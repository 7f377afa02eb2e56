"""Working memory: JSON values by key, in the scope of a tenant, an agent or a session, that expire by themselves."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson
from django.conf import settings

from memories.working.store import jittered, key_of, live, quota, read, run_accounted, writing
from memos_project.encoding import to_json
from memos_project.errors import Conflict, InvalidInput, NotFound, PreconditionFailed
from memos_project.redis import client
from memos_project.tenancy.callers import TenantInfo

MISSING = "There is no such entry, or it has expired."
# Where the names of entries stand among those of all that is held.
ALL_SCOPES = (("[agent:", "(agent;"), ("[session:", "(session;"), ("[tenant\0", "(tenant\x01"))


@dataclass(frozen=True, slots=True)
class Entry:
    """A value as it is held. ``ttl`` is what is left, in seconds."""

    key: str
    value: Any
    version: int
    ttl: float


@dataclass(frozen=True, slots=True)
class Listed:
    """An entry as a list shows it, without its value; ``size`` in bytes."""

    key: str
    version: int
    ttl: float
    size: int


def put(
    tenant: TenantInfo, scope: str, key: str, value: Any, *, ttl: float | None, if_version: int | None = None
) -> Entry:
    """Set a value; ``ttl`` in seconds, the setting's where it is None. A version of 0 means that there must be none yet.

    Raises PreconditionFailed for another version than ``if_version``, InvalidInput for a value that is too large,
    Conflict where the tenant's quota is used up, Unavailable with Redis down.
    """
    return _write(
        tenant, "put", scope, key, value, ttl=ttl or settings.MEMOS_WORKING_TTL, if_version=if_version
    )


def increment(tenant: TenantInfo, scope: str, key: str, by: float, *, ttl: float | None = None) -> Entry:
    """Add to a number, or begin at 0; raises Conflict where something else is held, or the sum exceeds 64 bits."""
    return _write(tenant, "increment", scope, key, by, ttl=ttl)


def append(tenant: TenantInfo, scope: str, key: str, value: Any, *, ttl: float | None = None) -> Entry:
    """Add to the end of a list, or begin one; raises Conflict where something else is held."""
    return _write(tenant, "append", scope, key, value, ttl=ttl)


def delete(tenant: TenantInfo, scope: str, key: str, *, if_version: int | None = None) -> None:
    """Raises NotFound; PreconditionFailed for another version than ``if_version``."""
    _run(tenant, "delete", scope, key, if_version=if_version)


def get(tenant_id: UUID, scope: str, key: str) -> Entry:
    """Raises NotFound, with Redis down too."""
    [entry], _ = get_many(tenant_id, scope, [key])
    if entry is None:
        raise NotFound(MISSING)
    return entry


def get_many(tenant_id: UUID, scope: str, keys: Sequence[str]) -> tuple[list[Entry | None], bool]:
    """The entries in the order of the keys, None for those that are not there; and whether Redis answered."""

    def ask() -> list[Entry | None]:
        pipeline: Any = client().pipeline(transaction=False)
        for key in keys:
            name = _entry_key(tenant_id, scope, key)
            pipeline.hmget(name, "json", "version").pttl(name)
        answers = pipeline.execute()
        return [
            Entry(key, orjson.loads(json), int(version), left / 1000) if json and left >= 0 else None
            for key, (json, version), left in zip(keys, answers[::2], answers[1::2], strict=True)
        ]

    return read(ask, [None] * len(keys))


def list_entries(tenant_id: UUID, scope: str, *, after: str, limit: int) -> tuple[list[Listed], bool]:
    """Entries of a scope by key, from the one after ``after`` on; and whether Redis answered."""

    def look(keys: list[str]) -> list[Listed]:
        return [entry for _, entry in _look(tenant_id, [(scope, key) for key in keys])]

    return read(lambda: live(tenant_id, scope, after=after, limit=limit, look=look), [])


def list_all(tenant_id: UUID, *, limit: int) -> tuple[list[tuple[str, Listed]], bool]:
    """The first entries of all scopes, each with its scope; and whether Redis answered."""

    def ask() -> list[tuple[str, Listed]]:
        found: list[tuple[str, str]] = []
        for start, end in ALL_SCOPES:
            members: Any = client().zrange(
                key_of(tenant_id, "names"), start, end, bylex=True, offset=0, num=limit
            )
            for member in members:
                scope, _, key = member.decode().partition("\0")
                found.append((scope, key))
        return _look(tenant_id, found[:limit])

    return read(ask, [])


def _look(tenant_id: UUID, places: Sequence[tuple[str, str]]) -> list[tuple[str, Listed]]:
    """Those of these entries that have not expired, by scope and key."""
    pipeline: Any = client().pipeline(transaction=False)
    for scope, key in places:
        name = _entry_key(tenant_id, scope, key)
        pipeline.hget(name, "version").pttl(name).hstrlen(name, "json")
    answers = pipeline.execute()
    return [
        (scope, Listed(key, int(version), left / 1000, size))
        for (scope, key), version, left, size in zip(
            places, answers[::3], answers[1::3], answers[2::3], strict=True
        )
        if version and left >= 0
    ]


def used(tenant_id: UUID) -> int:
    """Bytes that a tenant's entries take of its quota, what has just expired included; 0 with Redis down."""
    return read(lambda: int(client().get(key_of(tenant_id, "total")) or 0), 0)[0]


def _entry_key(tenant_id: UUID, scope: str, key: str) -> str:
    """Both may hold a colon, neither a NUL."""
    return key_of(tenant_id, "v", f"{scope}\0{key}")


def _write(
    tenant: TenantInfo,
    what: str,
    scope: str,
    key: str,
    value: Any,
    *,
    ttl: float | None,
    if_version: int | None = None,
) -> Entry:
    version, left, json = _run(tenant, what, scope, key, to_json(value), ttl=ttl, if_version=if_version)
    return Entry(key, orjson.loads(json), int(version), int(left) / 1000)


def _run(
    tenant: TenantInfo,
    what: str,
    scope: str,
    key: str,
    payload: bytes = b"",
    *,
    ttl: float | None = None,
    if_version: int | None = None,
) -> list[Any]:
    arguments = [
        what,
        f"{scope}\0{key}",
        "" if ttl is None else jittered(ttl),
        jittered(settings.MEMOS_WORKING_TTL),
        "" if if_version is None else if_version,
        settings.MEMOS_WORKING_MAX_BYTES,
        quota(tenant),
        payload,
    ]
    rest: list[Any]
    with writing():
        status, *rest = run_accounted("keyvalue", tenant.id, [_entry_key(tenant.id, scope, key)], arguments)
    if status != b"done":
        _refuse(tenant, status.decode(), rest, what)
    return rest


def _refuse(tenant: TenantInfo, status: str, rest: Sequence[Any], what: str) -> None:
    if status == "missing":
        raise NotFound(MISSING)
    if status == "changed":
        present = int(rest[0])
        raise PreconditionFailed(
            f"The entry has version {present}." if present else "There is no such entry.", field="if_version"
        )
    if status == "large":
        raise InvalidInput(
            f"{rest[0]} bytes of JSON; an entry may have {settings.MEMOS_WORKING_MAX_BYTES}.", field="value"
        )
    if status == "full":
        raise Conflict(
            f"Working memory of this tenant is full ({quota(tenant)} bytes); delete entries or let them expire."
        )
    raise Conflict(
        {
            "append": "What is held there is not a list.",
            "increment": "What is held there is not a number, or the sum is beyond 64 bits.",
        }[what]
    )
