from itertools import count
from uuid import UUID

import pytest

from memories.models import EmbeddingModel, Memory
from memories.vectors import IndexedModel, VectorIndex, VectorPoint
from memories.vectors.pgvector import PgVectorIndex
from memos_project.db import tenant_scope
from tests.backends.vectors import DIMENSIONS, VectorIndexTests
from tests.factories import make_tenant, new_memory
from memories import services

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
        row = EmbeddingModel.objects.create(
            name=f"model-{next(_numbers)}", provider="hash", dimensions=dimensions, max_tokens=256, state="retired"
        )
        return row.indexed()

    def make_memories(self, tenant: UUID, points: list[VectorPoint]) -> None:
        """The rows whose columns the searches are narrowed by, with the ids that the points have."""
