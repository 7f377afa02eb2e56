"""Exports in the shapes that the providers write, with only what is read of them."""

import json


def node(node_id, parent, role, *parts, seconds=None, content_type="text", recipient="all", **metadata):
    """A node of ChatGPT's tree."""
    message = {
        "id": node_id,
        "author": {"role": role},
        "create_time": seconds,
        "content": {"content_type": content_type, "parts": list(parts)},
        "recipient": recipient,
        "metadata": metadata,
    }
    return {"id": node_id, "parent": parent, "children": [], "message": message}


def chatgpt(*nodes, **fields):
    """A conversation whose first node is the empty root that exports begin with."""
    root = {"id": "root", "parent": None, "children": [], "message": None}
    return {
        "title": "Bread",
        "create_time": 1700000000.5,
        "current_node": nodes[-1]["id"] if nodes else "root",
        "conversation_id": "chat-1",
        "default_model_slug": "gpt-x",
        "mapping": {each["id"]: each for each in (root, *nodes)},
        **fields,
    }


BREAD = chatgpt(
    node("s", "root", "system", "", is_visually_hidden_from_conversation=True),
    node("u1", "s", "user", "How warm must the oven be?", seconds=1700000001.25),
    node("a1-old", "u1", "assistant", "Cold.", seconds=1700000002),
    node("t", "u1", "assistant", "search('oven')", seconds=1700000002, recipient="browser"),
    node("r", "t", "tool", "a page", seconds=1700000003),
    node("a1", "r", "assistant", "250 degrees.", seconds=1700000004, model_slug="gpt-y"),
    node("u2", "a1", "user", {"content_type": "image_asset_pointer"}, "And this loaf?", content_type="multimodal_text",
         attachments=[{"name": "loaf.jpg"}]),
    current_node="u2",
)  # fmt: skip


def turn(uuid, sender, *texts, at, **fields):
    """A message of Claude's."""
    blocks = [{"type": "thinking", "thinking": "hm"}, *({"type": "text", "text": text} for text in texts)]
    return {"uuid": uuid, "sender": sender, "text": "", "content": blocks, "created_at": at, **fields}


def claude(*messages, **fields):
    return {
        "uuid": "talk-1",
        "name": "Boats",
        "account": {"uuid": "account-1"},
        "chat_messages": list(messages),
        **fields,
    }


BOATS = claude(
    turn("h1", "human", "Larch or oak?", at="2026-01-02T10:00:00.000000Z"),
    turn("c1", "assistant", "Larch.", "It lasts.", at="2026-01-02T10:00:05.000000Z"),
    {
        "uuid": "h2",
        "sender": "human",
        "text": "Thanks",
        "created_at": "2026-01-02T10:01:00Z",
        "attachments": [{"file_name": "plan.pdf"}],
    },
)

TALK = {
    "name": "talks",
    "conversations": [
        {
            "id": "c1",
            "messages": [
                {
                    "id": "D1:1",
                    "session": "s1",
                    "speaker": "Ann",
                    "time": "2023-05-08T13:56:00",
                    "text": "Hello.",
                },
                {
                    "id": "D1:2",
                    "session": "s1",
                    "speaker": "Bob",
                    "time": "2023-05-08T13:56:00",
                    "text": "Hi Ann.",
                },
                {
                    "id": "D2:1",
                    "session": "s2",
                    "speaker": "user",
                    "time": "2023-06-08T13:56:00",
                    "text": "Again.",
                },
            ],
            "questions": [],
        }
    ],
}


def lines(*messages):
    return "".join(json.dumps(message) + "\n" for message in messages)
