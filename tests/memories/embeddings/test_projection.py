import numpy as np
import pytest

from memories.embeddings import ModelSpec, Runtime
from memories.embeddings.base import unit
from memories.embeddings.modelfiles import packaged
from memories.embeddings.onnx import OnnxEmbedder
from memories.embeddings.projection import fit, token_projection
from memories.embeddings.session import hidden_states


def assert_orthonormal(matrix):
    np.testing.assert_allclose(matrix.T @ matrix, np.eye(matrix.shape[1]), atol=2e-3)


@pytest.mark.parametrize("dimensions", [1, 64, 128])
def test_the_packaged_model_has_its_own(dimensions):
    matrix = token_projection(packaged().projection, hidden=384, dimensions=dimensions)
    assert matrix.shape == (384, dimensions)
    assert_orthonormal(matrix)


def test_the_committed_file_is_what_fitting_gives(models):
    embedder = OnnxEmbedder(
        ModelSpec(name="m", provider="onnx", dimensions=384), Runtime(threads=2, prepared=models)
    )
    tokenizer = embedder._tokenizer

    def embed(texts):
        for start in range(0, len(texts), 64):
            ids = [np.array(each.ids) for each in tokenizer.encode_batch(texts[start : start + 64])]
            for states in hidden_states(embedder._session, ids):
                yield unit(states[1:-1])

    fitted = fit(embed, tokenizer.get_vocab(), dimensions=64, texts=600)
    committed = token_projection(packaged().projection, hidden=384, dimensions=128)
    # How much of each fitted axis lies in the committed space, which was fitted to more of the same texts.
    assert np.linalg.norm(committed.T @ fitted, axis=0).min() > 0.9


def test_without_a_file_it_is_random_but_fixed():
    matrix = token_projection(None, hidden=96, dimensions=32)
    assert_orthonormal(matrix)
    np.testing.assert_array_equal(matrix, token_projection(None, hidden=96, dimensions=32))
    assert matrix[0, :3].tolist() == pytest.approx([-0.116436, 0.1286047, -0.1516306], abs=1e-6)


def test_the_whole_space_needs_none():
    np.testing.assert_array_equal(token_projection(None, hidden=8, dimensions=8), np.eye(8))


def test_more_than_the_model_has_is_named():
    with pytest.raises(ValueError, match=r"^token_dimensions: 9 "):
        token_projection(None, hidden=8, dimensions=9)
