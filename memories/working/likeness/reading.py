"""Reads from a prompt what the guards of ``likeness`` compare, in time linear in its length."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from memories.working.likeness.stems import stem
from memories.working.likeness.vocabulary import (
    ALSO_PARTS,
    AUXILIARIES,
    BEFORE_MONTH,
    BEFORE_PRONOUN,
    CONNECTIVES,
    DATES,
    MONTHS_OR_VERBS,
    NEGATORS,
    NUMBERS,
    PERIODS,
    PHRASES,
    PHRASING,
    PHRASING_STEMS,
    SPEAKERS,
    SPOKEN,
    SYMMETRIC,
    SYNONYMS,
    TENS,
    UNITS,
    WHICH_PERIOD,
)
from memories.working.likeness.writing import CLOSING, EDGES, ENDS, OPENING, Writing, read_writing

_TOKEN = re.compile(r"(?:(?<![\w.)])-)?\.?\d+(?:[.,:]\d+)*|[^\W\d_]+(?:'[^\W\d_]+)*(?:\+\+|#)?|!=|[^\w\s]")
_THOUSANDS = re.compile(r"-?\d{1,3}(?:,\d{3})+(?:\.\d+)?")
# An address, a path, a name in code or of a product: one word, whatever punctuation is in it.
_IDENTIFIER = re.compile(r"[@_\\]|\w[./:]+[^\W\d]|[^\W\d]\d|\d[^\W\d]+\d|[a-z][A-Z]")
_INITIALS = re.compile(r"(?:[^\W\d_]\.)+[^\W\d_]")  # a.m, U.S
_APOSTROPHES = str.maketrans({"’": "'", "‘": "'", "−": "-"})
_RAISED = re.compile(r"[⁰¹²³⁴-⁹⁺⁻]+")
_FRACTION = re.compile(r"(?<=\d)(?=[¼-¾⅐-⅞])")
_RANGE = re.compile(r"(?<=\d)(?:-|\s?–\s?)(?=\d)")
_WORD = re.compile(r"[^\W\d_]+(?:'s\b|(?<=s)'(?=\s+\w))?|\d+")
_ADVERB = re.compile(r".{3}(?:al|ent|ant|ed|ab|ib|ous|ive|ing|less|ful|ate|ete)ly$")
_AFTER_BREAK = re.compile(r"[,;:.?!]\s+(\w+)")
_TIMES = re.compile(r"(?<=\d)\s*\*\s*(?=\d)")
_MINUS = re.compile(r"(?<=\d) - (?=\d)|(?<=\b\w) - (?=\w\b)")
_OVER = re.compile(r"(?<=\d)\s*/\s*(?=\d)")
_CONTRACTED = {
    "can't": "can not",
    "won't": "will not",
    "shan't": "shall not",
    "cannot": "can not",
    "ain't": "is not",
}
_NOT = re.compile(r"^(ca|wo|do|does|did|is|are|was|were|could|should|would|have|has|had|need|must)n'?t$")
_IS = re.compile(r"^(what|who|where|when|why|how|it|that|there|here)'s$")
_ENDING = re.compile(r"'(?:s|re|ll|ve|d|m)?$")


class Place(NamedTuple):
    """A word whose place among the others says who does what."""

    root: str
    lead: str
    """The preposition, conjunction or comma between it and the place before; a comma too where the prompt begins."""
    spare: bool = False
    """It is no content, but a number, a pronoun, a letter: it has a part where both prompts have it."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """A prompt as the guards see it."""

    spelt: frozenset[str]
    """Its words as written, but in lower case and without contractions."""
    words: tuple[str, ...]
    """The same in order, numbers in digits and ways of asking made alike; symbols, but no punctuation."""
    stems: tuple[str, ...]
    """Of the words, place by place."""
    content: tuple[str, ...]
    """Of the words that say what is asked; of synonyms, the first."""
    places: tuple[Place, ...]
    """The same in order with numbers, pronouns and single letters."""
    numbers: tuple[str, ...]
    units: Counter[tuple[str, str]]
    dates: frozenset[str]
    names: frozenset[str]
    """Names, identifiers and quoted words, in lower case."""
    ranges: frozenset[tuple[str, str, str]]
    """Numbers with what joins them: 3 to 5."""
    owners: tuple[str, ...]
    """As "wife" in "my wife's brother" and "the brother of my wife"."""
    belongings: frozenset[str]
    writing: Writing


def read_prompt(text: str) -> Prompt:
    """Read a prompt; any string will do."""
    text = _FRACTION.sub(" ", _RAISED.sub(r"^\g<0>", text))  # or NFKC makes 102 of 10² and 21/2 of 2½
    text = unicodedata.normalize("NFKC", text).translate(_APOSTROPHES)
    text = _RANGE.sub(" to ", _MINUS.sub(" minus ", _TIMES.sub(" times ", text)))
    writing = read_writing(text)
    spelt, names = _spell(_OVER.sub(" ÷ ", text))
    words = _count(_rephrase(spelt))
    stems = tuple(stem(word) for word in words)
    owners, belongings = _belongings(text)
    return Prompt(
        spelt=frozenset(spelt),
        words=tuple(words),
        stems=stems,
        content=tuple(
            canonical(root) for word, root in zip(words, stems, strict=True) if _is_content(word, root)
        ),
        places=tuple(_places(words, stems, {*_words(" ".join(_AFTER_BREAK.findall(text)))})),
        numbers=tuple(word for word in words if _is_number(word)),
        units=Counter(pair for pair in pairwise(words) if _is_number(pair[0]) and pair[1] in UNITS),
        dates=frozenset(_dates(words)),
        names=frozenset(names) | {word for quote in writing.quoted for word in _words(quote)},
        ranges=frozenset(_ranges(words)),
        owners=owners,
        belongings=belongings,
        writing=writing,
    )


def _spell(text: str) -> tuple[list[str], set[str]]:
    """The words of a text, and those among them that are names or identifiers."""
    words: list[str] = []
    names: set[str] = set()
    shouted = text.isupper()
    starts = True
    for chunk in text.split():
        core = chunk.strip(EDGES)
        if _INITIALS.fullmatch(core):
            core = core.replace(".", "")
            words += _spellings(core)
        elif _IDENTIFIER.search(core):
            words.append(core.casefold())
            names.add(core.casefold())
        else:
            words += _words(chunk)
        if not shouted and _is_name(core, starts=starts or chunk.startswith(OPENING)):
            names.update(list(_words(core))[:1])
        starts = chunk.rstrip(CLOSING).endswith(ENDS)
    return words, names


def _is_name(word: str, *, starts: bool) -> bool:
    if not word[:1].isupper() or word.startswith("I'") or word.casefold() in PHRASING:
        return False
    return not starts or (len(word) > 1 and word.isupper())


def _words(text: str) -> Iterator[str]:
    for token in _TOKEN.findall(text):
        yield from _spellings(token)


def _spellings(token: str) -> Iterator[str]:
    """The words a token stands for: none for punctuation, two for a contraction with "not"."""
    if token[-1].isdigit():
        yield _digits(token)
    elif token[0].isalpha():
        word = token.casefold()
        word = _IS.sub(r"\1 is", _NOT.sub(r"\1 not", _CONTRACTED.get(word, word)))
        yield from _ENDING.sub("", word).split()
    elif token in SPOKEN:
        yield SPOKEN[token]
    elif token in UNITS or token == "!=" or (unicodedata.category(token[0])[0] in "SM" and token != "`"):
        yield token


def _digits(number: str) -> str:
    if _THOUSANDS.fullmatch(number):
        return number.replace(",", "")
    if number.startswith("."):
        return "0" + number
    return number.removesuffix(":00") if number.count(":") == 1 else number


def _rephrase(words: Sequence[str]) -> list[str]:
    text = " ".join(words)
    for pattern, phrase in PHRASES:
        text = pattern.sub(phrase, text)
    return text.split()


def _count(words: Sequence[str]) -> list[str]:
    """Numbers in digits without the endings of ordinals, "twenty five" as one, units after them by one name."""
    counted: list[str] = [""]
    for last, word, after in zip(("", *words), words, (*words[1:], ""), strict=False):
        beside = _is_number(counted[-1])
        if beside and word in ("st", "nd", "rd", "th"):
            continue
        if last in TENS and word in NUMBERS and len(NUMBERS[word]) == 1:
            counted[-1] = str(TENS[last] + int(NUMBERS[word]))
        elif beside and word in UNITS:
            counted.append(UNITS[word])
        elif _is_number(word) and last in UNITS and unicodedata.category(last[0]) == "Sc":
            counted[-1:] = [word, UNITS[last]]
        elif word == "one" and (last in BEFORE_PRONOUN or not after or after in PHRASING):
            counted.append(word)
        else:
            counted.append(NUMBERS.get(word, word))
    return counted[1:]


def _is_number(word: str) -> bool:
    return word[-1:].isdigit() and word[0] in "-x0123456789"


def _ranges(words: Sequence[str]) -> Iterator[tuple[str, str, str]]:
    places = zip(("", *words), words, words[1:], words[2:], strict=False)
    for last, number, joint, other in places:
        joins = joint in PHRASING and joint not in MONTHS_OR_VERBS and (joint != "and" or last == "between")
        if joins and _is_number(number) and _is_number(other):
            yield number, "to" if joint == "and" else joint, other


def _belongings(text: str) -> tuple[tuple[str, ...], frozenset[str]]:
    """The owners in "my wife's brother" and "the brother of my wife", and what is theirs."""
    owners: dict[str, None] = {}
    things: set[str] = set()
    run: list[str] = []
    owning = owned = False
    for word in _WORD.findall(text.casefold()):
        name, mark, _ = word.partition("'")
        if name in PHRASING or name in AUXILIARIES:
            if name == "of":
                things.update(run)
            # "of the house", "my wife's own house": what it is comes after these.
            owning, owned, run = name == "of" or (owning and not run), owned and not run, []
            continue
        run.append(canonical(stem(name)))
        if owned:
            things.add(run[-1])
        if owning or mark:
            owners[run[-1]] = None
        if mark:
            owning, owned, run = False, True, []
    return tuple(owners), frozenset(things)


def canonical(root: str) -> str:
    return SYNONYMS.get(root, root)


def _dates(words: Sequence[str]) -> Iterator[str]:
    for last, word, after in zip(("", *words), words, (*words[1:], ""), strict=False):
        if word in DATES:
            yield DATES[word]
        elif word in MONTHS_OR_VERBS and (last in BEFORE_MONTH or _is_number(last) or _is_number(after)):
            yield word
        if word in WHICH_PERIOD and after.removesuffix("s") in PERIODS:
            yield f"{WHICH_PERIOD[word]} {after.removesuffix('s')}"


def _is_content(word: str, root: str) -> bool:
    known = word in PHRASING or root in PHRASING_STEMS or word in AUXILIARIES or word in NEGATORS
    return not (known or _is_number(word))


def _places(words: Sequence[str], stems: Sequence[str], after_break: set[str]) -> Iterator[Place]:
    lettered = any(len(word) == 1 and word.isalpha() and word not in PHRASING for word in words)
    lead = ","
    for last, word, root, after in zip(("", *words), words, stems, (*words[1:], ""), strict=False):
        beside_month = _is_month(last) or _is_month(after)
        if word in after_break:
            lead = ","
        if word in CONNECTIVES or word in SYMMETRIC or word == "of":
            lead = word
        if word in SPEAKERS:
            yield Place(SPEAKERS[word], lead, spare=True)
        elif _ADVERB.search(word):
            continue  # how something is done may be said anywhere
        elif _is_content(word, root):
            yield Place(canonical(root), lead)
        elif root in ALSO_PARTS or (word == "a" and lettered) or (_is_number(word) and not beside_month):
            yield Place(root, lead, spare=True)
        else:
            continue
        lead = ""


def _is_month(word: str) -> bool:
    return word in MONTHS_OR_VERBS or word in DATES
