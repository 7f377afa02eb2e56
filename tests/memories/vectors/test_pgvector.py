from itertools import count
from uuid import UUID

import pytest

from memories.models import Conversation, EmbeddingModel, Memory
from memories.vectors import IndexedModel, VectorIndex, VectorPoint
from memories.vectors.pgvector import PgVectorIndex
from memos_project.db import tenant_scope
from tests.backends.vectors import DIMENSIONS, VectorIndexTests
from tests.factories import make_tenant

COPIED = ("kind", "tier", "user_id", "agent_id", "occurred_at", "content_hash")

_numbers = count(1)


@pytest.mark.django_db(transaction=True, databases=["default", "owner"])
class TestPgVector(VectorIndexTests):
    keeps_models = False

    @pytest.fixture
    def _backend(self, db: None) -> None:
        """The database."""

    def make_index(self) -> VectorIndex:
        return PgVectorIndex()

    def make_tenant(self) -> UUID:
        return make_tenant().id

    def make_model(self, dimensions: int = DIMENSIONS) -> IndexedModel:
        row = EmbeddingModel(provider="hash", dimensions=dimensions, max_tokens=256, state="retired")
        row.name = f"model-{next(_numbers)}"
        row.save()
        return row.indexed()

    def make_memories(self, tenant: UUID, points: list[VectorPoint]) -> None:
        """What a search is narrowed by are columns of the memory, not of the vector."""
        with tenant_scope(tenant):
            threads = {
                key: Conversation.objects.get_or_create(tenant_id=tenant, key=key)[0]
                for key in {point.conversation_id for point in points} - {""}
            }
            rows = {
                point.memory_id: Memory(
                    id=point.memory_id,
                    tenant_id=tenant,
                    conversation=threads.get(point.conversation_id),
                    content="x",
                    external_id=str(point.memory_id),
                    tags=list(point.tags),
                    **{name: getattr(point, name) for name in COPIED},
                )
                for point in points
            }
            Memory.objects.bulk_create(
                rows.values(),
                update_conflicts=True,
                unique_fields=["id"],
                update_fields=["tags", "content_hash"],
            )
