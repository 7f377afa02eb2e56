"""A model's life: added, filled beside the present one, switched to, dropped; searches go on all the while."""

import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, connections, transaction
from django.utils import timezone

from memories import indexing, projections
from memories.embeddings import EmbeddingError, get_embedder
from memories.models import EmbeddingModel, IndexJob, MemoryTokens
from memories.retrieval import ACTIVE_SECONDS
from memories.vectors import IndexUnavailable, vector_index
from memories.vectors.pgvector import PgVectorIndex
from memos_project.db import tenant_scope
from memos_project.errors import Conflict, InvalidInput, NotFound
from memos_project.tenancy.models import Tenant


def find_model(name: str) -> EmbeddingModel:
    model = EmbeddingModel.objects.filter(name=name).first()
    if model is None:
        raise NotFound(f"There is no embedding model {name!r}.", field="name")
    return model


def add(fields: Mapping[str, Any]) -> EmbeddingModel:
    """Add a model that new memories are embedded with from now on; it answers nothing until it is switched to.

    The model is tried first: raises InvalidInput where it does not answer, or with other dimensions.
    """
    model = EmbeddingModel(**fields)
    try:
        EmbeddingModel._meta.get_field("name").clean(model.name, model)
    except ValidationError as error:
        raise InvalidInput(f"Not a name: {' '.join(error.messages)}", field="name") from error
    try:
        get_embedder(model.spec()).embed_query("memOS")
    except (ValueError, EmbeddingError) as error:
        raise InvalidInput(f"The model cannot be used: {error}", field="name") from error
    try:
        with transaction.atomic():
            model.save()
    except IntegrityError as error:
        raise Conflict(f"There is an embedding model {model.name!r} already.", field="name") from error
    make_room(model)
    return model


def make_room(model: EmbeddingModel) -> None:
    """Prepare an index outside of the database for a model; where it is away, the worker with the first vectors does."""
    if not vector_index().in_database:
        with suppress(IndexUnavailable):
            vector_index().create(model.indexed())


def lacking(model: EmbeddingModel, *, beside: EmbeddingModel | None = None) -> int:
    """How many memories, of all tenants, have no current vector of the model; with ``beside``, but one of that."""
    tenants = Tenant.objects.values_list("id", flat=True)
    return sum(
        len(some) for tenant_id in tenants for some in projections.wanting(tenant_id, model, beside=beside)
    )


def fill(model: EmbeddingModel) -> Iterator[int]:
    """Make the vectors that are missing, then the HNSW index; yields how many memories each step brought on.

    Works in batches through the backlog, beside the workers, so that it can be killed and begun again and
    new memories do not wait behind all the old ones.
    """
    for tenant_id in Tenant.objects.values_list("id", flat=True):
        for some in projections.wanting(tenant_id, model):
            indexing.enqueue(tenant_id, some)
            indexing.drain(tenant_id)
            yield len(some) - len(projections.still_wanting(tenant_id, model, some))
    if vector_index().in_database:
        PgVectorIndex().create(model.indexed())


def switch(model: EmbeddingModel) -> None:
    """Let the model answer queries; the one before is kept level, so that switching back is as quick.

    Raises Conflict while memories that the present model finds lack its vectors. What was written a moment ago
    has neither, and gets both.
    """
    states = EmbeddingModel.State
    present = EmbeddingModel.objects.filter(state=states.ACTIVE).first()
    if left := lacking(model, beside=present):
        raise Conflict(f"{left} memories have no vector of {model.name} yet: fill it first.", field="name")
    if vector_index().in_database:
        PgVectorIndex().create(model.indexed())
    try:
        with transaction.atomic():
            EmbeddingModel.objects.filter(state=states.ACTIVE).exclude(pk=model.pk).update(
                state=states.FILLING
            )
            kept = EmbeddingModel.objects.filter(pk=model.pk).exclude(state=states.RETIRED)
            if not kept.update(state=states.ACTIVE):
                raise Conflict(f"{model.name} is being dropped.", field="name")
    except IntegrityError as error:
        raise Conflict(f"Another model than {model.name} was switched to meanwhile.", field="name") from error


def drop(model: EmbeddingModel) -> None:
    """Remove a model with its vectors and indexes; Conflict for the one that answers queries."""
    retired = EmbeddingModel.objects.filter(pk=model.pk).exclude(state=EmbeddingModel.State.ACTIVE)
    if not retired.update(state=EmbeddingModel.State.RETIRED):
        raise Conflict(f"{model.name} answers queries: switch to another model first.", field="name")
    # Processes may believe for this long that it is the active one.
    time.sleep(ACTIVE_SECONDS + 1)
    if not vector_index().in_database:
        vector_index().drop(model.indexed())
    PgVectorIndex().drop(model.indexed())
    for tenant_id in Tenant.objects.values_list("id", flat=True):
        with tenant_scope(tenant_id):
            MemoryTokens.objects.filter(tenant_id=tenant_id, model=model).delete()
            # They may have been given up for this model's sake.
            IndexJob.objects.filter(tenant_id=tenant_id, due_at=None).update(
                due_at=timezone.now(), attempts=0, error=""
            )
    model.delete()


def rebuild(model: EmbeddingModel) -> Iterator[int]:
    """Make the configured index of a model anew from the rows, embedding what has no vector; yields memories done."""
    yield from fill(model)
    index = vector_index()
    if index.in_database:
        with connections["owner"].cursor() as cursor:
            cursor.execute(f"REINDEX INDEX CONCURRENTLY memoryvector_hnsw_{model.pk:d}")
        return
    index.drop(model.indexed())
    index.create(model.indexed())
    for tenant_id in Tenant.objects.values_list("id", flat=True):
        yield from projections.project_all(tenant_id, model)


def is_level(model: EmbeddingModel) -> bool:
    """Whether the configured index holds what the rows say, as far as counts of missing memories tell."""
    if vector_index().in_database and not PgVectorIndex().is_built(model.indexed()):
        return False
    for tenant_id in Tenant.objects.values_list("id", flat=True):
        if any(len(drift) for drift in projections.check(tenant_id) if drift.model == model):
            return False
    return True
