import threading
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import ClassVar

import numpy as np
import pytest

from memories.embeddings import ModelSpec, ProviderRejected, ProviderUnavailable, Runtime
from memories.embeddings.base import unit
from memories.embeddings.openai import OpenAIEmbedder
from tests.memories.embeddings.contract import EmbedderContract
from tests.memories.embeddings.server import Behaviour, running, vector


@pytest.fixture
def behaviour():
    return Behaviour()


@pytest.fixture
def url(behaviour):
    with running(behaviour) as address:
        yield address


@pytest.fixture
def embedder(url):
    """Makes an embedder; pauses are short, so that a test is."""
    made = []

    def make(*, options=None, **changes):
        defaults = {"url": f"{url}/v1", "longest_pause": 1.0, "timeout": 2.0, "query_timeout": 2.0}
        fields = {"name": "remote-model", "provider": "openai", "dimensions": 32, **changes}
        made.append(OpenAIEmbedder(ModelSpec(**fields, options={**defaults, **(options or {})}), Runtime()))
        return made[-1]

    yield make
    for each in made:
        each._client.close()


class TestContract(EmbedderContract):
    @pytest.fixture(autouse=True)
    def _embedder(self, embedder):
        self.embedder = embedder


def only(embedded):
    [each] = embedded
    [chunk] = each.chunks
    return chunk.vector


@pytest.mark.parametrize("packed", [True, False])
def test_takes_both_encodings(embedder, behaviour, packed):
    behaviour.base64 = packed
    np.testing.assert_allclose(
        only(embedder().embed_passages(["a cat"])), unit(vector("a cat", 32)), atol=1e-6
    )


def test_asks_for_the_model_of_the_options(embedder, behaviour):
    embedder(options={"model": "nomic-embed-text"}).embed_query("a cat")
    embedder().embed_query("a cat")
    assert [request["model"] for request in behaviour.requests] == ["nomic-embed-text", "remote-model"]


def test_answers_are_put_in_order_by_their_index(embedder, behaviour):
    behaviour.shuffled = True
    texts = ["one", "two", "three"]
    for text, embedded in zip(texts, embedder().embed_passages(texts), strict=True):
        np.testing.assert_allclose(embedded.chunks[0].vector, unit(vector(text, 32)), atol=1e-6)


class TestBatches:
    def test_by_count(self, embedder, behaviour):
        embedder(options={"batch_texts": 4}).embed_passages([f"text {number}" for number in range(10)])
        assert [len(request["input"]) for request in behaviour.requests] == [4, 4, 2]

    def test_by_tokens(self, embedder, behaviour):
        embedder(options={"batch_tokens": 50}).embed_passages(
            ["seven words make about twenty tokens here"] * 4
        )
        assert [len(request["input"]) for request in behaviour.requests] == [3, 1]

    def test_a_text_over_the_limit_goes_alone(self, embedder, behaviour):
        embedder(options={"batch_tokens": 5}).embed_passages(["several words and more of them", "x"])
        assert [len(request["input"]) for request in behaviour.requests] == [1, 1]


class TestDimensions:
    def test_nothing_is_asked_of_a_model_at_its_own_size(self, embedder, behaviour):
        embedder().embed_query("a cat")
        assert "dimensions" not in behaviour.requests[0]

    def test_the_endpoint_shortens_if_it_can(self, embedder, behaviour):
        short = embedder(dimensions=8, options={"native_dimensions": 32}).embed_query("a cat").vector
        assert behaviour.requests[0]["dimensions"] == 8
        np.testing.assert_allclose(short, unit(vector("a cat", 32)[:8]), atol=1e-6)

    def test_otherwise_it_is_done_here_and_not_asked_again(self, embedder, behaviour):
        behaviour.shortens = False
        made = embedder(dimensions=8, options={"native_dimensions": 32})
        for _ in range(2):
            np.testing.assert_allclose(
                made.embed_query("a cat").vector, unit(vector("a cat", 32)[:8]), atol=1e-6
            )
        assert ["dimensions" in request for request in behaviour.requests] == [True, False, False]

    def test_a_wrong_size_is_rejected_with_both_numbers(self, embedder, behaviour):
        behaviour.native = 48
        with pytest.raises(ProviderRejected, match=r"answered 48 dimensions.* to 32"):
            embedder().embed_query("a cat")
        assert len(behaviour.requests) == 1

    def test_a_native_size_under_the_wanted_one_is_named(self, embedder):
        with pytest.raises(ValueError, match=r"^options\.native_dimensions:"):
            embedder(options={"native_dimensions": 16})


class TestRetries:
    def test_waits_as_long_as_retry_after_says(self, embedder, behaviour):
        behaviour.failures = [(429, {"retry-after": "0.3"}, "Rate limit reached")]
        made, began = embedder(), time.monotonic()
        made.embed_passages(["a cat"])
        assert time.monotonic() - began >= 0.3
        assert len(behaviour.requests) == 2

    def test_retry_after_may_be_a_date(self, embedder, behaviour):
        later = format_datetime(datetime.now(UTC) + timedelta(minutes=5), usegmt=True)
        behaviour.failures = [(429, {"retry-after": later}, "Rate limit reached")]
        with pytest.raises(ProviderUnavailable) as caught:
            embedder().embed_passages(["a cat"])
        assert 290 < caught.value.retry_after <= 300

    def test_a_long_retry_after_is_left_to_the_caller(self, embedder, behaviour):
        behaviour.failures = [(429, {"retry-after": "60"}, "Rate limit reached")]
        with pytest.raises(ProviderUnavailable, match="429") as caught:
            embedder().embed_passages(["a cat"])
        assert caught.value.retry_after == 60
        assert len(behaviour.requests) == 1

    @pytest.mark.parametrize("status", [500, 502, 503, 408])
    def test_tries_again_after_a_server_error(self, embedder, behaviour, status):
        behaviour.failures = [(status, {"retry-after": "soon"}, "The server had an error")]
        assert embedder().embed_query("a cat").vector.shape == (32,)
        assert len(behaviour.requests) == 2

    def test_gives_up_in_the_end(self, embedder, behaviour):
        behaviour.failures = [(500, {}, "The server had an error")] * 9
        with pytest.raises(ProviderUnavailable, match="500"):
            embedder(options={"attempts": 3, "longest_pause": 0.05}).embed_passages(["a cat"])
        assert len(behaviour.requests) == 3

    def test_a_timeout_is_temporary(self, embedder, behaviour):
        behaviour.delay = 0.5
        with pytest.raises(ProviderUnavailable, match="no usable answer"):
            embedder(options={"query_timeout": 0.1, "query_attempts": 1}).embed_query("a cat")

    def test_nobody_listening_is_temporary(self, embedder):
        made = embedder(options={"url": "http://127.0.0.1:9/v1", "query_attempts": 1})
        with pytest.raises(ProviderUnavailable):
            made.embed_query("a cat")

    @pytest.mark.parametrize("body", [b"<html>proxy</html>", b"", b'{"object": "list"'])
    def test_an_answer_that_is_not_json_is_temporary(self, embedder, behaviour, body):
        behaviour.body = body
        with pytest.raises(ProviderUnavailable):
            embedder(options={"query_attempts": 1}).embed_query("a cat")


class TestRejections:
    def test_a_text_that_is_refused_is_not_sent_again(self, embedder, behaviour):
        behaviour.failures = [(400, {}, "This input is too long")]
        with pytest.raises(ProviderRejected, match="too long"):
            embedder().embed_passages(["a cat"])
        assert len(behaviour.requests) == 1

    def test_too_few_answers(self, embedder, behaviour):
        behaviour.drop_last = True
        with pytest.raises(ProviderRejected, match="given 2 texts and answered 1"):
            embedder().embed_passages(["one", "two"])

    @pytest.mark.parametrize(
        "body", [b"{}", b'{"data": []}', b'{"data": null}', b"[]", b'{"data": [{"index": 0}]}']
    )
    def test_an_answer_of_another_shape(self, embedder, behaviour, body):
        behaviour.body = body
        with pytest.raises((ProviderRejected, ProviderUnavailable)):
            embedder(options={"query_attempts": 1}).embed_query("a cat")

    @pytest.mark.parametrize("number", [0.0, float("nan")])
    def test_a_vector_without_direction(self, embedder, behaviour, number):
        behaviour.numbers = number
        with pytest.raises(ProviderRejected, match="zeros"):
            embedder().embed_query("a cat")


class TestKeys:
    def test_from_the_environment(self, embedder, behaviour, monkeypatch):
        behaviour.key = "sk-secret-1"
        monkeypatch.setenv("THE_KEY", "sk-secret-1")
        embedder(options={"api_key_env": "THE_KEY"}).embed_query("a cat")

    def test_from_a_file(self, embedder, behaviour, monkeypatch, tmp_path):
        behaviour.key = "sk-secret-2"
        (tmp_path / "key").write_text("sk-secret-2\n")
        monkeypatch.setenv("THE_KEY_FILE", str(tmp_path / "key"))
        embedder(options={"api_key_env": "THE_KEY"}).embed_query("a cat")

    def test_missing(self, embedder):
        with pytest.raises(ProviderRejected, match="neither NO_KEY nor NO_KEY_FILE is set"):
            embedder(options={"api_key_env": "NO_KEY"})

    def test_a_file_that_is_not_there(self, embedder, monkeypatch, tmp_path):
        monkeypatch.setenv("THE_KEY_FILE", str(tmp_path / "none"))
        with pytest.raises(ProviderRejected, match="THE_KEY_FILE cannot be read"):
            embedder(options={"api_key_env": "THE_KEY"})

    def test_a_refused_key_is_not_repeated(self, embedder, behaviour, monkeypatch, caplog, capsys):
        behaviour.key = "another"
        monkeypatch.setenv("THE_KEY", "sk-secret-3")
        with pytest.raises(ProviderRejected, match="401") as caught:
            embedder(options={"api_key_env": "THE_KEY"}).embed_query("a cat")
        assert len(behaviour.requests) == 1
        for said in (str(caught.value), repr(caught.value), caplog.text, *capsys.readouterr()):
            assert "sk-secret-3" not in said


def test_azure_has_the_deployment_in_the_path(embedder, behaviour, url, monkeypatch):
    behaviour.key = "azure-key"
    monkeypatch.setenv("AZURE_KEY", "azure-key")
    options = {"url": url, "api_version": "2024-10-21", "model": "my-deployment", "api_key_env": "AZURE_KEY"}
    embedder(options=options).embed_query("a cat")
    assert behaviour.paths == ["/openai/deployments/my-deployment/embeddings?api-version=2024-10-21"]


class TestCircuitBreaker:
    OPTIONS: ClassVar = {"query_attempts": 1, "breaker_failures": 2, "breaker_seconds": 0.4}

    def fail(self, made, times=1):
        for _ in range(times):
            with pytest.raises(ProviderUnavailable):
                made.embed_query("a cat")

    def test_leaves_a_failing_endpoint_alone_and_comes_back(self, embedder, behaviour):
        behaviour.failures = [(500, {}, "down")] * 2
        made = embedder(options=self.OPTIONS)
        self.fail(made, times=2)
        with pytest.raises(ProviderUnavailable, match="left alone") as caught:
            made.embed_query("a cat")
        assert 0 < caught.value.retry_after <= 0.4
        assert len(behaviour.requests) == 2
        time.sleep(0.45)
        assert made.embed_query("a cat").vector.shape == (32,)

    def test_opens_again_if_the_first_try_fails(self, embedder, behaviour):
        behaviour.failures = [(500, {}, "down")] * 3
        made = embedder(options=self.OPTIONS)
        self.fail(made, times=2)
        time.sleep(0.45)
        self.fail(made, times=2)
        assert len(behaviour.requests) == 3

    def test_refused_texts_do_not_open_it(self, embedder, behaviour):
        behaviour.failures = [(400, {}, "no")] * 4
        made = embedder(options=self.OPTIONS)
        for _ in range(4):
            with pytest.raises(ProviderRejected):
                made.embed_query("a cat")
        made.embed_query("a cat")

    def test_retries_stop_when_it_opens(self, embedder, behaviour):
        behaviour.failures = [(500, {}, "down")] * 9
        options = {**self.OPTIONS, "attempts": 9, "longest_pause": 0.05, "breaker_seconds": 30}
        with pytest.raises(ProviderUnavailable, match="left alone"):
            embedder(options=options).embed_passages(["a cat"])
        assert len(behaviour.requests) == 2

    def test_threads_share_it(self, embedder, behaviour):
        behaviour.failures = [(500, {}, "down")] * 20
        made = embedder(options={**self.OPTIONS, "breaker_failures": 5, "breaker_seconds": 30})
        threads = [threading.Thread(target=self.fail, args=(made,), kwargs={"times": 5}) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert 5 <= len(behaviour.requests) <= 12


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("url", "localhost:11434"),
        ("url", 5),
        ("model", ""),
        ("timeout", 0),
        ("timeout", "5"),
        ("attempts", 1.5),
        ("batch_texts", True),
        ("breaker_seconds", -1),
        ("colour", "red"),
    ],
)
def test_a_bad_option_is_named(embedder, name, value):
    with pytest.raises(ValueError, match=rf"^options\.{name}:"):
        embedder(options={name: value})


def test_token_vectors_cannot_be_had(embedder):
    with pytest.raises(ValueError, match=r"^token_dimensions:"):
        embedder(token_dimensions=64)
