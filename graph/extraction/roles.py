"""What somebody or something is said to be: "I'm a nurse", "the CTO of Northwind", "FastAPI is a web framework"."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from graph.english.words import (
    FEMALE_ROLES,
    MALE_ROLES,
    PERSON_ROLES,
    PLURAL_ROLES,
    SHARED_ROLES,
    word_set,
)
from graph.extraction.clauses import PERSON, Clause, noun_end, one_of

_OTHERS = one_of("organisation", "product", "thing", "event")
_OFFICES = "ceo|cto|cfo|coo|cio|president|chairman|head|director|vp|founder"
_WHO = rf"({PERSON}|\b[Hh]e\b|\b[Ss]he\b)"
_BEING = r"(?:'m|'s|'ve been| am| is| was| are| became| become| becomes| works as| work as| worked as| working as| have been| has been)"
_SAID = re.compile(
    rf"{_WHO}(?:(?:, who)?{_BEING}(?P<not> not|n't| no longer)?(?: now| currently| also| still| working as| employed as){{0,2}}|,)"
    rf" (?:(?:an?|the|our|their|his|her|your) (?:new |(?P<former>former |ex-)|own )?|(?={_OFFICES}\b))",
    re.IGNORECASE,
)
_IS = re.compile(rf"({_OTHERS}|\b[Hh]e\b|\b[Ss]he\b) (?:is|was) an? ")
_AS = re.compile(r"\bas (?:an?|the|our|their)? ?(?:new )?", re.IGNORECASE)
_OF_NOUN = re.compile(r" of ([a-z]{3,20})\b")
_ORGANISATION = re.compile(rf" (?:at|of|for|with) (?:the )?({one_of('organisation')})")
_ENDINGS = ("er", "or", "ist", "ian", "man", "woman")
_NO_ROLES = word_set(
    "member number center matter winter dinner computer computer offer letter paper river water summer corner order fever mother "
    "father brother sister daughter killer winner loser believer lover player supporter sucker reader beginner hater bit lot newcomer "
    "mirror error color colour favor favour door floor minor major human german roman woman man person restaurant elephant giant "
    "sneaker character go-getter teenager master monster counter number starter trailer poster folder filter editor buffer layer adapter "
    "container server router cluster timer trigger helper wrapper header footer browser compiler parser scanner printer charger freezer cooler "
    "heater cleaner toaster blender speaker sensor motor doctor-patient indicator factor vector cursor calculator generator tracker marker "
    "fan vegetarian vegan christian morning"
)
_ROLES = (PERSON_ROLES - PLURAL_ROLES - SHARED_ROLES - FEMALE_ROLES - MALE_ROLES) | word_set(
    "waitress actress landlady lead editor doctor cleaner consultant accountant assistant attendant ceo cto cfo coo cio vp head student nurse chef clerk cook lawyer judge priest monk pastor imam rabbi soldier pilot guide spy scout "
    "freelancer intern apprentice analyst therapist paramedic midwife architect diplomat student professor lecturer postdoc phd veterinarian vet barista"
)


_PRAISE = word_set(
    "great good excellent powerful significant perfect fantastic classic smart nice popular solid wonderful amazing awesome terrific real true "
    "big huge bad terrible poor horrible substantial strong key major valid valuable useful helpful lovely beautiful must lot bit mess shame joke "
    "choice opportunity practice move tool technique option way idea achievement point commitment savings indication step fit win "
    "thing problem pain pleasure nightmare joy one start reminder blast hit miss success failure experience place time day year person approach "
    "solution example challenge reason part result sign"
)
_ADJECTIVES = ("able", "ible", "ish", "ful", "ous", "ive", "ic", "less", "ed", "ly", "al", "ing")


@dataclass(frozen=True, slots=True)
class Role:
    who: str
    """A mention's character, or "he", "she" or "it"."""
    start: int
    noun_start: int
    noun_end: int
    is_person: bool
    negated: bool = False
    becomes: bool = False
    was: bool = False
    former: bool = False
    organisation: str = ""
    """The character of the organisation it is a role at."""


def roles(clause: Clause) -> Iterator[Role]:
    text = clause.text
    found_at: set[int] = set()
    for found in _SAID.finditer(text):
        end = _role_end(text, found.end())
        if end:
            where = _ORGANISATION.match(text, end)
            found_at.add(found.end())
            yield Role(
                found[1].lower(),
                found.start(),
                found.end(),
                end,
                is_person=True,
                negated=bool(found["not"]),
                becomes="becom" in found[0] or "became" in found[0],
                was=" was" in found[0] or " worked" in found[0] or bool(found["former"]),
                former=bool(found["former"]),
                organisation=where[1] if where else "",
            )
    for found in _IS.finditer(text):
        end = noun_end(text, found.end())
        if (
            found.end() not in found_at
            and end > found.end()
            and not text.startswith(" of ", end)
            and _is_kind(text[found.end() : end])
        ):
            yield Role(found[1].lower(), found.start(), found.end(), end, is_person=False)


def role_after_as(text: str, at: int, until: int) -> tuple[int, int] | None:
    """Where the role is in "as an engineer"."""
    found = _AS.search(text, at, until)
    end = _role_end(text, found.end()) if found else 0
    return (found.end(), end) if found and end else None


def _role_end(text: str, at: int) -> int:
    """The end of the words at a place if they are a role; 0 if not."""
    end = noun_end(text, at)
    words = text[at:end].lower().split()
    while words and not _is_role(words[-1]):
        end -= len(words.pop())
        end = at + len(text[at:end].rstrip())
    if not words or (words[-1] == "head" and not _OF_NOUN.match(text, end)):
        return 0
    if words[-1] in {"head", "director", "vp"} and (of := _OF_NOUN.match(text, end)):
        return of.end()
    return end


def _is_role(word: str) -> bool:
    return word in _ROLES or (word.endswith(_ENDINGS) and word not in _NO_ROLES and len(word) > 4)


def _is_kind(words: str) -> bool:
    """Whether words say what something is, and not what somebody thinks of it."""
    first, last = words.lower().split()[0], words.lower().split()[-1]
    return not (first in _PRAISE or last in _PRAISE or len(last) < 3 or last.endswith(_ADJECTIVES))
