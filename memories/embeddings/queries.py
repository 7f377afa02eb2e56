"""Questions are embedded once: what people ask, they ask again."""

import hashlib

import numpy as np

from memories.embeddings.base import EmbeddedQuery, ModelSpec
from memories.embeddings.registry import embedder_class, get_embedder
from memos_project.near_cache import NearCache

ENTRIES = 4096
SECONDS = 24 * 3600.0


def _dump(query: EmbeddedQuery) -> bytes:
    return query.vector.tobytes()


def _load(kept: bytes) -> EmbeddedQuery:
    return EmbeddedQuery(np.frombuffer(kept, np.float32))


# To ask Redis takes about as long as the model of this process takes for a short question, so only what another
# service has embedded is shared; no such provider has token vectors.
_local = NearCache[EmbeddedQuery]("query embeddings", entries=ENTRIES, seconds=SECONDS)
_remote = NearCache[EmbeddedQuery](
    "remote query embeddings", entries=ENTRIES, seconds=SECONDS, dump=_dump, load=_load
)


def embed_query(spec: ModelSpec, text: str) -> EmbeddedQuery:
    """A question's vectors, from the cache where it was asked before; raises what the embedder does."""
    cache = _remote if embedder_class(spec).is_remote else _local
    key = hashlib.sha256(f"{spec!r}\x1f{text}".encode("utf-8", "replace")).hexdigest()
    return cache.get(key, lambda: get_embedder(spec).embed_query(text))
