"""What is counted against a tenant's quota, beside what Redis says that it takes."""

import time
from uuid import uuid4

import pytest

from memories.working import blackboards, keyvalue, leases, scratchpads
from memories.working.scratchpads import NewEntry
from memories.working.store import key_of
from memos_project.errors import Conflict
from memos_project.redis import client

pytestmark = pytest.mark.django_db


def taken(tenant) -> int:
    """Bytes of all keys of working memory."""
    return sum(client().memory_usage(key, samples=0) for key in client().scan_iter(f"{key_of(tenant.id)}*"))


def pad(tenant, session, entries, characters, *, promoted=False, ttl=600.0):
    new = NewEntry(part="observations", content="x" * characters)
    written = [scratchpads.append(tenant, session, new, ttl=ttl, promote=promoted).id for _ in range(entries)]
    if promoted:
        scratchpads.mark(tenant.id, session, {each: uuid4() for each in written})


def board(tenant, name, posts, characters, *, agents=1, claims=0):
    token, *_ = [blackboards.join(tenant, name, f"agent-{n}").token for n in range(agents)]
    for n in range(posts):
        blackboards.post(tenant, name, token, area=blackboards.AREAS[n % 2], content="x" * characters)
    for n in range(claims):
        leases.take(tenant, name, "claims", f"part-{n}", token, seconds=60)


HELD = {
    "small pads": (200, pad, {"entries": 1, "characters": 1}),
    "pads within their first block": (20, pad, {"entries": 40, "characters": 1}),
    "pads of one long entry": (20, pad, {"entries": 1, "characters": 3000}),
    "pads that became memories": (20, pad, {"entries": 40, "characters": 1, "promoted": True}),
    "large pads that became memories": (2, pad, {"entries": 400, "characters": 20, "promoted": True}),
    "large pads": (2, pad, {"entries": 20, "characters": 20_000}),
    "empty boards": (100, board, {"posts": 0, "characters": 0}),
    "boards with a public post": (100, board, {"posts": 1, "characters": 1}),
    "boards with a private one too": (100, board, {"posts": 2, "characters": 1}),
    "boards within their first blocks": (10, board, {"posts": 80, "characters": 1}),
    "a board of many posts": (1, board, {"posts": 1000, "characters": 20}),
    "a board of long posts": (1, board, {"posts": 100, "characters": 20_000}),
    "boards of many agents": (2, board, {"posts": 1, "characters": 1, "agents": 100}),
    "boards with a claim": (50, board, {"posts": 0, "characters": 0, "claims": 1}),
    "a board of many claims": (1, board, {"posts": 0, "characters": 0, "claims": 300}),
}


@pytest.mark.parametrize("held", HELD)
def test_what_is_counted_is_about_what_redis_takes(tenant, held):
    times, make, what = HELD[held]
    for n in range(times):
        make(tenant, f"one-{n}", **what)
    share = keyvalue.used(tenant.id) / taken(tenant)
    assert 0.5 <= share <= 2


def test_nothing_is_counted_of_what_is_gone(tenant):
    for n in range(3):
        pad(tenant, f"gone-{n}", 5, 10, ttl=0.2)
        pad(tenant, f"deleted-{n}", 5, 10, promoted=True)
        scratchpads.delete(tenant.id, f"deleted-{n}")
        board(tenant, f"ended-{n}", 5, 10, agents=2, claims=2)
        blackboards.end(tenant, f"ended-{n}")
    time.sleep(0.25)
    pad(tenant, "last", 2, 10)
    scratchpads.delete(tenant.id, "last")
    assert keyvalue.used(tenant.id) == 0
    assert client().hlen(key_of(tenant.id, "sizes")) == 0


def test_a_step_that_is_refused_leaves_the_account_as_it_was(tenant, settings):
    board(tenant, "task", 0, 0, claims=1)
    pad(tenant, "s", 1, 10)
    before = keyvalue.used(tenant.id)
    settings.MEMOS_WORKING_QUOTA_BYTES = before + 100
    for refused in (
        lambda: pad(tenant, "s", 1, 10_000),
        lambda: pad(tenant, "t", 1, 1),
        lambda: board(tenant, "other", 0, 0),
    ):
        with pytest.raises(Conflict):
            refused()
        assert keyvalue.used(tenant.id) == before


def test_leases_that_make_room_are_struck_off_whatever_follows(tenant, settings, monkeypatch):
    monkeypatch.setattr(leases, "MOST", 2)
    token = blackboards.join(tenant, "task", "ada").token
    before = keyvalue.used(tenant.id)
    for name in "ab":
        leases.take(tenant, "task", "claims", name, token, seconds=0.01, value="x" * 2000)
    assert keyvalue.used(tenant.id) > before + 4000
    time.sleep(0.02)
    settings.MEMOS_WORKING_QUOTA_BYTES = before + 50
    with pytest.raises(Conflict):
        leases.take(tenant, "task", "claims", "c", token, seconds=1)
    assert keyvalue.used(tenant.id) == before
