"""What an agent of a blackboard has for itself for a while: subtasks it has claimed, KV-cache handles it has pinned."""

from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

import orjson

from memories.working.blackboards import place_of, step
from memories.working.store import key_of, read
from memos_project.encoding import to_json
from memos_project.errors import NotFound
from memos_project.redis import client
from memos_project.tenancy.callers import TenantInfo

# Of each kind on one board.
MOST = 1000

type Kind = Literal["claims", "handles"]


@dataclass(frozen=True, slots=True)
class Lease:
    """Who has something, for how many seconds more. ``fence`` rises each time that it is taken anew."""

    name: str
    agent: str
    fence: int
    ttl: float
    value: Any


def take(
    tenant: TenantInfo, board: str, kind: Kind, name: str, token: str, *, seconds: float, value: Any = None
) -> Lease:
    """Take or renew a lease; the board lives as long. Raises Conflict where another agent has it, saying how long."""
    [_, agent, fence] = step(
        tenant, "take", board, token, place_of(f"board-{kind}"), name, int(1000 * seconds), to_json(value), MOST
    )  # fmt: skip
    return Lease(name, agent.decode(), int(fence), seconds, value)


def release(tenant: TenantInfo, board: str, kind: Kind, name: str, token: str) -> None:
    """Give a lease back; raises NotFound where nobody has it, Conflict where another agent has."""
    [status, *_] = step(tenant, "release", board, token, place_of(f"board-{kind}"), name)
    if status == "absent":
        raise NotFound("Nobody has it, or its time is over.")


def list_leases(tenant_id: UUID, board: str, kind: Kind) -> tuple[list[Lease], bool]:
    """Those whose time is not over, by name; and whether Redis answered."""

    def ask() -> list[Lease]:
        pipeline: Any = client().pipeline(transaction=False)
        (seconds, microseconds), held = (
            pipeline.time().hgetall(key_of(tenant_id, f"board-{kind}", board)).execute()
        )
        now = 1000 * seconds + microseconds // 1000
        found = [(name.decode(), orjson.loads(kept)) for name, kept in sorted(held.items())]
        return [
            Lease(name, said["agent"], int(said["fence"]), left / 1000, orjson.loads(said["json"]))
            for name, said in found
            if (left := int(said["ends"]) - now) > 0
        ]

    return read(ask, [])
