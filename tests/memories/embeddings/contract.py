"""What every provider must do; a test module subclasses it and says how to make an embedder."""

from itertools import pairwise

import numpy as np
import pytest

from memories.embeddings import ProviderRejected

ODD_TEXTS = [
    "🙂🙃🧠",
    "これは日本語の文章です。",
    "x" * 3_000,
    "a lone \ud800 surrogate",
    "nul \x00 inside",
    "\u200b zero \u200d width",
    "e\u0301 combining",
    "...",
    "मेमोरी",
]


class EmbedderContract:
    def embedder(self, **changes):
        """An embedder of the kind under test."""
        raise NotImplementedError

    def test_one_short_text_is_one_chunk_of_a_unit_vector(self):
        embedder = self.embedder()
        [embedded] = embedder.embed_passages(["The cat sat on the mat."])
        [chunk] = embedded.chunks
        assert (chunk.text_start, chunk.text_end) == (0, 23)
        assert chunk.vector.shape == (embedder.spec.dimensions,)
        assert chunk.vector.dtype == np.float32
        assert np.linalg.norm(chunk.vector) == pytest.approx(1, abs=1e-5)

    def test_answers_are_in_the_order_of_the_texts(self):
        embedder = self.embedder()
        texts = ["a cat", "word " * 100 + "end", "another thing entirely", "x", "more and more words here"]
        together = embedder.embed_passages(texts)
        for text, embedded in zip(texts, together, strict=True):
            [alone] = embedder.embed_passages([text])
            for one, other in zip(alone.chunks, embedded.chunks, strict=True):
                assert (one.text_start, one.text_end) == (other.text_start, other.text_end)
                assert one.vector @ other.vector == pytest.approx(1, abs=1e-4)

    def test_nothing_gives_nothing(self):
        assert self.embedder().embed_passages([]) == []

    def test_a_blank_text_has_no_chunks_beside_one_that_has(self):
        blank, full = self.embedder().embed_passages(["  \n ", "words"])
        assert blank.chunks == []
        assert len(full.chunks) == 1

    def test_a_blank_query_is_rejected(self):
        with pytest.raises(ProviderRejected, match="blank"):
            self.embedder().embed_query(" \n")

    def test_long_text_is_cut_into_chunks_that_cover_it(self):
        text = "The river rose and nobody slept that night. " * 60
        [embedded] = self.embedder(options={"chunk_tokens": 40}, chunk_overlap=8).embed_passages([text])
        chunks = embedded.chunks
        assert len(chunks) > 5
        assert chunks[0].text_start == 0
        assert chunks[-1].text_end == len(text.rstrip())
        for earlier, later in pairwise(chunks):
            assert earlier.text_start < later.text_start <= earlier.text_end + 1

    @pytest.mark.parametrize("text", ODD_TEXTS)
    def test_odd_text_is_embedded(self, text):
        embedder = self.embedder()
        [embedded] = embedder.embed_passages([text])
        assert embedded.chunks
        assert embedded.chunks[-1].text_end <= len(text)
        assert np.isfinite(embedder.embed_query(text).vector).all()

    def test_a_query_longer_than_the_window_is_cut_off(self):
        assert np.linalg.norm(self.embedder().embed_query("river " * 5_000).vector) == pytest.approx(
            1, abs=1e-5
        )

    def test_prefixes_are_put_before_the_text(self):
        plain = self.embedder()
        prefixed = self.embedder(query_prefix="query: ", passage_prefix="passage: ")
        wanted = plain.embed_query("query: a cat").vector
        assert prefixed.embed_query("a cat").vector @ wanted == pytest.approx(1, abs=1e-4)
        [chunk] = prefixed.embed_passages(["a cat"])[0].chunks
        [wanted] = plain.embed_passages(["passage: a cat"])[0].chunks
        assert chunk.vector @ wanted.vector == pytest.approx(1, abs=1e-4)
        assert (chunk.text_start, chunk.text_end) == (0, 5)


class TokenContract:
    """For providers with token vectors."""

    def test_token_vectors_are_int8_and_of_length_127(self):
        embedder = self.embedder(token_dimensions=32)
        assert embedder.supports_tokens
        tokens = embedder.embed_query("when did the cat sit").tokens
        assert tokens.dtype == np.int8
        assert tokens.shape == (5, 32)
        np.testing.assert_allclose(np.linalg.norm(tokens.astype(float), axis=1), 127, rtol=0.03)

    def test_no_token_vectors_unless_asked_for(self):
        embedder = self.embedder(token_dimensions=0)
        assert embedder.embed_query("cat").tokens is None
        assert embedder.embed_passages(["cat"])[0].chunks[0].tokens is None

    def test_the_same_word_is_most_alike(self):
        embedder = self.embedder(token_dimensions=32)
        query = embedder.embed_query("cat").tokens.astype(int)
        [chunk] = embedder.embed_passages(["my cat sleeps"])[0].chunks
        assert (query @ chunk.tokens.astype(int).T).argmax() == 1
