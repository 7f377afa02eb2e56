"""Mentions in a sentence, by English patterns: names, descriptions such as "my sister", and pronouns."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from graph.english.function_words import STOP_WORDS
from graph.english.kinds import Kind, kind_of, kind_of_noun
from graph.english.proper import LONGEST_NAME, Known, name_end, title_in_quotes
from graph.english.text import Sentence, Word, shortened
from graph.english.words import (
    ABSTRACT,
    AUXILIARIES,
    BE,
    OPENERS,
    PERSON_ROLES,
    STATE_VERBS,
    STATES,
    THINGS,
    VERBS,
    word_set,
)
from memories.working.entities.empty import is_empty

LONGEST_DESCRIPTION = 3
LONGEST_POSSESSION = 3

Person = Literal["I", "you", "she", "he", "they", "it"]
_FORMS: dict[Person, str] = {
    "I": "i me my mine myself",
    "you": "you your yours yourself",
    "she": "she her hers herself",
    "he": "he him his himself",
    "they": "they them their theirs themselves",
    "it": "it its itself",
}
PRONOUNS = {form: person for person, forms in _FORMS.items() for form in forms.split()}
_POSSESSIVES = word_set("my your her his their")
_DETERMINERS = word_set("the our this that a an")
# Family spoken of as by a name: "Mom called" is the speaker's mother.
_FAMILY = word_set("mom mum mommy dad daddy grandma grandpa granny")
# After "'s" these make it a verb: "Ana's a nurse", "Ana's been away".
_VERBAL = word_set("a an the not so been got gone going in on at very really my your our")


@dataclass(frozen=True, slots=True)
class Description:
    """What something is said to be: "old friend", "landlord", "nurse"."""

    noun: str
    head: str
    owned: bool
    """It belongs to whoever is mentioned just before: "my", "Ana's"."""
    definite: bool
    """False after "a", which says what something is but not which one."""


@dataclass(frozen=True, slots=True)
class Mention:
    form: Literal["name", "description", "pronoun"]
    text: str
    start: int
    end: int
    """It is the words of the sentence from `start` up to `end`."""
    phrase: int
    """Where its noun phrase begins, which may be with a possessor: "my" of "my sister"."""
    possessive: bool = False
    kind: Kind | None = None
    description: Description | None = None
    """What a description says; with a name or pronoun, what the sentence says that it is."""


def find_mentions(sentence: Sentence, known: Known, capitals: Collection[str]) -> Iterator[Mention]:
    """The mentions in order; the possessor comes right before what it possesses."""
    words, at = sentence.words, 0
    titles = title_in_quotes(sentence)
    while at < len(words):
        found = list(_at(sentence, at, known, capitals, titles))
        yield from found
        at = max((each.end for each in found), default=at + 1)


def _at(
    sentence: Sentence, at: int, known: Known, capitals: Collection[str], titles: dict[int, int]
) -> Iterator[Mention]:
    words = sentence.words
    word = words[at]
    if end := titles.get(at) or name_end(sentence, at, known, capitals):
        kind: Kind | None = "thing" if at in titles else kind_of(words, at, end)
        owner = Mention("name", _name(sentence, at, end), at, end, at, _owns(words, end - 1), kind)
        yield owner
        if owner.possessive:
            yield from _possession(sentence, end, known, phrase=at)
    elif word.lower in PRONOUNS and not is_empty(words, at):
        possessed = (
            list(_possession(sentence, at + 1, known, phrase=at)) if word.lower in _POSSESSIVES else []
        )
        yield Mention("pronoun", word.text, at, at + 1, at, word.lower in _POSSESSIVES)
        yield from possessed
    elif word.lower in _DETERMINERS:
        if end := _noun_end(words, at + 1, known):
            described = _described(sentence, at, at + 1, end, phrase=at)
            yield described
            if described.possessive:
                yield from _possession(sentence, end, known, phrase=at)
    elif word.lower in _FAMILY and (at == 0 or words[at - 1].lower not in STOP_WORDS or word.capital):
        yield Mention("pronoun", "my", at, at, at, possessive=True)
        yield from _possession(sentence, at, known, phrase=at)


def _possession(sentence: Sentence, start: int, known: Known, *, phrase: int) -> Iterator[Mention]:
    """What the possessor before `start` possesses, and what this possesses in its turn: "my sister's car"."""
    for _ in range(LONGEST_POSSESSION):
        end = _noun_end(sentence.words, start, known)
        if not end:
            return
        possessed = _described(sentence, start, start, end, phrase=phrase)
        yield possessed
        if not possessed.possessive:
            return
        start = end


def _described(sentence: Sentence, start: int, noun: int, end: int, *, phrase: int) -> Mention:
    """The description in the words from `start`, its noun from `noun` after a determiner if there is one."""
    words = sentence.words
    head = words[end - 1].lower
    said = Description(
        noun=" ".join(word.lower for word in words[noun:end]),
        head=head,
        owned=noun == start,
        definite=noun == start or words[start].lower not in {"a", "an"},
    )
    owns = said.definite and _owns(words, end - 1)
    text = _text(sentence, start, end)
    return Mention("description", text, start, end, phrase, owns, kind_of_noun(head), said)


def _noun_end(words: Sequence[Word], start: int, known: Known) -> int:
    """The end of a description that begins at `start`; 0 if there is none that could be kept apart."""
    found = 0
    for at in range(start, min(start + LONGEST_DESCRIPTION, len(words))):
        word = words[at]
        if (at > start and (word.gap != " " or words[at - 1].tail)) or word.lower in STOP_WORDS | OPENERS:
            break
        if word.lower in PERSON_ROLES or (
            (word.lower in THINGS or word.lower in known.nouns) and _ends(words, at + 1)
        ):
            found = at + 1
        elif word.capital or not word.text.isalpha() or word.lower in VERBS | AUXILIARIES or found:
            break
        elif _has_state(words, at):
            return at + 1
        elif word.lower.endswith("s") and not word.lower.endswith("ss"):
            break  # a verb, as in "the service that allows users"
    return found


def _ends(words: Sequence[Word], at: int) -> bool:
    """Whether a noun ends before a word, or goes on as in "the budget tracker"."""
    if at == len(words) or words[at].gap != " " or words[at - 1].tail:
        return True
    word = words[at]
    return (
        word.capital
        or word.lower in STOP_WORDS | OPENERS | VERBS | AUXILIARIES | STATE_VERBS | THINGS
        or word.lower.endswith(("ed", "ing", "ly"))
    )


def _has_state(words: Sequence[Word], at: int) -> bool:
    """The word is a thing that something is said of: "the dishwasher is broken", "the parcel arrived"."""
    word, after = words[at], [each.lower for each in words[at + 1 : at + 4]]
    if word.lower in ABSTRACT or word.lower in AUXILIARIES or len(word.text) < 3:
        return False
    if word.tail:
        return word.tail == "'s" and after[:1] != [] and after[0] in STATES
    return after[:1] != [] and (
        after[0] in STATE_VERBS or (after[0] in BE | {"has"} and any(each in STATES for each in after[1:]))
    )


def _owns(words: Sequence[Word], at: int) -> bool:
    """Whether the "'s" of a word is a possessive and not "is" or "has"."""
    if words[at].tail != "'s":
        return False
    after = words[at + 1].lower if at + 1 < len(words) and words[at + 1].gap == " " else ""
    return not (after in _VERBAL or after in STATES or after.endswith("ing"))


def _name(sentence: Sentence, start: int, end: int) -> str:
    """The name with its capitals, also where it was written without or all in capitals."""
    text = _text(sentence, start, end)
    return shortened(text.title(), LONGEST_NAME) if text.islower() or not sentence.capitals_tell else text


def _text(sentence: Sentence, start: int, end: int) -> str:
    return " ".join(sentence.text[sentence.words[start].start : sentence.words[end - 1].end].split())
