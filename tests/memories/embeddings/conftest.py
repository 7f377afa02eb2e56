import pytest

from memories.embeddings.modelfiles import packaged
from memories.embeddings.preparation import prepare


@pytest.fixture(scope="session")
def models(tmp_path_factory):
    """A folder with the packaged model prepared, made once: it takes seconds."""
    directory = tmp_path_factory.mktemp("models")
    assert prepare(directory) != packaged().model
    return directory
