import subprocess
import sys

import numpy as np
import pytest

from memories.embeddings import ModelSpec, ProviderRejected, Runtime, get_embedder
from memories.embeddings.base import truncated


def spec(**changes):
    return ModelSpec(**{"name": "m", "provider": "hash", "dimensions": 64, **changes})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("provider", "magic"),
        ("dimensions", 0),
        ("dimensions", 4001),
        ("dimensions", 64.0),
        ("dimensions", True),
        ("token_dimensions", -1),
        ("max_tokens", 3),
        ("chunk_overlap", -1),
        ("chunk_overlap", 100),
        ("options", "x"),
    ],
)
def test_a_bad_value_is_named(field, value):
    with pytest.raises(ValueError, match=f"^{field}:"):
        spec(**{field: value})


@pytest.mark.parametrize("size", [7, 257, "many", None])
def test_a_bad_chunk_size_is_named(size):
    with pytest.raises(ValueError, match=r"^options\.chunk_tokens:"):
        spec(options={"chunk_tokens": size})


def test_chunks_are_smaller_than_the_window_by_default():
    assert spec(max_tokens=512).chunk_tokens == 160
    assert spec(max_tokens=128).chunk_tokens == 128
    assert spec(max_tokens=512, options={"chunk_tokens": 300}).chunk_tokens == 300


def test_a_spec_does_not_change_with_the_dict_it_was_made_of():
    options = {"chunk_tokens": 100}
    made = spec(options=options)
    options["chunk_tokens"] = 50
    assert made.chunk_tokens == 100
    with pytest.raises(TypeError):
        made.options["chunk_tokens"] = 50


def test_an_unknown_option_is_named():
    with pytest.raises(ValueError, match=r"^options\.pth:"):
        get_embedder(spec(options={"pth": "x"}), Runtime())


def test_one_embedder_per_model_and_runtime():
    assert get_embedder(spec(), Runtime()) is get_embedder(spec(), Runtime())
    assert get_embedder(spec(), Runtime()) is not get_embedder(spec(dimensions=32), Runtime())
    assert get_embedder(spec(), Runtime()) is not get_embedder(spec(options={"chunk_tokens": 99}), Runtime())


def test_the_package_imports_nothing_heavy():
    code = (
        "import sys, memories.embeddings; heavy = {'onnxruntime', 'tokenizers', 'openai'} & {*sys.modules};"
        "sys.exit(f'imports {heavy}' if heavy else 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("vector", [[0, 0, 0], [1, float("nan"), 0], [float("inf"), 0, 0], [0, 0, 1]])
def test_a_vector_without_direction_is_refused(vector):
    with pytest.raises(ProviderRejected, match="zeros"):
        truncated(np.array(vector, np.float32), 2)


def test_truncation_brings_back_length_one():
    np.testing.assert_allclose(truncated(np.array([3, 4, 12], np.float32), 2), [0.6, 0.8])
