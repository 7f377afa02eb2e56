"""Consolidation: what several memories say becomes a note that cites them, or makes a note grow."""

from functools import lru_cache

from django.conf import settings

from memories.consolidation.base import Source, Summariser, Summary
from memories.consolidation.extractive import ExtractiveSummariser
from memories.consolidation.llm import LLMSummariser
from memos_project.llm import LanguageModel

__all__ = ["ExtractiveSummariser", "LLMSummariser", "Source", "Summariser", "Summary", "get_summariser"]


def get_summariser() -> Summariser:
    """The language model of the settings, with the extractive summariser behind it, or that one alone."""
    if not settings.MEMOS_CONSOLIDATION_LLM_URL:
        return _extractive()
    return _asking(
        settings.MEMOS_CONSOLIDATION_LLM_URL,
        settings.MEMOS_CONSOLIDATION_LLM_KEY,
        settings.MEMOS_CONSOLIDATION_LLM_MODEL,
        settings.MEMOS_CONSOLIDATION_LLM_TIMEOUT,
    )


@lru_cache(maxsize=1)
def _extractive() -> ExtractiveSummariser:
    return ExtractiveSummariser()


@lru_cache(maxsize=4)
def _asking(url: str, key: str, model: str, timeout: float) -> LLMSummariser:
    return LLMSummariser(LanguageModel(url=url, key=key, model=model, timeout=timeout))
