"""Which embedder serves a model, one per process."""

import os
import threading
from functools import cache
from importlib import import_module

from django.conf import settings

from memories.embeddings.base import Embedder, ModelSpec, Runtime

# By name, so that a process imports only the libraries of the providers it uses.
CLASSES = {
    "onnx": ("memories.embeddings.onnx", "OnnxEmbedder"),
    "openai": ("memories.embeddings.openai", "OpenAIEmbedder"),
    "hash": ("memories.embeddings.hashing", "HashEmbedder"),
}

_lock = threading.Lock()


def get_embedder(spec: ModelSpec, runtime: Runtime | None = None) -> Embedder:
    """The process's embedder for a model, made at the first call; ``runtime`` is taken from the settings.

    Raises ValueError for options that make no sense and ProviderRejected for a model that cannot be opened.
    """
    with _lock:
        return _embedder(spec, runtime or _runtime())


def _runtime() -> Runtime:
    return Runtime(threads=settings.MEMOS_EMBEDDING_THREADS, prepared=settings.MEMOS_HOME / "models")


@cache
def _embedder(spec: ModelSpec, runtime: Runtime) -> Embedder:
    module, name = CLASSES[spec.provider]
    embedder: Embedder = getattr(import_module(module), name)(spec, runtime)
    return embedder


def _forget() -> None:
    global _lock
    _lock = threading.Lock()
    _embedder.cache_clear()


# A session's threads and a client's connections do not survive a fork, and a lock may have been held.
os.register_at_fork(after_in_child=_forget)
