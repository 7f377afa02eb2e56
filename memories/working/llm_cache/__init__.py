"""Answers of language models, found again for the same request or, if wanted, for one that asks the same."""

from memories.working.llm_cache.cache import (
    Found,
    Stored,
    Usage,
    drop,
    lookup,
    memory_changed,
    put,
    release,
    sweep,
    usage,
)
from memories.working.llm_cache.requests import Request

__all__ = [
    "Found",
    "Request",
    "Stored",
    "Usage",
    "drop",
    "lookup",
    "memory_changed",
    "put",
    "release",
    "sweep",
    "usage",
]
