"""Domain values as the JSON that ``serializers`` describes; plain dicts, since searches are many."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from memories.answers import Hit, Memento, Turn
from memories.models import Memory, MemoryVersion
from memories.receipts import Receipt
from memories.retrieval import Thread


def memento(memory: Memento) -> dict[str, Any]:
    return {name: getattr(memory, name) for name in MEMENTO_FIELDS}


MEMENTO_FIELDS = (
    "id", "external_id", "kind", "tier", "user_id", "agent_id", "conversation_id", "turn", "role", "speaker", "title",
    "category", "content", "tags", "metadata", "importance", "occurred_at", "created_at", "version",
)  # fmt: skip


def hit(found: Hit, *, context: bool) -> dict[str, Any]:
    body = {**memento(found.memory), "score": found.score}
    if found.explanation is not None:
        explanation = found.explanation
        body["explanation"] = {
            "similarity": explanation.similarity,
            "importance": explanation.importance,
            "recency": explanation.recency,
            "weights": explanation.weights,
            "signals": explanation.signals,
        }
    if context:
        body["context"] = [turn(each) for each in found.context]
    return body


def turn(each: Turn) -> dict[str, Any]:
    return {name: getattr(each, name) for name in Turn.__slots__}


def memory(row: Memory) -> dict[str, Any]:
    """A row in full, as GET of one memory answers it."""
    body = {name: getattr(row, name) for name in MEMENTO_FIELDS if name != "conversation_id"}
    body["conversation_id"] = row.conversation.key if row.conversation else ""
    body["superseded_by"] = row.superseded_by_id
    for name in ("importance_explicit", "importance_computed", "updated_at", "valid_from", "valid_to", "expires_at",
                 "pinned", "access_count", "last_accessed_at"):  # fmt: skip
        body[name] = getattr(row, name)
    return body


def version(row: MemoryVersion) -> dict[str, Any]:
    return {"version": row.version, "state": row.state, "actor": row.actor, "replaced_at": row.replaced_at}


def thread(conversation: Thread) -> dict[str, Any]:
    return {name: getattr(conversation, name) for name in Thread.__slots__}


def receipt(found: Receipt) -> dict[str, Any]:
    backlog = found.backlog
    return {
        "id": found.id,
        "state": found.state,
        "content_hash": found.content_hash,
        "stores": [
            {"store": each.store, "state": each.state, **({"model": each.model} if each.model else {})}
            for each in found.stores
        ],
        "backlog": backlog
        and {
            "since": backlog.since,
            "attempts": backlog.attempts,
            "error": backlog.error,
            "given_up": backlog.given_up,
        },
        "graph": found.graph and asdict(found.graph),
    }


def page(rows: Sequence[dict[str, Any]], next_cursor: str | None) -> dict[str, Any]:
    return {"results": rows, "next_cursor": next_cursor}
