"""The extractor that asks no language model: patterns, word lists and rules, for English."""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Sequence

from graph.english.text import sentences
from graph.english.words import word_set
from graph.extraction.base import READ_CHARACTERS, Extraction, Extractor, Mention, Passage, Statement
from graph.extraction.clauses import Clause
from graph.extraction.concepts import concepts
from graph.extraction.names import masked, names, sentence_ends, versions
from graph.extraction.patterns import Span, spans
from graph.extraction.reading import Reader, sentences_of
from graph.extraction.voices import FIRST_PERSON, Voice, voices

ROLES = word_set("user assistant system tool human agent ai bot model me unknown")
"""Who is called by these has no name."""

ENGLISH = ("english", "simple", "")
"""In other languages only names are concepts: it takes the language's own words to tell which others are empty."""

# Notes about whoever talks with an assistant call them so: "User prefers dark mode".
_USER = re.compile(
    r"(?:^|[.!?;,] |\n)[-*• ]{0,4}(?:the )?(user)(?='s (?:a|an|been|not)\b| (?:is|was|has|had|will|does|doesn't|did|didn't|isn't|can't|cannot|no "
    r"longer|now|also|currently|used to|prefers|likes|loves|enjoys|hates|dislikes|works|worked|lives|lived|moved|joined|left|owns|uses|"
    r"speaks|plays|studies|studied|knows|bought)\b)",
    re.IGNORECASE,
)
_INTRODUCED = re.compile(r"\b(?:[Mm]y name is|[Mm]y name's|[Ii]'m|[Ii] am|[Tt]his is) $")
NAMED = frozenset(("person", "organisation", "place", "product", "event", "thing"))
_ARTICLE = re.compile(r"^(?:the|an?) (?=\S)", re.IGNORECASE)


class RulesExtractor(Extractor):
    name = "rules"

    def extract(self, passages: Sequence[Passage]) -> list[Extraction]:
        return [_extracted(passage) for passage in passages]


def _extracted(passage: Passage) -> Extraction:
    text = passage.text[:READ_CHARACTERS]
    mentions, ends = _mentions(text)
    speaker = speaker_of(text, passage.speaker, mentions)
    heard = voices(text, speaker, mentions)
    mentions = with_first_person(text, mentions, heard)
    reader = Reader(passage.occurred_at)
    starts = [each.start for each in mentions]
    changes = [each.start for each in heard]
    for start, end in sentences_of(text, sorted({*ends, *changes})):
        within = mentions[bisect_left(starts, start) : bisect_left(starts, end)]
        voice = heard[bisect_right(changes, start) - 1]
        reader.read(Clause.of(text, start, end, within, speaker=voice.name))
    said = {name for each in reader.statements for name in (each.subject, each.object)}
    whole = _merged(mentions, [each for each in reader.things if each.name in said])
    told = _concepts(text, whole, phrases=passage.language in ENGLISH)
    return Extraction(told, whole, _standing(reader.statements, whole), RulesExtractor.name)


def _mentions(text: str) -> tuple[list[Mention], list[int]]:
    """What is named or has a form of its own, in order, and where the sentences end."""
    formed = spans(text)
    prose = masked(text, formed)
    found = tuple(sentences(prose))
    named = names(text, found)
    formed += versions(text, named)
    formed += [Span(*user.span(1), "person") for user in _USER.finditer(prose)]
    formed.sort(key=lambda each: each.start)
    mentions = _merged(
        [_mention(text, each) for each in formed],
        [_mention(text, Span(each.start, each.end, each.kind)) for each in named],
    )
    return list(mentions), sentence_ends(found, prose)


def _mention(text: str, span: Span) -> Mention:
    shown = text[span.start : span.end]
    name = " ".join(shown.split()) if shown.lower() != "user" else "user"
    return Mention(
        span.start, span.end, shown, span.kind, _ARTICLE.sub("", name, 1) if span.kind in NAMED else name
    )


def speaker_of(text: str, given: str, mentions: Sequence[Mention]) -> str:
    """The name of whoever says "I": as given, or else as they introduce themselves."""
    name = " ".join(given.split())
    if name and name.lower() not in ROLES:
        return name
    return next(
        (
            each.name
            for each in mentions
            if each.kind == "person" and _INTRODUCED.search(text, max(0, each.start - 12), each.start)
        ),
        "",
    )


def with_first_person(text: str, mentions: Sequence[Mention], heard: Sequence[Voice]) -> list[Mention]:
    said = [
        Mention(each.start(), each.end(), each[0], "person", voice.name)
        for voice in heard
        if voice.name
        for each in FIRST_PERSON.finditer(text, voice.start, voice.end)
    ]
    return list(_merged(mentions, said))


def _merged(mentions: Sequence[Mention], more: Sequence[Mention]) -> tuple[Mention, ...]:
    """All of the first and those of the others that lie where none is yet, in order."""
    kept = list(mentions)
    starts = [each.start for each in kept]
    for each in more:
        at = bisect_left(starts, each.start)
        if (at and kept[at - 1].end > each.start) or (at < len(kept) and kept[at].start < each.end):
            continue
        kept.insert(at, each)
        starts.insert(at, each.start)
    return tuple(kept)


def _standing(statements: Sequence[Statement], mentions: Sequence[Mention]) -> tuple[Statement, ...]:
    named = {each.name for each in mentions}
    return tuple(each for each in statements if each.subject in named and each.object in named)


def sentence_bounds(text: str) -> list[tuple[int, int]]:
    prose = masked(text, spans(text))
    return list(sentences_of(text, sentence_ends(tuple(sentences(prose)), prose)))


def _concepts(text: str, mentions: Sequence[Mention], *, phrases: bool) -> tuple[str, ...]:
    named = [
        (each.start, each.name)
        for each in mentions
        if each.kind in NAMED and not FIRST_PERSON.fullmatch(each.text) and each.name != "user"
    ]
    return concepts(masked(text, mentions) if phrases else "", named)
