"""Where the names in a text are and what kind each is of: capitals, word lists and the words around them.

The sentences, the bounds of names and the first guess of a kind come from the entity tracker of sessions.
"""

import re
import sys
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from graph.english.function_words import STOP_WORDS
from graph.english.kinds import kind_of
from graph.english.proper import Known, capitalised, name_end
from graph.english.text import Sentence, Word, visible
from graph.english.words import CALENDAR, OPENERS, PERSON_ROLES, PETS, THINGS, TITLES, word_set
from graph.english.words import ORGANISATION_WORDS as MORE_ORGANISATION_WORDS
from graph.english.words import WORDS_TOO as _WORDS_TOO
from graph.extraction.base import Mention
from graph.extraction.patterns import Span
from graph.extraction.vocabulary import (
    ACRONYMS,
    EVENT_WORDS,
    GIVEN_NAMES,
    KNOWN,
    LEGAL_ENDS,
    MAKERS,
    MOST_KNOWN_WORDS,
    ORGANISATION_STARTS,
    ORGANISATION_WORDS,
    PLACE_STARTS,
    PLACE_WORDS,
    STREET_ENDS,
    TECHNOLOGIES,
    WORDS_TOO,
)

_MARKUP = re.compile(r"[*`~|#>]")
# Headings, rows of tables and what is bold at the start of a line have capitals that mark no names.
_LABELS = re.compile(
    r"^ {0,3}[#|].{0,1000}$|^[ \t]*(?:(?:[-*+•]|\d{1,3}[.)])[ \t]+)?\*\*[^*\n]{1,100}\*\*|^[ \t]*(?:[-*+•]|\d{1,3}[.)])[ \t]+[A-Z][^:.\n]{0,60}:",
    re.MULTILINE,
)
_CODE = re.compile(r"```.*?(?:```|\Z)|\$\$.*?\$\$|</?[a-z][^<>\n]{0,200}>|\\[a-zA-Z]{2,20}", re.DOTALL)
_BREAK = re.compile(r"[.!?;…\n]+| [-–—]+ |—")
_VERSION = re.compile(r" (\d{1,4}(?:\.\d{1,6}){0,3})(?![\w%.]*\w)")
_HOUSE_NUMBER = re.compile(r"\.? \d{1,4}[a-z]?\b")
_DOT = re.compile(r"\.(?:,| [a-z])")
_IN = word_set("in to from near around outside inside across towards toward through")
_ACTIVITIES = ("ing", "tion", "sion", "ment", "ness", "gress", "ity", "ship", "ance", "ence")
_INSIDE = word_set("in near outside")
_SAYS = word_set("told asked says said thinks")
_OFFICES = word_set(
    "ceo cto cfo coo cio vp head director president chair chairman founder cofounder secretary minister dean mayor"
)
_ORGANISATIONAL = ORGANISATION_WORDS | MORE_ORGANISATION_WORDS
FAMILY = word_set("grandma grandpa granny grandfather grandmother nana aunt auntie uncle cousin mama papa")
_KNOWN_FIRST = frozenset(name.split()[0] for name in KNOWN) | GIVEN_NAMES
_TRACKED = Known(
    names=(frozenset(name for name in KNOWN if " " not in name) | GIVEN_NAMES) - WORDS_TOO,
    people=(),
    surnames=(),
    nouns=(),
)


@dataclass(frozen=True, slots=True)
class Name:
    start: int
    end: int
    kind: str
    sure: bool
    """False where the kind is only what an unknown name counts as."""


def masked(text: str, spans: Iterable[Span | Mention]) -> str:
    """The text with what is no prose turned into blanks; every character keeps its place."""
    prose = _CODE.sub(lambda code: re.sub(r"[^\n]", " ", code[0]), visible(text))
    shown = list(_MARKUP.sub(" ", prose))
    for span in spans:
        shown[span.start : span.end] = " " * (span.end - span.start)
    return "".join(shown)


def sentence_ends(found: Sequence[Sentence], prose: str) -> list[int]:
    """Where each sentence but the last ends, after its full stop."""
    ends = []
    for sentence, after in pairwise(found):
        last, first = sentence.words[-1].end, after.words[0].start
        stop = _BREAK.search(prose, last, first)
        ends.append(stop.end() if stop else last)
    return ends


def names(text: str, found: Sequence[Sentence]) -> list[Name]:
    """The names in the sentences of a text, in order."""
    labels = [label.span() for label in _LABELS.finditer(text)]
    capitals = capitalised([each for each in found if not _is_within(each.words[0].start, labels)])
    named = [
        each
        for sentence in found
        for each in _in_sentence(sentence, capitals)
        if each.sure or not _is_within(each.start, labels)
    ]
    agreed = _agreed(text, named)
    return [_completed(text, each) for each in agreed]


def _is_within(place: int, spans: Sequence[tuple[int, int]]) -> bool:
    at = bisect_right(spans, (place, sys.maxsize)) - 1
    return at >= 0 and place < spans[at][1]


def versions(text: str, named: Iterable[Name]) -> Iterator[Span]:
    """The numbers that stand after the name of a technology."""
    for name in named:
        if text[name.start : name.end].lower() in TECHNOLOGIES and (number := _VERSION.match(text, name.end)):
            yield Span(number.start(1), number.end(1), "version")


def _in_sentence(sentence: Sentence, capitals: frozenset[str]) -> Iterator[Name]:
    words, at = sentence.words, 0
    while at < len(words):
        known = _known_end(words, at, tell=sentence.capitals_tell)
        end = max(name_end(sentence, at, _TRACKED, capitals), known)
        if end and words[at].lower in _OFFICES and end - at > 1 and words[at + 1].lower == "of":
            end = 0  # "CTO of Northwind" is two
        end = max(end, _end_by_words(words, at)) if not known else end
        if words[at].text.islower() and words[at].lower in _WORDS_TOO:
            end = known
        if not end or (end - at == 1 and words[at].text.isupper() and words[at].lower in ACRONYMS):
            at += 1
            continue
        kind = _kind(words, at, end)
        yield Name(words[at].start, words[end - 1].end, kind or _guess(words, at, end), sure=kind is not None)
        at = end


def _known_end(words: Sequence[Word], at: int, *, tell: bool) -> int:
    """The end of the longest name of the word lists at a place; 0 if none is there."""
    if words[at].lower not in _KNOWN_FIRST:
        return 0
    for end in range(min(at + MOST_KNOWN_WORDS, len(words)), at, -1):
        phrase = " ".join(word.lower for word in words[at:end])
        if phrase in KNOWN and _is_meant(words, at, end, phrase, tell=tell):
            return end
    return 0


def _is_meant(words: Sequence[Word], at: int, end: int, phrase: str, *, tell: bool) -> bool:
    """Whether a name that is known is one here, and not a word of every day."""
    if any(words[here].gap not in {" ", ". "} for here in range(at + 1, end)):
        return False
    if words[at].capital and tell:
        return phrase not in WORDS_TOO or not words[at].opens
    if phrase in WORDS_TOO or len(phrase) < 3:
        return False
    return KNOWN[phrase] != "place" or words[at].capital or (at > 0 and words[at - 1].lower in _IN)


def _end_by_words(words: Sequence[Word], at: int) -> int:
    """The end of a name whose words tell it where capitals do not: in a greeting, a signature, a title; 0 if none.

    "Mr. Davis", "Grandma Rose", "Jan Kowalski", "Summer Party", "Nordlys AS".
    """
    if not words[at].text[:1].isupper() or (words[at].text.isupper() and len(words[at].text) > 3):
        return 0
    end = at + 1
    while end < min(at + 4, len(words)) and words[end].capital and _joins(words, end):
        end += 1
    first, last = words[at].lower, words[end - 1].lower
    if first in TITLES or first in FAMILY:
        return end if end - at > 1 else 0
    if first in GIVEN_NAMES and first not in WORDS_TOO and words[at].text.istitle():
        return end if end - at > 1 or first not in CALENDAR | _WORDS_TOO else 0
    ends_tell = last in EVENT_WORDS or last in LEGAL_ENDS
    return end if ends_tell and end - at > 1 and first not in OPENERS | STOP_WORDS else 0


def _joins(words: Sequence[Word], at: int) -> bool:
    before, word = words[at - 1], words[at]
    dotted = word.gap == ". " and before.lower in TITLES
    return (word.gap == " " or dotted) and not before.tail and word.lower not in STOP_WORDS


def _kind(words: Sequence[Word], at: int, end: int) -> str | None:
    """The kind of the name in ``words[at:end]``; None where nothing tells."""
    own = [word.lower for word in words[at:end]]
    before = words[at - 1].lower if at and words[at].gap == " " else ""
    if before in PERSON_ROLES and own[0] in GIVEN_NAMES:
        return "person"  # "my daughter Sofia"
    if before in PETS or (before in {"named", "called"} and at > 1 and words[at - 2].lower in PETS):
        return "thing"
    if before in {"a", "an"} and own[0] in MAKERS:
        return "product"
    if known := KNOWN.get(" ".join(own)):
        return known
    if own_kind := _kind_by_own_words(own, words[at:end]):
        return own_kind
    if before == "at" and all(word.text.isalpha() for word in words[at:end]):
        return "organisation"
    return kind_of(words, at, end) or _kind_by_context(words, at, end)


def _kind_by_own_words(own: list[str], words: Sequence[Word]) -> str | None:
    first, last = own[0], own[-1]
    if first in TITLES or (first in PERSON_ROLES and len(own) > 1 and words[0].capital):
        return "person"
    if KNOWN.get(first) == "event":
        return "event"
    if last.endswith(STREET_ENDS) and len(last) > 5:
        return "place"
    if len(own) > 1:
        if last in EVENT_WORDS:
            return "event"
        if last in _ORGANISATIONAL or first in ORGANISATION_STARTS:
            return "organisation"
        if last in PLACE_WORDS or first in PLACE_STARTS:
            return "place"
        if first in MAKERS:
            return "product"
    return "person" if first in GIVEN_NAMES and first not in WORDS_TOO else None


def _kind_by_context(words: Sequence[Word], at: int, end: int) -> str | None:
    before = words[at - 1].lower if at and words[at].gap.isspace() else ""
    after = words[end].lower if end < len(words) and words[end].gap == " " else ""
    plain = all(word.text.isalpha() and not word.text.isupper() for word in words[at:end])
    if before in PERSON_ROLES or before in _SAYS or after in _SAYS:
        return "person"
    if plain and before == "of" and at > 1 and words[at - 2].lower in _OFFICES:
        return "organisation"
    if before in _INSIDE and plain and all(word.text[1:].islower() for word in words[at:end]):
        return None if words[end - 1].lower.endswith(_ACTIVITIES) else "place"
    return "person" if plain and words[end - 1].tail == "'s" and end - at == 1 else None


def _guess(words: Sequence[Word], at: int, end: int) -> str:
    """What a name counts as of which nothing tells the kind: two or three plain words are mostly somebody's."""
    own = words[at:end]
    plain = all(
        word.capital
        and word.text.isalpha()
        and not word.text.isupper()
        and word.lower not in STOP_WORDS | OPENERS | CALENDAR | THINGS
        for word in own
    )
    titled = (at and words[at - 1].lower == "the") or own[0].lower.endswith(("ing", "s", "ed"))
    ends = own[-1].lower.endswith(("ing", "month", "day", "tion", "ment"))
    return "person" if 1 < len(own) < 4 and plain and not titled and not ends else "thing"


def _agreed(text: str, named: Sequence[Name]) -> list[Name]:
    """A name whose kind nobody tells is of the kind it has elsewhere in the text, or of that of its neighbours."""
    kinds: dict[str, str] = {}
    for each in named:
        if each.sure:
            whole = text[each.start : each.end]
            kinds.setdefault(whole, each.kind)
            if each.kind == "person":
                for part in whole.split():
                    kinds.setdefault(part, "person")
    agreed: list[Name] = []
    for each in named:
        kind = None if each.sure else kinds.get(text[each.start : each.end])
        if (
            not each.sure
            and not kind
            and agreed
            and agreed[-1].sure
            and agreed[-1].kind in {"person", "place"}
        ):
            joined = text[agreed[-1].end : each.start].strip()
            kind = agreed[-1].kind if joined in {"and", ",", "or", ", and"} else None
        agreed.append(replace(each, kind=kind) if kind else each)
    return agreed


def _completed(text: str, name: Name) -> Name:
    """A street with its house number, and "Inc" with its dot where that ends no sentence."""
    words = text[name.start : name.end].lower()
    if (
        name.kind == "place"
        and words.endswith(STREET_ENDS)
        and (number := _HOUSE_NUMBER.match(text, name.end))
    ):
        return replace(name, end=number.end())
    if words.rpartition(" ")[2] in LEGAL_ENDS | {"co"} and _DOT.match(text, name.end):
        return replace(name, end=name.end + 1)
    return name
