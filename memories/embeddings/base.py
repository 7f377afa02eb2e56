"""What an embedding model is, what it gives, and what every provider promises."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from memories.embeddings.chunking import Span, Tokens, split

type FloatArray = npt.NDArray[np.float32]
type TokenArray = npt.NDArray[np.int8]

PROVIDERS = ("onnx", "openai", "hash")
MAX_DIMENSIONS = 4000  # what pgvector's halfvec can index
# About 110 English words. Longer chunks blur what they are about: on conversations and long chat answers
# this size found more evidence than the model's whole window.
CHUNK_TOKENS = 160


class EmbeddingError(Exception):
    """A text could not be turned into a vector."""


class ProviderUnavailable(EmbeddingError):
    """Temporary: the same call may succeed later, in ``retry_after`` seconds if the provider said so."""

    def __init__(self, reason: str, *, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


class ProviderRejected(EmbeddingError):
    """Permanent: the same call will fail again (text refused, wrong key, wrong dimension).

    Raised for a batch it does not say which text was refused; embed them one by one to know.
    """


@dataclass(frozen=True, slots=True)
class Runtime:
    """What depends on the process, not on the model: its share of the machine, and prepared model files."""

    threads: int = 1
    prepared: Path | None = None


@dataclass(frozen=True)
class ModelSpec:
    """An embedding model as configured; sizes are in dimensions and in the model's tokens.

    ``dimensions`` is the size after Matryoshka truncation (Kusupati et al. 2022), ``token_dimensions`` that
    of token vectors (0: none). The provider's module says what ``options`` may hold; all know
    ``chunk_tokens``, the size of a chunk.
    """

    name: str
    provider: str
    dimensions: int
    query_prefix: str = ""
    passage_prefix: str = ""
    max_tokens: int = 256
    chunk_overlap: int = 28
    token_dimensions: int = 0
    options: Mapping[str, Any] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        if not self.name:
            raise ValueError("name: must not be empty")
        if self.provider not in PROVIDERS:
            raise ValueError(f"provider: {self.provider!r} is not one of {', '.join(PROVIDERS)}")
        if not isinstance(self.options, Mapping):
            raise ValueError("options: must be an object")
        # A copy nobody can change: embedders are cached by their spec.
        object.__setattr__(self, "options", MappingProxyType(dict(self.options)))
        _whole("dimensions", self.dimensions, low=1, high=MAX_DIMENSIONS)
        _whole("token_dimensions", self.token_dimensions, low=0, high=MAX_DIMENSIONS)
        _whole("max_tokens", self.max_tokens, low=16, high=1_000_000)
        _whole("options.chunk_tokens", self.chunk_tokens, low=8, high=self.max_tokens)
        _whole("chunk_overlap", self.chunk_overlap, low=0, high=self.chunk_tokens // 2)

    @property
    def chunk_tokens(self) -> int:
        """The size of a chunk: the window, or less if a smaller one serves retrieval better."""
        size = self.options.get("chunk_tokens", min(CHUNK_TOKENS, self.max_tokens))
        return size  # type: ignore[no-any-return]  # checked in __post_init__


def _whole(name: str, value: object, *, low: int, high: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise ValueError(f"{name}: {value!r} is not a whole number from {low} to {high}")


@dataclass(frozen=True, slots=True)
class Encoding:
    """One short text as the model sees it: a unit vector, and perhaps its tokens and their vectors."""

    vector: FloatArray
    tokens: TokenArray | None = None
    pieces: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class EmbeddedQuery:
    """A question: its unit vector and, if it has them, its tokens' unit vectors times 127 and spelling."""

    vector: FloatArray
    tokens: TokenArray | None = None
    pieces: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Chunk:
    """Part of a text, ``text[text_start:text_end]``: its unit vector, its tokens' unit vectors times 127."""

    text_start: int
    text_end: int
    vector: FloatArray
    tokens: TokenArray | None = None


@dataclass(frozen=True, slots=True)
class Embedded:
    """One text: its chunks in the order of the text, overlapping; none if the text is blank."""

    chunks: list[Chunk]


class Embedder(ABC):
    """Turns text into vectors; safe to share between threads.

    Vectors are float32, have ``spec.dimensions`` numbers and length one: their inner product is the cosine,
    and rises with likeness. Token vectors are int8, one row of ``spec.token_dimensions`` per token, the
    special ones left out; the inner product of two rows divided by 127² is their cosine. A text's vectors do
    not depend on what else is in the call (rounding apart, and what a remote provider does).

    Any string is taken: lone surrogates count as a question mark, text beyond the window is cut into
    chunks (a passage) or cut off (a query). A blank passage has no chunks, a blank query is rejected.
    """

    supports_tokens: ClassVar[bool] = False
    is_remote: ClassVar[bool] = False
    known_options: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, spec: ModelSpec, runtime: Runtime) -> None:
        self.spec = spec
        self.runtime = runtime
        for name in spec.options.keys() - self.known_options - {"chunk_tokens"}:
            raise ValueError(f"options.{name}: provider {spec.provider!r} knows no such option")
        if spec.token_dimensions and not self.supports_tokens:
            raise ValueError(
                f"token_dimensions: provider {spec.provider!r} gives no token vectors, set it to 0"
            )

    def embed_passages(self, texts: Sequence[str]) -> list[Embedded]:
        """Embed what is to be found, in the order given; fails as a whole."""
        texts = [_encodable(text) for text in texts]
        spans = [self._spans(text) for text in texts]
        pieces = [
            self.spec.passage_prefix + text[span.start : span.end]
            for text, own in zip(texts, spans, strict=True)
            for span in own
        ]
        encodings = self.encode(pieces) if pieces else []
        chunks = [
            Chunk(span.start, span.end, encoding.vector, encoding.tokens)
            for span, encoding in zip((span for own in spans for span in own), encodings, strict=True)
        ]
        edges = np.cumsum([0, *map(len, spans)]).tolist()
        return [Embedded(chunks[start:end]) for start, end in pairwise(edges)]

    def embed_query(self, text: str) -> EmbeddedQuery:
        """Embed a question."""
        if not text.strip():
            raise ProviderRejected("The query is blank.")
        [encoding] = self.encode([self.spec.query_prefix + _encodable(text)], query=True)
        return EmbeddedQuery(encoding.vector, encoding.tokens, encoding.pieces)

    def _spans(self, text: str) -> list[Span]:
        # Room for the model's two special tokens and the prefix.
        room = (
            self.spec.max_tokens
            - 2
            - (len(self.tokenize(self.spec.passage_prefix)) if self.spec.passage_prefix else 0)
        )
        limit = max(1, min(self.spec.chunk_tokens, room))
        return split(text, self.tokenize, limit=limit, overlap=min(self.spec.chunk_overlap, limit // 2))

    @abstractmethod
    def tokenize(self, text: str) -> Tokens:
        """Where the text's tokens begin, by character; an estimate that errs on the high side will do."""

    @abstractmethod
    def encode(self, texts: Sequence[str], *, query: bool = False) -> list[Encoding]:
        """Embed short texts that are not blank, cutting off what exceeds the window."""


def unit(vectors: npt.NDArray[np.floating[Any]]) -> FloatArray:
    """Bring each row (or the one vector) to length one; zeros stay zeros."""
    norms = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(vectors / np.maximum(norms, 1e-12), dtype=np.float32)


def truncated(vector: FloatArray, dimensions: int) -> FloatArray:
    """The leading dimensions of a vector, at length one again; refuses one that has no direction."""
    if not np.isfinite(vector).all() or not vector[:dimensions].any():
        raise ProviderRejected("The model answered a vector of zeros or with values that are not finite.")
    return unit(vector[:dimensions])


def quantized(rows: FloatArray) -> TokenArray:
    """Unit rows as int8, 127 standing for one."""
    return np.rint(rows * 127).astype(np.int8)


def _encodable(text: str) -> str:
    # "replace" puts one character for one, so offsets into the caller's text stay right.
    return text.encode("utf-8", "replace").decode()
