from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

import pytest
from qdrant_client import QdrantClient

from memories.vectors import VectorIndex, vector_index
from tests.qdrant_server import QdrantStandIn

MEMORY_DISK = Path("/dev/shm")


@pytest.fixture(scope="session")
def qdrant() -> Iterator[QdrantStandIn]:
    """A running server that a test may stop and start again."""
    # The engine syncs its files with every payload index it makes: on a busy disk a second for each test.
    with TemporaryDirectory(dir=MEMORY_DISK if MEMORY_DISK.is_dir() else None) as directory:
        server = QdrantStandIn(Path(directory))
        server.start()
        yield server
        server.stop()


@pytest.fixture(scope="session")
def qdrant_url(qdrant: QdrantStandIn) -> str:
    return qdrant.url


@pytest.fixture
def on_qdrant(qdrant_url: str, settings) -> Iterator[VectorIndex]:
    """Qdrant as the configured index, without a collection; when it was down it is asked again at once."""
    prefix = f"test_{uuid4().hex}_"
    settings.MEMOS_VECTORS = {
        "default": {
            "BACKEND": "memories.vectors.qdrant.QdrantIndex",
            "OPTIONS": {"url": qdrant_url, "prefix": prefix, "cooldown": 0},
        }
    }
    yield vector_index()
    client = QdrantClient(qdrant_url, check_compatibility=False)
    for each in client.get_collections().collections:
        if each.name.startswith(prefix):
            client.delete_collection(each.name)
    client.close()


@pytest.fixture(params=["pgvector", "qdrant"])
def index(request: pytest.FixtureRequest) -> VectorIndex:
    """Each kind of index in turn as the configured one: in the database, and outside of it."""
    if request.param == "qdrant":
        request.getfixturevalue("on_qdrant")
    return vector_index()
