"""The projection in a Bolt server, brought level by ``graph.indexing``."""

import pytest

from tests.backends.graph import GraphStoreTests
from tests.graph_server import shared_url


@pytest.fixture(scope="module")
def url():
    return shared_url()


@pytest.fixture
def configured(url):
    return {"BACKEND": "graph.stores.neo4j.Neo4jStore", "OPTIONS": {"url": url}}


class TestNeo4j(GraphStoreTests):
    pass
