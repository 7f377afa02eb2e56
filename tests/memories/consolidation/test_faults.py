"""Consolidation among garbage, time-outs, crashes, and people who forget and revise meanwhile.

``ROUNDS=1000 make test ARGS=tests/memories/consolidation/test_faults.py`` plays more of it than a suite has time for.
"""

import json
import os
import random
from contextlib import suppress
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from memories import indexing, notes, services
from memories.consolidation import runs
from memories.models import ConsolidationRun, Memory, MemoryVersion, NoteLink, NoteSource
from memories.services import NewMemory
from memos_project import llm
from memos_project.db import tenant_scope
from memos_project.errors import Conflict
from tests.chat_server import answering

pytestmark = pytest.mark.django_db(transaction=True)

ROUNDS = int(os.environ.get("ROUNDS", "40"))
TOPICS = (
    "pottery kiln clay studio glaze",
    "harbour container ship customs warehouse",
    "adoption agency mentor paperwork court",
    "violin concert rehearsal orchestra stage",
)
ACTS = ("visited", "photographed", "described", "repaired", "mentioned", "planned")
# How many statements a run makes at most before it is killed.
SOON, LATE = 1, 120


class Killed(BaseException):
    """The worker is gone."""


def good(asked):
    told = json.loads(asked["messages"][1]["content"])["memories"]
    return {
        "title": "what they did",
        "context": "what they did",
        "statements": [{"text": each["text"][:400], "memories": [each["number"]]} for each in told],
        "keywords": ["work"],
        "tags": ["work"],
    }


GARBAGE = (
    "no JSON", "[]", "{}", "null", '{"statements": 5}', '{"statements": [1, null, {}]}', "\0", "x" * 300_000,
    {"title": 5, "context": [], "statements": [{"text": "Tom won 5 prizes.", "memories": [1, 99, -1, None]}]},
    {"statements": [{"text": "\ud800", "memories": [1]}], "keywords": {"a": 1}, "tags": [[]]},
)  # fmt: skip


class Dying:
    """Kills whoever sends the nth statement from now on."""

    def __init__(self, statements):
        self.left = statements

    def __call__(self, execute, sql, params, many, context):
        self.left -= 1
        if self.left == 0:
            raise Killed
        return execute(sql, params, many, context)


class World:
    """One user's memories, and what must be true of them."""

    def __init__(self, tenant, user, dice):
        self.tenant, self.user, self.dice = tenant, user, dice
        self.said = {}

    def tell(self):
        topic = self.dice.choice(TOPICS)
        first = topic.split()[0]
        texts = [
            f"{self.user} {self.dice.choice(ACTS)} the {topic} {first} number {self.dice.randrange(10**6)} again."
            for _ in range(self.dice.randrange(3, 6))
        ]
        items = [NewMemory(content=text, kind="message", user_id=self.user) for text in texts]
        answers = services.remember(self.tenant, items, actor="test")
        self.said |= {answer.id: text for answer, text in zip(answers, texts, strict=True)}
        indexing.drain(self.tenant.id)
        with tenant_scope(self.tenant.id):
            ids = [answer.id for answer in answers]
            Memory.objects.filter(pk__in=ids).update(created_at=timezone.now() - timedelta(hours=1))

    def meddle(self):
        """Somebody forgets or revises one of them."""
        memory_id = self.dice.choice([*self.said])
        if self.dice.random() < 0.5:
            services.forget(self.tenant, memory_id, actor=self.user)
            del self.said[memory_id]
        else:
            self.said[memory_id] = f"{self.user} revised the {self.dice.choice(TOPICS)} story entirely."[:200]
            self.said[memory_id] += f" {self.dice.randrange(10**9)}"
            services.revise(self.tenant, memory_id, {"content": self.said[memory_id]}, actor=self.user)

    def state(self):
        """Every column of every memory and note, but for what tells that and when somebody looked after a note."""
        with tenant_scope(self.tenant.id):
            rows = {
                row.pop("id"): row
                for row in Memory.objects.filter(user_id=self.user).values(
                    *(each.attname for each in Memory._meta.concrete_fields if each.attname != "lexemes")
                )
            }
            of_user = {"note__memory__user_id": self.user}
            sources = set(
                NoteSource.objects.filter(**of_user).values_list("note_id", "memory_id", "content_hash")
            )
            links = set(
                NoteLink.objects.filter(one__memory__user_id=self.user).values_list("one_id", "other_id")
            )
            extra = {
                each.memory.pk: (each.context, tuple(each.keywords), each.summariser)
                for each in notes.list_notes(self.tenant.id, user_id=self.user, limit=1000)
            }
        for row in rows.values():
            if row["kind"] == "note":
                del row["version"], row["updated_at"]
        return rows, sources, links, extra

    def check(self):
        """No source is lost or changed, and no note says or ever said what nobody says any more."""
        with tenant_scope(self.tenant.id):
            found = dict(
                Memory.objects.filter(user_id=self.user).exclude(kind="note").values_list("pk", "content")
            )
            assert found == self.said
            for note in notes.list_notes(self.tenant.id, user_id=self.user, limit=1000):
                assert set(note.sources) <= self.said.keys()
                assert len(note.sources) >= notes.LEAST_SOURCES
                numbers = {
                    word for text in self.said.values() for word in text.rstrip(".").split() if word.isdigit()
                }
                told = {word.rstrip(".") for word in note.memory.content.split("\n", 1)[1].split()}
                assert {word for word in told if word.isdigit()} <= numbers
                for version in MemoryVersion.objects.filter(memory_id=note.memory.pk):
                    assert set(version.state["sources"]) <= {str(pk) for pk in self.said}


def run_to_its_end(world, dice, settled):
    """Consolidate, dying again and again, until a run is done; returns whether anybody meddled meanwhile."""
    meddled = False
    for attempt in range(8):
        statements = dice.randrange(SOON, LATE) if attempt < 6 and dice.random() < 0.7 else -1
        try:
            with connection.execute_wrapper(Dying(statements)):
                outcome = runs.consolidate(world.tenant.id)
        except Killed:
            settled["killed"] += 1
            with tenant_scope(world.tenant.id):
                ConsolidationRun.objects.update(leased_until=timezone.now() - timedelta(seconds=1))
            if dice.random() < 0.2:
                world.meddle()
                meddled = True
            world.check()
            continue
        if not outcome.is_more:
            return meddled
    return meddled


@pytest.fixture
def model(settings, monkeypatch):
    # Left alone after some failures, it would say no more garbage.
    monkeypatch.setattr(llm, "BREAKER_FAILURES", 10**9)
    with answering(good) as state:
        settings.MEMOS_CONSOLIDATION_LLM_URL = state.url
        settings.MEMOS_CONSOLIDATION_LLM_MODEL = "m"
        settings.MEMOS_CONSOLIDATION_LLM_TIMEOUT = 0.15
        yield state


def choose(model, dice):
    """How the model is today."""
    mood = dice.choice(["good", "good", "garbage", "slow", "error"])
    model.answers = [good if mood == "good" else dice.choice(GARBAGE)]
    model.status = 500 if mood == "error" else 200
    model.pause = 0.4 if mood == "slow" else 0.0


@pytest.mark.timeout(120 + 2 * ROUNDS)
def test_nothing_is_lost_and_all_can_be_undone(tenant, model):
    dice = random.Random(20261121)
    settled = {"killed": 0, "undone": 0, "made": 0}
    world = None
    for number in range(ROUNDS):
        if world is None or number % 5 == 0:
            world = World(tenant, f"person{number}", dice)
        world.tell()
        choose(model, dice)
        before = world.state()
        meddled = run_to_its_end(world, dice, settled)
        world.check()
        settled["made"] += len(world.state()[0]) > len(before[0])
        if not meddled and dice.random() < 0.5:
            undo_all_since(world, before, settled)
        elif dice.random() < 0.3 and len(world.said) > 1:
            world.meddle()
            world.check()
            undo_the_latest(world)
            world.check()
    print(settled, len(model.asked))
    assert settled["killed"] > ROUNDS / 10
    assert settled["undone"] > ROUNDS / 10
    assert settled["made"] > ROUNDS / 4
    assert len(model.asked) > ROUNDS / 10


def undo_the_latest(world):
    """Whether or not it can be: nothing may be said for it that nobody says."""
    with suppress(Conflict):
        runs.undo(world.tenant, runs.list_runs(world.tenant.id, limit=1)[0].pk, actor="test")


def undo_all_since(world, before, settled):
    """Undo the latest runs until none is left that changed anything: every row is as it was."""
    for run in runs.list_runs(world.tenant.id, limit=20):
        if world.state() == before:
            break
        try:
            runs.undo(world.tenant, run.pk, actor="test")
        except Conflict:
            continue
    assert world.state() == before
    settled["undone"] += 1
