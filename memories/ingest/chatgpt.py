"""ChatGPT's data export: ``conversations.json``, a list of conversations, each a tree of messages.

OpenAI documents no schema. This reads the shape that exports have had since 2023: ``mapping`` holds the
nodes, ``current_node`` the leaf of the branch that was shown last, and what was not shown is marked in
``metadata``.
"""

from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO

from memories.ingest.base import (
    Format,
    Message,
    Messages,
    Refusal,
    mapping,
    moment,
    objects,
    path_to,
    stable_id,
    text,
)
from memories.ingest.streams import conversations, is_list

SHOWN_ROLES = ("user", "assistant", "system")
# Reasoning and instructions; shown apart from the conversation, if at all.
HIDDEN_CONTENT = ("thoughts", "reasoning_recap", "user_editable_context", "model_editable_context")


def read(stream: BinaryIO) -> Messages:
    """What was shown of each conversation."""
    for number, conversation in enumerate(conversations(stream, "item" if is_list(stream) else ""), 1):
        if mapping(conversation).get("mapping") is None:
            yield Refusal(f"conversation {number}", "mapping: This field is required.")
        else:
            yield from turns(conversation)


def turns(conversation: Mapping[str, Any]) -> Iterator[Message]:
    key = text(conversation.get("conversation_id")) or text(conversation.get("id"))
    when = conversation.get("create_time")
    for node_id, message in branch(conversation):
        when = message.get("create_time") or when
        if said := shown(message):
            metadata = mapping(message.get("metadata"))
            model = text(metadata.get("model_slug")) or text(conversation.get("default_model_slug"))
            fields = {
                "external_id": stable_id("chatgpt", key, node_id),
                "conversation_id": key,
                "agent_id": model or "chatgpt",
                "role": mapping(message.get("author")).get("role"),
                "content": said,
                "metadata": {"source": "chatgpt"},
                **({"occurred_at": moment(when)} if when is not None else {}),
            }
            yield Message(f"conversation {key}, message {node_id}", fields, text(conversation.get("title")))


def branch(conversation: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    """The messages from the root to the one shown last, without what was regenerated or edited away."""
    nodes = mapping(conversation["mapping"])
    leaf = text(conversation.get("current_node"))
    if leaf not in nodes:
        leaf = next(reversed([*nodes]), "")

    def parent_of(node_id: str) -> str:
        parent = text(mapping(nodes[node_id]).get("parent"))
        return parent if parent in nodes else ""

    return [
        (node_id, mapping(mapping(nodes[node_id]).get("message"))) for node_id in path_to(leaf, parent_of)
    ]


def shown(message: Mapping[str, Any]) -> str:
    """The text of a message as a reader saw it; empty for one that was not shown or says nothing."""
    content, metadata = mapping(message.get("content")), mapping(message.get("metadata"))
    hidden = (
        mapping(message.get("author")).get("role") not in SHOWN_ROLES
        or metadata.get("is_visually_hidden_from_conversation")
        or message.get("recipient", "all") != "all"  # a call of a tool
        or content.get("content_type") in HIDDEN_CONTENT
    )
    if hidden:
        return ""
    parts = content.get("parts")
    pieces = parts if isinstance(parts, list) else [content.get("text")]
    said = "\n".join(filter(None, map(text_of, pieces))).strip()
    names = [f"[file: {each['name']}]" for each in objects(metadata.get("attachments")) if each.get("name")]
    return "\n".join([said, *names]) if said else ""


def text_of(piece: object) -> str:
    """A part of a message as text: written, or transcribed from speech; images and sounds have none."""
    return text(piece) or text(mapping(piece).get("text"))


CHATGPT = Format("chatgpt", read)
