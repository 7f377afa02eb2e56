"""A provider that knows no language: for tests, and for looking at memOS without a model."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache
from hashlib import blake2b

import numpy as np

from memories.embeddings.base import Embedder, Encoding, FloatArray, quantized, truncated, unit
from memories.embeddings.chunking import Tokens

_WORD = re.compile(r"\w+|[^\w\s]")


class HashEmbedder(Embedder):
    """For tests: signed feature hashing (Weinberger et al. 2009) of words and their 3- to 5-letter parts.

    The same text gives the same vector everywhere and always, and texts that share words are alike; synonyms
    are not.
    """

    supports_tokens = True

    def tokenize(self, text: str) -> Tokens:
        return [match.start() for match in _WORD.finditer(text)]

    def encode(self, texts: Sequence[str], *, query: bool = False) -> list[Encoding]:
        return [self._encode(_WORD.findall(text.lower())[: self.spec.max_tokens]) for text in texts]

    def _encode(self, words: list[str]) -> Encoding:
        # Something remains to be hashed if the text has only a prefix's blanks.
        counts = Counter(feature for word in words or [" "] for feature in _features(word))
        tokens = None
        if size := self.spec.token_dimensions:
            rows = [_hashed(Counter(_features(word)).items(), size) for word in words or [" "]]
            tokens = quantized(unit(np.stack(rows)))
        return Encoding(
            truncated(_hashed(counts.items(), self.spec.dimensions), self.spec.dimensions), tokens
        )


def _features(word: str) -> Iterable[str]:
    yield word
    yield word  # a whole word says more than its parts
    padded = f"<{word[:100]}>"
    for size in (3, 4, 5):
        for at in range(len(padded) - size + 1):
            yield padded[at : at + size]


def _hashed(counts: Iterable[tuple[str, int]], dimensions: int) -> FloatArray:
    vector = np.zeros(dimensions, np.float32)
    for feature, count in counts:
        digest = _digest(feature)
        vector[(digest >> 1) % dimensions] += count if digest & 1 else -count
    if not vector.any():  # everything cancelled out, which few dimensions make likely
        vector[0] = 1
    return vector


@lru_cache(maxsize=50_000)
def _digest(feature: str) -> int:
    return int.from_bytes(blake2b(feature.encode(), digest_size=8).digest())
