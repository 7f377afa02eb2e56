"""A sentence in which every mention is one character, so that regular expressions can read who does what.

The character says the kind and which mention of the sentence it is.
"""

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from graph.english.function_words import STOP_WORDS
from graph.english.words import AUXILIARIES, word_set
from graph.extraction.base import KINDS, Mention

_FIRST = 0xE000
NOT_SUBJECTS = frozenset(("my", "mine", "me", "myself"))
MOST = 200
"""Mentions of one sentence that are read; there are 256 characters for each kind."""
READ_CHARACTERS = 2_000
"""Of one sentence: some steps look at all of it once for each verb."""
UNSEEN = re.compile("[\ue000-\uf8ff]")
"""What a text may not hold before its mentions are put in."""


def one_of(*kinds: str) -> str:
    """The part of a regular expression that any mention of these kinds matches."""
    parts = (_FIRST + 256 * KINDS.index(kind) for kind in kinds)
    return "[" + "".join(f"{chr(low)}-{chr(low + 255)}" for low in parts) + "]"


PERSON = one_of("person")
DATE = one_of("date")
NAMED = one_of("person", "organisation", "place", "product", "event", "thing")
ANY = one_of(*KINDS)

_ENDS_NOUN = STOP_WORDS | AUXILIARIES | word_set(
    "after before because while since until though although although during without within near around against like between "
    "along across every each also already still only even really never ever always often sometimes usually maybe perhaps now "
    "then today yesterday tomorrow tonight when where that which who anymore again instead everyday lately recently once twice "
    "much many lot lots more most less least some any all both either neither such same other another one something anything "
    "everything nothing someone anyone everyone everybody nobody it's that's there's i'm you're he's she's we're they're "
    "yet please thanks though via per upon till ago"
)  # fmt: skip
_NOUN_WORD = re.compile(r" ?([^\W\d_]+(?:['’-][^\W\d_]+)*)")
_DETERMINERS = re.compile(
    r"(?: ?\b(?:a little|a bit of|a|an|the|some|my|his|her|their|our|its|own|new|old|very|really|quite|certified|professional|two|three|both|all)\b)*",
    re.IGNORECASE,
)
MOST_NOUN_WORDS = 3


@dataclass(frozen=True, slots=True)
class Clause:
    text: str
    """The sentence with a character for each mention."""
    mentions: tuple[Mention, ...]
    places: tuple[int, ...]
    """Where each of them is in `text`."""
    start: int
    end: int
    """Of the sentence in the passage."""
    speaker: str
    """Who says "my" in it; may be empty."""

    @classmethod
    def of(cls, passage: str, start: int, end: int, mentions: Sequence[Mention], *, speaker: str) -> "Clause":
        """The mentions are those of the sentence; "my" and "me" stay the words they are."""
        end = min(end, start + READ_CHARACTERS)
        mentions = [each for each in mentions if each.end <= end and each.text.lower() not in NOT_SUBJECTS][
            :MOST
        ]
        parts: list[str] = []
        places: list[int] = []
        length, at = 0, start
        for number, each in enumerate(mentions):
            before = UNSEEN.sub(" ", passage[at : each.start])
            parts += [before, chr(_FIRST + 256 * KINDS.index(each.kind) + number)]
            places.append(length + len(before))
            length, at = length + len(before) + 1, each.end
        parts.append(UNSEEN.sub(" ", passage[at:end]))
        text = "".join(parts).replace("\n", " ").replace("’", "'")
        return cls(text, tuple(mentions), tuple(places), start, end, speaker)

    def mention(self, character: str) -> Mention:
        return self.mentions[(ord(character) - _FIRST) % 256]

    def offset(self, place: int) -> int:
        """Where a place in `text` is in the passage."""
        number = bisect_right(self.places, place) - 1
        if number < 0:
            return self.start + place
        each = self.mentions[number]
        return each.start if place == self.places[number] else each.end + place - self.places[number] - 1


def after_determiners(text: str, at: int) -> int:
    found = _DETERMINERS.match(text, at)
    at = found.end() if found else at
    return at + 1 if text[at : at + 1] == " " else at


def noun_end(text: str, at: int) -> int:
    """The end of the words at a place that name a thing; `at` if none do."""
    end = at
    for _ in range(MOST_NOUN_WORDS):
        word = _NOUN_WORD.match(text, end)
        if not word or (end == at and word.start(1) != at):
            break
        lower = word[1].lower()
        if lower in _ENDS_NOUN or lower.endswith("ly") or len(lower) > 40:
            break
        end = word.end()
    return end
