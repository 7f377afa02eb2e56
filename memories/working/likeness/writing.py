"""What symbols, capitals and quotation marks of a prompt say, in time linear in its length."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from memories.working.likeness.vocabulary import (
    BEFORE_MONTH,
    CASED_UNITS,
    MONTHS_OR_VERBS,
    PROPER,
    SPELT_OUT,
    TOOLS,
)

EDGES = "\"'“”«»`()[]{}<>,;:.!?…*-–—"
OPENING = ('"', "'", "“", "«", "`", "(")
CLOSING = "\"'”»`)]}*"
ENDS = (".", "!", "?", ":", ";", "…")

_QUOTED = re.compile(r'"([^"]*)"|“([^“”]*)”|«([^«»]*)»|`([^`]*)`' + r"|(?<!\w)'([^']*)'(?!\w)")
_SYMBOLS = re.compile(r"[!-/:-@\[-^`{-~]+")
# What belongs together whatever blanks are in it: f(a, b), x[0], {2,3}.
_BRACKETED = re.compile(r"(?<=\w)\([^()]*\)|\[[^\[\]]*\]|\{[^{}]*\}")
_OPERATION = re.compile(r"(?<!\w)(\w+)\s*([-+*/%=<>!&|^~]+)\s*(?=(\w+))")
_PROSE = frozenset(".,;:!?'\"()`-")
# Written as words too, or a unit, or part of an address.
_PLAIN = frozenset("&+%$@/")
# Capitals count in options, escapes, variables, paths, addresses and the likes of "myList", but not in "JavaScript".
_CODE = re.compile(r"^--?[^\W\d]|[\\_$=~|{}\[\]^]|://|\.\w+/\w|^\.{0,2}/\w|^[a-z]{2,}[A-Z][a-z]")


@dataclass(frozen=True, slots=True)
class Writing:
    """What a prompt says by the way it is written."""

    symbols: Counter[str]
    """Operators, emoticons, bracketed code; no punctuation of prose."""
    operations: frozenset[tuple[str, str, str]]
    """Each operator with the words before and after it."""
    forms: dict[str, set[str]]
    """How words are written whose capitals tell two meanings apart, where it can be told."""
    code: frozenset[str]
    quotes: frozenset[str]
    """In lower case, without punctuation at the ends; code in backticks as written."""
    quoted: tuple[str, ...]
    """The same as written."""
    plain: str
    """The text in one line, without its first capital and last stop."""
    material: str
    """What follows the first colon."""


def read_writing(text: str) -> Writing:
    """Read what the words of a prompt do not say; the text has straight apostrophes."""
    chunks = text.split()
    quoted = tuple(quote[0] for quote in _QUOTED.finditer(text))
    line = " ".join(chunks).rstrip(".?! ")
    return Writing(
        symbols=Counter(_symbols(text)),
        operations=frozenset((left, sign, right) for left, sign, right in _OPERATION.findall(text)),
        forms=_forms(chunks, shouted=len(chunks) > 1 and text.isupper()),
        code=frozenset(chunk.strip(EDGES) for chunk in chunks if _CODE.search(chunk.strip("\"'`(),.;:?!"))),
        quotes=frozenset(_heard(quote) for quote in quoted),
        quoted=quoted,
        plain=line[:1].lower() + line[1:],
        material=line.partition(": ")[2],
    )


def _heard(quote: str) -> str:
    line = " ".join(quote.split())
    return line if line.startswith("`") else line.strip(EDGES + " ").casefold()


def _symbols(text: str) -> Iterator[str]:
    for found in _BRACKETED.finditer(text):
        yield "".join(found[0].split())
    for found in _SYMBOLS.finditer(text):
        start, end = found.span()
        before, after = text[max(0, start - 1) : start], text[end : end + 1]
        yield from _said(found[0], led=bool(before.strip()), followed=after)


def _said(run: str, *, led: bool, followed: str) -> Iterator[str]:
    """What is left of a run of symbols without the punctuation of prose."""
    glued = bool(followed.strip())
    if not led and not glued and len(run) > 1 and not run.strip("".join(_PROSE)):
        # On its own: an emoticon or the folder above, but no dash and no dots.
        if run == ".." or (run[0] in ":;=" and run[-1] in "()"):
            yield run
        return
    kept = run if led else run.lstrip("\"'`(")
    kept = kept if glued else kept.rstrip("\"'`).,;:!?")
    if _PROSE.issuperset(kept):
        option = kept in ("-", "--", "!") and not led and followed.isalpha()
        if option or kept == "--" or (kept.startswith("(") and led):
            yield kept
    elif kept not in _PLAIN or (not led and followed.isalpha()):
        yield kept


def _forms(chunks: list[str], *, shouted: bool) -> dict[str, set[str]]:
    """Capitals tell nothing at a sentence's start, in a shouted text, in a title; months are known by their place."""
    forms: dict[str, set[str]] = {}
    long = [chunk for chunk in chunks[1:] if len(chunk) > 3]
    titled = len(long) > 1 and all(chunk[:1].isupper() for chunk in long)
    last, starts = "", True
    for chunk, after in zip(chunks, (*chunks[1:], ""), strict=False):
        core = chunk.strip(EDGES).partition("/")[0].removesuffix("'s")
        core = core.lower() if shouted else core
        word = core.casefold()
        tool = last == "in" and word in TOOLS
        month = word in MONTHS_OR_VERBS and (
            last in BEFORE_MONTH or last[-1:].isdigit() or after[:1].isdigit()
        )
        if core in CASED_UNITS:
            forms.setdefault(word, set()).add(core)
        elif word in SPELT_OUT or (word in PROPER and not (month or tool)):
            known = core.isupper() if word in SPELT_OUT else not (starts or titled or core.isupper())
            if core.islower() or known:
                forms.setdefault(word, set()).add(core)
        last, starts = word, chunk.rstrip(CLOSING).endswith(ENDS)
    return forms
