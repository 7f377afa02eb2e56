"""The summariser that asks no language model: it chooses sentences, and says who speaks, of what and when."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from graph.english.text import shortened, visible
from graph.extraction import NAMED, Passage, RulesExtractor, sentence_bounds
from graph.extraction.concepts import is_telling
from memories.consolidation.base import (
    LONGEST_CONTEXT,
    LONGEST_LINE,
    LONGEST_TITLE,
    LONGEST_WORD,
    MOST_KEYWORDS,
    MOST_LINES,
    MOST_TAGS,
    READ_CHARACTERS,
    Source,
    Summariser,
    Summary,
)
from memories.working.likeness.stems import stem

WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
# A longer sentence says more, but not in proportion: the exponent of Lin and Bilmes.
LENGTH_SHARE = 0.5
# How much of the text of its sources a note repeats at most, and how little it may.
SHARE, LEAST_CHARACTERS = 0.5, 400
NAMES_IN_CONTEXT = 3
TELLING_STEMS = 2

type _Key = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Sentence:
    source: int
    at: int
    text: str
    stems: frozenset[str]


class ExtractiveSummariser(Summariser):
    name = "extractive"

    def __init__(self) -> None:
        self._extractor = RulesExtractor()

    def summarise(self, sources: Sequence[Source]) -> Summary:
        people = _people(sources)
        keywords = self._keywords(sources, people)
        return Summary(
            title=_title(people, keywords, sources),
            context=_context(people, keywords, sources),
            lines=tuple(_lines(sources)),
            keywords=tuple(keywords),
            tags=tuple(tags_of(sources)),
            summariser=self.name,
        )

    def _keywords(self, sources: Sequence[Source], people: Sequence[str]) -> list[str]:
        """The concepts that most sources share; of those equally often, the one that is told first."""
        passages = [Passage(each.text[:READ_CHARACTERS], each.speaker, each.occurred_at) for each in sources]
        known = _names(people)
        shown: dict[_Key, str] = {}
        counts = Counter[_Key]()
        for found in self._extractor.extract(passages):
            names = [each.name for each in found.mentions if each.kind in NAMED - {"person"}]
            words = [
                word
                for word in (*found.concepts, *names)
                if len(word) <= LONGEST_WORD
                and not all(_is_name(part, known) for part in word.lower().split())
            ]
            for word in words:
                shown.setdefault(_key(word), word)
            counts.update({*map(_key, words)})
        place = {key: at for at, key in enumerate(shown)}
        best = sorted(counts, key=lambda key: (-counts[key], place[key]))
        return [shown[key] for key in best[:MOST_KEYWORDS]]


def _key(phrase: str) -> _Key:
    """Phrases that differ in inflection or case only are the same."""
    return tuple(stem(word) for word in phrase.lower().split())


def tags_of(sources: Sequence[Source]) -> list[str]:
    """The tags that most sources have, the most frequent first."""
    counts = Counter(tag for each in sources for tag in each.tags)
    return sorted(counts, key=lambda tag: (-counts[tag], tag))[:MOST_TAGS]


def _people(sources: Sequence[Source]) -> list[str]:
    """Who speaks, those who say most of it first."""
    names = Counter(name for each in sources if (name := _speaker(each)))
    return [name for name, _ in names.most_common()]


def _speaker(source: Source) -> str:
    return " ".join(visible(source.speaker).split())


def _names(people: Iterable[str]) -> set[str]:
    return {word.lower() for name in people for word in WORD.findall(name)}


def _is_name(word: str, names: set[str]) -> bool:
    """Whether a word, in lower case, calls one of them, if by a short form: "Mel" is Melanie."""
    return word in names or (len(word) >= 3 and any(name.startswith(word) for name in names))


def _title(people: Sequence[str], keywords: Sequence[str], sources: Sequence[Source]) -> str:
    about = ", ".join(keywords[:NAMES_IN_CONTEXT])
    who = " and ".join(people[:2])
    title = f"{who}: {about}" if who and about else who or about
    return shortened(visible(title or sources[0].text), LONGEST_TITLE)


def _context(people: Sequence[str], keywords: Sequence[str], sources: Sequence[Source]) -> str:
    who = _listed(people[:NAMES_IN_CONTEXT])
    about = _listed(keywords[:NAMES_IN_CONTEXT])
    begun = f"{who} on {about}" if who and about else who or about or "Memories"
    return shortened(visible(f"{begun}, {_when(sources)}."), LONGEST_CONTEXT)


def _listed(words: Sequence[str]) -> str:
    *first, last = words or [""]
    return f"{', '.join(first)} and {last}" if first else last


def _when(sources: Sequence[Source]) -> str:
    first, last = (pick(each.occurred_at for each in sources) for pick in (min, max))
    if first.date() == last.date():
        return f"on {_day(first)}"
    return f"from {_day(first)} to {_day(last)}"


def _day(moment: datetime) -> str:
    return f"{moment.day} {moment:%B %Y}"


def _lines(sources: Sequence[Source]) -> list[str]:
    """The sentences that together say most of what several sources say, in the order in which they were said.

    Greedy maximum coverage of words, each worth the number of sources that have it, by length to a power (Lin,
    Bilmes: A Class of Submodular Functions for Document Summarization, 2011).
    """
    names = _names(_people(sources))
    found = [sentence for number, each in enumerate(sources) for sentence in _sentences(number, each, names)]
    # "Wow, Caroline!" is what people say to each other, not what they tell.
    found = [each for each in found if len(each.stems) >= TELLING_STEMS] or found
    worth = Counter(word for number in range(len(sources)) for word in _stems_of(found, number))
    room = max(LEAST_CHARACTERS, int(SHARE * sum(len(each.text) for each in found)))
    chosen: list[_Sentence] = []
    covered: set[str] = set()

    def gain(each: _Sentence) -> float:
        return sum(worth[word] for word in each.stems - covered) / float(len(each.text) ** LENGTH_SHARE)

    while found and len(chosen) < MOST_LINES:
        best = max(found, key=gain)
        if chosen and (gain(best) <= 0 or len(best.text) > room):
            break
        found.remove(best)
        chosen.append(best)
        covered |= best.stems
        room -= len(best.text)
    chosen.sort(key=lambda each: (sources[each.source].occurred_at, each.source, each.at))
    return [_said(sources[each.source], each.text) for each in chosen]


def _sentences(number: int, source: Source, names: set[str]) -> list[_Sentence]:
    text = source.text[:READ_CHARACTERS]
    pieces = [" ".join(visible(text[start:end]).split()) for start, end in sentence_bounds(text)] or [text]
    return [
        _Sentence(number, at, shortened(piece, LONGEST_LINE), frozenset(_stems(piece, names)))
        for at, piece in enumerate(pieces)
        if piece.strip()
    ]


def _stems(text: str, names: set[str]) -> set[str]:
    words = {word.lower() for word in WORD.findall(text) if is_telling(word)}
    return {stem(word) for word in words if not _is_name(word, names)}


def _stems_of(found: Sequence[_Sentence], number: int) -> set[str]:
    return {word for each in found if each.source == number for word in each.stems}


def _said(source: Source, text: str) -> str:
    return f"{name}: {text}" if (name := _speaker(source)) else text
