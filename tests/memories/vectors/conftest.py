from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

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
