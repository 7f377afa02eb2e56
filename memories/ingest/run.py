"""From messages to memories: what is there already is passed over, the rest checked and stored in batches.

There is no record of how far a run came, because the rows are one: whatever ended a run, the next over the
same files finds what is stored by its external id and goes on with what is not.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import batched
from typing import Any

from django.db import connection
from rest_framework.exceptions import ValidationError

from memories import services
from memories.api.serializers import MessageInput, new_memory
from memories.ingest.base import Message, Refusal
from memories.models import Memory
from memories.services import NewMemory
from memos_project.api.problems import flattened
from memos_project.db import tenant_scope
from memos_project.tenancy.callers import TenantInfo

PRESENT = """
SELECT m.user_id, m.external_id
FROM unnest(%s::text[], %s::text[]) AS w (user_id, external_id)
JOIN memories_memory m ON m.tenant_id = %s AND m.user_id = w.user_id AND m.external_id = w.external_id
"""
NAME = """
UPDATE memories_conversation c SET title = w.title
FROM unnest(%s::text[], %s::text[], %s::text[]) AS w (user_id, key, title)
WHERE c.tenant_id = %s AND c.user_id = w.user_id AND c.key = w.key AND c.title = '' AND w.title <> ''
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """What the operator decides for all messages, whatever the file says of them."""

    user_id: str | None = None
    agent_id: str | None = None
    tags: Sequence[str] = ()

    def applied(self, message: Message) -> Message:
        fields = dict(message.fields)
        if self.user_id is not None:
            fields["user_id"] = self.user_id
        if self.agent_id is not None:
            fields["agent_id"] = self.agent_id
        if self.tags:
            own = fields.get("tags")
            fields["tags"] = [*(own if isinstance(own, list) else []), *self.tags]
        return replace(message, fields=fields)

    def wrong(self, tenant: TenantInfo) -> str:
        """What is wrong with them, since every message would be refused; empty if nothing is."""
        _, refused = check(tenant, [self.applied(Message("", {"content": "any"}))])
        return refused[0].reason if refused else ""


@dataclass(frozen=True, slots=True)
class Batch:
    """What became of some messages; the transaction that stored them is done."""

    created: int
    duplicates: int
    refusals: list[Refusal]


@dataclass(frozen=True, slots=True)
class Sifted:
    """Some messages before anything is stored: which are new, which are not, and what is no message."""

    new: list[Message] = field(default_factory=list)
    present: list[Message] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)


def ingest(
    tenant: TenantInfo, messages: Iterable[Message | Refusal], choices: Choices, *, batch: int, actor: str
) -> Iterator[Batch]:
    """Store messages, a transaction for each batch; whoever stops asking has stopped between two."""
    for some in batched(messages, batch):
        sifted = sift(tenant, some, choices)
        checked, refused = check(tenant, sifted.new)
        answers = services.remember(tenant, [new for _, new in checked], actor=actor)
        # Also those of messages stored before: that run may have been killed at this very line.
        name_conversations(tenant, [*sifted.present, *(message for message, _ in checked)])
        created = sum(answer.created for answer in answers)
        duplicates = len(sifted.present) + len(answers) - created
        yield Batch(created, duplicates, sifted.refusals + refused)


def sift(tenant: TenantInfo, messages: Iterable[Message | Refusal], choices: Choices) -> Sifted:
    """Look up which messages are stored already."""
    sifted = Sifted()
    chosen: list[Message] = []
    for message in messages:
        if isinstance(message, Refusal):
            sifted.refusals.append(message)
        else:
            chosen.append(choices.applied(message))
    present = _present(tenant, [key for message in chosen if (key := _key(message))])
    for message in chosen:
        (sifted.present if _key(message) in present else sifted.new).append(message)
    return sifted


def _key(message: Message) -> tuple[str, str] | None:
    """User and external id; None for what PostgreSQL cannot be asked about, which the check will refuse."""
    key = (message.fields.get("user_id", ""), message.fields.get("external_id"))
    return key if all(isinstance(part, str) and part.isprintable() for part in key) else None  # type: ignore[return-value]


def _present(tenant: TenantInfo, keys: Sequence[tuple[str, str]]) -> set[tuple[str, str]]:
    if not keys:
        return set()
    with tenant_scope(tenant.id), connection.cursor() as cursor:
        cursor.execute(
            PRESENT, [[user for user, _ in keys], [external_id for _, external_id in keys], tenant.id]
        )
        return set(cursor.fetchall())


def check(
    tenant: TenantInfo, messages: Iterable[Message]
) -> tuple[list[tuple[Message, NewMemory]], list[Refusal]]:
    """The messages that POST /v1/messages would take, and why it would not take the others."""
    serializer = MessageInput()
    good: list[tuple[Message, NewMemory]] = []
    refused: list[Refusal] = []
    for message in messages:
        try:
            data = serializer.run_validation(dict(message.fields))
        except ValidationError as error:
            refused.append(Refusal(message.place, _sentence(error.detail)))
            continue
        if data.get("tenant_id") in (None, tenant.slug, str(tenant.id)):
            good.append((message, new_memory(data, kind=Memory.Kind.MESSAGE)))
        else:
            refused.append(
                Refusal(message.place, "tenant_id: This is not the tenant that the messages are stored for.")
            )
    return good, refused


def _sentence(detail: Any) -> str:
    return " ".join(f"{each['field']}: {each['detail']}" for each in flattened(detail))


def name_conversations(tenant: TenantInfo, messages: Iterable[Message]) -> None:
    """Give conversations that have no title yet the one their file has; what curators have named stays."""
    titles = {
        (message.fields.get("user_id", ""), message.fields.get("conversation_id", "")): message.title
        for message in messages
    }
    rows = [(user_id, key, _printable(title)) for (user_id, key), title in titles.items() if key and title]
    if rows:
        with tenant_scope(tenant.id), connection.cursor() as cursor:
            cursor.execute(NAME, [*map(list, zip(*rows, strict=True)), tenant.id])


def _printable(title: str) -> str:
    """A title without what PostgreSQL cannot hold, and not longer than its column."""
    return "".join(filter(str.isprintable, title))[:500]
