"""The cache: entries in Redis, their prompts with vectors in PostgreSQL, and what must hold before an answer is reused."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Literal
from uuid import UUID

import orjson
import structlog
from django.conf import settings
from django.db import Error
from psycopg_pool import PoolTimeout

from memories import metrics
from memories.candidates import LIVE
from memories.embeddings import EmbeddingError, embed_query
from memories.retrieval import CHARACTERS_PER_TOKEN, active_model
from memories.working.likeness import differs, read_prompt
from memories.working.llm_cache import prompts
from memories.working.llm_cache.requests import Request
from memories.working.store import jittered, key_of, read, run, writing
from memories.working.waiting import place
from memos_project.db import fetch_prepared, read_scope
from memos_project.encoding import to_json
from memos_project.errors import Conflict, InvalidInput
from memos_project.later import later
from memos_project.redis import client
from memos_project.tenancy.callers import TenantInfo

log = structlog.get_logger(__name__)

# Bytes that Redis takes for an answer beside its text, and for its place in a set, about.
OVERHEAD, OVERHEAD_OF_A_SET = 500, 150
# While waiting for somebody else's answer, it is looked for this often.
LOOK_SECONDS = 0.05

VERSIONS = f"SELECT m.id, m.version, m.updated_at FROM memories_memory m WHERE m.tenant_id = %(tenant)s AND m.id = ANY(%(ids)s) AND {LIVE}"

type Hit = Literal["exact", "semantic"]


@dataclass(frozen=True, slots=True)
class Stored:
    key: str
    ttl: float


@dataclass(frozen=True, slots=True)
class Found:
    """What a look-up found. Where it found nothing, ``compute`` says whether the caller is the one to ask the model.

    ``retry_after`` is in seconds: how long the one who is asking it may take at most.
    """

    key: str
    hit: Hit | None = None
    response: Any = None
    similarity: float | None = None
    compute: bool = False
    retry_after: float | None = None
    asked_at: datetime | None = None
    """When nothing was there, by Redis's clock: what is computed from now on rests on what memories say now."""
    degraded: bool = False
    saved_tokens: int = 0
    turned_away: bool = False
    """Whether it wanted to wait, and too many did already."""

    @property
    def outcome(self) -> str:
        return self.hit or ("unavailable" if self.degraded else "miss")


@dataclass(frozen=True, slots=True)
class Usage:
    """What a tenant's cache holds and has done."""

    entries: int
    bytes: int
    counts: Mapping[str, int]
    """Look-ups by outcome, and ``saved_tokens``."""


def put(
    tenant: TenantInfo,
    request: Request,
    response: Any,
    *,
    ttl: float | None = None,
    tags: Sequence[str] = (),
    memory_ids: Sequence[UUID] = (),
    asked_at: datetime | None = None,
) -> Stored:
    """Store the answer to a request for ``ttl`` seconds, with the memories it rests on.

    Raises InvalidInput for memories that are not there, or an answer too large; Conflict where one of them has been
    revised since ``asked_at``, which the look-up told: whoever was told to compute then does not any more. Unavailable
    with Redis down.
    """
    key, written = request.key, to_json(response)
    try:
        cited = _cited_since(tenant.id, memory_ids, asked_at)
        sets = [
            f"model:{request.model}",
            *(f"tag:{tag}" for tag in dict.fromkeys(tags)),
            *(f"memory:{each}" for each in cited),
        ]
        size = _size(request, written, sets)
    except (InvalidInput, Conflict):
        read(lambda: _release(tenant.id, key, asked_at), None)
        raise
    milliseconds = jittered(ttl or settings.MEMOS_LLM_CACHE_TTL)
    fields = {
        "response": written,
        "model": request.model,
        "memories": to_json({str(each): version for each, (version, _) in cited.items()}),
        "tokens": _tokens(response, written),
        "sets": "\0".join(sets),
    }
    with writing():
        gone = run(
            "llm_put",
            [_entry(tenant.id, key), *(_name(tenant.id, each) for each in ("used", "ends", "sizes", "total")), _flight(tenant.id, key)],
            [key, _name(tenant.id, ""), milliseconds, settings.MEMOS_LLM_CACHE_MAX_ENTRIES, settings.MEMOS_LLM_CACHE_MAX_BYTES,
             size, len(sets), *sets, *(part for pair in fields.items() for part in pair)],
        )  # fmt: skip
    _remember_prompt(tenant.id, request, milliseconds / 1000)
    if gone:
        later(prompts.drop, tenant.id, [each.decode() for each in gone])
    return Stored(key, milliseconds / 1000)


def _size(request: Request, written: bytes, sets: Sequence[str]) -> int:
    """Bytes that an answer takes with its prompt; raises InvalidInput where these are too many, or all do not fit the cache."""
    size = len(written) + len((request.prompt or "").encode())
    beside = OVERHEAD + sum(OVERHEAD_OF_A_SET + len(each) for each in sets)
    most = min(settings.MEMOS_LLM_CACHE_MAX_ENTRY_BYTES, settings.MEMOS_LLM_CACHE_MAX_BYTES - beside)
    if size > most:
        raise InvalidInput(f"{size} bytes; an entry may have {most}.", field="response")
    return size + beside


def lookup(
    tenant: TenantInfo,
    request: Request,
    *,
    semantic: bool = False,
    threshold: float | None = None,
    claim: bool = True,
    wait: float = 0.0,
) -> Found:
    """The answer stored for a request, or with ``semantic`` for one whose prompt asks the same.

    Of those who find nothing, the first is told to compute; the others are told for how long that may take, or wait for it
    up to ``wait`` seconds. With ``claim`` off the caller is one of the others always. With Redis down everybody is told to.
    """
    found = _lookup_once(tenant, request, semantic, threshold, claim)
    if wait and found.retry_after:
        with place() as may_wait:
            found = replace(found, turned_away=not may_wait)
            patience = time.monotonic() + wait
            while may_wait and found.retry_after and time.monotonic() < patience:
                time.sleep(LOOK_SECONDS)
                found = _exact(tenant, request, claim=claim, counted=False)
    metrics.LLM_CACHE.labels(outcome=found.outcome).inc()
    metrics.LLM_CACHE_SAVED.inc(found.saved_tokens)
    return found


def _lookup_once(
    tenant: TenantInfo, request: Request, semantic: bool, threshold: float | None, claim: bool
) -> Found:
    found = _exact(tenant, request, claim=claim)
    if found.hit or found.degraded or not semantic or request.prompt is None:
        return found
    alike = _alike(tenant, request, settings.MEMOS_LLM_CACHE_THRESHOLD if threshold is None else threshold)
    if alike is None:
        return found
    _count(tenant.id, semantic=1, miss=-1, saved_tokens=alike.saved_tokens)
    if found.compute:
        later(_release, tenant.id, found.key, found.asked_at)  # nobody has to compute it
    return alike


def _exact(tenant: TenantInfo, request: Request, *, claim: bool, counted: bool = True) -> Found:
    key = request.key
    held: list[Any]
    held, answered = read(
        lambda: run(
            "llm_get",
            [
                _entry(tenant.id, key),
                _name(tenant.id, "used"),
                _flight(tenant.id, key),
                _name(tenant.id, "counts"),
            ],
            [key, int(claim), int(1000 * settings.MEMOS_LLM_CACHE_LEASE_SECONDS), int(counted)],
        ),
        [1, None],
    )
    if len(held) == 2:
        left, micros = int(held[0]), held[1]
        return Found(
            key,
            compute=left == 1,
            retry_after=left / 1000 if left > 1 else None,
            asked_at=datetime.fromtimestamp(int(micros) / 1_000_000, UTC) if micros else None,
            degraded=not answered,
        )
    response, cited, tokens = held
    if not _still_rests(tenant.id, cited):
        drop(tenant.id, keys=[key])
        _count(tenant.id, outdated=1, exact=-1, saved_tokens=-int(tokens))
        return _exact(tenant, request, claim=claim)
    return Found(key, "exact", orjson.loads(response), saved_tokens=int(tokens))


def _alike(tenant: TenantInfo, request: Request, threshold: float) -> Found | None:
    """The answer to the nearest prompt that asks the same, as far as vectors and guards can tell."""
    prompt = request.prompt or ""
    model = active_model()
    try:
        vector = embed_query(model.spec, prompt).vector
        near = [
            each
            for each in prompts.nearest(tenant.id, request.scope(model.spec.name), vector)
            if each.cosine >= threshold
        ]
    except (EmbeddingError, ValueError, Error, PoolTimeout) as error:
        log.warning("no prompts compared", error=str(error))
        return None
    if not near:
        return None
    refused, asked = False, read_prompt(prompt)
    for each in near:
        if differs(read_prompt(each.prompt), asked):
            refused = True
            continue
        held, answered = _held(tenant.id, each.key)
        if not answered:
            break
        if held is None:
            later(prompts.drop, tenant.id, [each.key])
            continue
        response, cited, tokens = held
        if not _still_rests(tenant.id, cited):
            drop(tenant.id, keys=[each.key])
            continue
        later(_used, tenant.id, each.key)
        return Found(
            each.key,
            "semantic",
            orjson.loads(response),
            round(each.cosine, 6),
            saved_tokens=int(tokens),
        )
    if refused:
        _count(tenant.id, near=1)
    return None


def _held(tenant_id: UUID, key: str) -> tuple[list[Any] | None, bool]:
    """What Redis holds of an answer, None where it is gone; and whether Redis answered."""

    def ask() -> list[Any] | None:
        held: Any = client().hmget(_entry(tenant_id, key), ["response", "memories", "tokens"])
        return None if held[0] is None else held

    return read(ask, None)


def _used(tenant_id: UUID, key: str) -> None:
    client().zadd(_name(tenant_id, "used"), {key: int(1000 * time.time())}, xx=True)


def release(tenant_id: UUID, found: Found) -> None:
    """Whoever was told to compute an answer does not any more; raises Unavailable with Redis down."""
    if found.compute and not found.degraded:
        with writing():
            _release(tenant_id, found.key, found.asked_at)


def _release(tenant_id: UUID, key: str, asked_at: datetime | None) -> None:
    """Give back the lease that was taken at that moment."""
    if asked_at:
        run("llm_release", [_flight(tenant_id, key)], [round(asked_at.timestamp() * 1_000_000)])


def drop(
    tenant_id: UUID,
    *,
    keys: Sequence[str] = (),
    tag: str | None = None,
    model: str | None = None,
    memory_id: UUID | None = None,
    everything: bool = False,
) -> int:
    """Drop answers by key, by tag, by model, by a memory they rest on, or all of the tenant's; returns how many.

    Raises Unavailable with Redis down.
    """
    with writing():
        chosen = {*keys}
        for name, value in (("tag", tag), ("model", model), ("memory", memory_id)):
            if value is not None:
                chosen |= _members(client().smembers(_name(tenant_id, f"{name}:{value}")))
        if everything:
            chosen |= _members(client().zrange(_name(tenant_id, "used"), 0, -1))
        dropped = 0
        ordered = sorted(chosen)
        for start in range(0, len(ordered), 500):
            some = ordered[start : start + 500]
            accounts = [_name(tenant_id, each) for each in ("used", "ends", "sizes", "total")]
            dropped += int(
                run(
                    "llm_drop",
                    [*accounts, *(_entry(tenant_id, key) for key in some)],
                    [_name(tenant_id, ""), *some],
                )
            )
    if everything:
        prompts.drop_all(tenant_id)
    else:
        prompts.drop(tenant_id, ordered)
    return dropped


def _members(answer: Any) -> set[str]:
    return {each.decode() for each in answer}


def sweep() -> int:
    """Delete the prompts whose answers have expired or are gone; returns how many. With Redis down only the former."""

    def is_there(tenant_id: UUID, keys: Sequence[str]) -> list[bool]:
        pipeline: Any = client().pipeline(transaction=False)
        for key in keys:
            pipeline.exists(_entry(tenant_id, key))
        return read(lambda: [bool(each) for each in pipeline.execute()], [True] * len(keys))[0]

    return prompts.sweep(is_there)


def memory_changed(tenant_id: UUID, memory_id: UUID) -> None:
    """Drop what rests on a memory soon; until then its version says that the answer may not be used."""
    later(drop, tenant_id, memory_id=memory_id)


def usage(tenant_id: UUID) -> Usage:
    """All zero with Redis down."""

    def ask() -> Usage:
        pipeline: Any = client().pipeline(transaction=False)
        pipeline.zcard(_name(tenant_id, "used"))
        pipeline.get(_name(tenant_id, "total"))
        pipeline.hgetall(_name(tenant_id, "counts"))
        entries, size, counts = pipeline.execute()
        return Usage(entries, int(size or 0), {name.decode(): int(times) for name, times in counts.items()})

    return read(ask, Usage(0, 0, {}))[0]


def _remember_prompt(tenant_id: UUID, request: Request, ttl: float) -> None:
    """Put the prompt into the index; without a provider or the database it is found by its exact request only."""
    if request.prompt is None:
        return
    model = active_model()
    try:
        vector = embed_query(model.spec, request.prompt).vector
        prompts.put(tenant_id, request.key, request.scope(model.spec.name), request.prompt, vector, ttl=ttl)
    except (EmbeddingError, ValueError, Error, PoolTimeout) as error:
        log.warning("a prompt was not indexed", error=str(error))


def _cited(tenant_id: UUID, memory_ids: Sequence[UUID]) -> dict[UUID, tuple[int, datetime]]:
    """The versions of those that are there and live, and since when they are these."""
    if not memory_ids:
        return {}
    with read_scope(tenant_id):
        rows = fetch_prepared(VERSIONS, {"tenant": tenant_id, "ids": list(memory_ids)})
    return {memory_id: (version, since) for memory_id, version, since in rows}


def _cited_since(
    tenant_id: UUID, memory_ids: Sequence[UUID], asked_at: datetime | None
) -> dict[UUID, tuple[int, datetime]]:
    """``_cited`` of memories that are all there and none of them revised since; raises as ``put`` does.

    The clocks are those of Redis and of the servers that write: what happens within their difference goes unnoticed.
    """
    cited = _cited(tenant_id, memory_ids)
    if missing := [str(each) for each in memory_ids if each not in cited]:
        raise InvalidInput(f"There is no such memory: {', '.join(missing[:5])}.", field="memory_ids")
    revised = [
        str(each) for each, (version, since) in cited.items() if asked_at and version > 1 and since > asked_at
    ]
    if revised:
        raise Conflict(
            f"Changed while the answer was computed, which was not kept: {', '.join(revised[:5])}.",
            field="memory_ids",
        )
    return cited


def _still_rests(tenant_id: UUID, cited: bytes) -> bool:
    """Whether the memories an answer rests on are as they were."""
    wanted = {UUID(each): version for each, version in orjson.loads(cited).items()}
    try:
        return {each: version for each, (version, _) in _cited(tenant_id, [*wanted]).items()} == wanted
    except (Error, PoolTimeout):
        return False


def _tokens(response: Any, written: bytes) -> int:
    """What the model charged for by its own account, or an estimate by the length of the answer."""
    said = response.get("usage") if isinstance(response, dict) else None
    total = said.get("total_tokens") if isinstance(said, dict) else None
    return total if type(total) is int and 0 <= total < 10**9 else len(written) // CHARACTERS_PER_TOKEN


def _count(tenant_id: UUID, **changes: int) -> None:
    """What the script that looks for the exact request cannot know."""
    for outcome in changes.keys() & {"near", "outdated"}:
        metrics.LLM_CACHE.labels(outcome=outcome).inc()
    later(_write_counts, tenant_id, changes)


def _write_counts(tenant_id: UUID, changes: Mapping[str, int]) -> None:
    pipeline: Any = client().pipeline(transaction=False)
    for name, change in changes.items():
        pipeline.hincrby(_name(tenant_id, "counts"), name, change)
    pipeline.execute()


def _name(tenant_id: UUID, part: str) -> str:
    return key_of(tenant_id, "llm", part)


def _entry(tenant_id: UUID, key: str) -> str:
    return _name(tenant_id, f"e:{key}")


def _flight(tenant_id: UUID, key: str) -> str:
    return _name(tenant_id, f"flight:{key}")
