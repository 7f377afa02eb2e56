import os
import shutil
import threading
import time
import warnings

import numpy as np
import pytest

from memories.embeddings import ModelSpec, ProviderRejected, Runtime, get_embedder
from memories.embeddings.modelfiles import packaged
from memories.embeddings.onnx import BATCH_TOKENS, OnnxEmbedder, _batches
from tests.memories.embeddings.contract import EmbedderContract, TokenContract


@pytest.fixture
def embedder(models):
    def make(*, threads=1, **changes):
        spec = ModelSpec(**{"name": "minilm", "provider": "onnx", "dimensions": 384, **changes})
        return get_embedder(spec, Runtime(threads=threads, prepared=models))

    return make


class TestContract(EmbedderContract, TokenContract):
    @pytest.fixture(autouse=True)
    def _embedder(self, embedder):
        self.embedder = embedder


def test_finds_what_is_meant_and_not_only_what_is_said(embedder):
    query = embedder().embed_query("What pet does she own?").vector
    texts = ["Her dog is called Rex.", "The invoice is overdue.", "We painted the fence green."]
    scores = [query @ each.chunks[0].vector for each in embedder().embed_passages(texts)]
    assert int(np.argmax(scores)) == 0


def test_a_vector_does_not_depend_on_the_texts_beside_it(embedder):
    text = "The meeting was moved to Thursday."
    crowd = [text, "no", *(f"Number {number} of many texts of the same size here." for number in range(40))]
    [alone] = embedder().embed_passages([text])
    beside = embedder().embed_passages(crowd)[0]
    np.testing.assert_allclose(alone.chunks[0].vector, beside.chunks[0].vector, atol=1e-5)


def test_the_plain_model_agrees_with_the_prepared_one(embedder, tmp_path):
    spec = ModelSpec(name="minilm", provider="onnx", dimensions=384)
    plain = OnnxEmbedder(spec, Runtime(prepared=tmp_path))
    for text in (
        "When did they meet?",
        "A long walk by the sea cleared her head, and she wrote all evening.",
    ):
        assert plain.embed_query(text).vector @ embedder().embed_query(text).vector > 0.985


def test_dimensions_can_be_shortened(embedder):
    whole = embedder().embed_query("a cat").vector
    short = embedder(dimensions=128).embed_query("a cat").vector
    np.testing.assert_allclose(short, whole[:128] / np.linalg.norm(whole[:128]), atol=1e-6)


def test_special_tokens_have_no_token_vector(embedder):
    query = embedder(token_dimensions=128).embed_query("one two three")
    assert len(query.tokens) == 3
    assert query.pieces == ("one", "two", "three")


@pytest.mark.parametrize("text", ["\u200b", "many words " * 400])
def test_each_token_of_a_query_has_its_spelling(embedder, text):
    query = embedder(token_dimensions=128).embed_query(text)
    assert len(query.pieces) == len(query.tokens)


def test_projected_tokens_rank_as_the_whole_ones(embedder):
    texts = [
        "my cat sleeps all day",
        "the train was late again",
        "we bought bread",
        "a cold grey morning by the lake",
    ]
    queries = ["Which animal rests?", "What was delayed?", "What did they buy?", "What was the weather like?"]

    def scores(size):
        made = embedder(token_dimensions=size)
        passages = [each.chunks[0].tokens.astype(int) for each in made.embed_passages(texts)]
        asked = [made.embed_query(query).tokens.astype(int) for query in queries]
        return (
            np.array([[(query @ passage.T).max(axis=1).mean() for passage in passages] for query in asked])
            / 127**2
        )

    assert np.corrcoef(scores(384).ravel(), scores(128).ravel())[0, 1] > 0.95
    assert (scores(128).argmax(axis=1) == scores(384).argmax(axis=1)).all()


def test_a_huge_text_is_embedded(embedder):
    # A giant word is one unknown token however long it is, so it must not swallow what follows.
    text = "An ordinary sentence, again and again. " * 500 + "x" * 50_000 + " and its end."
    [embedded] = embedder().embed_passages([text])
    assert len(embedded.chunks) > 20
    assert embedded.chunks[-1].text_end == len(text)


def test_many_threads_share_one_session(embedder):
    made = embedder()
    wanted = {text: made.embed_query(text).vector for text in ("one", "two words", "now three words")}
    wrong = []

    def ask():
        for text, vector in wanted.items():
            if not np.allclose(made.embed_query(text).vector, vector, atol=1e-5):
                wrong.append(text)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_idle_threads_cost_nothing(embedder):
    embedder(threads=2).embed_passages(["warm up " * 50] * 4)
    began = time.process_time()
    time.sleep(0.3)
    assert time.process_time() - began < 0.05


def test_a_forked_process_makes_its_own(embedder):
    before = embedder()
    with warnings.catch_warnings():
        # That other threads are running is what is tested.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        try:
            after = embedder()
            os._exit(0 if after is not before and after.embed_query("a cat").vector.any() else 1)
        finally:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert embedder() is before


class TestOwnModel:
    @pytest.fixture
    def folder(self, tmp_path):
        folder = tmp_path / "my model"
        folder.mkdir()
        shutil.copy(packaged().model, folder / "model.onnx")
        shutil.copy(packaged().tokenizer, folder / "tokenizer.json")
        return folder

    def test_is_read_from_its_folder(self, embedder, folder):
        own = embedder(options={"path": str(folder)})
        assert own.embed_query("a cat").vector @ embedder().embed_query("a cat").vector == pytest.approx(
            1, abs=1e-4
        )

    def test_token_vectors_without_a_projection_are_reduced_at_random(self, embedder, folder):
        tokens = embedder(options={"path": str(folder)}, token_dimensions=64).embed_query("a cat").tokens
        assert tokens.shape == (2, 64)

    def test_its_own_projection_is_used(self, embedder, folder):
        np.save(folder / "token_projection.npy", np.eye(384)[:, :64])
        own = embedder(options={"path": str(folder)}, token_dimensions=64).embed_query("a cat").tokens
        whole = embedder(token_dimensions=384).embed_query("a cat").tokens[:, :64].astype(float)
        cosines = (own * whole).sum(axis=1) / np.linalg.norm(own, axis=1) / np.linalg.norm(whole, axis=1)
        assert cosines.min() > 0.98

    def test_a_projection_of_another_model_is_named(self, embedder, folder):
        np.save(folder / "token_projection.npy", np.eye(100))
        with pytest.raises(ValueError, match=r"^options\.path:.*\(100, 100\)"):
            embedder(options={"path": str(folder)}, token_dimensions=64)

    def test_a_missing_file_is_named(self, embedder, folder):
        (folder / "tokenizer.json").unlink()
        with pytest.raises(ValueError, match=r"^options\.path:.*tokenizer\.json"):
            embedder(options={"path": str(folder)})

    @pytest.mark.parametrize("name", ["model.onnx", "tokenizer.json"])
    def test_a_broken_file_is_rejected(self, embedder, folder, name):
        (folder / name).write_bytes(b"not what it should be")
        with pytest.raises(ProviderRejected, match="my model"):
            embedder(options={"path": str(folder)})


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("max_tokens", {"max_tokens": 513}),
        ("dimensions", {"dimensions": 385}),
        ("token_dimensions", {"token_dimensions": 385}),
        ("options.path", {"options": {"path": 5}}),
    ],
)
def test_what_the_model_cannot_do_is_named(embedder, field, changes):
    with pytest.raises(ValueError, match=f"^{field}:"):
        embedder(**changes)


def test_batches_are_bounded_and_complete():
    lengths = [3, 500, 7, 256, 256, 9, 4000, 1] * 20
    batches = list(_batches(lengths))
    assert sorted(index for batch in batches for index in batch) == list(range(len(lengths)))
    for batch in batches:
        assert len(batch) == 1 or len(batch) * max(lengths[index] for index in batch) <= BATCH_TOKENS
