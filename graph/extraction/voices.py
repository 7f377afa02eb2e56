"""Who says "I" in which part of a text: whom the passage is from, but not in what they quote of others."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from graph.english.words import word_set
from graph.extraction.base import Mention

FIRST_PERSON = re.compile(r"(?<![\w.'’-])(?:I|i|[Mm]e|[Mm]y|[Mm]ine|[Mm]yself)(?![\w-]|\.\w)")

_LONGEST_QUOTATION = 1_000
_QUOTATION = re.compile(
    rf'(?<![\w"])"(?=\S)([^"\n]{{1,{_LONGEST_QUOTATION}}})(?<=\S)"(?!\w)|“([^”\n]{{1,{_LONGEST_QUOTATION}}})”'
)
# Not a title, as "My Way", nor a few words, as "head of my team".
_OF_ONESELF = re.compile(r"(?<![\w.'’-])[Ii](?:['’]\w+)? \w|^[Mm]y [a-z]")
_QUOTED_LINE = re.compile(r"^[ \t]{0,4}>[^\n]*", re.MULTILINE)
_TURN = re.compile(
    r"^[ \t]{0,4}(?:[-*•] )?(?:\[[^\]\n]{1,30}\] ?)?([^\W\d_][\w.'’-]{0,30}(?: [^\W\d_][\w.'’-]{0,30}){0,2})(?: \([^)\n]{1,30}\))?: ",
    re.MULTILINE,
)
_BLANK_LINE = re.compile(r"\n[ \t]*\n")
_SPEAKERS = word_set("me user human customer")
_ASSISTANTS = word_set("assistant ai bot agent system")


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
    for found in _QUOTATION.finditer(text):
        if _OF_ONESELF.search(found[1] or found[2]) and found[0] != text.strip():
            yield Voice(found.start(), found.end(), "")
    quoted = [*_QUOTED_LINE.finditer(text)]
    if _QUOTED_LINE.sub("", text).strip():
        yield from (Voice(each.start(), each.end(), "") for each in quoted)


def _turns(text: str, speaker: str, mentions: Sequence[Mention]) -> Iterator[Voice]:
    """The others' turns of a transcript: two speakers or more, each before a colon at the beginning of a line."""
    people = {each.start: each.name for each in mentions if each.kind == "person"}
    own = {*_SPEAKERS, speaker.lower(), speaker.lower().split(" ")[0]}
    found = [
        each
        for each in _TURN.finditer(text)
        if each.start(1) in people or each[1].lower() in own | _ASSISTANTS
    ]
    if len({each[1].lower() for each in found}) < 2:
        return
    for turn, after in zip(found, [*found[1:], None], strict=True):
        end = after.start() if after else len(text)
        if blank := _BLANK_LINE.search(text, turn.end(), end):
            end = blank.start()
        if turn[1].lower() not in own:
            yield Voice(turn.start(), end, people.get(turn.start(1), ""))
