"""Promotion: entries of a scratchpad become lasting memories, chosen by the caller or by what they are worth.

What PostgreSQL has committed counts. The pad in Redis shows it, and may be gone by then.
"""

import hashlib
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import batched
from uuid import UUID

import structlog
from django.conf import settings

from memories import metrics, services
from memories.models import Memory
from memories.services import NewMemory
from memories.working import scratchpads
from memories.working.scratchpads import Entry
from memories.worth import Score, scores
from memos_project.db import tenant_scope
from memos_project.errors import InvalidInput, NotFound, Unavailable
from memos_project.tenancy.callers import TenantInfo, tenant_info
from memos_project.tenancy.models import Tenant

log = structlog.get_logger(__name__)

# Seconds a pad lives on when its session has ended.
LINGER = 60.0
# Seconds a worker has for a pad that it took.
LEASE = 60.0
# Tenants whose pads are looked for at once.
TENANTS = 500
MAX_EXTERNAL_ID = 200
AUTOMATIC = "scratchpad"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of an entry.

    ``promoted``; ``present`` if it is a memory already; ``passed`` if it is not worth it; ``forgotten`` if it was a
    memory that has been deleted since. Only what was weighed has a score.
    """

    entry: Entry
    status: str
    memory_id: UUID | None = None
    score: Score | None = None


@dataclass(slots=True)
class Promotion:
    """The verdicts in the pad's order, the threshold where there was one, and the parts that were missing."""

    verdicts: list[Verdict]
    threshold: float | None = None
    degraded: list[str] = field(default_factory=list)


def promote_chosen(tenant: TenantInfo, session: str, entry_ids: Sequence[str], *, actor: str) -> Promotion:
    """Make memories of these entries, whatever they are worth.

    Raises NotFound without a pad, InvalidInput for an id that is not in it, Unavailable with Redis down.
    """
    pad, wanted = _pad(tenant.id, session), set(entry_ids)
    if unknown := wanted - {entry.id for entry in pad}:
        raise InvalidInput(f"There is no entry {min(unknown)} in this scratchpad.", field="entries")
    chosen = [entry for entry in pad if entry.id in wanted]
    verdicts = _present(tenant.id, session, chosen)
    fresh = [entry for entry in chosen if entry.id not in verdicts]
    verdicts |= _remember(tenant, session, fresh, {}, actor=actor)
    return _told(tenant.id, session, Promotion([verdicts[entry.id] for entry in chosen]))


def promote_worthy(
    tenant: TenantInfo, session: str, *, threshold: float | None = None, actor: str
) -> Promotion:
    """Make memories of the entries whose score reaches the threshold; raises as ``promote_chosen`` does."""
    return _promote_worthy(tenant, session, _pad(tenant.id, session), threshold=threshold, actor=actor)


def end(tenant: TenantInfo, session: str, *, actor: str) -> Promotion:
    """A session is over: promote what is worth it, and let the pad go if there is one."""
    pad = scratchpads.whole(tenant.id, session)
    promotion = Promotion([])
    if not pad:
        return promotion
    if scratchpads.is_promoted_at_end(tenant.id, session):
        promotion = _promote_worthy(tenant, session, pad, actor=actor)
    try:
        scratchpads.let_go(tenant.id, session, seconds=LINGER, seen=pad[-1].id, over=True)
    except Unavailable:
        _note_down(promotion)
    return promotion


def promote_ending() -> int:
    """Promote what is worth it of the pads that expire soon, tenant by tenant; returns of how many pads."""
    done = 0
    for tenants in batched(Tenant.objects.filter(active=True).order_by("pk").iterator(), TENANTS):
        known = {tenant.pk: tenant_info(tenant) for tenant in tenants}
        for tenant_id, session in scratchpads.near_end(list(known)):
            try:
                done += _promote_ending(known[tenant_id], session)
            except Exception:
                # The pad lives on for the lease and comes round again; the others need not wait for it.
                log.exception("a scratchpad was not promoted", tenant=known[tenant_id].slug, session=session)
    return done


def _promote_ending(tenant: TenantInfo, session: str) -> bool:
    left = scratchpads.claim(tenant.id, session, lease=LEASE)
    started = time.monotonic()
    pad = scratchpads.whole(tenant.id, session) if left is not None else []
    if left is None or not pad:
        return False
    promotion = _promote_worthy(tenant, session, pad, actor=AUTOMATIC)
    left -= time.monotonic() - started
    scratchpads.let_go(tenant.id, session, seconds=left, seen=pad[-1].id)
    statuses = Counter(each.status for each in promotion.verdicts)
    log.info("scratchpad promoted near its end", tenant=tenant.slug, session=session, **statuses)
    return True


def _pad(tenant_id: UUID, session: str) -> list[Entry]:
    pad = scratchpads.whole(tenant_id, session)
    if not pad:
        raise NotFound(scratchpads.MISSING)
    return pad


def _promote_worthy(
    tenant: TenantInfo, session: str, pad: Sequence[Entry], *, threshold: float | None = None, actor: str
) -> Promotion:
    threshold = settings.MEMOS_PROMOTION_THRESHOLD if threshold is None else threshold
    verdicts = _present(tenant.id, session, pad)
    # What was deleted as a memory does not come back by itself.
    gone = [entry for entry in pad if entry.memory_id and entry.id not in verdicts]
    verdicts |= {entry.id: Verdict(entry, "forgotten") for entry in gone}
    undecided = [entry for entry in pad if entry.id not in verdicts]
    found, degraded = scores(tenant, pad, undecided, threshold=threshold)
    verdicts |= {entry.id: Verdict(entry, "passed", score=found[entry.id]) for entry in undecided}
    worthy = [entry for entry in undecided if found[entry.id].score >= threshold]
    verdicts |= _remember(tenant, session, worthy, found, actor=actor)
    return _told(tenant.id, session, Promotion([verdicts[entry.id] for entry in pad], threshold, degraded))


def _external_id(session: str, entry_id: str) -> str:
    """The name by which an entry is remembered once; of a session's long name its digest stands for it."""
    external_id = f"scratchpad:{session}:{entry_id}"
    if len(external_id) <= MAX_EXTERNAL_ID:
        return external_id
    return f"scratchpad:{hashlib.sha256(session.encode()).hexdigest()}:{entry_id}"


def _present(tenant_id: UUID, session: str, entries: Sequence[Entry]) -> dict[str, Verdict]:
    """Those of the entries that are memories, by their ids, as PostgreSQL says."""
    known = {(entry.user_id, _external_id(session, entry.id)): entry for entry in entries}
    with tenant_scope(tenant_id):
        rows = Memory.objects.filter(
            tenant_id=tenant_id,
            user_id__in={user_id for user_id, _ in known},
            external_id__in=[external_id for _, external_id in known],
        ).only("user_id", "external_id")
        return {
            known[name].id: Verdict(known[name], "present", row.pk)
            for row in rows
            if (name := (row.user_id, row.external_id or "")) in known
        }


def _remember(
    tenant: TenantInfo, session: str, entries: Sequence[Entry], found: dict[str, Score], *, actor: str
) -> dict[str, Verdict]:
    answers = services.promote(tenant, [_memory(session, entry) for entry in entries], actor=actor)
    return {
        entry.id: Verdict(entry, "promoted" if answer.created else "present", answer.id, found.get(entry.id))
        for entry, answer in zip(entries, answers, strict=True)
    }


def _memory(session: str, entry: Entry) -> NewMemory:
    return NewMemory(
        content=entry.content,
        kind=Memory.Kind.OBSERVATION,
        tier=Memory.Tier.EPISODIC,
        user_id=entry.user_id,
        agent_id=entry.author,
        external_id=_external_id(session, entry.id),
        metadata={"promoted_from": {"scratchpad": session, "entry": entry.id, "part": entry.part}},
        importance=entry.weight,
        occurred_at=entry.at,
    )


def _told(tenant_id: UUID, session: str, promotion: Promotion) -> Promotion:
    """Show in the pad what became of its entries; where Redis is down by now, only the answer says it."""
    for each in promotion.verdicts:
        metrics.PROMOTED.labels(outcome=each.status).inc()
    memories = {each.entry.id: each.memory_id for each in promotion.verdicts if each.memory_id}
    try:
        scratchpads.mark(tenant_id, session, memories)
    except Unavailable:
        _note_down(promotion)
    return promotion


def _note_down(promotion: Promotion) -> None:
    if "working" not in promotion.degraded:
        promotion.degraded.append("working")
