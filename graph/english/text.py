"""A message as sentences of words, with what is not prose taken out; time is linear in the length."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from graph.english.words import GIVEN_NAMES, TITLES

READ_CHARACTERS = 20_000
# In prose fewer words have a capital than in a title.
MOST_CAPITALS = 0.75

_INVISIBLE = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\xa0\u00ad\u200b-\u200f\u2028-\u202f\u2060-\u206f\ufeff\ud800-\udfff]"
)
_QUOTES = str.maketrans({"’": "'", "‘": "'", "“": '"', "”": '"', "«": '"', "»": '"'})
_HEADINGS = re.compile(r"^ {0,3}(?:#|\|).*$|^ *\*\*[^*\n]{1,100}\*\*:? *$", re.MULTILINE)
_LABELS = re.compile(r"^ *(?:[-*+•]|\d{1,3}[.)]) +\*\*[^*\n]{1,100}\*\*:?", re.MULTILINE)
_ADDRESSES = re.compile(r"\b(?:https?://|www\.)\S+|\S{1,64}@\S{1,64}")
_CODE = re.compile(r"`[^`\n]{1,200}`")
_ITEMS = re.compile(r"^ *(?:[-*+•]|\d{1,3}[.)]) .*$", re.MULTILINE)
_MARKS = re.compile(r"[*`_~]+")
_WORD = re.compile(r"[^\W_]+(?:['-][^\W_]+|\.(?=[a-z0-9])[^\W_]+)*")
_TAIL = re.compile(r"'(?:s|m|re|ve|ll|d)$", re.IGNORECASE)
_BREAK = re.compile(r"[.!?;…\n]| [-–—]+ |—")
_OPENING = re.compile(r"[:\"(\[]")


@dataclass(frozen=True, slots=True)
class Word:
    """A word without its contraction: "Ana's" is the word "Ana" with the tail "'s"."""

    text: str
    lower: str
    tail: str
    start: int
    end: int
    """Offsets in the text of the sentence; the tail is outside."""
    gap: str
    """What stands between it and the word before."""
    opens: bool
    """First of a sentence, a quotation or a list, where a capital says nothing."""

    @property
    def capital(self) -> bool:
        return self.text[0].isupper()


@dataclass(frozen=True, slots=True)
class Sentence:
    text: str
    """The whole text that the offsets of the words belong to."""
    words: tuple[Word, ...]
    asks: bool
    capitals_tell: bool
    """False in a title or where all is in capitals, so that they mark no names."""


def visible(text: str) -> str:
    """The text with control and invisible characters turned to spaces and quotation marks made straight."""
    return _INVISIBLE.sub(" ", text).translate(_QUOTES)


def shortened(text: str, most: int) -> str:
    """The text on one line, cut between words."""
    line = " ".join(text.split())
    return line if len(line) <= most else line[: most + 1].rpartition(" ")[0] or line[:most]


def prose(text: str, *, lists: bool) -> str:
    """The first READ_CHARACTERS without code, headings, tables, list labels, addresses and markup."""
    shown = visible(text[:READ_CHARACTERS])
    shown = "\n".join(shown.split("```")[::2])
    for what in (_CODE, _HEADINGS, _LABELS if lists else _ITEMS, _ADDRESSES):
        shown = what.sub(" ", shown)
    return _MARKS.sub("", shown)


def sentences(text: str) -> Iterator[Sentence]:
    """The sentences of a prose text in order."""
    words: list[Word] = []
    for word in _words(text):
        if words and _ends(words[-1], word.gap):
            yield _sentence(text, words, word.gap)
            words = []
        words.append(word)
    if words:
        yield _sentence(text, words, text[words[-1].end :])


def _sentence(text: str, words: list[Word], after: str) -> Sentence:
    return Sentence(text, tuple(words), "?" in after, _capitals_tell(words))


def _capitals_tell(words: list[Word]) -> bool:
    if len(words) == 1 or words[0].lower in GIVEN_NAMES | TITLES:
        return len(words) < 4 or not all(word.capital for word in words)
    if any("," in word.gap for word in words[1:]):
        return not all(word.text.isupper() for word in words)
    return sum(word.capital for word in words) <= MOST_CAPITALS * len(words)


def _words(text: str) -> Iterator[Word]:
    last = 0
    before: Word | None = None
    for found in _WORD.finditer(text):
        gap, whole = text[last : found.start()], found[0]
        tail = _TAIL.search(whole)
        bare = whole[: tail.start()] if tail else whole
        opens = before is None or bool(_OPENING.search(gap)) or _ends(before, gap)
        word = Word(
            bare,
            bare.lower(),
            tail[0].lower() if tail else "",
            found.start(),
            found.start() + len(bare),
            gap,
            opens,
        )
        yield word
        before, last = word, found.end()


def _ends(before: Word, gap: str) -> bool:
    abbreviated = gap in {". ", "."} and (
        before.lower in TITLES or (len(before.text) == 1 and before.capital and before.text != "I")
    )
    return not abbreviated and bool(_BREAK.search(gap))
