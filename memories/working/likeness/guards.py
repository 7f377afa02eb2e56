"""Whether the stored answer to one prompt may answer another.

Two prompts whose vectors have a cosine of at least the setting ``MEMOS_LLM_CACHE_THRESHOLD`` are about the same
thing, but an embedding hardly sees a changed number, name or "not". The guards here read the words, and any of them
forbids reuse: a wrong answer costs more than a missing one. They know English; in other languages, only what needs
no vocabulary (numbers, names, symbols, quotations, words that are replaced by others and the order of words).

Measured by ``benchmarks/llm_cache_pairs.py`` on 872 labelled pairs, most of the unlike ones a word or two
apart: at the threshold, without guards half of the hits are false; with them none is, and 82 % (the half the
guards were made on) and 74 % (the other half) of the pairs that ask the same are still found. The threshold
is the lowest, in steps of 0.02, at which neither half has a false hit. Of 145 and 60 further pairs, written against
the guards, 5 of 65 and 19 of 38 hits were false before their failures were mended.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from itertools import pairwise

from memories.working.likeness.order import is_reordered
from memories.working.likeness.reading import Prompt, canonical
from memories.working.likeness.vocabulary import (
    ABOUT_WRITING,
    ARTICLES,
    ASKING_PERSON,
    AUXILIARIES,
    FOCUSING,
    FORMAT_LEADS,
    FORMATS,
    KINDS,
    LIGHT,
    MODALS,
    NEGATIVE_PREFIXES,
    NEGATORS,
    OPPOSITES,
    OTHER_PERSONS,
    PAST,
    PERSONS,
    PHRASING,
    POLITE,
    PREPOSITIONS,
    PRESENT,
    SAME_PREPOSITIONS,
    TO_OR_ING,
    WISHES,
)


def differs(stored: Prompt, asked: Prompt) -> str | None:
    """The name of the first guard that forbids answering one prompt with the other's answer, or None.

    The order of the two does not matter. Takes time linear in their lengths.
    """
    guards = WRITING_GUARDS if stored.words == asked.words else GUARDS | WRITING_GUARDS
    return next((name for name, forbids in guards.items() if forbids(stored, asked)), None)


def _numbers(one: Prompt, other: Prompt) -> bool:
    return one.numbers != other.numbers or one.units != other.units or one.ranges != other.ranges


def _dates(one: Prompt, other: Prompt) -> bool:
    return one.dates != other.dates


def _tense(one: Prompt, other: Prompt) -> bool:
    return (_is_past(one) and _is_present(other)) or (_is_past(other) and _is_present(one))


def _is_past(prompt: Prompt) -> bool:
    return not PAST.isdisjoint(prompt.words) and PRESENT.isdisjoint(prompt.words)


def _is_present(prompt: Prompt) -> bool:
    return not PRESENT.isdisjoint(prompt.words) and PAST.isdisjoint(prompt.words)


def _names(one: Prompt, other: Prompt) -> bool:
    return _lacks_name(one, other) or _lacks_name(other, one)


def _lacks_name(one: Prompt, other: Prompt) -> bool:
    """Whether a name of the other prompt is nowhere in this one, not even in small letters.

    A name has no inflection: Edwards is not Edward.
    """
    known = {*one.spelt, *one.words, *(canonical(word) for word in one.words)}
    return any(known.isdisjoint((name, canonical(name))) for name in other.names)


def _modality(one: Prompt, other: Prompt) -> bool:
    """May or must; what has neither may stand for it unless one of both is to be answered by yes or no."""
    mine, its = {*_modals(one)}, {*_modals(other)}
    if "request" in mine | its:
        mine, its = mine - {"request", "can"}, its - {"request", "can"}
    decided = _is_yes_or_no(one) or _is_yes_or_no(other)
    if "need" in mine | its:
        # "What do I need to pack" is both what I should and what I must.
        duties = {"must"} if decided else {"must", "should"}
        mine, its = ({"need" if modal in duties else modal for modal in modals} for modals in (mine, its))
    return mine != its and (decided or bool(mine and its))


def _modals(prompt: Prompt) -> Iterator[str]:
    words = ("", "", *prompt.words, "")
    for before, last, word, after in zip(words, words[1:], words[2:], words[3:], strict=False):
        if word in ("have", "has") and after == "to":
            yield "must"
        elif word in MODALS and last != "how" and not (word == "may" and "may" in prompt.dates):
            wishing = word in WISHES and last == "i" and before not in AUXILIARIES
            if word in POLITE and after == "you":
                yield "request"
            elif not wishing:
                yield MODALS[word]


def _persons(one: Prompt, other: Prompt) -> bool:
    """He or she, my or your, am I or are you; but "how do you" asks the same as "how do I"."""
    mine, its = {*_meant(one)}, {*_meant(other)}
    return any(not OTHER_PERSONS[who].isdisjoint(its - mine) for who in mine - its)


def _meant(prompt: Prompt) -> Iterator[str]:
    for word, after in pairwise((*prompt.words, "")):
        if word in PERSONS:
            yield PERSONS[word]
        elif word in ASKING_PERSON and after in ("i", "you"):
            yield after


def _negation(one: Prompt, other: Prompt) -> bool:
    denied, others = _denied(one), _denied(other)
    if denied.total() != others.total():
        return True
    # Each may deny something in its own words, but not what the other affirms.
    if any(word in other.stems for word, _ in denied.keys() - others.keys()):
        return True
    if any(word in one.stems for word, _ in others.keys() - denied.keys()):
        return True
    mine, its = _only(one, other), _only(other, one)
    return _has_negated(mine, its) or _has_negated(its, mine)


def _denied(prompt: Prompt) -> Counter[tuple[str, int]]:
    """What each "not" is said of: the next word of content, and which of its occurrences it is."""
    denied: Counter[tuple[str, int]] = Counter()
    seen: Counter[str] = Counter()
    waiting = 0
    for word, root in zip(prompt.words, prompt.stems, strict=True):
        if word in NEGATORS:
            waiting += 1
        elif word not in PHRASING and word not in AUXILIARIES:
            seen[root] += 1
            denied[root, seen[root]] += waiting
            waiting = 0
    denied["", 0] = waiting
    return +denied


def _only(one: Prompt, other: Prompt) -> set[str]:
    return {*one.stems} - {*other.stems}


def _has_negated(words: set[str], plain: set[str]) -> bool:
    """Whether one of the words is a plain one with un-, non- or the like before it."""
    return any(
        word.startswith(prefix) and len(word) > len(prefix) + 2 and word.removeprefix(prefix) in plain
        for word in words
        for prefix in NEGATIVE_PREFIXES
    )


def _opposites(one: Prompt, other: Prompt) -> bool:
    its = _only(other, one)
    return any(not its.isdisjoint(OPPOSITES.get(word, ())) for word in _only(one, other))


def _question(one: Prompt, other: Prompt) -> bool:
    if (_is_yes_or_no(one) and _asks_what(other)) or (_is_yes_or_no(other) and _asks_what(one)):
        return True
    mine, its = {*_kinds(one)}, {*_kinds(other)}
    if mine and its and mine.isdisjoint(its):
        return True
    return _unasked(mine - its, other) or _unasked(its - mine, one)


def _is_yes_or_no(prompt: Prompt) -> bool:
    """Whether a prompt begins as "should I" does; "could you" begins a request."""
    return prompt.words[0] in AUXILIARIES and prompt.words[1:2] != ("you",) if prompt.words else False


def _asks_what(prompt: Prompt) -> bool:
    return "what" in prompt.words or "which" in prompt.words


def _kinds(prompt: Prompt) -> Iterator[str]:
    """What the question words ask for; not those that join clauses ("when it rains")."""
    words = ("", *prompt.words, "")
    for last, word, after in zip(words, words[1:], words[2:], strict=False):
        match word:
            case "how" if f"how {after}" in KINDS:
                yield f"how {after}"
            case "how" if after in AUXILIARIES or after in ("to", ""):
                yield "how"
            case "when" | "where" if after in AUXILIARIES or not after:
                yield word
            case "who" | "whose" | "whom" if not last or last in PHRASING:
                yield "whom" if word == "whom" or after in ("do", "does", "did") else "who"
            case "why":
                yield word


def _unasked(kinds: set[str], prompt: Prompt) -> bool:
    """Whether a prompt asks for none of these kinds, not even in other words."""
    missing = {kind for kind in kinds if KINDS[kind].isdisjoint(prompt.stems)}
    # A command and "how do I" ask for the same, "should I" and "what is" for something else.
    if missing == {"how"}:
        return _is_yes_or_no(prompt) or _asks_what(prompt)
    return bool(missing)


def _format(one: Prompt, other: Prompt) -> bool:
    return {*_formats(one)} != {*_formats(other)}


def _formats(prompt: Prompt) -> Iterator[str]:
    for place, word in enumerate(prompt.words):
        if word in FORMATS and not FORMAT_LEADS.isdisjoint(prompt.words[max(0, place - 3) : place]):
            yield FORMATS[word]


def _scope(one: Prompt, other: Prompt) -> bool:
    """Whether only one of them says something more, which narrows it."""
    mine, its = {*one.content} - {*other.content}, {*other.content} - {*one.content}
    return bool(mine - LIGHT) != bool(its - LIGHT) or {*_focused(one)} != {*_focused(other)}


def _focused(prompt: Prompt) -> Iterator[tuple[str, str]]:
    """Each "only" or the like with the word after it."""
    pairs = zip(prompt.words, (*prompt.stems[1:], ""), strict=False)
    return ((word, root) for word, root in pairs if word in FOCUSING)


def _preposition(one: Prompt, other: Prompt) -> bool:
    """Whether they are the same but for prepositions that do not stand for each other."""
    mine = [word for word in one.words if word not in ARTICLES]
    its = [word for word in other.words if word not in ARTICLES]
    if len(mine) != len(its):
        return False
    changed = [{word, other_word} for word, other_word in zip(mine, its, strict=True) if word != other_word]
    return all(words <= PREPOSITIONS for words in changed) and any(
        words not in SAME_PREPOSITIONS for words in changed
    )


def _complement(one: Prompt, other: Prompt) -> bool:
    """Whether one stops to do what the other stops doing."""
    mine, its = dict(_complements(one)), dict(_complements(other))
    return any(its.get(done, form) != form for done, form in mine.items())


def _complements(prompt: Prompt) -> Iterator[tuple[str, str]]:
    """What is done after each verb that may be followed by "to do" and "doing", and in which form."""
    words, stems = (*prompt.words, "", ""), (*prompt.stems, "", "")
    for place, root in enumerate(prompt.stems):
        if root in TO_OR_ING and words[place + 1] == "to":
            yield stems[place + 2], "to"
        elif root in TO_OR_ING and words[place + 1].endswith("ing"):
            yield stems[place + 1], "ing"


def _words(one: Prompt, other: Prompt) -> bool:
    """Whether other words stand in the same place, after or before the same word."""
    mine, its = {*one.content} - {*other.content}, {*other.content} - {*one.content}
    return not {*_surroundings(one, mine)}.isdisjoint(_surroundings(other, its))


def _surroundings(prompt: Prompt, words: set[str]) -> Iterator[tuple[str, str]]:
    """What stands before and after each run of these words, articles left out."""
    roots = ["", *(root for root in prompt.stems if root not in ARTICLES), ""]
    for left, right in pairwise(roots):
        if canonical(left) not in words and canonical(right) in words:
            yield "after", left
        elif canonical(left) in words and canonical(right) not in words:
            yield "before", right


def _symbols(one: Prompt, other: Prompt) -> bool:
    mine, its = one.writing, other.writing
    if mine.symbols != its.symbols:
        return True
    return any(
        (right, sign, left) in its.operations - mine.operations for left, sign, right in mine.operations
    )


def _case(one: Prompt, other: Prompt) -> bool:
    """Polish or polish, US or us, -v or -V; but "aws" is AWS, and in "POLISH" and at the start capitals say nothing."""
    mine, its = one.writing, other.writing
    if any(forms != its.forms.get(word, forms) for word, forms in mine.forms.items()):
        return True
    changed = mine.code ^ its.code
    return any(word.casefold() in one.spelt and word.casefold() in other.spelt for word in changed)


def _quotes(one: Prompt, other: Prompt) -> bool:
    """Other quotations; or, where they ask about the writing, anything written differently."""
    mine, its = one.writing, other.writing
    if not (mine.quotes <= its.quotes or its.quotes <= mine.quotes):
        return True
    if ABOUT_WRITING.isdisjoint(one.words) or ABOUT_WRITING.isdisjoint(other.words):
        return False
    if mine.material and its.material:
        return mine.material != its.material
    return one.words == other.words and mine.plain != its.plain


GUARDS: dict[str, Callable[[Prompt, Prompt], bool]] = {
    "numbers": _numbers,
    "dates": _dates,
    "tense": _tense,
    "names": _names,
    "persons": _persons,
    "negation": _negation,
    "opposites": _opposites,
    "order": is_reordered,
    "question": _question,
    "modality": _modality,
    "format": _format,
    "scope": _scope,
    "words": _words,
    "preposition": _preposition,
    "complement": _complement,
}
# These look at prompts of the same words too.
WRITING_GUARDS: dict[str, Callable[[Prompt, Prompt], bool]] = {
    "symbols": _symbols,
    "case": _case,
    "quotes": _quotes,
}
