"""Who says "I" in which part of a text: whom the passage is from, but not in what they quote of others."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from graph.english.words import word_set
from graph.extraction.base import Mention

FIRST_PERSON = re.compile(r"(?<![\w.'’-])(?:I|i|[Mm]e|[Mm]y|[Mm]ine|[Mm]yself)(?![\w-]|\.\w)")

_LONGEST_QUOTATION = 1_000
_QUOTATION = re.compile(
    rf'(?<![\w"])"(?=\S)[^"\n]{{1,{_LONGEST_QUOTATION}}}(?<=\S)"(?!\w)'
    rf"|“[^”\n]{{1,{_LONGEST_QUOTATION}}}”|«[^»\n]{{1,{_LONGEST_QUOTATION}}}»|„[^“”\n]{{1,{_LONGEST_QUOTATION}}}[“”]"
)
_QUOTED_LINE = re.compile(r"^[ \t]{0,4}>[^\n]*", re.MULTILINE)
_TURN = re.compile(
    r"^[ \t]{0,4}(?:[-*•] )?(?:\[[^\]\n]{1,30}\] ?)?([^\W\d_][\w.'’-]{0,30}(?: [^\W\d_][\w.'’-]{0,30}){0,2})(?: \([^)\n]{1,30}\))?: ",
    re.MULTILINE,
)
_LABELS = word_set(
    "about answer bio context edit fyi me note notes postscript ps question re reminder subject summary tldr todo update user"
)


@dataclass(frozen=True, slots=True)
class Voice:
    start: int
    end: int
    name: str
    """Who says "I" from ``start`` to ``end``; empty where nobody knows."""


def voices(text: str, speaker: str, mentions: Sequence[Mention]) -> list[Voice]:
    """The parts of a text with a voice each, in order and without a gap."""
    parts: list[Voice] = []
    at = 0
    others = [*_turns(text, speaker, mentions), *_quotations(text)]
    for each in sorted(others, key=lambda each: each.start):
        if each.start >= at:
            parts += [Voice(at, each.start, speaker), each]
            at = each.end
    return [each for each in [*parts, Voice(at, len(text), speaker)] if each.start < each.end]


def _quotations(text: str) -> Iterator[Voice]:
    """What somebody else says of themselves; a passage that is one quotation is its speaker's own."""
    for found in [*_QUOTATION.finditer(text), *_QUOTED_LINE.finditer(text)]:
        if FIRST_PERSON.search(found[0]) and found[0] != text.strip():
            yield Voice(found.start(), found.end(), "")


def _turns(text: str, speaker: str, mentions: Sequence[Mention]) -> Iterator[Voice]:
    """The others' turns of a transcript: two names or more, each before a colon at the beginning of a line."""
    found = [each for each in _TURN.finditer(text) if each[1][0].isupper() and each[1].lower() not in _LABELS]
    if len({each[1].lower() for each in found}) < 2:
        return
    people = {each.start: each.name for each in mentions if each.kind == "person"}
    ends = [each.start() for each in found[1:]] + [len(text)]
    for turn, end in zip(found, ends, strict=True):
        if turn[1].lower() not in {speaker.lower(), speaker.lower().split(" ")[0]}:
            yield Voice(turn.start(), end, people.get(turn.start(1), ""))
