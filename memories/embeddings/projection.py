"""Makes token vectors small enough to keep: a fixed linear map that about leaves their inner products."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np

from memories.embeddings.base import FloatArray

# What stored token vectors were made with must not change: NumPy's policy freezes RandomState's stream.
SEED = 20260101


def token_projection(file: Path | None, *, hidden: int, dimensions: int) -> FloatArray:
    """A (hidden, dimensions) matrix: the leading columns of the model's file, or a random orthogonal one."""
    if dimensions > hidden:
        raise ValueError(f"token_dimensions: {dimensions} is more than the {hidden} the model has")
    if dimensions == hidden:
        return np.eye(hidden, dtype=np.float32)
    if file is not None:
        columns = np.load(file, allow_pickle=False)
        if columns.ndim != 2 or columns.shape[0] != hidden:
            raise ValueError(f"options.path: {file} has the shape {columns.shape}, not ({hidden}, …)")
        if columns.shape[1] >= dimensions:
            return np.asarray(columns[:, :dimensions], np.float32)
    return _random_orthogonal(hidden, dimensions)


def _random_orthogonal(hidden: int, dimensions: int) -> FloatArray:
    # QR leaves the columns' signs to the library that computes it.
    columns, triangle = np.linalg.qr(np.random.RandomState(SEED).standard_normal((hidden, dimensions)))
    return np.asarray(columns * np.sign(np.diagonal(triangle)), np.float32)


def fit(
    embed: Callable[[Sequence[str]], Iterable[FloatArray]],
    vocabulary: dict[str, int],
    *,
    dimensions: int,
    texts: int = 2000,
) -> FloatArray:
    """The principal axes of a model's token vectors, from no data but its own vocabulary.

    ``embed`` gives the unit token vectors of texts. The texts are words drawn at random, common ones more
    often (WordPiece numbers about by frequency). Not centred: it is inner products that shall be kept.
    """
    words = sorted(
        (word for word in vocabulary if word.isascii() and word.isalpha() and len(word) > 2),
        key=vocabulary.__getitem__,
    )
    odds = 1 / (np.arange(len(words)) + 51)
    rng = np.random.RandomState(SEED)
    drawn = [" ".join(rng.choice(words, 12, p=odds / odds.sum())) for _ in range(texts)]
    vectors = np.concatenate(list(embed(drawn))).astype(np.float64)
    _, axes = np.linalg.eigh(vectors.T @ vectors)
    return np.asarray(axes[:, ::-1][:, :dimensions], np.float32)
