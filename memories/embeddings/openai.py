"""Embeds through any endpoint that speaks OpenAI's embeddings API: OpenAI, Azure, LM Studio, Ollama, vLLM.

``options``:

- ``url``: the base address, ``http://127.0.0.1:11434/v1``; OpenAI's own if absent. For Azure, the resource's.
- ``model``: the model's name there (on Azure the deployment's); the spec's name if absent.
- ``api_version``: makes it an Azure endpoint.
- ``api_key_env``: the environment variable that holds the key; or ``NAME_FILE`` does, as the path of a file.
- ``native_dimensions``: the model's own size, if the spec's is smaller; the endpoint is then asked to shorten
  the vectors, and where it does not, they are shortened here.
- ``batch_texts``, ``batch_tokens``: what goes into one call; tokens are estimated.
- ``timeout``, ``query_timeout``: seconds to wait for an answer.
- ``attempts``, ``query_attempts``, ``longest_pause``: how often a call is made, and the seconds between.
- ``breaker_failures``, ``breaker_seconds``: after so many failures in a row, fail at once for so long.
"""

import math
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, Self

import numpy as np
import openai
import structlog
import tenacity

from memories.embeddings.base import (
    Embedder,
    Encoding,
    FloatArray,
    ModelSpec,
    ProviderRejected,
    ProviderUnavailable,
    Runtime,
    truncated,
)
from memories.embeddings.chunking import Tokens, estimate
from memos_project.breaker import CircuitBreaker, CircuitOpen

log = structlog.get_logger(__name__)

# A server that is busy, restarting or behind a proxy that lost it; anything else below 500 is our fault.
TEMPORARY = {408, 409, 425, 429}

# The client checks neither that an answer is JSON nor that it has the shape it expects.
NO_ANSWER = (openai.APIError, ValueError, TypeError, AttributeError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What ``ModelSpec.options`` says about an endpoint, checked."""

    url: str = "https://api.openai.com/v1"
    model: str = ""
    api_version: str = ""
    api_key_env: str = ""
    native_dimensions: int = 0
    batch_texts: int = 64
    batch_tokens: int = 32_000
    timeout: float = 30.0
    query_timeout: float = 5.0
    attempts: int = 4
    query_attempts: int = 2
    longest_pause: float = 20.0
    breaker_failures: int = 5
    breaker_seconds: float = 30.0

    @classmethod
    def of(cls, spec: ModelSpec) -> Self:
        """Read them; raises ValueError naming the one that is wrong."""
        known = {each.name: type(each.default) for each in fields(cls)}
        given = {name: value for name, value in spec.options.items() if name != "chunk_tokens"}
        for name, value in given.items():
            _check(name, value, known[name])
        options = cls(**{"model": spec.name, "native_dimensions": spec.dimensions, **given})
        if options.native_dimensions < spec.dimensions:
            raise ValueError(
                f"options.native_dimensions: {options.native_dimensions} is under {spec.dimensions}"
            )
        return options


def _check(name: str, value: object, kind: type) -> None:
    if kind is str:
        if not isinstance(value, str) or not value:
            raise ValueError(f"options.{name}: {value!r} is not a text")
        if name == "url" and not value.startswith(("http://", "https://")):
            raise ValueError(f"options.url: {value!r} does not begin with http:// or https://")
    elif (
        isinstance(value, bool) or not isinstance(value, (int, float) if kind is float else int) or value <= 0
    ):
        raise ValueError(
            f"options.{name}: {value!r} is not a {'whole ' if kind is int else ''}number above 0"
        )


class _NotTried(ProviderUnavailable):
    """The circuit is open, so there is nothing to wait for between attempts."""


class OpenAIEmbedder(Embedder):
    """Asks a remote model; retries what may pass, with growing random pauses, behind a circuit breaker."""

    is_remote = True
    known_options = frozenset(each.name for each in fields(Options))

    def __init__(self, spec: ModelSpec, runtime: Runtime) -> None:
        super().__init__(spec, runtime)
        self._options = Options.of(spec)
        self._asks_dimensions = self._options.native_dimensions > spec.dimensions
        self._key = _api_key(self._options.api_key_env)
        self._client = _client(self._options, self._key)
        self._breaker = CircuitBreaker(
            spec.name,
            failures=self._options.breaker_failures,
            seconds=self._options.breaker_seconds,
            exclude=[ProviderRejected],
        )

    def tokenize(self, text: str) -> Tokens:
        return estimate(text)

    def encode(self, texts: Sequence[str], *, query: bool = False) -> list[Encoding]:
        fitting = [self._cut(text) for text in texts]
        return [
            Encoding(each) for batch in self._batches(fitting) for each in self._embed(batch, query=query)
        ]

    def _cut(self, text: str) -> str:
        starts = self.tokenize(text) if len(text) > self.spec.max_tokens else ()
        return text[: starts[self.spec.max_tokens]] if len(starts) > self.spec.max_tokens else text

    def _batches(self, texts: Sequence[str]) -> Iterator[list[str]]:
        batch: list[str] = []
        tokens = 0
        for text in texts:
            size = len(self.tokenize(text))
            if batch and (
                len(batch) >= self._options.batch_texts or tokens + size > self._options.batch_tokens
            ):
                yield batch
                batch, tokens = [], 0
            batch.append(text)
            tokens += size
        yield batch

    def _embed(self, texts: list[str], *, query: bool) -> list[FloatArray]:
        options = self._options
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception(self._is_worth_waiting),
            stop=tenacity.stop_after_attempt(options.query_attempts if query else options.attempts),
            wait=self._pause,
            before_sleep=self._tell,
            reraise=True,
        )
        return retrying(self._attempt, texts, query=query)

    def _is_worth_waiting(self, error: BaseException) -> bool:
        if not isinstance(error, ProviderUnavailable) or isinstance(error, _NotTried):
            return False
        # Asked to stay away for longer, the caller had better come back to it.
        return (error.retry_after or 0) <= self._options.longest_pause

    def _pause(self, state: tenacity.RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        asked = (error.retry_after if isinstance(error, ProviderUnavailable) else None) or 0.0
        grown = tenacity.wait_random_exponential(multiplier=0.5, max=self._options.longest_pause)(state)
        return max(asked, grown)

    def _tell(self, state: tenacity.RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        log.warning("embedding endpoint failed, trying again", model=self.spec.name, error=str(error))

    def _attempt(self, texts: list[str], *, query: bool) -> list[FloatArray]:
        timeout = self._options.query_timeout if query else self._options.timeout
        try:
            with self._breaker.call():
                return self._answered(texts, timeout=timeout)
        except CircuitOpen as error:
            reason = "The embedding endpoint failed repeatedly and is left alone for a while."
            raise _NotTried(reason, retry_after=error.seconds) from None

    def _answered(self, texts: list[str], *, timeout: float) -> list[FloatArray]:
        try:
            return self._ask(texts, timeout=timeout)
        except openai.APIStatusError as error:
            raise self._failure(error) from None
        except NO_ANSWER as error:
            raise ProviderUnavailable(f"The embedding endpoint gave no usable answer: {error}") from error

    def _ask(self, texts: list[str], *, timeout: float) -> list[FloatArray]:
        extra: dict[str, Any] = {"dimensions": self.spec.dimensions} if self._asks_dimensions else {}
        try:
            answer = self._client.embeddings.create(
                model=self._options.model, input=texts, timeout=timeout, **extra
            )
        except (openai.BadRequestError, openai.UnprocessableEntityError) as error:
            if not self._asks_dimensions or "dimensions" not in str(error):
                raise
            # An endpoint that cannot shorten vectors says so once; from then on it is done here.
            self._asks_dimensions = False
            return self._ask(texts, timeout=timeout)
        return self._vectors(answer.data, count=len(texts))

    def _vectors(self, items: Sequence[Any] | None, *, count: int) -> list[FloatArray]:
        by_index = {item.index: item.embedding for item in items or ()}
        if sorted(by_index) != list(range(count)):
            raise ProviderRejected(
                f"The embedding endpoint was given {count} texts and answered {len(by_index)} vectors."
            )
        return [self._vector(by_index[index]) for index in range(count)]

    def _vector(self, numbers: Sequence[float]) -> FloatArray:
        vector = np.asarray(numbers, np.float32)
        if len(vector) not in (self.spec.dimensions, self._options.native_dimensions):
            raise ProviderRejected(
                f"The embedding endpoint answered {len(vector)} dimensions, model {self.spec.name!r} is set "
                f"to {self.spec.dimensions}; if they may be shortened, set options.native_dimensions."
            )
        return truncated(vector, self.spec.dimensions)

    def _failure(self, error: openai.APIStatusError) -> ProviderUnavailable | ProviderRejected:
        # Endpoints like to repeat the key they refuse.
        message = str(error).replace(self._key, "***") if self._key else str(error)
        reason = f"The embedding endpoint answered {error.status_code}: {message[:500]}"
        if error.status_code not in TEMPORARY and error.status_code < 500:
            return ProviderRejected(reason)
        return ProviderUnavailable(reason, retry_after=_seconds(error.response.headers.get("retry-after")))


def _seconds(retry_after: str | None) -> float | None:
    """A Retry-After header in seconds from now; it is a number or a date (RFC 9110, 10.2.3)."""
    if not retry_after:
        return None
    try:
        seconds = float(retry_after)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(retry_after).timestamp() - time.time()
        except ValueError:
            return None
    return max(0.0, seconds) if math.isfinite(seconds) else None


def _api_key(variable: str) -> str:
    """The key from the environment or the file it names; none for a server that wants none."""
    if not variable:
        return ""
    if key := os.environ.get(variable):
        return key
    path = os.environ.get(f"{variable}_FILE")
    if not path:
        raise ProviderRejected(f"options.api_key_env: neither {variable} nor {variable}_FILE is set.")
    try:
        return Path(path).read_text().strip()
    except OSError as error:
        raise ProviderRejected(f"{variable}_FILE cannot be read: {error.strerror}.") from error


def _client(options: Options, key: str) -> openai.OpenAI:
    # The client insists on some key; retries are ours, so that the circuit breaker sees each failure.
    key = key or "none"
    if options.api_version:
        return openai.AzureOpenAI(
            azure_endpoint=options.url,
            azure_deployment=options.model,
            api_version=options.api_version,
            api_key=key,
            max_retries=0,
        )
    return openai.OpenAI(base_url=options.url, api_key=key, max_retries=0)
