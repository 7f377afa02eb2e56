"""How far a write has come, answered from what each store really holds."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import connection

from graph import projections as graph
from graph.models import Reading
from graph.stores import GraphProjection, GraphUnavailable, graph_projection
from memories.models import EmbeddingModel, IndexJob, Memory, ReadJob
from memories.reading import SILENT
from memories.vectors import IndexUnavailable, VectorIndex, vector_index
from memories.vectors.pgvector import PgVectorIndex
from memos_project.db import tenant_scope
from memos_project.errors import NotFound

# The terms are hashed first: what can fail may not enter an index under row-level security.
MISSING_POSTINGS = """
SELECT count(*) FROM (
    SELECT m.tenant_id, memos_term(u.lexeme) AS term, m.owner, m.id
    FROM memories_memory m CROSS JOIN LATERAL unnest(m.lexemes) u
    WHERE m.tenant_id = %(tenant)s AND m.id = %(id)s OFFSET 0
) said
WHERE NOT EXISTS (
    SELECT FROM memories_posting p
    WHERE p.tenant_id = said.tenant_id AND p.term = said.term AND p.owner = said.owner AND p.memory_id = said.id OFFSET 0
)
"""


@dataclass(frozen=True, slots=True)
class Projection:
    """What one store holds of a memory: current, stale, missing, or unknown where it does not answer."""

    store: str
    state: str
    model: str = ""


@dataclass(frozen=True, slots=True)
class Backlog:
    """Work that is still to be done for a memory."""

    since: datetime
    attempts: int
    error: str
    given_up: bool


@dataclass(frozen=True, slots=True)
class Learned:
    """Whether the graph has learned from a memory's text: current, stale or missing; ``extractor`` is who read it last."""

    state: str
    extractor: str = ""
    read_at: datetime | None = None
    attempts: int = 0
    error: str = ""
    given_up: bool = False


@dataclass(frozen=True, slots=True)
class Receipt:
    """Accepted: the row is there. Indexed: words and the vectors that answer searches are level with it. Projected: so is
    every other store, and every other model.

    ``graph`` is None for kinds of which the graph learns nothing.
    """

    id: UUID
    state: str
    content_hash: str
    stores: list[Projection]
    backlog: Backlog | None
    graph: Learned | None


def receipt(tenant_id: UUID, memory_id: UUID) -> Receipt:
    """Compare a memory's content hash with what each store holds; raises NotFound."""
    with tenant_scope(tenant_id):
        row = (
            Memory.objects.filter(tenant_id=tenant_id, pk=memory_id)
            .values_list("content_hash", "kind")
            .first()
        )
        if row is None:
            raise NotFound("There is no such memory.")
        content_hash, kind = row
        models = list(EmbeddingModel.objects.exclude(state=EmbeddingModel.State.RETIRED))
        words = _words(tenant_id, memory_id)
    at_home = [words]
    abroad: list[Projection] = []
    for model in models:
        held = _vectors(PgVectorIndex(), "pgvector", tenant_id, model, memory_id, content_hash)
        (at_home if model.is_active else abroad).append(held)
    index = vector_index()
    if not index.in_database:
        name = type(index).__name__.removesuffix("Index").lower()
        abroad += [_vectors(index, name, tenant_id, model, memory_id, content_hash) for model in models]
    learned = None if kind in SILENT else _learned(tenant_id, memory_id, content_hash)
    if learned and (store := graph_projection()):
        abroad.append(Projection("neo4j", _in_graph_store(store, tenant_id, memory_id, learned)))
    # Read last: work that was finished while the stores were asked is no backlog.
    with tenant_scope(tenant_id):
        job = IndexJob.objects.filter(tenant_id=tenant_id, memory_id=memory_id).first()
    return Receipt(memory_id, _state(at_home, abroad), content_hash, at_home + abroad, _backlog(job), learned)


def is_indexed(tenant_id: UUID, memory_ids: list[UUID]) -> bool:
    """Whether nothing is left to do for any of these memories but for a model that fails and answers no searches."""
    with tenant_scope(tenant_id):
        jobs = IndexJob.objects.filter(tenant_id=tenant_id, memory_id__in=memory_ids)
        errors = dict(jobs.values_list("memory_id", "error"))
        if not errors or not all(errors.values()):
            return not errors
        memories = Memory.objects.filter(tenant_id=tenant_id, pk__in=errors)
        hashes = dict(memories.values_list("pk", "content_hash"))
        active = EmbeddingModel.objects.get(state=EmbeddingModel.State.ACTIVE)
    try:
        return vector_index().held(tenant_id, active.indexed(), [*errors]).items() >= hashes.items()
    except IndexUnavailable:
        return False


def is_read(tenant_id: UUID, memory_ids: list[UUID]) -> bool:
    """Whether, besides, the graph knows what these memories say, or has given them up."""
    if not is_indexed(tenant_id, memory_ids):
        return False
    with tenant_scope(tenant_id):
        unread = ReadJob.objects.filter(tenant_id=tenant_id, memory_id__in=memory_ids, due_at__isnull=False)
        return not unread.exists()


def _words(tenant_id: UUID, memory_id: UUID) -> Projection:
    with connection.cursor() as cursor:
        cursor.execute(MISSING_POSTINGS, {"tenant": tenant_id, "id": memory_id})
        row = cursor.fetchone()
    return Projection("text", "current" if row == (0,) else "missing")


def _vectors(
    index: VectorIndex, store: str, tenant_id: UUID, model: EmbeddingModel, memory_id: UUID, content_hash: str
) -> Projection:
    try:
        held = index.held(tenant_id, model.indexed(), [memory_id])
    except IndexUnavailable:
        return Projection(store, "unknown", model.name)
    if memory_id not in held:
        return Projection(store, "missing", model.name)
    return Projection(store, "current" if held[memory_id] == content_hash else "stale", model.name)


def _learned(tenant_id: UUID, memory_id: UUID, content_hash: str) -> Learned:
    with tenant_scope(tenant_id):
        job = ReadJob.objects.filter(tenant_id=tenant_id, memory_id=memory_id).first()
        reading = Reading.objects.filter(tenant_id=tenant_id, memory_id=memory_id).first()
    trouble = (job.attempts, job.error, job.due_at is None) if job else ()
    if reading is None:
        return Learned("missing", "", None, *trouble)
    # A job for a text that was read: it is to be read again, for the time that it is about has changed.
    state = "current" if reading.content_hash == content_hash and job is None else "stale"
    return Learned(state, reading.extractor, reading.read_at, *trouble)


def _in_graph_store(store: GraphProjection, tenant_id: UUID, memory_id: UUID, learned: Learned) -> str:
    if learned.state != "current":
        return learned.state
    try:
        return graph.held_of(store, tenant_id, memory_id)
    except GraphUnavailable:
        return "unknown"


def _state(at_home: list[Projection], abroad: list[Projection]) -> str:
    if any(each.state != "current" for each in at_home):
        return "accepted"
    if any(each.state != "current" for each in abroad):
        return "indexed"
    return "projected"


def _backlog(job: IndexJob | None) -> Backlog | None:
    return Backlog(job.enqueued_at, job.attempts, job.error, job.due_at is None) if job else None
