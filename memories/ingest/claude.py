"""Claude's data export: ``conversations.json``, a list of conversations with their ``chat_messages``."""

from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO

from memories.ingest.base import (
    Format,
    Message,
    Messages,
    Refusal,
    mapping,
    objects,
    path_to,
    stable_id,
    text,
)
from memories.ingest.streams import conversations, is_list

ROLES = {"human": "user", "user": "user", "assistant": "assistant"}


def read(stream: BinaryIO) -> Messages:
    """The conversations; of one with branches the branch that was used last."""
    for number, conversation in enumerate(conversations(stream, "item" if is_list(stream) else ""), 1):
        if mapping(conversation).get("chat_messages") is None:
            yield Refusal(f"conversation {number}", "chat_messages: This field is required.")
        else:
            yield from turns(conversation)


def turns(conversation: Mapping[str, Any]) -> Iterator[Message]:
    key = text(conversation.get("uuid"))
    for number, message in enumerate(branch(conversation), 1):
        if said := content(message):
            message_id = text(message.get("uuid")) or str(number)
            sender = text(message.get("sender"))
            when = message.get("created_at") or conversation.get("created_at")
            fields = {
                "external_id": stable_id("claude", key, message_id),
                "user_id": text(mapping(conversation.get("account")).get("uuid")),
                "conversation_id": key,
                "agent_id": text(conversation.get("model")) or "claude",
                "role": ROLES.get(sender, sender),
                "content": said,
                "metadata": {"source": "claude"},
                **({"occurred_at": when} if when is not None else {}),
            }
            yield Message(f"conversation {key}, message {message_id}", fields, text(conversation.get("name")))


def branch(conversation: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The messages in order; where they name their parents, without what was edited away."""
    messages = sorted(objects(conversation["chat_messages"]), key=lambda each: text(each.get("created_at")))
    by_id = {text(each.get("uuid")): each for each in messages}

    def parent_of(message_id: str) -> str:
        parent = text(by_id[message_id].get("parent_message_uuid"))
        return parent if parent in by_id else ""

    if not any(map(parent_of, by_id)):
        return messages
    leaf = text(conversation.get("current_leaf_message_uuid"))
    last = leaf if leaf in by_id else text(messages[-1].get("uuid"))
    return [by_id[message_id] for message_id in path_to(last, parent_of)]


def content(message: Mapping[str, Any]) -> str:
    """The text of a message: its text blocks, or in older exports ``text``; without reasoning and tools."""
    blocks = [
        text(block.get("text")) for block in objects(message.get("content")) if block.get("type") == "text"
    ]
    said = "\n\n".join(filter(None, blocks)).strip() or text(message.get("text")).strip()
    attached = objects(message.get("attachments")) + objects(message.get("files"))
    names = [f"[file: {each['file_name']}]" for each in attached if each.get("file_name")]
    return "\n".join([said, *names]) if said else ""


CLAUDE = Format("claude", read)
