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
from memories.models import AuditEntry, Memory, MemoryVersion, Note, NoteLink, NoteSource
from memories.retrieval import active_model
from memories.revisions import level_later, write_revision
from memos_project.db import fetch_prepared, tenant_scope
from memos_project.errors import NotFound
from memos_project.tenancy.callers import TenantInfo
from memos_project.tenancy.models import Tenant

ACTOR = "consolidation"
# A note that was made of memories says nothing of its own about fewer.
LEAST_SOURCES = 2
# Of the user's latest notes, those whose sources are at least so like (cosine) a note's on the whole are linked to it.
LINKED, MOST_LINKS, LATEST = 0.5, 5, 500
# The share of what it lacks that a note's importance gains each time it is recalled.
REINFORCEMENT = 0.1

HOLD = "SELECT id FROM memories_memory WHERE tenant_id = %s AND id = ANY(%s) ORDER BY id FOR SHARE"
CENTRES = """
SELECT n.memory_id, avg(v.embedding)::real[] FROM (
    SELECT n.memory_id FROM memories_note n JOIN memories_memory m ON m.id = n.memory_id AND m.tenant_id = n.tenant_id
    WHERE n.tenant_id = %(tenant)s AND m.user_id = %(user)s ORDER BY n.memory_id DESC LIMIT %(latest)s
) n
JOIN memories_notesource s ON s.note_id = n.memory_id AND s.tenant_id = %(tenant)s
JOIN memories_memoryvector v
    ON v.memory_id = s.memory_id AND v.tenant_id = s.tenant_id AND v.model_id = %(model)s AND v.chunk = 0
GROUP BY n.memory_id
"""
# Ebbinghaus' forgetting curve with a half-life; each recall makes up for a share of what is missing and starts it anew.
DECAY = """
UPDATE memories_memory m SET importance_computed = w.weight FROM (
    SELECT m.id, round((
        (1 - (1 - n.worth) * power(1 - %(reinforcement)s, least(m.access_count, 1000)))
        * power(0.5, extract(epoch FROM %(now)s - greatest(m.created_at, m.last_accessed_at, m.updated_at))
                     / (86400.0 * %(half_life)s))
    )::numeric, 3)::float8 AS weight
    FROM memories_note n JOIN memories_memory m ON m.id = n.memory_id AND m.tenant_id = n.tenant_id
    WHERE n.tenant_id = %(tenant)s
) w
WHERE m.id = w.id AND m.tenant_id = %(tenant)s AND abs(m.importance_computed - w.weight) >= 0.005
"""

_summariser = ExtractiveSummariser()


def source_of(memory: Memory) -> Source:
    """A memory as a summariser reads it."""
    text = f"{memory.title}\n{memory.content}" if memory.title else memory.content
    return Source(text, memory.speaker, memory.occurred_at, tuple(memory.tags))


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
    params = {"tenant": tenant_id, "user": user_id, "model": active_model().id, "latest": LATEST}
    centres = dict(fetch_prepared(CENTRES, params))
    if (mine := centres.pop(note_id, None)) is None or not centres:
        return []
    theirs = np.array([*centres.values()], dtype=np.float32)
    mean = common(theirs)
    likeness = centred(theirs, mean) @ centred(np.array([mine], dtype=np.float32), mean)[0]
    near = {pk: float(value) for pk, value in zip(centres, likeness, strict=True) if value >= LINKED}
    likest = sorted(near, key=lambda pk: -near[pk])[:MOST_LINKS]
    known = {*links_of(note_id)}
    fresh = [pk for pk in likest if pk not in known]
    NoteLink.objects.bulk_create(
        NoteLink(
            tenant_id=tenant_id,
            one_id=min(pk, note_id),
            other_id=max(pk, note_id),
            likeness=min(1.0, near[pk]),
        )
        for pk in fresh
    )
    return fresh


def unlink(note_id: UUID, others: Collection[UUID]) -> None:
    """Take the links between a note and others away."""
    NoteLink.objects.filter(
        Q(one_id=note_id, other_id__in=others) | Q(other_id=note_id, one_id__in=others)
    ).delete()


def rewrite(tenant: TenantInfo, memory: Memory, summary: Summary) -> None:
    """Give a note, whose row is locked, the text of a summary; what it was is kept as a version."""
    note = Note.objects.get(pk=memory.pk)
    changes = {"title": summary.title, "content": summary.content, "tags": list(summary.tags)}
    weight = memory.importance_computed
    write_revision(tenant, memory, changes, actor=ACTOR, besides=_state(note))
    Note.objects.filter(pk=memory.pk).update(
        context=summary.context, keywords=list(summary.keywords), summariser=summary.summariser
    )
    # A note's importance comes from its sources and its use, not from its words.
    Memory.objects.filter(pk=memory.pk).update(importance_computed=weight)


def _state(note: Note) -> dict[str, Any]:
    """What belongs to a note and is not in its memory's row."""
    return {
        "context": note.context,
        "keywords": note.keywords,
        "summariser": note.summariser,
        "sources": sorted(str(pk) for pk in note.sources.values_list("memory_id", flat=True)),
        "links": sorted(str(pk) for pk in links_of(note.pk)),
    }


def restore(tenant: TenantInfo, memory: Memory, version: int) -> bool:
    """Give a note, whose row is locked, the text it had at a version; False where that version is gone."""
    kept = {each.version: each.state for each in MemoryVersion.objects.filter(memory=memory)}
    if not all(each in kept for each in range(version, memory.version)):
        return False
    state: dict[str, Any] = {}
    for each in range(memory.version - 1, version - 1, -1):
        state |= kept[each]
    note = Note.objects.get(pk=memory.pk)
    changes: dict[str, Any] = {name: state[name] for name in ("title", "content", "tags") if name in state}
    weight = memory.importance_computed
    write_revision(tenant, memory, changes, actor=ACTOR, besides=_state(note))
    fields = {name: state[name] for name in ("context", "keywords", "summariser") if name in state}
    Note.objects.filter(pk=memory.pk).update(**fields)
    Memory.objects.filter(pk=memory.pk).update(importance_computed=weight)
    return True


def follow(tenant: TenantInfo, memory_id: UUID, *, forgotten: bool) -> None:
    """Make the notes that cite a memory anew: what it says has changed, or it is about to be forgotten.

    Of what is forgotten nothing stays: the note is made of the other sources and its former versions go, or where they
    are too few, the note is withdrawn. The caller holds the memory's row.
    """
    citing = NoteSource.objects.filter(memory_id=memory_id).order_by("note_id")
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
    """Make a note, whose row is locked, anew of the sources it has; without enough of them it is withdrawn."""
    sources = list(Memory.objects.filter(cited_by__note_id=memory.pk).order_by("occurred_at", "id"))
    by_hand = Note.objects.filter(pk=memory.pk, summariser=Note.Summariser.HAND).exists()
    if len(sources) < (1 if by_hand else LEAST_SOURCES):
        withdraw(tenant.id, memory)
        return
    rewrite(tenant, memory, _summariser.summarise([source_of(each) for each in sources]))
    cite(tenant.id, memory.pk, sources)


def withdraw(tenant_id: UUID, memory: Memory) -> None:
    """Take a note away, with its versions and links; its sources stay."""
    AuditEntry.objects.create(
        tenant_id=tenant_id, memory_id=memory.pk, action=AuditEntry.Action.WITHDRAW, actor=ACTOR
    )
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM memories_memory WHERE tenant_id = %s AND id = %s", [tenant_id, memory.pk])
    level_later(tenant_id, memory.pk)


def decay(*, now: datetime) -> int:
    """Bring the importance of all notes up to date; returns how many it changed for."""
    params: dict[str, Any] = {
        "now": now,
        "reinforcement": REINFORCEMENT,
        "half_life": settings.MEMOS_NOTE_HALF_LIFE_DAYS,
    }
    changed = 0
    for tenant_id in Tenant.objects.filter(active=True).values_list("pk", flat=True):
        with tenant_scope(tenant_id), connection.cursor() as cursor:
            cursor.execute(DECAY, {**params, "tenant": tenant_id})
            changed += cursor.rowcount
    return changed


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
