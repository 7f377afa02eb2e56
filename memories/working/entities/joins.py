"""What a sentence says that somebody is: "my sister Ana", "Ana, my sister", "Ana is a nurse", "I'm Ana"."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from graph.english.text import Word
from graph.english.words import GIVEN_NAMES, PERSON_ROLES, PLURAL_ROLES
from memories.working.entities.mentions import PRONOUNS, Mention

_IS = frozenset(
    {("is",), ("am",), ("is", "now"), ("is", "also"), ("is", "still"), ("works", "as"), ("work", "as")}
)
_CALLED = frozenset({("called",), ("named",), ("is", "called"), ("is", "named"), ("is",), ("name", "is")})
_COPULAS = frozenset({"'s", "'m"})


def join(words: Sequence[Word], found: Sequence[Mention]) -> list[Mention]:
    """The mentions with each name or pronoun and what it is said to be made one, after the possessor."""
    joined: list[Mention] = []
    at = 0
    while at < len(found):
        one, rest = found[at], found[at + 1 : at + 3]
        if _names(words, one, rest):
            joined.append(_made(rest[0], one))
            at += 2
        elif _says(words, one, rest[:1]):
            joined.append(_made(one, rest[0]))
            at += 2
        elif len(rest) == 2 and rest[1].description and rest[1].description.owned and _says(words, one, rest):
            joined += [rest[0], _made(one, rest[1])]
            at += 3
        else:
            joined.append(one)
            at += 1
    return joined


def introduction(words: Sequence[Word], found: Sequence[Mention]) -> str:
    """The name that the speaker gives as their own; empty if none."""
    for one, other in pairwise(found):
        if one.form != "pronoun" or other.form != "name" or PRONOUNS[one.text.lower()] != "I":
            continue
        between = _between(words, one.end, other.start)
        if one.possessive and between == ("name", "is"):
            return other.text
        am = between == ("am",) or (not between and words[one.end - 1].tail == "'m")
        if am and other.text.split()[0].lower() in GIVEN_NAMES and not other.possessive:
            return other.text
    return ""


def _made(name: Mention, description: Mention) -> Mention:
    start, end = min(name.start, description.start), max(name.end, description.end)
    last = name if name.end == end else description
    kind = description.kind if name.form == "name" and name.kind is None else name.kind
    return replace(
        name,
        start=start,
        end=end,
        phrase=min(name.phrase, description.phrase),
        possessive=last.possessive,
        kind=kind,
        description=description.description,
    )


def _names(words: Sequence[Word], description: Mention, rest: Sequence[Mention]) -> bool:
    """A description is followed by the name of what it describes."""
    if description.form != "description" or not rest or rest[0].form != "name":
        return False
    name = rest[0]
    if description.description is None or description.description.head in PLURAL_ROLES:
        return False
    between = _between(words, description.end, name.start)
    if between:
        return between in _CALLED and (between != ("name", "is") or description.possessive)
    return not description.possessive and (
        words[name.start].gap == " "
        or (words[name.start].gap in {", ", " ("} and not _listed(words, name.end))
    )


def _says(words: Sequence[Word], one: Mention, rest: Sequence[Mention]) -> bool:
    """A name or pronoun is followed by a description of the same; `rest` ends with it, its possessor before."""
    if not rest or one.form == "description" or one.possessive or rest[-1].form != "description":
        return False
    description = rest[-1].description
    if description is None or description.owned != (len(rest) == 2) or description.head in PLURAL_ROLES:
        return False
    if one.form == "pronoun" and (
        PRONOUNS[one.text.lower()] not in {"I", "she", "he"} or description.head not in PERSON_ROLES
    ):
        return False
    start = rest[0].start
    between = _between(words, one.end, start)
    if between:
        return between in _IS
    if words[one.end - 1].tail in _COPULAS:
        return True
    return one.form == "name" and words[start].gap in {", ", " ("} and not _listed(words, rest[-1].end)


def _between(words: Sequence[Word], start: int, end: int) -> tuple[str, ...]:
    return tuple(word.lower for word in words[start : min(end, start + 4)])


def _listed(words: Sequence[Word], end: int) -> bool:
    """Commas separate the items of a list here: "my brother, Ana, and Tom"."""
    return end < len(words) and words[end].lower in {"and", "or"}
