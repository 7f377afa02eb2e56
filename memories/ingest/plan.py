"""What an ingest would do: counts per conversation, found without storing anything."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import batched

from memories.ingest.base import Message, Refusal
from memories.ingest.run import Batch, Choices, check, sift
from memos_project.tenancy.callers import TenantInfo


@dataclass(slots=True)
class PlannedConversation:
    """What one conversation would gain, and what of it is stored already."""

    user_id: str
    conversation_id: str
    title: str
    new: int = 0
    present: int = 0
    first: datetime | None = None
    last: datetime | None = None

    def add(self, when: datetime | None) -> None:
        self.new += 1
        if when is not None:
            self.first = min(when, self.first or when)
            self.last = max(when, self.last or when)


@dataclass(slots=True)
class Plan:
    """The conversations in the order of the files."""

    conversations: dict[tuple[str, str], PlannedConversation] = field(default_factory=dict)

    def conversation(self, message: Message) -> PlannedConversation:
        key = (str(message.fields.get("user_id", "")), str(message.fields.get("conversation_id", "")))
        return self.conversations.setdefault(key, PlannedConversation(*key, message.title))


def plan(
    tenant: TenantInfo, messages: Iterable[Message | Refusal], choices: Choices, *, batch: int, into: Plan
) -> Iterator[Batch]:
    """Look batch by batch at what storing the messages would do, which the yielded batches say."""
    for some in batched(messages, batch):
        sifted = sift(tenant, some, choices)
        checked, refused = check(tenant, sifted.new)
        for message in sifted.present:
            into.conversation(message).present += 1
        for message, new in checked:
            into.conversation(message).add(new.occurred_at)
        yield Batch(len(checked), len(sifted.present), sifted.refusals + refused)
