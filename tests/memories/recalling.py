"""What a process of the test with two processes does, here or in a process of its own."""

import sys
import time
from contextlib import suppress
from datetime import timedelta
from uuid import UUID, uuid4

import orjson

MOMENT = 0.08
QUESTIONS = ("Where is the cat?", "Does the dog bark?")


# Recency makes scores differ in their last places from one moment to the next.
A_MOMENTS_RECENCY = 1e-4


def answered(found):
    """What a caller sees of it."""
    return [
        [hit.score, str(hit.memory.id), hit.memory.version, hit.memory.content, hit.memory.conversation_id,
         [str(turn.id) + turn.content for turn in hit.context]]
        for hit in found.hits
    ]  # fmt: skip


def alike(one, other):
    """Whether a caller sees the same in both, at about the same moment."""
    return len(one) == len(other) and all(
        abs(mine[0] - theirs[0]) < A_MOMENTS_RECENCY and mine[1:] == theirs[1:]
        for mine, theirs in zip(one, other, strict=True)
    )


def apart(given, found):
    """Where two lists of answers differ, question by question: the hits of the one and of the other."""
    return [(one, other) for one, other in zip(given, found, strict=True) if not alike(one, other)]


def at_work(what, *rest):
    """One step of a history; what it answers."""
    return STEPS[what](*rest)


def _tenant(tenant_id):
    from memos_project.tenancy.callers import TenantInfo

    return TenantInfo(UUID(tenant_id), f"t-{tenant_id}", "english")


def make_tenant(tenant_id):
    from memos_project.tenancy.models import Tenant

    Tenant.objects.create(id=UUID(tenant_id), slug=f"t-{tenant_id}", name="test")


def remember(tenant_id, content, conversation="", speaker="", **fields):
    from memories import services

    item = services.NewMemory(content=content, conversation_id=conversation, speaker=speaker, **fields)
    services.remember(_tenant(tenant_id), [item], actor="test")


def remember_for_a_moment(tenant_id, content):
    from django.utils import timezone

    remember(tenant_id, content, expires_at=timezone.now() + timedelta(seconds=MOMENT))


def _nth(tenant_id, n):
    from memories.models import Memory
    from memos_project.db import tenant_scope

    with tenant_scope(UUID(tenant_id)):
        ids = list(Memory.objects.order_by("pk").values_list("pk", flat=True))
    return ids[n] if n < len(ids) else None


def revise(tenant_id, n, content):
    from memories import services
    from memos_project.errors import Conflict

    if memory := _nth(tenant_id, n):
        with suppress(Conflict):
            services.revise(_tenant(tenant_id), memory, {"content": content}, actor="test")


def forget(tenant_id, n):
    from memories import services

    if memory := _nth(tenant_id, n):
        services.forget(_tenant(tenant_id), memory, actor="test")


def supersede(tenant_id, n, by):
    from memories.models import Memory
    from memos_project.db import tenant_scope

    old, new = _nth(tenant_id, n), _nth(tenant_id, by)
    if old and new and old != new:
        with tenant_scope(UUID(tenant_id)):
            Memory.objects.filter(pk=old).update(superseded_by=new)


def rename(tenant_id, key):
    from memories.models import Conversation
    from memos_project.db import tenant_scope

    with tenant_scope(UUID(tenant_id)):
        Conversation.objects.filter(key=key).update(key=uuid4().hex)


def index(tenant_id):
    from memories import indexing

    indexing.drain(UUID(tenant_id))


def ask(tenant_id):
    """The answers as they are given twice, and as they are found without the cache, at a moment when no memory ends."""
    while True:
        before, *given, after = (_answers(tenant_id, seconds) for seconds in (0, 30, 30, 0))
        if not apart(before, after):
            return given, after


def _answers(tenant_id, seconds):
    from django.conf import settings

    from memories import scopes
    from memories.answers import Query
    from memories.retrieval import recall

    scopes.forget_all()
    former, settings.MEMOS_RECALL_CACHE_SECONDS = settings.MEMOS_RECALL_CACHE_SECONDS, seconds
    try:
        return [answered(recall(_tenant(tenant_id), Query(text=each, context=1))) for each in QUESTIONS]
    finally:
        settings.MEMOS_RECALL_CACHE_SECONDS = former


def given_again():
    from memos_project.metrics import CACHE

    return {each: CACHE.labels(cache="recalls", outcome=each)._value.get() for each in ("near", "far")}


def ready():
    from memos_project import near_cache
    from tests.waiting import until

    assert until(lambda: near_cache.listener().in_touch)


STEPS = {
    "tenant": make_tenant,
    "remember": remember,
    "remember for a moment": remember_for_a_moment,
    "revise": revise,
    "forget": forget,
    "supersede": supersede,
    "rename": rename,
    "index": index,
    "wait": lambda tenant_id: time.sleep(MOMENT),
    "nothing": lambda tenant_id: None,
    "ask": ask,
    "given again": given_again,
    "ready": ready,
}


def main():
    """Steps come in as lines of JSON and their answers go out so, until there are no more."""
    import django

    django.setup()
    for line in sys.stdin.buffer:
        print(orjson.dumps(at_work(*orjson.loads(line))).decode(), flush=True)
