"""Cuts text that is longer than a model's window where it hurts least."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

# Where each token of a text begins, by character, in rising order.
type Tokens = Sequence[int]

PARAGRAPH, SENTENCE, WORD, NOWHERE = 3, 2, 1, 0

# What ends a sentence or a line, then space; CJK punctuation needs no space after it.
_BREAKS = re.compile(
    r"(?P<paragraph>\s*\n\s*\n\s*)|(?P<sentence>[.!?…:;][\"'”\u2019)\]]*\s+|[\u3002\uff01\uff1f\uff1b]\s*|\s*\n\s*)|(?P<word>\s+)"
)
_RANKS = {"paragraph": PARAGRAPH, "sentence": SENTENCE, "word": WORD}


@dataclass(frozen=True, slots=True)
class Span:
    """A part of a text by character offsets, the end not included."""

    start: int
    end: int


def split(text: str, tokenize: Callable[[str], Tokens], *, limit: int, overlap: int) -> list[Span]:
    """Cover a text with chunks of up to ``limit`` tokens, the last ``overlap`` of one also in the next.

    A chunk ends at the strongest break (paragraph, sentence, word) of its second half. A blank text has none.
    ``overlap`` is at most half of ``limit``.
    """
    if not text.strip():
        return []
    # No token is shorter than a character: most texts need not be tokenized to know that they fit.
    if len(text) <= limit:
        return [Span(0, len(text))]
    starts = tokenize(text)
    if len(starts) <= limit:
        return [Span(0, len(text))]
    pieces = _windows(_ranks(text, starts), limit=limit, overlap=overlap)
    edges = [0, *starts[1:], len(text)]
    return [span for first, last in pieces if (span := _trimmed(text, edges[first], edges[last]))]


def _ranks(text: str, starts: Tokens) -> list[int]:
    """How good a place to cut the beginning of each token is; the end of the text is the best."""
    breaks = {match.end(): _RANKS[match.lastgroup or "word"] for match in _BREAKS.finditer(text)}
    ranks = [breaks.get(start, NOWHERE) for start in starts]
    # Several tokens can begin at one character when an estimate counts it more than once.
    for index in range(1, len(starts)):
        if starts[index] == starts[index - 1]:
            ranks[index] = NOWHERE - 1
    return [*ranks, PARAGRAPH]


def _windows(ranks: list[int], *, limit: int, overlap: int) -> list[tuple[int, int]]:
    """First and last token (not included) of each chunk."""
    count = len(ranks) - 1
    first, windows = 0, []
    while first + limit < count:
        # The latest of the strongest breaks: chunks stay long where the text gives no better reason.
        last = max(range(first + limit // 2 + 1, first + limit + 1), key=lambda at: (ranks[at], at))
        windows.append((first, last))
        # The earliest whole sentence within the overlap, or the earliest word.
        first = max(
            range(last - overlap, last),
            key=lambda at: (ranks[at] >= SENTENCE, ranks[at] >= WORD, ranks[at] >= NOWHERE, -at),
            default=last,
        )
    return [*windows, (first, count)]


def _trimmed(text: str, start: int, end: int) -> Span | None:
    piece = text[start:end]
    start += len(piece) - len(piece.lstrip())
    end = start + len(piece.strip())
    return Span(start, end) if end > start else None


_ESTIMATE = re.compile(r"[A-Za-z]{1,3}|[0-9]{1,2}|[^\x00-\x7f]|[^\sA-Za-z0-9]")


def estimate(text: str) -> Tokens:
    """Token starts for a model whose tokenizer is unknown, rather too many than too few.

    Byte-pair vocabularies take about four letters a token in English; a character outside ASCII costs at
    most its UTF-8 bytes, in practice one less.
    """
    starts: list[int] = []
    for match in _ESTIMATE.finditer(text):
        starts += [match.start()] * max(1, len(match.group().encode()) - 1 if match.group() > "\x7f" else 1)
    return starts
