"""The write path: every change of a memory, whichever door it came through, is a function here."""

import hashlib
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from functools import partial
from typing import Any
from uuid import UUID

from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from graph.resolution import take_turns
from memories import metrics
from memories.importance import computed_importance
from memories.indexing import wake
from memories.models import AuditEntry, IndexJob, Memory, MemoryVersion
from memories.working.llm_cache import memory_changed
from memos_project.db import fetch_prepared, tenant_scope
from memos_project.encoding import to_json
from memos_project.errors import Conflict, InvalidInput, NotFound, PreconditionFailed
from memos_project.tenancy.callers import TenantInfo

REMEMBER = "SELECT place, id, created FROM memos_remember(%(tenant)s, %(items)s, %(actor)s)"

# What a revision may change; everything else says where a memory came from.
REVISABLE = (
    "content", "title", "category", "tags", "metadata", "importance_explicit", "occurred_at", "valid_from", "valid_to",
    "expires_at", "pinned", "speaker",
)  # fmt: skip


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
    """SHA-256 (hex) of what makes a memory itself within its user, conversation and kind.

    Unicode forms and outer white space do not count; who said it and when it happened, if told, do:
    two people may both say "ok", and one may say it twice.
    """
    said = unicodedata.normalize("NFC", item.content).strip()
    when = item.occurred_at.astimezone(UTC).isoformat() if item.occurred_at else ""
    return hashlib.sha256(
        "\x1f".join((role_of(item), item.speaker, when, item.title, said)).encode()
    ).hexdigest()


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
    params = {"tenant": tenant.id, "items": to_json(list(rows.values())).decode(), "actor": actor}
    answers = {place: (memory_id, created) for place, memory_id, created in fetch_prepared(REMEMBER, params)}
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

    ``changes`` may hold the names of REVISABLE. Raises NotFound; InvalidInput for an end before the beginning; PreconditionFailed where ``if_version`` is
    not the present one; Conflict where the new content is another memory's already.
    """
    with tenant_scope(tenant.id):
        memory = _locked(tenant.id, memory_id, if_version)
        former = {name: getattr(memory, name) for name in REVISABLE if name in changes}
        changed = {
            name: value for name, value in changes.items() if name in REVISABLE and former[name] != value
        }
        if changed:
            _check_validity(
                changed.get("valid_from", memory.valid_from), changed.get("valid_to", memory.valid_to)
            )
            _write_revision(
                tenant, memory, former={name: former[name] for name in changed}, changed=changed, actor=actor
            )
    return get_memory(tenant.id, memory_id)


def _write_revision(
    tenant: TenantInfo, memory: Memory, *, former: Mapping[str, Any], changed: dict[str, Any], actor: str
) -> None:
    told_when = _told_when(memory)
    for name, value in changed.items():
        setattr(memory, name, value)
    MemoryVersion.objects.create(
        tenant_id=tenant.id, memory=memory, version=memory.version, state=_plain(former), actor=actor
    )
    memory.version += 1
    memory.updated_at = timezone.now()
    memory.language = tenant.language
    if changed.keys() & {"content", "title", "speaker", "occurred_at"}:
        memory.content_hash = _hash_of(memory, memory.occurred_at if "occurred_at" in changed else told_when)
        memory.importance_computed = computed_importance(role=memory.role, content=memory.content)
    try:
        with transaction.atomic():
            memory.save(
                update_fields=[
                    *changed,
                    "version",
                    "updated_at",
                    "language",
                    "content_hash",
                    "importance_computed",
                ]
            )
    except IntegrityError as error:
        raise Conflict(
            "This user has another memory with the same content there.", field="content"
        ) from error
    AuditEntry.objects.create(
        tenant_id=tenant.id,
        memory_id=memory.pk,
        action="revise",
        actor=actor,
        detail={"fields": sorted(changed)},
    )
    _changed(tenant.id, memory.pk)


def _changed(tenant_id: UUID, memory_id: UUID) -> None:
    """Once it is certain, have everything that was made of the memory brought level."""
    transaction.on_commit(partial(wake, tenant_id), robust=True)
    transaction.on_commit(partial(memory_changed, tenant_id, memory_id), robust=True)


def _check_validity(starts: datetime | None, ends: datetime | None) -> None:
    if starts and ends and ends <= starts:
        raise InvalidInput("Must be after valid_from.", field="valid_to")


def _hash_of(memory: Memory, told_when: datetime | None) -> str:
    item = NewMemory(
        content=memory.content,
        role=memory.role,
        speaker=memory.speaker,
        title=memory.title,
        occurred_at=told_when,
    )
    return content_hash(item)


def _told_when(memory: Memory) -> datetime | None:
    """When it happened, if its writer said so: the row always has a time, the hash only one that was told."""
    return memory.occurred_at if _hash_of(memory, memory.occurred_at) == memory.content_hash else None


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
        # Entities go with what is forgotten: not while somebody else learns of them.
        take_turns(tenant.id)
        with connection.cursor() as cursor:
            # The database cascades; Django's collector would first load every row that hangs on this one.
            cursor.execute(
                "DELETE FROM memories_memory WHERE tenant_id = %s AND id = %s", [tenant.id, memory.pk]
            )
        _changed(tenant.id, memory.pk)
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


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: value.isoformat() if isinstance(value, datetime) else value for name, value in values.items()
    }
