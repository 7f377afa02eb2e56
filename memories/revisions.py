"""A change of one memory's row: its former state is kept as a version, and what was made of it is brought level."""

import hashlib
import unicodedata
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils import timezone

from memories.importance import computed_importance
from memories.indexing import wake
from memories.models import AuditEntry, Memory, MemoryVersion
from memories.working.llm_cache import memory_changed
from memos_project.errors import Conflict, InvalidInput
from memos_project.tenancy.callers import TenantInfo

# What a revision may change; everything else says where a memory came from.
REVISABLE = (
    "content", "title", "category", "tags", "metadata", "importance_explicit", "occurred_at", "valid_from", "valid_to",
    "expires_at", "pinned", "speaker",
)  # fmt: skip


def hash_of(*, content: str, title: str, role: str, speaker: str, occurred_at: datetime | None) -> str:
    """SHA-256 (hex) of what makes a memory itself within its user, conversation and kind.

    Unicode forms and outer white space do not count; who said it and when it happened, if told, do:
    two people may both say "ok", and one may say it twice.
    """
    said = unicodedata.normalize("NFC", content).strip()
    when = occurred_at.astimezone(UTC).isoformat() if occurred_at else ""
    return hashlib.sha256("\x1f".join((role, speaker, when, title, said)).encode()).hexdigest()


def write_revision(
    tenant: TenantInfo,
    memory: Memory,
    changes: Mapping[str, Any],
    *,
    actor: str,
    besides: Mapping[str, Any] | None = None,
) -> bool:
    """Change fields (of REVISABLE) of a row that the transaction has locked; whether any of them differed.

    The version also keeps ``besides``, what belongs to the memory and is not in its row. Raises InvalidInput for an
    end before the beginning, and Conflict where the new content is another memory's already.
    """
    former = {name: getattr(memory, name) for name in REVISABLE if name in changes}
    changed = {name: changes[name] for name in former if former[name] != changes[name]}
    if not changed and besides is None:
        return False
    told_when = _told_when(memory)
    for name, value in changed.items():
        setattr(memory, name, value)
    _check_validity(memory)
    state = _plain({name: former[name] for name in changed}) | dict(besides or {})
    MemoryVersion.objects.create(
        tenant_id=tenant.id, memory=memory, version=memory.version, state=state, actor=actor
    )
    if changed.keys() & {"content", "title", "speaker", "occurred_at"}:
        memory.content_hash = _hash(memory, memory.occurred_at if "occurred_at" in changed else told_when)
        memory.importance_computed = computed_importance(role=memory.role, content=memory.content)
    _save(tenant, memory, [*changed, "content_hash", "importance_computed"])
    AuditEntry.objects.create(
        tenant_id=tenant.id,
        memory_id=memory.pk,
        action="revise",
        actor=actor,
        detail={"fields": sorted([*changed, *(besides or {})])},
    )
    level_later(tenant.id, memory.pk)
    return True


def level_later(tenant_id: UUID, memory_id: UUID) -> None:
    """Once the change is certain, have everything that was made of the memory brought level."""
    transaction.on_commit(partial(wake, tenant_id), robust=True)
    transaction.on_commit(partial(memory_changed, tenant_id, memory_id), robust=True)


def _save(tenant: TenantInfo, memory: Memory, fields: list[str]) -> None:
    memory.version += 1
    memory.updated_at = timezone.now()
    memory.language = tenant.language
    try:
        with transaction.atomic():
            memory.save(update_fields=[*fields, "version", "updated_at", "language"])
    except IntegrityError as error:
        raise Conflict(
            "This user has another memory with the same content there.", field="content"
        ) from error


def _check_validity(memory: Memory) -> None:
    if memory.valid_from and memory.valid_to and memory.valid_to <= memory.valid_from:
        raise InvalidInput("Must be after valid_from.", field="valid_to")


def _hash(memory: Memory, told_when: datetime | None) -> str:
    return hash_of(
        content=memory.content,
        title=memory.title,
        role=memory.role,
        speaker=memory.speaker,
        occurred_at=told_when,
    )


def _told_when(memory: Memory) -> datetime | None:
    """When it happened, if its writer said so: the row always has a time, the hash only one that was told."""
    return memory.occurred_at if _hash(memory, memory.occurred_at) == memory.content_hash else None


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: value.isoformat() if isinstance(value, datetime) else value for name, value in values.items()
    }
