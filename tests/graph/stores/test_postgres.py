"""Ways through the rows themselves."""

import pytest

from tests.backends.graph import GraphStoreTests


class TestPostgres(GraphStoreTests):
    @pytest.fixture
    def configured(self):
        return {"BACKEND": "graph.stores.postgres.PostgresStore", "OPTIONS": {}}
