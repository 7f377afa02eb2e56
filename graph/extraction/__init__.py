"""What a text is about: its concepts, what it names and where, and what it says of them."""

from functools import lru_cache

from django.conf import settings

from graph.extraction.base import (
    KINDS,
    Extraction,
    Extractor,
    Mention,
    Passage,
    Statement,
)
from graph.extraction.llm import LLMExtractor
from graph.extraction.predicates import FUNCTIONAL, MUTUAL, PREDICATES, SYMMETRIC, Predicate
from graph.extraction.rules import NAMED, RulesExtractor, sentence_bounds
from memos_project.llm import LanguageModel

__all__ = [
    "FUNCTIONAL",
    "KINDS",
    "MUTUAL",
    "NAMED",
    "PREDICATES",
    "SYMMETRIC",
    "Extraction",
    "Extractor",
    "LLMExtractor",
    "Mention",
    "Passage",
    "Predicate",
    "RulesExtractor",
    "Statement",
    "get_extractor",
    "sentence_bounds",
]

_rules = RulesExtractor()


def get_extractor() -> Extractor:
    """The language model of the settings, with the rules behind it, or the rules alone."""
    if not settings.MEMOS_EXTRACTION_LLM_URL:
        return _rules
    return _asking(
        settings.MEMOS_EXTRACTION_LLM_URL,
        settings.MEMOS_EXTRACTION_LLM_KEY,
        settings.MEMOS_EXTRACTION_LLM_MODEL,
        settings.MEMOS_EXTRACTION_LLM_TIMEOUT,
    )


@lru_cache(maxsize=4)
def _asking(url: str, key: str, model: str, timeout: float) -> LLMExtractor:
    return LLMExtractor(LanguageModel(url=url, key=key, model=model, timeout=timeout))
