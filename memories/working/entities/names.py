"""Whether two names name the same: aliases, initials, titles, short forms and small slips of spelling."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache

from jellyfish import damerau_levenshtein_distance

from graph.english.kinds import Gender
from graph.english.words import (
    FEMALE_NAMES,
    FEMALE_TITLES,
    GIVEN_NAMES,
    LEGAL_FORMS,
    MALE_NAMES,
    MALE_TITLES,
    NEUTRAL_NAMES,
    NICKNAMES,
    PLACES,
    TITLES,
)
from memories.working.entities.types import Basis

# Shorter names differ by a letter because they are different names: Ana and Ann, Iran and Iraq.
ONE_SLIP_FROM = 5
TWO_SLIPS_FROM = 9
SHORT_FORM_FROM = 3


class Likeness(IntEnum):
    NONE = 0
    GUESS = 1
    SURE = 2


@dataclass(frozen=True, slots=True)
class Name:
    """A name taken apart, in lower case; what the text does not say is empty."""

    title: str
    words: tuple[str, ...]
    """Without the title, and for an organisation without its legal form."""

    @property
    def given(self) -> str:
        return self.words[0] if len(self.words) > 1 else ""

    @property
    def surname(self) -> str:
        return self.words[-1] if len(self.words) > 1 or (self.words and self._formal) else ""

    @property
    def _formal(self) -> bool:
        return bool(self.title) and self.title not in {"aunt", "auntie", "uncle"}


@lru_cache(maxsize=4096)
def parse(text: str) -> Name:
    """Take a name apart."""
    words = [word.strip(".,'") for word in text.casefold().replace("&", " ").split()]
    words = [word for word in words if word]
    if words and words[0] == "the":
        words = words[1:]
    title = words[0] if len(words) > 1 and words[0] in TITLES else ""
    words = words[1:] if title else words
    while len(words) > 1 and words[-1] in LEGAL_FORMS:
        words = words[:-1]
    return Name(title, tuple(words))


def gender_of(name: Name) -> Gender:
    """The gender that a title or a given name tells; empty for names given to both."""
    given = name.given or ("" if name.surname else " ".join(name.words))
    if name.title in FEMALE_TITLES or given in FEMALE_NAMES - MALE_NAMES:
        return "female"
    if name.title in MALE_TITLES or given in MALE_NAMES - FEMALE_NAMES:
        return "male"
    return ""


def fuller(name: str, than: str) -> bool:
    """Whether the first says more of a name than the second: more words, no initials, no short form."""
    return _fullness(parse(name)) > _fullness(parse(than))


def _fullness(name: Name) -> tuple[int, int, int]:
    whole = [word for word in name.words if len(word) > 1]
    return len(whole), len(name.words), sum(map(len, whole))


def same_person(a: Name, b: Name) -> tuple[Likeness, Basis | None]:
    """Compare names of people; a guess comes with what it rests on."""
    if a.words == b.words:
        return Likeness.SURE, None
    if a.surname and b.surname:
        return _both(
            [_alike(a.surname, b.surname)] + ([_same_given(a.given, b.given)] if a.given and b.given else [])
        )
    if not a.surname and not b.surname:
        return _both([_same_given(" ".join(a.words), " ".join(b.words))])
    short, full = (a, b) if not a.surname else (b, a)
    word = " ".join(short.words)
    if len(word) == 2 and [part[:1] for part in full.words] == list(word):
        return Likeness.GUESS, "initials"
    return _both(
        [max(_alike(word, full.surname), _same_given(word, full.given) if full.given else Likeness.NONE)]
    )


def same_thing(a: Name, b: Name) -> tuple[Likeness, Basis | None]:
    """Compare names of organisations, places and things."""
    if a.words == b.words:
        return Likeness.SURE, None
    for short, full in ((a, b), (b, a)):
        if len(short.words) == 1 and len(full.words) > 1 and short.words[0] == _acronym(full.words):
            return Likeness.GUESS, "initials"
    if len(a.words) != len(b.words):
        return Likeness.NONE, None
    return _both([_alike(one, other) for one, other in zip(a.words, b.words, strict=True)])


def _both(parts: Iterable[Likeness]) -> tuple[Likeness, Basis | None]:
    """All parts must be alike, and at most one of them by spelling only."""
    found = list(parts)
    if not found or Likeness.NONE in found or found.count(Likeness.GUESS) > 1:
        return Likeness.NONE, None
    return (Likeness.GUESS, "spelling") if Likeness.GUESS in found else (Likeness.SURE, None)


def _same_given(a: str, b: str) -> Likeness:
    if a == b or b in NICKNAMES.get(a, ()) or a in NICKNAMES.get(b, ()):
        return Likeness.SURE
    short, full = sorted((a, b), key=len)
    if len(short) == 1:
        return Likeness.SURE if full.startswith(short) else Likeness.NONE
    if (
        len(short) >= SHORT_FORM_FROM
        and len(full) >= len(short) + 2
        and full.startswith(short)
        and short not in GIVEN_NAMES
    ):
        return Likeness.SURE
    return _alike(a, b)


@lru_cache(maxsize=16384)
def _alike(a: str, b: str) -> Likeness:
    """Equal, or a slip of the pen apart; two names that both exist are two names."""
    if a == b:
        return Likeness.SURE
    shorter = min(len(a), len(b))
    slips = 0 if shorter < ONE_SLIP_FROM else 1 if shorter < TWO_SLIPS_FROM else 2
    if abs(len(a) - len(b)) > slips or not slips or a[0] != b[0] or not (a + b).isalpha():
        return Likeness.NONE
    if any(a in known and b in known for known in (FEMALE_NAMES | MALE_NAMES | NEUTRAL_NAMES, PLACES)):
        return Likeness.NONE
    if (a[-1] == "s" and a[:-1] == b) or (b[-1] == "s" and b[:-1] == a):
        return Likeness.NONE
    return Likeness.GUESS if damerau_levenshtein_distance(a, b) <= slips else Likeness.NONE


def _acronym(words: tuple[str, ...]) -> str:
    return "".join(word[0] for word in words if word not in {"of", "the", "and", "for", "de"})
