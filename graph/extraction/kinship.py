"""Who is whose sister, friend or boss: "my sister Clara", "Tom is Ada's brother", "Peter and Susan are married"."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from graph.extraction.clauses import PERSON, Clause, one_of

_ROLES = {
    "parent_of": "son|daughter|kid|child|baby|stepson|stepdaughter|boy|girl",
    "child_of": "mother|mom|mum|mommy|mama|father|dad|daddy|papa|stepmother|stepfather|parent",
    "sibling_of": "sister|brother|sibling|twin|half-sister|half-brother|stepbrother|stepsister|twin brother|twin sister",
    "married_to": "wife|husband|spouse",
    "partner_of": "partner|girlfriend|boyfriend|fiancé|fiancée|fiance|fiancee",
    "friend_of": "friend|buddy|pal|bestie|mate|bff",
    "colleague_of": "colleague|coworker|co-worker|teammate|workmate",
    "reports_to": "boss|manager|supervisor|team lead|line manager|team leader|superior",
    "owns": "dog|cat|puppy|kitten|horse|hamster|rabbit|parrot|pony|bird|turtle",
}
_BY_WORD = {word: predicate for predicate, words in _ROLES.items() for word in words.split("|")}
_WORDS = "|".join(sorted(_BY_WORD, key=len, reverse=True))
_ADJECTIVE = r"(?:(?:older|younger|elder|little|big|eldest|youngest|oldest|best|good|close|old|dear|new|direct|twin|late|beloved|first|second|dearest|closest|childhood|oldest|former|current) ){0,2}"
_NAME = f"(?:{PERSON}|{one_of('thing', 'place', 'product', 'organisation')})"
_LIST = rf"({_NAME}(?:(?:, and |, | and | & ){PERSON}(?!'s)){{0,4}})"
_WHOSE = rf"(?:({PERSON})'s|\b(my|our|his|her|their))"

_BEFORE = re.compile(
    rf"{_WHOSE} (?:\w+-year-old )?{_ADJECTIVE}(?:ex-)?({_WORDS})s?,?(?:'s name is| is called| is named| called| named| is(?: now)?|:)? {_LIST}",
    re.I,
)
_AFTER = re.compile(
    rf"({PERSON})(?: is| was|'s|,| \(| has been)(?: also| still| now)? {_WHOSE} {_ADJECTIVE}(?:ex-)?({_WORDS})\b(?!'s)",
    re.I,
)
_OF_MINE = re.compile(
    rf"({_LIST})(?: is| are| was| were|,) (?:an? )?{_ADJECTIVE}({_WORDS})s? of (mine|{PERSON})", re.I
)
_TOGETHER = re.compile(
    rf"({PERSON}) and ({PERSON}) (?:are|were|have been|got|became) (?:both |good |old |close |best )?(married|friends|siblings|colleagues|coworkers|brothers|sisters|twins)\b(?! to| of)",
    re.I,
)
_HAS = re.compile(
    rf"({PERSON})[^.;{PERSON[1:-1]}]{{0,40}}\b(?:have|has|'ve|got) (?:an? |one |two |three |four |five )?{_ADJECTIVE}({_WORDS})(?:s|ren|dren)?,?(?: called| named|:)? {_LIST}",
    re.I,
)
_PLURALS = {"married": "married_to", "friends": "friend_of", "siblings": "sibling_of", "brothers": "sibling_of", "sisters": "sibling_of",
            "twins": "sibling_of", "colleagues": "colleague_of", "coworkers": "colleague_of"}  # fmt: skip
_PERSONS = re.compile(_NAME)
_FORMER = re.compile(r"\b(?:former |ex-)", re.I)
_PARTED = re.compile(
    rf"({PERSON}) and ({PERSON}) (?:(?:have|had|are|were|got|finally|both|just|also|now|have been) ){{0,2}}divorced\b",
    re.I,
)


@dataclass(frozen=True, slots=True)
class Kin:
    subject: str
    predicate: str
    object: str
    guessed: bool = False
    """Whose it is was told by "his", "her" or "their"."""
    former: bool = False
    ends: bool = False
    """It is over at the time that the clause tells."""
    at: int = 0
    """Where it is said; 0 where it is taken for granted, as in "if my sister Clara comes"."""


def kinship(clause: Clause, before: Callable[[str, int], list[str]]) -> Iterator[Kin]:
    """The relations that a clause tells; `before` gives the names a pronoun at a place stands for."""
    text = clause.text
    if "?" in text[-2:]:
        return

    def whose(found: re.Match[str], name: int, word: int) -> list[str]:
        if found[name]:
            return [clause.mention(found[name]).name]
        if found[word].lower() in {"my", "our"}:
            return [clause.speaker] if clause.speaker else []
        return before(found[word].lower(), found.start())

    for found in _BEFORE.finditer(text):
        guessed = (found[2] or "").lower() in {"his", "her", "their"}
        for owner in whose(found, 1, 2):
            for one in _PERSONS.findall(found[4]):
                yield from _kin(owner, found[3], clause.mention(one).name, guessed, former=_is_former(found))
    for found in _AFTER.finditer(text):
        for owner in whose(found, 2, 3):
            yield from _kin(owner, found[4], clause.mention(found[1]).name, former=_is_former(found))
    for found in _OF_MINE.finditer(text):
        owner = clause.speaker if found[4].lower() == "mine" else clause.mention(found[4]).name
        for one in _PERSONS.findall(found[1]):
            yield from _kin(owner, found[3], clause.mention(one).name, former=_is_former(found))
    for found in _TOGETHER.finditer(text):
        one, other = clause.mention(found[1]).name, clause.mention(found[2]).name
        yield Kin(one, _PLURALS[found[3].lower()], other, at=found.end())
    for found in _PARTED.finditer(text):
        one, other = clause.mention(found[1]).name, clause.mention(found[2]).name
        yield Kin(one, "married_to", other, ends=True, at=found.end())
    for found in _HAS.finditer(text):
        for one in _PERSONS.findall(found[3]):
            yield from _kin(
                clause.mention(found[1]).name, found[2], clause.mention(one).name, former=_is_former(found)
            )


def _is_former(found: re.Match[str]) -> bool:
    return bool(_FORMER.search(found[0]))


def _kin(owner: str, word: str, name: str, guessed: bool = False, *, former: bool = False) -> Iterator[Kin]:
    """`name` is the `word` of `owner`."""
    if not owner or not name or owner == name:
        return
    predicate = _BY_WORD[word.lower()]
    if predicate == "child_of":
        yield Kin(name, "parent_of", owner, guessed, former)
    else:
        yield Kin(owner, predicate, name, guessed, former)
