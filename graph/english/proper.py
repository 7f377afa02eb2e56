"""Where the names in a sentence are: capitals, and where these say nothing, what is known already."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from graph.english.function_words import STOP_WORDS
from graph.english.text import Sentence, Word
from graph.english.words import (
    CALENDAR,
    FOUND_ALONE,
    GIVEN_NAMES,
    OPENERS,
    PEOPLES,
    PERSON_ROLES,
    PERSON_VERBS,
    THINGS,
    TITLES,
    WORDS_TOO,
    word_set,
)

MOST_WORDS = 6
LONGEST_NAME = 60

_CONNECTORS = word_set("of de da di del la van von der den bin al")
_QUOTED = re.compile(r'"([^"\n]{2,60})"')
_NO_NAME = OPENERS | STOP_WORDS | CALENDAR
_OPENED_BY_FORM = ("ing", "ly", "ed")


@dataclass(frozen=True, slots=True)
class Known:
    """What earlier turns named, in lower case: it is found again at the start of a sentence or without a capital."""

    names: Collection[str]
    """First words of names of any kind."""
    people: Collection[str]
    """Words that people are called by alone."""
    surnames: Collection[str]
    nouns: Collection[str]
    """Heads of descriptions."""


def capitalised(sentences: Sequence[Sentence]) -> frozenset[str]:
    """The words that have a capital where English gives one to names only, in lower case."""
    return frozenset(
        word.lower
        for each in sentences
        if each.capitals_tell
        for word in each.words
        if word.capital and not word.opens and word.lower not in _NO_NAME
    )


def title_in_quotes(sentence: Sentence) -> dict[int, int]:
    """Titles of works, "Charlotte's Web", as the first word of each and the word after its last."""
    words, found = sentence.words, {}
    if not words or '"' not in sentence.text[words[0].start - 1 if words[0].start else 0 : words[-1].end + 1]:
        return {}
    begins = {word.start: at for at, word in enumerate(words)}
    for quoted in _QUOTED.finditer(sentence.text, max(0, words[0].start - 1), words[-1].end + 1):
        at = begins.get(quoted.start(1))
        if at is None or quoted[1][-1] in ",.!?" or words[at].lower in _NO_NAME - {"the"}:
            continue
        end = next((i for i in range(at, len(words)) if words[i].start >= quoted.end(1)), len(words))
        if all(word.capital or word.lower in STOP_WORDS for word in words[at:end]) and words[at].capital:
            found[at] = end
    return found


def name_end(sentence: Sentence, at: int, known: Known, capitals: Collection[str]) -> int:
    """The end of the name that begins at a word; 0 if none does."""
    words = sentence.words
    word = words[at]
    if not (word.capital and sentence.capitals_tell):
        return _end_without_capitals(words, at, known)
    if word.lower in PERSON_ROLES and word.lower not in TITLES | GIVEN_NAMES:
        return 0
    end = _run(words, at)
    if end - at == 1:
        return end if _single(words, at, known, capitals) else 0
    if word.lower in CALENDAR | {"i"} or (word.opens and word.lower in STOP_WORDS - GIVEN_NAMES):
        return 0
    if word.opens and not _opens_name(words, at, known, capitals):
        return 0
    length = words[end - 1].end - word.start
    return end if length <= LONGEST_NAME else 0


def _single(words: Sequence[Word], at: int, known: Known, capitals: Collection[str]) -> bool:
    word = words[at]
    after = words[at + 1] if at + 1 < len(words) else None
    said = after is not None and after.gap == " " and after.lower in PERSON_VERBS
    if len(word.text) == 1 or len(word.text) > LONGEST_NAME or word.lower in TITLES | FOUND_ALONE | PEOPLES:
        return False
    if word.lower in _NO_NAME or word.lower in THINGS:
        named = word.lower in known.people or word.lower in GIVEN_NAMES
        return named and (said or not word.opens) and word.lower not in CALENDAR
    if not word.opens or word.lower in known.names or word.lower in capitals or said:
        return True
    if word.lower in GIVEN_NAMES:
        return word.lower not in WORDS_TOO or bool(word.tail) or after is None or after.gap != " "
    return any(letter.isupper() for letter in word.text[1:]) and not word.text.isupper()


def _opens_name(words: Sequence[Word], at: int, known: Known, capitals: Collection[str]) -> bool:
    """Whether the first word of a sentence, with a capital after it, is part of the name."""
    word, after = words[at], words[at + 1].lower
    if word.lower in known.names or word.lower in capitals or word.lower in TITLES or word.lower == "new":
        return True
    if len(word.text) == 1:
        return word.text not in "IA" or "." in words[at + 1].gap
    if word.lower in GIVEN_NAMES and word.lower not in STOP_WORDS:
        return True
    return not (
        word.lower in OPENERS
        or word.lower.endswith(_OPENED_BY_FORM)
        or after in GIVEN_NAMES
        or after in known.names
    )


def _run(words: Sequence[Word], at: int) -> int:
    """The end of the words with capitals, joined by "of" and the like."""
    end = at + 1
    while end < min(at + MOST_WORDS, len(words)) and not words[end - 1].tail:
        if _follows(words, end):
            end += 1
        elif reach := _connected(words, end):
            end = reach
        else:
            break
    return end


def _follows(words: Sequence[Word], at: int) -> bool:
    before, word = words[at - 1], words[at]
    dotted = word.gap in {". ", "."} and (len(before.text) == 1 or before.lower in TITLES)
    return (
        (word.gap in {" ", " & ", "&"} or dotted)
        and word.capital
        and word.lower not in CALENDAR
        and word.lower not in OPENERS | STOP_WORDS
    )


def _connected(words: Sequence[Word], at: int) -> int:
    """The end of "of Lisbon" or "of the Rings" at a place; 0 if nothing of the kind is there."""
    last = at + 1 if words[at].lower in _CONNECTORS else 0
    if last and last < len(words) and words[last].lower == "the":
        last += 1
    if not last or last >= len(words) or any(word.gap != " " for word in words[at : last + 1]):
        return 0
    return last + 1 if words[last].capital and words[last].lower not in _NO_NAME else 0


def _end_without_capitals(words: Sequence[Word], at: int, known: Known) -> int:
    word = words[at]
    if len(word.text) < 3 or word.lower in _NO_NAME or word.lower in WORDS_TOO:
        return 0
    if word.lower not in GIVEN_NAMES and (
        word.lower not in known.people or word.lower in PERSON_ROLES | THINGS
    ):
        return 0
    after = words[at + 1] if at + 1 < len(words) else None
    return (
        at + 2 if after and not word.tail and after.gap == " " and after.lower in known.surnames else at + 1
    )
