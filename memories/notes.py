"""The rows of notes: what they rest on and are linked to, and how they follow when their sources change.

Whoever changes a note's sources and the note itself locks the sources first, in the order of their ids.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import numpy as np
from django.conf import settings
from django.db import connection
from django.db.models import Q, QuerySet

from memories.consolidation import ExtractiveSummariser, Source, Summary
from memories.consolidation.clusters import centred, common
from memories.indexing import text_of
from memories.models import CONSOLIDATION, AuditEntry, Memory, MemoryVersion, Note, NoteLink, NoteSource
from memories.retrieval import active_model
from memories.revisions import level_later, write_revision
from memos_project.db import fetch_prepared, tenant_scope
from memos_project.errors import Conflict, NotFound
from memos_project.tenancy.callers import TenantInfo
from memos_project.tenancy.models import Tenant

ACTOR = CONSOLIDATION
# What may go by itself is not repeated elsewhere.
LASTING = {"superseded_by": None, "valid_to": None, "expires_at": None}
# A note that was made of memories says nothing of its own about fewer.
LEAST_SOURCES = 2
# Of the user's latest notes, those whose sources are at least so like (cosine) a note's on the whole are linked to it.
LINKED, MOST_LINKS, LATEST = 0.5, 5, 500
# The share of what it lacks that a note's importance gains each time it is recalled.
REINFORCEMENT = 0.1

HOLD = "SELECT id FROM memories_memory WHERE tenant_id = %s AND id = ANY(%s) ORDER BY id FOR NO KEY UPDATE"
CENTRES = """
SELECT n.memory_id, avg(v.embedding)::real[] FROM (
    SELECT n.memory_id FROM memories_note n JOIN memories_memory m ON m.id = n.memory_id AND m.tenant_id = n.tenant_id
    WHERE n.tenant_id = %(tenant)s AND m.owner = hashtextextended(%(user)s, 0) AND m.user_id = %(user)s
    ORDER BY n.memory_id DESC LIMIT %(latest)s
) n
JOIN memories_notesource s ON s.note_id = n.memory_id AND s.tenant_id = %(tenant)s
JOIN memories_memoryvector v
    ON v.memory_id = s.memory_id AND v.tenant_id = s.tenant_id AND v.model_id = %(model)s AND v.chunk = 0
GROUP BY n.memory_id
"""
# A note that is forgotten meanwhile is not linked to.
LINK = """
INSERT INTO memories_notelink (tenant_id, one_id, other_id, likeness)
SELECT %(tenant)s, least(n.memory_id, %(note)s), greatest(n.memory_id, %(note)s), near.likeness
FROM unnest(%(ids)s::uuid[], %(likenesses)s::float8[]) near (id, likeness)
CROSS JOIN LATERAL (
    SELECT n.memory_id FROM memories_note n WHERE n.memory_id = near.id AND n.tenant_id = %(tenant)s FOR KEY SHARE
) n
ON CONFLICT DO NOTHING RETURNING one_id, other_id
"""
# What was taken from sources when they receded comes back, where nothing has changed it since. Whoever holds one of
# them may wait for the note.
RETURN = """
UPDATE memories_memory m SET importance_computed = b.before FROM (
    SELECT m.id, (taken.pair ->> 0)::float8 AS before
    FROM memories_consolidationstep s
    CROSS JOIN LATERAL jsonb_each(s.former -> 'importance') taken (id, pair)
    JOIN memories_memory m ON m.id = taken.id::uuid AND m.tenant_id = s.tenant_id
        AND m.importance_computed = (taken.pair ->> 1)::float8
    WHERE s.tenant_id = %(tenant)s AND s.note_id = %(note)s AND s.state = 'done' FOR NO KEY UPDATE OF m SKIP LOCKED
) b WHERE m.id = b.id AND m.tenant_id = %(tenant)s
"""
# Ebbinghaus' forgetting curve with a half-life; each recall makes up for a share of what is missing and starts it anew.
# Some notes at a time, in the order in which others lock them.
DECAY = """
WITH portion AS MATERIALIZED (
    SELECT n.memory_id AS id, n.worth FROM memories_note n
    WHERE n.tenant_id = %(tenant)s AND n.memory_id > %(after)s ORDER BY n.memory_id LIMIT %(limit)s
), held AS MATERIALIZED (
    SELECT m.id, s.worth, m.access_count, m.importance_computed,
           extract(epoch FROM %(now)s - greatest(m.created_at, m.last_accessed_at, m.updated_at)) AS age
    FROM portion s JOIN memories_memory m ON m.id = s.id AND m.tenant_id = %(tenant)s
    WHERE NOT m.pinned ORDER BY m.id FOR NO KEY UPDATE OF m
), weighed AS MATERIALIZED (
    SELECT h.id, h.importance_computed, round((
        (1 - (1 - h.worth) * power(1 - %(reinforcement)s, least(h.access_count, 1000)))
        * power(0.5, least(greatest(h.age, 0) / (86400.0 * %(half_life)s), 100))
    )::numeric, 3)::float8 AS weight
    FROM held h
), changed AS (
    UPDATE memories_memory m SET importance_computed = w.weight FROM weighed w
    WHERE m.id = w.id AND m.tenant_id = %(tenant)s AND abs(w.importance_computed - w.weight) >= 0.01
    RETURNING 1
)
SELECT (SELECT id FROM portion ORDER BY id DESC LIMIT 1), (SELECT count(*) FROM changed)
"""
AT_ONCE = 500
FIRST = UUID(int=0)

_summariser = ExtractiveSummariser()


def source_of(memory: Memory) -> Source:
    """A memory as a summariser reads it."""
    return Source(text_of(memory), memory.speaker, memory.occurred_at, tuple(memory.tags))


def held(tenant_id: UUID, memory_ids: Collection[UUID]) -> list[Memory]:
    """Those of the memories that are there, kept from change until the transaction ends, in the order of time."""
    with connection.cursor() as cursor:
        cursor.execute(HOLD, [tenant_id, sorted(memory_ids)])
    return list(Memory.objects.filter(tenant_id=tenant_id, pk__in=memory_ids).order_by("occurred_at", "id"))


def cite(tenant_id: UUID, note_id: UUID, sources: Sequence[Memory]) -> None:
    """Write down what a note rests on; what it cites already is brought up to date."""
    NoteSource.objects.bulk_create(
        [
            NoteSource(
                tenant_id=tenant_id, note_id=note_id, memory_id=each.pk, content_hash=each.content_hash
            )
            for each in sources
        ],
        update_conflicts=True,
        unique_fields=["note_id", "memory_id"],
        update_fields=["content_hash"],
    )


def link(tenant_id: UUID, note_id: UUID, user_id: str) -> list[UUID]:
    """Link a note to those that rest on the like of what it rests on; returns to which it was not linked before."""
    params: dict[str, Any] = {
        "tenant": tenant_id,
        "user": user_id,
        "model": active_model().id,
        "latest": LATEST,
    }
    centres = dict(fetch_prepared(CENTRES, params))
    if (mine := centres.pop(note_id, None)) is None or not centres:
        return []
    theirs = np.array([*centres.values()], dtype=np.float32)
    mean = common(theirs)
    likeness = centred(theirs, mean) @ centred(np.array([mine], dtype=np.float32), mean)[0]
    near = {pk: float(value) for pk, value in zip(centres, likeness, strict=True) if value >= LINKED}
    likest = sorted(near, key=lambda pk: -near[pk])[:MOST_LINKS]
    params = {
        "tenant": tenant_id,
        "note": note_id,
        "ids": likest,
        "likenesses": [min(1.0, near[pk]) for pk in likest],
    }
    return [other if one == note_id else one for one, other in fetch_prepared(LINK, params)]


def unlink(note_id: UUID, others: Collection[UUID]) -> None:
    """Take the links between a note and others away."""
    NoteLink.objects.filter(
        Q(one_id=note_id, other_id__in=others) | Q(other_id=note_id, one_id__in=others)
    ).delete()


def rewrite(tenant: TenantInfo, memory: Memory, summary: Summary, sources: Sequence[Memory]) -> None:
    """Give a note, whose row is locked, the text of a summary of its sources; what it was is kept as a version.

    A note by hand stays one. Raises Conflict where another note says the same.
    """
    changes = {
        "title": summary.title,
        "content": summary.content,
        "tags": list(summary.tags),
        "occurred_at": sources[-1].occurred_at,
    }
    _revised(tenant, memory, changes)
    Note.objects.filter(pk=memory.pk).update(
        context=summary.context, keywords=list(summary.keywords), summariser=summary.summariser
    )


def _revised(tenant: TenantInfo, memory: Memory, changes: Mapping[str, Any]) -> Note:
    """The note as it was before its row was changed; its importance comes from sources and use, not from its words."""
    note = Note.objects.get(pk=memory.pk)
    weight = memory.importance_computed
    write_revision(tenant, memory, changes, actor=ACTOR, besides=_state(note))
    Memory.objects.filter(pk=memory.pk).update(importance_computed=weight)
    return note


def _state(note: Note) -> dict[str, Any]:
    """What belongs to a note and is not in its memory's row."""
    return {
        "context": note.context,
        "keywords": note.keywords,
        "summariser": note.summariser,
        "sources": _cited(note.pk),
        "links": sorted(str(pk) for pk in links_of(note.pk)),
    }


def _cited(note_id: UUID) -> dict[str, str]:
    """The hashes of what a note was made of, by source."""
    cited = NoteSource.objects.filter(note_id=note_id).values_list("memory_id", "content_hash")
    return {str(memory_id): content_hash for memory_id, content_hash in cited}


def restore(tenant: TenantInfo, memory: Memory, version: int) -> bool:
    """Give a note, whose row is locked, the text it had at a version, and let go of those since.

    False where that version is gone, or rested on something else than the note cites now.
    """
    kept = {
        each.version: each.state for each in MemoryVersion.objects.filter(memory=memory, version__gte=version)
    }
    if version not in kept or kept[version].get("sources") != _cited(memory.pk):
        return False
    state: dict[str, Any] = {}
    for each in sorted(kept, reverse=True):
        state |= kept[each]
    changes: dict[str, Any] = {
        name: state[name] for name in ("title", "content", "tags", "occurred_at") if name in state
    }
    if "occurred_at" in changes:
        changes["occurred_at"] = datetime.fromisoformat(changes["occurred_at"])
    _revised(tenant, memory, changes)
    fields = {name: state[name] for name in ("context", "keywords", "summariser")}
    Note.objects.filter(pk=memory.pk).update(**fields)
    # They may repeat what the note no longer cites, so nothing would take them along when that is forgotten.
    MemoryVersion.objects.filter(memory=memory, version__gte=version).delete()
    return True


def follow(tenant: TenantInfo, memory_id: UUID, *, forgotten: bool) -> None:
    """Make the notes that cite a memory anew: what it says has changed, or it is about to be forgotten.

    Of what is forgotten nothing stays: the note is made of the other sources and its former versions go, or where they
    are too few, the note is withdrawn. A note by hand is left alone until then. The caller holds the memory's row.
    """
    citing = NoteSource.objects.filter(memory_id=memory_id).order_by("note_id")
    if not forgotten:
        citing = citing.exclude(note__summariser=Note.Summariser.HAND)
    for note_id in list(citing.values_list("note_id", flat=True)):
        memory = Memory.objects.select_for_update(no_key=True).filter(pk=note_id).first()
        if memory is None:
            continue
        if forgotten:
            NoteSource.objects.filter(note_id=note_id, memory_id=memory_id).delete()
        remake(tenant, memory)
        if forgotten:
            MemoryVersion.objects.filter(memory_id=note_id).delete()


def remake(tenant: TenantInfo, memory: Memory) -> None:
    """Make a note, whose row is locked, anew of the sources it has that hold; without enough it is withdrawn."""
    cited = Memory.objects.filter(cited_by__note_id=memory.pk)
    sources = list(cited.filter(**LASTING).order_by("occurred_at", "id"))
    NoteSource.objects.filter(note_id=memory.pk).exclude(memory_id__in=[each.pk for each in sources]).delete()
    by_hand = Note.objects.filter(pk=memory.pk, summariser=Note.Summariser.HAND).exists()
    if len(sources) < (1 if by_hand else LEAST_SOURCES):
        withdraw(tenant.id, memory)
        return
    try:
        rewrite(tenant, memory, _summariser.summarise([source_of(each) for each in sources]), sources)
    except Conflict:  # another note of the same sources says so already
        withdraw(tenant.id, memory)
        return
    cite(tenant.id, memory.pk, sources)
    Note.objects.filter(pk=memory.pk).update(worth=max(each.importance for each in sources))
    unlink(memory.pk, links_of(memory.pk))
    link(tenant.id, memory.pk, memory.user_id)


def withdraw(tenant_id: UUID, memory: Memory) -> None:
    """Take a note away, with its versions and links; its sources stay, and count as they did before it."""
    AuditEntry.objects.create(
        tenant_id=tenant_id, memory_id=memory.pk, action=AuditEntry.Action.WITHDRAW, actor=ACTOR
    )
    let_return(tenant_id, memory.pk)
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM memories_memory WHERE tenant_id = %s AND id = %s", [tenant_id, memory.pk])
    level_later(tenant_id, memory.pk)


def let_return(tenant_id: UUID, note_id: UUID) -> None:
    """Let what a note rests on count as it did before the note."""
    with connection.cursor() as cursor:
        cursor.execute(RETURN, {"tenant": tenant_id, "note": note_id})


def decay(*, now: datetime) -> int:
    """Bring the importance of all notes up to date; returns how many it changed for."""
    return sum(
        _decay(tenant_id, now)
        for tenant_id in Tenant.objects.filter(active=True).values_list("pk", flat=True)
    )


def _decay(tenant_id: UUID, now: datetime) -> int:
    params: dict[str, Any] = {
        "tenant": tenant_id,
        "now": now,
        "reinforcement": REINFORCEMENT,
        "half_life": settings.MEMOS_NOTE_HALF_LIFE_DAYS,
        "limit": AT_ONCE,
    }
    changed, after = 0, FIRST
    while True:
        with tenant_scope(tenant_id), connection.cursor() as cursor:
            cursor.execute(DECAY, {**params, "after": after})
            last, count = cursor.fetchone() or (None, 0)
        changed += count
        if last is None:
            return changed
        after = last


@dataclass(frozen=True, slots=True)
class Described:
    """A note with what it rests on and is linked to."""

    memory: Memory
    context: str
    keywords: list[str]
    summariser: str
    sources: list[UUID]
    links: Mapping[UUID, float]
    """Likeness by note."""


def describe(tenant_id: UUID, note_id: UUID) -> Described:
    """One note; raises NotFound."""
    with tenant_scope(tenant_id):
        found = _all(tenant_id).filter(pk=note_id)
        if not found:
            raise NotFound("There is no such note.")
        return described(found)[0]


def list_notes(
    tenant_id: UUID,
    *,
    user_id: str | None = None,
    keyword: str | None = None,
    source: UUID | None = None,
    before: UUID | None = None,
    limit: int = 50,
) -> list[Described]:
    """Notes, those that came last first, from the one before ``before`` on."""
    with tenant_scope(tenant_id):
        found = _all(tenant_id)
        if user_id is not None:
            found = found.filter(user_id=user_id)
        if keyword is not None:
            found = found.filter(note__keywords__contains=[keyword])
        if source is not None:
            found = found.filter(note__sources__memory_id=source)
        if before is not None:
            found = found.filter(pk__lt=before)
        return described(found.order_by("-pk")[:limit])


def of(tenant_id: UUID, memory_ids: Collection[UUID]) -> list[Described]:
    """Those of the memories that are notes, in no order."""
    with tenant_scope(tenant_id):
        return described(_all(tenant_id).filter(pk__in=memory_ids))


def _all(tenant_id: UUID) -> QuerySet[Memory]:
    return Memory.objects.select_related("note").filter(tenant_id=tenant_id, kind=Memory.Kind.NOTE)


def described(memories: Iterable[Memory]) -> list[Described]:
    """Memories that are notes, with what belongs to them; the tenant's scope is the caller's."""
    found = list(memories)
    ids = [each.pk for each in found]
    sources: dict[UUID, list[UUID]] = {pk: [] for pk in ids}
    cited = NoteSource.objects.filter(note_id__in=ids).order_by("memory__occurred_at", "memory_id")
    for note_id, memory_id in cited.values_list("note_id", "memory_id"):
        sources[note_id].append(memory_id)
    linked: dict[UUID, dict[UUID, float]] = {pk: {} for pk in ids}
    for each in NoteLink.objects.filter(Q(one_id__in=ids) | Q(other_id__in=ids)).order_by("-likeness"):
        for here, there in ((each.one_id, each.other_id), (each.other_id, each.one_id)):
            if here in linked:
                linked[here][there] = round(each.likeness, 6)
    return [_described(each, sources[each.pk], linked[each.pk]) for each in found]


def _described(memory: Memory, sources: list[UUID], links: Mapping[UUID, float]) -> Described:
    # Whoever stores a memory of the kind "note" has written one by hand that cites nothing.
    note = getattr(memory, "note", None)
    if note is None:
        return Described(memory, "", [], Note.Summariser.HAND, sources, links)
    return Described(memory, note.context, note.keywords, note.summariser, sources, links)


def links_of(note_id: UUID) -> list[UUID]:
    """The notes that a note is linked to."""
    found = NoteLink.objects.filter(Q(one_id=note_id) | Q(other_id=note_id))
    return [other if one == note_id else one for one, other in found.values_list("one_id", "other_id")]
