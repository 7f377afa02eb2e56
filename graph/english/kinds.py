"""What kind of entity a name is of, by its words and those around it."""

from collections.abc import Sequence
from typing import Literal

from graph.english.text import Word
from graph.english.words import (
    FEMALE_ROLES,
    GIVEN_NAMES,
    MALE_ROLES,
    ORGANISATION_WORDS,
    PERSON_CUES,
    PERSON_ROLES,
    PERSON_VERBS,
    PLACE_CUES,
    PLACE_WORDS,
    PLACES,
    PLURAL_ROLES,
    TITLES,
    WORK_CUES,
    word_set,
)

Kind = Literal["person", "organisation", "place", "thing"]
Gender = Literal["", "female", "male", "plural"]

_WHERE = word_set("in to at from near around")
_FOR_WHOM = word_set("at for with")
_ORGANISED = word_set("school company business startup bank restaurant shop store clinic hospital")


def kind_of(words: Sequence[Word], start: int, end: int) -> Kind | None:
    """The kind of the name in ``words[start:end]``; None where nothing tells."""
    own = [word.lower for word in words[start:end]]
    if own[0] in TITLES:
        return "person"
    if own[-1] in ORGANISATION_WORDS or own[0] in {"university", "bank", "ministry"}:
        return "organisation"
    if own[-1] in PLACES or (len(own) > 1 and own[-1] in PLACE_WORDS) or own[0] in PLACES:
        return "place"
    if own[0] in GIVEN_NAMES:
        return "person"
    return _kind_by_context(words, start, end)


def _kind_by_context(words: Sequence[Word], start: int, end: int) -> Kind | None:
    before = [word.lower for word in words[max(0, start - 3) : start]]
    last = before[-1] if before else ""
    after = words[end].lower if end < len(words) else ""
    if last in {"join", "joined", "joining"} or (
        last in _FOR_WHOM and any(word in WORK_CUES for word in before)
    ):
        return "organisation"
    if last in {"visit", "visited", "visiting"} or (
        last in _WHERE and any(word in PLACE_CUES for word in before)
    ):
        return "place"
    if last in PERSON_CUES or after in PERSON_VERBS:
        return "person"
    return None


def kind_of_noun(head: str) -> Kind:
    """The kind of what a description with this head describes."""
    if head in PERSON_ROLES:
        return "person"
    return "organisation" if head in _ORGANISED else "thing"


def gender_of_noun(head: str) -> Gender:
    if head in PLURAL_ROLES:
        return "plural"
    return "female" if head in FEMALE_ROLES else "male" if head in MALE_ROLES else ""
