"""Blackboards: what the agents of a task share while they work on it.

An agent joins under a name and is given a token, of which only the digest is kept. Public posts are for whoever
may read; a private one is for the agent that wrote it, and for nobody else.
"""

import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from django.conf import settings

from memories.working.store import jittered, key_of, live, moment_of, quota, read, run_accounted, writing
from memories.working.waiting import place
from memos_project.encoding import to_json
from memos_project.errors import Conflict, Forbidden, NotFound
from memos_project.redis import client
from memos_project.tenancy.callers import TenantInfo, digest_of

AREAS = ("public", "private")
TOKEN_HEADER = "x-agent-token"
MISSING = "There is no such blackboard, or it has expired."

# In the order in which the script takes them.
KEYS = ("board", "board-public", "board-private", "board-claims", "board-handles")
FIRST_KEY = 5

MOST_AGENTS = 1000
# What is read of a stream at once, and how long Redis is asked to wait: less than the client's patience.
BATCH = 500
BLOCK_SECONDS = 1.0
BEGINNING = "0-0"


@dataclass(frozen=True, slots=True)
class Joined:
    """The secret by which an agent is known, and whether it was known before."""

    agent: str
    token: str
    is_new: bool


@dataclass(frozen=True, slots=True)
class Post:
    id: str
    area: str
    agent: str
    kind: str
    content: Any
    at: datetime


@dataclass(frozen=True, slots=True)
class Board:
    """A board as a list shows it; ``size`` in bytes, ``ttl`` what is left in seconds."""

    board: str
    agents: int
    posts: int
    size: int
    ttl: float


@dataclass(slots=True)
class Reading:
    """Posts in order and where to read on; ``turned_away`` where too many others wait already.

    ``cursor`` of a private area is the last of the agent's own posts: how far was ``scanned`` says when others wrote.
    """

    posts: list[Post]
    cursor: str
    scanned: str
    answered: bool = True
    turned_away: bool = False


def join(tenant: TenantInfo, board: str, agent: str, *, token: str = "", ttl: float | None = None) -> Joined:
    """Become an agent of a board, beginning it where there is none; ``ttl`` in seconds becomes the board's.

    Raises Conflict where the name is taken and the token is not its, or there is no room.
    """
    fresh = secrets.token_urlsafe(32)
    [status, *_] = step(
        tenant, "join", board, token, agent, digest_of(fresh).hex(), "" if ttl is None else ttl,
        settings.MEMOS_WORKING_TTL, MOST_AGENTS,
    )  # fmt: skip
    if status == "taken":
        raise Conflict("Another agent has this name; send its token to go on as it.", field="agent")
    return Joined(agent, token if status == "known" else fresh, status != "known")


def post(
    tenant: TenantInfo,
    board: str,
    token: str,
    *,
    area: str,
    content: Any,
    kind: str = "",
    ttl: float | None = None,
) -> Post:
    """Put something on a board, which lives its ``ttl`` from now on; raises Conflict for a full one."""
    [_, post_id, agent] = step(
        tenant, "post", board, token, place_of(f"board-{area}"), to_json({"kind": kind, "content": content}),
        "" if ttl is None else ttl, settings.MEMOS_BLACKBOARD_MAX_POSTS,
    )  # fmt: skip
    said = post_id.decode()
    return Post(said, area, agent.decode(), kind, content, moment_of(said))


def read_posts(
    tenant_id: UUID,
    board: str,
    *,
    area: str = "public",
    token: str = "",
    agent: str | None = None,
    after: str = BEGINNING,
    limit: int,
    wait: float = 0,
) -> Reading:
    """Posts after the one of the id ``after``, of one agent or of all; with ``wait`` that many seconds for the first.

    Private ones are those of the token's agent, whatever else is asked for. Raises Forbidden where nobody has the token.
    """
    reading = Reading([], cursor=after, scanned=after)

    def ask() -> None:
        me = agent_of(tenant_id, board, token) if area == "private" else None
        stream = key_of(tenant_id, f"board-{area}", board)

        def is_wanted(author: str) -> bool:
            return agent in (None, author) and (area == "public" or author == me)

        _read_on(reading, stream, area, is_wanted, limit)
        if reading.posts or not wait:
            return
        with place() as found:
            reading.turned_away = not found
            until = time.monotonic() + wait
            while found and not reading.posts and (left := until - time.monotonic()) > 0:
                block = max(1, int(1000 * min(left, BLOCK_SECONDS)))
                if client().xread({stream: reading.scanned}, count=1, block=block):
                    _read_on(reading, stream, area, is_wanted, limit)

    _, reading.answered = read(ask, None)
    return reading


def _read_on(reading: Reading, stream: str, area: str, is_wanted: Callable[[str], bool], limit: int) -> None:
    """Read until there are enough, or no more."""
    for post_id, author, json in _scan(stream, reading.scanned):
        if len(reading.posts) == limit:
            return
        reading.scanned = post_id
        if is_wanted(author):
            said = orjson.loads(json)
            reading.posts.append(
                Post(post_id, area, author, said["kind"], said["content"], moment_of(post_id))
            )
        if area == "public" or is_wanted(author):
            reading.cursor = post_id


def _scan(stream: str, after: str) -> Iterator[tuple[str, str, bytes]]:
    """Ids, authors and contents of a stream's posts after this one."""
    while True:
        found: Any = client().xrange(stream, min=f"({after}", count=BATCH)
        for post_id, fields in found:
            after = post_id.decode()
            yield after, fields[b"agent"].decode(), fields[b"json"]
        if len(found) < BATCH:
            return


def agent_of(tenant_id: UUID, board: str, token: str) -> str:
    """The agent of a board that has this token; raises Forbidden."""
    agent: Any = client().hget(key_of(tenant_id, "board", board), f"token:{digest_of(token).hex()}")
    if agent is None:
        raise Forbidden("No agent of this blackboard has this token.", field=TOKEN_HEADER)
    return str(agent.decode())


def list_boards(tenant_id: UUID, *, after: str, limit: int) -> tuple[list[Board], bool]:
    """Live boards by name; and whether Redis answered."""

    def look(names: list[str]) -> list[Board]:
        pipeline: Any = client().pipeline(transaction=False)
        for name in names:
            board = key_of(tenant_id, "board", name)
            pipeline.hmget(board, "agents", "posts", "bytes").pttl(board)
        answers = pipeline.execute()
        return [
            Board(name, int(agents or 0), int(posts), int(size), left / 1000)
            for name, (agents, posts, size), left in zip(names, answers[::2], answers[1::2], strict=True)
            if posts and left >= 0
        ]

    return read(lambda: live(tenant_id, "board", after=after, limit=limit, look=look), [])


def is_there(tenant_id: UUID, board: str) -> bool:
    """Whether a board lives; no, with Redis down."""
    return read(lambda: bool(client().exists(key_of(tenant_id, "board", board))), False)[0]


def end(tenant: TenantInfo, board: str) -> None:
    """End a board with all that is on it; raises NotFound."""
    step(tenant, "end", board, "")


def place_of(key: str) -> int:
    """The place of a key among those that the script is given."""
    return FIRST_KEY + KEYS.index(key)


def step(tenant: TenantInfo, what: str, board: str, token: str, *arguments: Any) -> list[Any]:
    """One step of the script: its status and what else it answers; raises for what every step may be refused for."""
    with writing():
        status, *rest = run_accounted(
            "blackboard",
            tenant.id,
            [key_of(tenant.id, name, board) for name in KEYS],
            [
                what,
                f"board\0{board}",
                digest_of(token).hex() if token else "",
                quota(tenant),
                settings.MEMOS_BLACKBOARD_MAX_BYTES,
                jittered(1),
                *arguments,
            ],
        )
    _refuse(tenant, status.decode(), rest)
    return [status.decode(), *rest]


def _refuse(tenant: TenantInfo, status: str, rest: Sequence[Any]) -> None:
    if status == "missing":
        raise NotFound(MISSING)
    if status == "stranger":
        raise Forbidden("No agent of this blackboard has this token.", field=TOKEN_HEADER)
    if status == "held":
        raise Conflict(f"{rest[0].decode()} holds it for another {int(rest[1]) / 1000:.1f} seconds.")
    if status == "crowded":
        raise Conflict("The blackboard has as many of these as it may have.")
    if status == "quota":
        raise Conflict(
            f"Working memory of this tenant is full ({quota(tenant)} bytes); delete entries or let them expire."
        )
    if status == "full":
        raise Conflict(
            f"The blackboard is full: it may have {settings.MEMOS_BLACKBOARD_MAX_POSTS} posts"
            f" and {settings.MEMOS_BLACKBOARD_MAX_BYTES} bytes."
        )
