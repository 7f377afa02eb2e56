import numpy as np

from memories.embeddings import ModelSpec, Runtime
from memories.embeddings.hashing import HashEmbedder
from tests.memories.embeddings.contract import EmbedderContract, TokenContract


class TestHashEmbedder(EmbedderContract, TokenContract):
    def embedder(self, **changes):
        return HashEmbedder(
            ModelSpec(**{"name": "test", "provider": "hash", "dimensions": 256, **changes}), Runtime()
        )

    def test_shared_words_make_texts_alike(self):
        embedder = self.embedder()
        query = embedder.embed_query("where is the garden").vector
        near, far = (
            embedder.embed_query(text).vector
            for text in ("the garden is behind the house", "quarterly tax report")
        )
        assert query @ near > query @ far + 0.2

    def test_vectors_never_change(self):
        vector = self.embedder(dimensions=8).embed_query("memory").vector
        np.testing.assert_allclose(vector * 37**0.5, [1, 0, 1, 0, -5, 1, 3, 0], atol=1e-5)

    def test_says_that_it_is_for_tests(self):
        assert "For tests" in HashEmbedder.__doc__

    def test_one_dimension_is_enough_for_a_direction(self):
        assert abs(self.embedder(dimensions=1).embed_query("ab ba").vector[0]) == 1
