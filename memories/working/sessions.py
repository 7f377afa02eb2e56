"""The entities of a session, kept level with its conversation.

The turns are in PostgreSQL, what was made of them so far is in Redis: whoever asks reads on from where the last one
stopped, and with nothing kept from the beginning. A turn that was changed or forgotten since makes it begin anew.
"""

from dataclasses import dataclass
from uuid import UUID

import numpy as np
import orjson
from django.conf import settings

from memories import metrics, retrieval
from memories.answers import Memento
from memories.embeddings import EmbeddingError, embed_query, embedder_class
from memories.retrieval import CHARACTERS_PER_TOKEN
from memories.working.entities import Entity, Tracker, Turn, render
from memories.working.entities.descriptions import Similar
from memories.working.store import key_of, read
from memos_project.db import fetch_prepared, tenant_scope
from memos_project.encoding import to_json
from memos_project.redis import client
from memos_project.tenancy.callers import TenantInfo

# Of a longer conversation the beginning is not read: a session speaks of what was said lately.
MOST_TURNS = 2000
PAGE = 500

READ_SO_FAR = """
SELECT count(*), coalesce(sum((('x' || right(replace(m.id::text, '-', ''), 15))::bit(60)::bigint %% 1000003) * m.version), 0)::bigint FROM memories_memory m
WHERE m.tenant_id = %(tenant)s AND m.conversation_id = %(conversation)s AND m.turn > %(first)s AND m.turn <= %(last)s
"""


@dataclass(frozen=True, slots=True)
class Cast:
    """Who and what a session speaks of. ``tokens`` are estimates."""

    entities: list[Entity]
    rendering: str
    turns: int
    tokens_of_turns: int
    tokens_of_rendering: int


@dataclass(slots=True)
class _Progress:
    """A tracker and what it has read: the turns after ``first`` up to ``last``."""

    tracker: Tracker
    first: int
    last: int
    turns: int = 0
    versions: int = 0
    characters: int = 0


def cast_of(tenant: TenantInfo, reference: str, *, user_id: str | None, budget: int) -> Cast:
    """The entities of a conversation, and at most ``budget`` characters about them for a prompt.

    Raises NotFound, or InvalidInput where several users have a conversation of this name.
    """
    thread = retrieval.find_conversation(tenant.id, reference, user_id=user_id)
    key = key_of(tenant.id, "entities", str(thread.id))
    progress = _kept(tenant.id, thread.id, key) or _beginning(tenant.id, thread.id)
    if _read_on(tenant.id, thread.id, progress):
        kept = {"first": progress.first, "last": progress.last, "turns": progress.turns, "versions": progress.versions,
                "characters": progress.characters, "tracker": progress.tracker.dump()}  # fmt: skip
        read(lambda: client().set(key, to_json(kept), ex=settings.MEMOS_WORKING_TTL), None)
    rendering = render(progress.tracker, budget_characters=budget)
    before, after = progress.characters // CHARACTERS_PER_TOKEN, len(rendering) // CHARACTERS_PER_TOKEN
    metrics.SESSION_TOKENS.labels(form="turns").inc(before)
    metrics.SESSION_TOKENS.labels(form="rendering").inc(after)
    return Cast(progress.tracker.entities, rendering, progress.turns, before, after)


def _kept(tenant_id: UUID, conversation_id: UUID, key: str) -> _Progress | None:
    """What was read before; None where that is nothing, or not what the turns say any more."""
    state, _ = read(lambda: client().get(key), None)
    if not state:
        return None
    said = orjson.loads(state)
    with tenant_scope(tenant_id):
        [present] = fetch_prepared(
            READ_SO_FAR,
            {
                "tenant": tenant_id,
                "conversation": conversation_id,
                "first": said["first"],
                "last": said["last"],
            },
        )
    if present != (said["turns"], said["versions"]):
        return None
    tracker = Tracker.load(said.pop("tracker"), similar=_similar())
    return _Progress(tracker, **said)


def _beginning(tenant_id: UUID, conversation_id: UUID) -> _Progress:
    with tenant_scope(tenant_id):
        [(last,)] = fetch_prepared(
            "SELECT coalesce(max(turn), 0) FROM memories_memory WHERE tenant_id = %(tenant)s AND conversation_id = %(conversation)s",
            {"tenant": tenant_id, "conversation": conversation_id},
        )
    first = max(0, last - MOST_TURNS)
    return _Progress(Tracker(similar=_similar()), first, first)


def _read_on(tenant_id: UUID, conversation_id: UUID, progress: _Progress) -> bool:
    """Observe the turns that came since; whether there were any."""
    before = progress.last
    while turns := retrieval.list_turns(tenant_id, conversation_id, after=progress.last, limit=PAGE):
        progress.tracker.observe(*(_turn(each) for each in turns))
        progress.last = turns[-1].turn or 0
        progress.turns += len(turns)
        # As READ_SO_FAR has it: another turn, or another version of it, makes another sum.
        progress.versions += sum(int(each.id.hex[-15:], 16) % 1000003 * each.version for each in turns)
        progress.characters += sum(len(each.speaker or each.role) + 2 + len(each.content) for each in turns)
    return progress.last > before


def _turn(memento: Memento) -> Turn:
    return Turn(memento.turn or 0, memento.role, memento.speaker, memento.content, memento.occurred_at)


def _similar() -> Similar | None:
    """The likeness of two descriptions by the embedding model, where it runs in this process."""
    spec = retrieval.active_model().spec
    if embedder_class(spec).is_remote:
        return None

    def similar(one: str, other: str) -> float:
        try:
            return float(np.dot(embed_query(spec, one).vector, embed_query(spec, other).vector))
        except (EmbeddingError, ValueError):
            return 0.0

    return similar
