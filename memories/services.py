"""The write path: every change of a memory, whichever door it came through, is a function here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.utils import timezone

from graph.resolution import take_turns
from memories import metrics, notes, reading
from memories.importance import computed_importance
from memories.indexing import wake
from memories.models import AuditEntry, IndexJob, Memory, Note
from memories.revisions import hash_of, level_later, write_revision
from memos_project.db import fetch_prepared, tenant_scope
from memos_project.encoding import to_json
from memos_project.errors import Conflict, NotFound, PreconditionFailed
from memos_project.tenancy.callers import TenantInfo

# What notes repeat of a memory.
SAID_BY_SOURCES = {"content", "title", "speaker", "occurred_at", "tags", "valid_to", "expires_at"}
WORDS = {"content", "title"}
REMEMBER = "SELECT place, id, created FROM memos_remember(%(tenant)s, %(said)s, %(actor)s)"
REMEMBER_ONE = "SELECT place, id, created FROM memos_remember_one(%(tenant)s, %(said)s, %(actor)s)"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewMemory:
    """What a writer says of one memory. ``conversation_id`` is the caller's own name for the conversation."""

    content: str
    kind: str = Memory.Kind.OBSERVATION
    tier: int = Memory.Tier.EPISODIC
    user_id: str = ""
    agent_id: str = ""
    conversation_id: str = ""
    role: str = ""
    speaker: str = ""
    title: str = ""
    category: str = ""
    external_id: str | None = None
    tags: Sequence[str] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)
    importance: float | None = None
    occurred_at: datetime | None = None
    valid_from: datetime | None = None
    valid_to: datetime | None = None
    expires_at: datetime | None = None
    pinned: bool = False


@dataclass(frozen=True, slots=True)
class Remembered:
    """What became of one new memory: its id, and whether it was made or was there already."""

    id: UUID
    external_id: str | None
    created: bool

    @property
    def status(self) -> str:
        return "created" if self.created else "duplicate"


SAID = tuple(each.name for each in fields(NewMemory))

type Identity = tuple[str, str | None, str, str, str]


def role_of(item: NewMemory) -> str:
    """The role that was given, or the one the speaker names, or the user's."""
    if item.role:
        return item.role
    speaker = item.speaker.lower()
    return speaker if speaker in Memory.Role.values else Memory.Role.USER


def content_hash(item: NewMemory) -> str:
    """SHA-256 (hex) of what makes a memory itself within its user, conversation and kind."""
    return hash_of(
        content=item.content,
        title=item.title,
        role=role_of(item),
        speaker=item.speaker,
        occurred_at=item.occurred_at,
    )


def remember(tenant: TenantInfo, items: Sequence[NewMemory], *, actor: str) -> list[Remembered]:
    """Store memories in one transaction, all or none, and answer for each in order.

    A memory that is there already (same external id of this user, or without one the same content in the
    same conversation and kind) is not written again. Of several equal items the first is made, the rest are its
    duplicates. Raises Conflict where an equal memory was removed in the same moment.
    """
    offered = [_row(tenant, item, place) for place, item in enumerate(items)]
    rows: dict[Identity, dict[str, Any]] = {}
    firsts = [rows.setdefault(_identity(row), row)["place"] for row in offered]
    if not rows:
        return []
    one, *more = rows.values()
    sql, said = (REMEMBER, [one, *more]) if more else (REMEMBER_ONE, one)
    params = {"tenant": tenant.id, "said": to_json(said).decode(), "actor": actor}
    answers = {place: (memory_id, created) for place, memory_id, created in fetch_prepared(sql, params)}
    made = sum(created for _, created in answers.values())
    if made:
        transaction.on_commit(partial(wake, tenant.id), robust=True)
    metrics.STORED.labels(outcome="created").inc(made)
    metrics.STORED.labels(outcome="duplicate").inc(len(items) - made)
    if len(answers) < len(rows):
        raise Conflict("A memory with the same identity was removed meanwhile; send it again.")
    return [
        Remembered(answers[first][0], item.external_id, answers[first][1] and first == place)
        for place, (item, first) in enumerate(zip(items, firsts, strict=True))
    ]


def promote(tenant: TenantInfo, items: Sequence[NewMemory], *, actor: str) -> list[Remembered]:
    """Remember what working memory held, with an audit entry for each that says from where: its ``promoted_from``."""
    with tenant_scope(tenant.id):
        answers = remember(tenant, items, actor=actor)
        AuditEntry.objects.bulk_create(
            AuditEntry(
                tenant_id=tenant.id,
                memory_id=answer.id,
                action=AuditEntry.Action.PROMOTE,
                actor=actor,
                detail=item.metadata["promoted_from"],
            )
            for item, answer in zip(items, answers, strict=True)
            if answer.created
        )
    return answers


@dataclass(frozen=True, slots=True, kw_only=True)
class NewNote:
    """What a writer says of one note; its sources are memories of the same user."""

    content: str
    context: str
    title: str = ""
    user_id: str = ""
    agent_id: str = ""
    keywords: Sequence[str] = ()
    tags: Sequence[str] = ()
    sources: Sequence[UUID] = ()
    summariser: str = Note.Summariser.HAND
    importance: float | None = None
    external_id: str | None = None


def note_down(tenant: TenantInfo, item: NewNote, *, actor: str) -> Remembered:
    """Write a note that cites its sources and is linked to those like it.

    Raises NotFound for a source that is not there, Conflict for one that is a note or another user's.
    """
    with tenant_scope(tenant.id):
        sources = notes.held(tenant.id, set(item.sources))
        _check_sources(item, sources)
        memory = NewMemory(
            content=item.content,
            title=item.title,
            kind=Memory.Kind.NOTE,
            tier=Memory.Tier.SEMANTIC,
            user_id=item.user_id,
            agent_id=item.agent_id,
            role=Memory.Role.SYSTEM,
            tags=item.tags,
            importance=item.importance,
            external_id=item.external_id,
            occurred_at=sources[-1].occurred_at if sources else None,
        )
        [answer] = remember(tenant, [memory], actor=actor)
        if not answer.created and not Memory.objects.filter(pk=answer.id, kind=Memory.Kind.NOTE).exists():
            raise Conflict("This is the external id of a memory that is no note.", field="external_id")
        if answer.created:
            worth = max((each.importance for each in sources), default=0.5)
            Note.objects.create(
                memory_id=answer.id,
                tenant_id=tenant.id,
                context=item.context,
                keywords=list(item.keywords),
                summariser=item.summariser,
                worth=worth,
            )
            Memory.objects.filter(pk=answer.id).update(importance_computed=worth)
            notes.cite(tenant.id, answer.id, sources)
            notes.link(tenant.id, answer.id, item.user_id)
    return answer


def _check_sources(item: NewNote, sources: Sequence[Memory]) -> None:
    found = {each.pk: each for each in sources}
    for each in item.sources:
        if each not in found:
            raise NotFound(f"There is no memory {each}.", field="sources")
        if found[each].kind == Memory.Kind.NOTE or found[each].user_id != item.user_id:
            raise Conflict(f"{each} is a note, or another user's.", field="sources")


def _row(tenant: TenantInfo, item: NewMemory, place: int) -> dict[str, Any]:
    """An item as ``memos_remember`` takes it."""
    row = {name: getattr(item, name) for name in SAID}
    return row | {
        "place": place,
        "conversation": row.pop("conversation_id"),
        "role": role_of(item),
        "content_hash": content_hash(item),
        "importance_explicit": row.pop("importance"),
        "importance_computed": computed_importance(role=role_of(item), content=item.content),
        "language": tenant.language,
    }


def _identity(row: Mapping[str, Any]) -> Identity:
    if row["external_id"] is not None:
        return row["user_id"], row["external_id"], "", "", ""
    return row["user_id"], None, row["conversation"], row["kind"], row["content_hash"]


def get_memory(tenant_id: UUID, memory_id: UUID) -> Memory:
    """One memory with its conversation, or NotFound."""
    with tenant_scope(tenant_id):
        memory = (
            Memory.objects.select_related("conversation").filter(tenant_id=tenant_id, pk=memory_id).first()
        )
    if memory is None:
        raise NotFound("There is no such memory.")
    return memory


def revise(
    tenant: TenantInfo,
    memory_id: UUID,
    changes: Mapping[str, Any],
    *,
    actor: str,
    if_version: int | None = None,
) -> Memory:
    """Change fields of a memory, keep what they were as a version, and leave an audit entry.

    ``changes`` may hold the names of ``revisions.REVISABLE``. Raises NotFound; InvalidInput for an end before the
    beginning; PreconditionFailed where ``if_version`` is not the present one; Conflict where the new content is another memory's already.
    """
    with tenant_scope(tenant.id):
        memory = _locked(tenant.id, memory_id, if_version)
        revised = write_revision(tenant, memory, changes, actor=actor)
        if revised and changes.keys() & reading.TIMES:
            reading.read_again(tenant.id, [memory.pk])
        if revised and changes.keys() & SAID_BY_SOURCES:
            notes.follow(tenant, memory.pk, forgotten=False)
            if changes.keys() & WORDS:
                # What somebody has put in their own words is theirs from then on.
                Note.objects.filter(pk=memory.pk).update(summariser=Note.Summariser.HAND)
    return get_memory(tenant.id, memory_id)


def forget(tenant: TenantInfo, memory_id: UUID, *, actor: str, if_version: int | None = None) -> None:
    """Delete a memory with its versions, vectors and words; only the audit entry stays, without the text."""
    with tenant_scope(tenant.id):
        memory = _locked(tenant.id, memory_id, if_version)
        AuditEntry.objects.create(
            tenant_id=tenant.id,
            memory_id=memory.pk,
            action="forget",
            actor=actor,
            detail={"content_hash": memory.content_hash, "kind": memory.kind},
        )
        notes.follow(tenant, memory.pk, forgotten=True)
        notes.let_return(tenant.id, memory.pk)
        # Entities go with what is forgotten: not while somebody else learns of them.
        take_turns(tenant.id)
        with connection.cursor() as cursor:
            # The database cascades; Django's collector would first load every row that hangs on this one.
            cursor.execute(
                "DELETE FROM memories_memory WHERE tenant_id = %s AND id = %s", [tenant.id, memory.pk]
            )
        level_later(tenant.id, memory.pk)
    metrics.FORGOTTEN.inc()


def learn(tenant: TenantInfo, item: NewMemory, *, actor: str) -> tuple[Memory, str]:
    """Store global knowledge, or bring what has the same external id up to date: the memory and what was done.

    The status is "created", "updated" or, where nothing differs, "duplicate". Raises Conflict where the id is that
    of a memory of another kind.
    """
    answer = remember(tenant, [item], actor=actor)[0]
    if answer.created or item.external_id is None:
        return get_memory(tenant.id, answer.id), answer.status
    before = get_memory(tenant.id, answer.id)
    if before.kind != item.kind:
        raise Conflict(f"This is the external id of a memory of the kind {before.kind}.", field="doc_id")
    changes: dict[str, Any] = {"content": item.content, "title": item.title, "category": item.category, "tags": list(item.tags),
               "metadata": dict(item.metadata)}  # fmt: skip
    if item.importance is not None:
        changes["importance_explicit"] = item.importance
    after = revise(tenant, answer.id, changes, actor=actor)
    return after, "updated" if after.version > before.version else "duplicate"


def retry_indexing(tenant_id: UUID, memory_ids: Sequence[UUID], *, actor: str) -> int:
    """Make index jobs due now, as if they had never failed; returns how many."""
    with tenant_scope(tenant_id):
        retried = IndexJob.objects.filter(tenant_id=tenant_id, memory_id__in=memory_ids).update(
            due_at=timezone.now(), attempts=0, error=""
        )
        AuditEntry.objects.bulk_create(
            AuditEntry(tenant_id=tenant_id, memory_id=memory_id, action="retry", actor=actor)
            for memory_id in memory_ids
        )
        transaction.on_commit(partial(wake, tenant_id), robust=True)
    return retried


def _locked(tenant_id: UUID, memory_id: UUID, if_version: int | None) -> Memory:
    memory = Memory.objects.select_for_update(no_key=True).filter(tenant_id=tenant_id, pk=memory_id).first()
    if memory is None:
        raise NotFound("There is no such memory.")
    if if_version is not None and memory.version != if_version:
        raise PreconditionFailed(
            f"The memory is at version {memory.version}, not {if_version}.", field="If-Match"
        )
    return memory
