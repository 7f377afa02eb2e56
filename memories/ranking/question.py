"""What a question says about who and when, read once and before the vector search."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from graph.english.function_words import MONTHS, STOP_WORDS

ROLE_NAMES = frozenset({"user", "assistant", "system", "tool"})
_MONTH = "|".join(MONTHS)
_YEAR = re.compile(r"\b((?:19|20)\d\d)\b")
_ISO = re.compile(r"\b((?:19|20)\d\d)-(0?[1-9]|1[0-2])(?:-(0?[1-9]|[12]\d|3[01]))?\b")
_MONTHS_NAMED = re.compile(rf"\b({_MONTH})\b")
# "may" is a verb far more often than a month, so it needs a preposition or a number beside it.
_MAY = re.compile(
    r"\b(?:in|of|during|on|early|late|mid|since|until|by|\d+(?:st|nd|rd|th)?)[ -]may\b|\bmay,? \d"
)
# What is asked for has a name, or may have: not when, how or why something was, nor whether.
_FOR_NAMES = re.compile(r"\W*(?:\w+ )?(?:what|which|who|whom|whose|where)\b", re.IGNORECASE)
_AUXILIARY = r"(?:has|have|had|did|does|do|is|are|was|were|can|could|will|would|should|may|might)\b"
# Several things are asked for: by a number, a plural, or what somebody has done so far.
_FOR_SEVERAL = re.compile(
    rf"""\W* (?:\w+\ )? (?:
        how\ many\ (?!(?:\w+\ ){{0,2}}?(?:day|week|month|year|hour|minute)s\b)
      | (?:what|which)\ (?:kind|type|sort)s?\ of\b
      | (?:what|which|who)\ (?:are|were)\b
      | (?:what|which|whose)\ (?:(?!{_AUXILIARY})[\w'’/-]+\ ){{0,3}}? (?!{_AUXILIARY}|his\b)
        (?:[\w'’/-]*[^\Wsiu]s|people|children|men|women)\ (?:[\w'’/-]+\ ){{0,4}}?{_AUXILIARY}
      | (?:what|which|where|who|whom)\ (?:(?!{_AUXILIARY})[\w'’/-]+\ ){{0,4}}? (?:has|have)\ (?!(?:the|an?|happened)\b)
    )""",
    re.IGNORECASE | re.VERBOSE,
)
_DAY = re.compile(
    rf"\b(\d{{1,2}})(?:st|nd|rd|th)?,? (?:of )?(?:{_MONTH})|\b(?:{_MONTH}) (\d{{1,2}})(?:st|nd|rd|th)?\b(?!\d)"
)


@dataclass(frozen=True, slots=True)
class When:
    """The date a question names, as far as it names one."""

    year: int | None
    months: tuple[int, ...]
    day: int | None


@dataclass(frozen=True, slots=True)
class Question:
    """A question with the speakers it names and the date it names."""

    text: str
    named: frozenset[str]
    """Speakers of the scope, spelt as stored, that the question is about."""
    when: When | None
    for_names: bool = False
    """Whether a name may be the answer: it begins with what, which, who or where."""
    for_several: bool = False
    """Whether several things are asked for, which several memories may tell."""


def read_question(text: str, speakers: Iterable[str]) -> Question:
    """Read who and when out of a question; `speakers` are the distinct names in the scope."""
    return Question(
        text=text,
        named=_named(text, speakers),
        when=read_date(text),
        for_names=_FOR_NAMES.match(text) is not None,
        for_several=_FOR_SEVERAL.match(text) is not None,
    )


def other_names(names: Iterable[str], speakers: Iterable[str]) -> set[str]:
    """The names without those by which the speakers are called, and without roles."""
    calling = _calling(tuple(sorted(name for name in set(speakers) if _is_person(name))))
    return {name for name in names if _is_person(name) and not calling.fullmatch(name)}


def dense_text(text: str, speakers: Iterable[str]) -> str:
    """The question for the embedding model: speakers' names say who, not what, so they become I and my."""
    people = tuple(sorted(name for name in set(speakers) if _is_person(name)))
    return _calling(people).sub(lambda call: "my" if call["of"] else "I", text) if people else text


def read_date(text: str) -> When | None:
    """The year, months and day that the words of a question name, or None."""
    lowered = text.lower()
    if iso := _ISO.search(lowered):
        return When(int(iso[1]), (int(iso[2]),), int(iso[3]) if iso[3] else None)
    year = _YEAR.search(lowered)
    months = tuple(
        MONTHS.index(name) + 1
        for name in dict.fromkeys(_MONTHS_NAMED.findall(lowered))
        if name != "may" or _MAY.search(lowered)
    )
    if not year and not months:
        return None
    day = _DAY.search(lowered) if months else None
    return When(int(year[1]) if year else None, months, int(day[1] or day[2]) if day else None)


def _is_person(name: str) -> bool:
    return bool(name.strip()) and name.lower() not in ROLE_NAMES


def _named(text: str, speakers: Iterable[str]) -> frozenset[str]:
    return frozenset(name for name in speakers if _is_person(name) and _calling((name,)).search(text))


@lru_cache(maxsize=1024)
def _calling(people: tuple[str, ...]) -> re.Pattern[str]:
    """Matches people called by the full name, its first word, or a short form of that with a capital (Mel)."""
    forms = {form for name in people for form in (name, name.split()[0]) if len(form) > 1}
    words = {form for form in forms if form.lower() in STOP_WORDS}  # Will, May: only with their capital
    exact = {form.capitalize() for form in words} | {nick for form in forms for nick in _short_forms(form)}
    return re.compile(rf"(?<!\w)(?:(?i:{_any(forms - words)})|{_any(exact)})(?!\w)(?P<of>['’][sS])?")


def _any(forms: Iterable[str]) -> str:
    """An expression for any of these words, longer ones first; one that never matches for none."""
    return "|".join(re.escape(form) for form in sorted(forms, key=lambda form: (-len(form), form))) or r"(?!)"


def _short_forms(name: str) -> Iterable[str]:
    """Three or more first letters of one word, unless they are a common word (And for Andrew)."""
    if not name.isalpha():
        return
    for end in range(3, len(name)):
        if name[:end].lower() not in STOP_WORDS:
            yield name[:end].capitalize()
