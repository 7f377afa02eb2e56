"""A document with ``conversations``, each with ``messages`` of id, session, speaker, time and text."""

from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO

from memories.ingest.base import Format, Message, Messages, Refusal, mapping, objects, stable_id, text
from memories.ingest.streams import conversations


def read(stream: BinaryIO) -> Messages:
    """The messages in order; a conversation is a user of its own, a session a conversation of that user."""
    for number, conversation in enumerate(conversations(stream, "conversations.item"), 1):
        if not isinstance(mapping(conversation).get("messages"), list):
            yield Refusal(f"conversation {number}", "messages: This field is required.")
        else:
            yield from turns(conversation, str(conversation.get("id") or number))


def turns(conversation: Mapping[str, Any], key: str) -> Iterator[Message]:
    for number, message in enumerate(objects(conversation["messages"]), 1):
        message_id = message.get("id", number)
        session = message.get("session")
        fields = {
            "external_id": stable_id("transcript", key, message_id),
            "user_id": key,
            "conversation_id": f"{key}/{session}" if session is not None else key,
            "speaker": message.get("speaker") or "",
            "content": message.get("text"),
            "metadata": {"source": "transcript"},
            **({"occurred_at": message["time"]} if message.get("time") else {}),
        }
        yield Message(f"conversation {key}, message {message_id}", fields, text(conversation.get("title")))


TRANSCRIPT = Format("transcript", read)
