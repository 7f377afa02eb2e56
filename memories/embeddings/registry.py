"""Which embedder serves a model, one per process."""

import ctypes
import os
import threading
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
_embedders: dict[tuple[ModelSpec, Runtime], Embedder] = {}


def get_embedder(spec: ModelSpec, runtime: Runtime | None = None) -> Embedder:
    """The process's embedder for a model, made at the first call; ``runtime`` is taken from the settings.

    Raises ValueError for options that make no sense and ProviderRejected for a model that cannot be opened.
    """
    key = (spec, runtime or _runtime())
    with _lock:
        if key not in _embedders:
            _embedders[key] = embedder_class(spec)(*key)
        return _embedders[key]


def _runtime() -> Runtime:
    return Runtime(threads=settings.MEMOS_EMBEDDING_THREADS, prepared=settings.MEMOS_HOME / "models")


def embedder_class(spec: ModelSpec) -> type[Embedder]:
    """The class of a model's provider."""
    module, name = CLASSES[spec.provider]
    found: type[Embedder] = getattr(import_module(module), name)
    return found


def _begin_anew() -> None:
    """Forget what a forked process inherited: a session's threads and a client's connections are gone."""
    global _lock, _embedders
    _lock = threading.Lock()
    # Destroying a session waits for its threads, here for ever: one more reference prevents it.
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(_embedders))
    _embedders = {}


os.register_at_fork(after_in_child=_begin_anew)
