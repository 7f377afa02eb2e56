"""What a text is about in a few words, by YAKE (Campos et al. 2020), which needs no model and no corpus."""

from functools import cache
from threading import Lock

import yake

READ_CHARACTERS = 20_000
MOST = 10

_lock = Lock()


@cache
def _extractor(language: str) -> yake.KeywordExtractor:
    return yake.KeywordExtractor(lan=language, n=2, dedupLim=0.8, top=MOST)


def concepts(text: str, *, language: str = "en") -> list[str]:
    """The keyphrases of a text, the most telling first; none where there is nothing to tell."""
    with _lock:  # the extractor keeps state while it works
        found = _extractor(language).extract_keywords(text[:READ_CHARACTERS])
    return [phrase for phrase, _ in found]
