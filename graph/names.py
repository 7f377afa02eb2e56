"""Names: how they are written alike, and how like two of them are."""

import hashlib
import re
import unicodedata

import jellyfish

MAX_NAME, MAX_KEY = 200, 20


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# How many letters a word must have for one of them to be perhaps, or surely, a slip of the pen.
SPELT, SLIP = 5, 8
SAME_LETTERS, SLIPPED, OTHER_ORDER, MISSPELT, PART, UNLIKE = 0.97, 0.96, 0.9, 0.88, 0.85, 0.79

_FORMS = "inc|incorporated|ltd|limited|llc|gmbh|ag|corp|corporation|co|plc|sa|bv|kg"
_LEGAL = re.compile(rf"(?<=\S)(?: (?:and|{_FORMS}))+$")
_FAMILY_FIRST = re.compile(
    rf"\s*(\w[\w'’-]*),\s*(?!(?:{_FORMS}|jr|sr)\b)(\w[\w.'’-]*(?: [\w.'’-]+){{0,2}})\s*", re.IGNORECASE
)
_DOTTED_END = re.compile(r"(?<![\w.])(?:\w\.){2,}\s*$")
# Of an address or a path every sign counts.
_ADDRESS = re.compile(r"\w@\w|://|^\s*[~.]{0,2}[/\\]\w|^\s*\w:\\")
_APOSTROPHES = str.maketrans("", "", "'’‘ʼ`")
_LETTERS = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "ð": "d", "ı": "i", "þ": "th", "æ": "ae", "œ": "oe"})
# "C" is not "C++", nor are five euros five dollars.
_SIGNS = frozenset("+#%°$€£¥₹₽₿")
_MARKS = re.compile(rf"\d+(?:[a-z]\b)?|[{''.join(sorted(_SIGNS))}]")
# Left out only beside two words: "Mr Keller" is not "Mrs Keller".
_TITLES = _words("mr mrs ms dr prof professor sir")
_ROLES = _TITLES | _words("president king queen pope captain uncle aunt lord lady")
_SMALL = _words("of the and for in de la der und")
# What kind of thing it is, which a name may have or not: "Harvard University".
_GENERAL = _SMALL | _words(
    "university college institute company group holding fc club team city republic river mount lake airport bridge "
    "park museum hotel festival games contest app software com"
)
# Of one letter they are rather a letter: "Model X", "Anna V."
_ROMAN = {
    "ii": "2",
    "iii": "3",
    "iv": "4",
    "vi": "6",
    "vii": "7",
    "viii": "8",
    "ix": "9",
    "xi": "11",
    "xii": "12",
}
_SPELLINGS = (("ph", "f"), ("ck", "k"), ("c", "k"), ("x", "ks"), ("y", "i"), ("v", "f"), ("z", "s"))
_NICKNAMES = """
alexander alex sasha, alexandra alex sasha, andrew andy drew, anthony tony, benjamin ben, catherine kate cathy,
charles charlie chuck, christina chris tina, christopher chris, daniel dan danny, david dave, deborah debbie,
edward ed eddie ted, elizabeth liz beth lisa betty, frederick fred, gregory greg, henry harry hank, jacob jake,
james jim jimmy jamie, jennifer jen jenny, jessica jess, john jack johnny, jonathan jon, joseph joe joey,
joshua josh, katherine kate kathy katie, kenneth ken, margaret maggie meg peggy, matthew matt, maximilian max,
michael mike mick, nicholas nick, patricia pat trish, patrick pat, peter pete, philip phil, rebecca becky,
richard rick dick rich, robert bob rob bobby, ronald ron, samantha sam, samuel sam, stephen steve, steven steve,
susan sue, theodore ted theo, thomas tom tommy, timothy tim, victoria vicky, william bill will billy liam
"""
_FULL: dict[str, set[str]] = {}
for _line in _NICKNAMES.replace("\n", " ").split(","):
    _full, *_nicks = _line.split()
    for _nick in (_full, *_nicks):
        _FULL.setdefault(_nick, set()).add(_full)


def normal(name: str) -> str:
    """A name without case, accents, punctuation, "the", titles and legal forms, family names last.

    It has at most MAX_NAME characters, and at least one if the name has a letter or digit.
    """
    if _ADDRESS.search(name):
        return _fitting(" ".join(name.split() if "/" in name or "\\" in name else name.casefold().split()))
    name = _DOTTED_END.sub(lambda dotted: dotted[0].replace(".", ""), name.replace("&", " and "))
    if family_first := _FAMILY_FIRST.fullmatch(name):
        name = f"{family_first[2]} {family_first[1]}"
    words = _plain(name).split()
    kept = [word for word in words if word != "the"]
    if len(kept) == 1 and len(kept[0]) <= 3 and kept[0].upper() not in name:
        kept = words  # "The Who" is not the WHO
    while len(kept) > 2 and kept[0] in _TITLES:
        del kept[0]
    return _fitting(_LEGAL.sub("", " ".join(kept or words)))


def sounds(normal_name: str) -> set[str]:
    """The keys, of at most MAX_KEY characters, of which names that are alike have one in common.

    They are how each word sounds, nicknames as their full forms; its first letter with its consonants; its two ends;
    and initials.
    """
    words = normal_name.split()
    keys: set[str] = set()
    for word in words:
        if len(word) > 1 and word not in _SMALL:
            keys |= {_sound(full) for full in _FULL.get(word, {word})}
            keys.add("~" + word[0] + "".join(sorted({*word[1:]} - {*"aeiouyh"})))
            if len(word) > SPELT:
                keys.add(f"{word[:3]}~{word[-2:]}")
    if len(words) > 1:
        keys |= {f"={each}" for each in _initials(words)} | {_sound("".join(words))}
    elif len(normal_name) <= SPELT:
        keys.add(f"={normal_name}")
    return {key[:MAX_KEY] for key in keys if key}


def sound_alike(one: str, other: str) -> bool:
    """Whether a word of one name sounds like one of the other, nicknames as their full forms."""
    mine, its = ({key for key in sounds(each) if "~" not in key and key[0] != "="} for each in (one, other))
    return not mine.isdisjoint(its)


def likeness(one: str, other: str, *, person: bool = False) -> float:
    """How like two normal names are, from 0 to 1, whichever comes first.

    1 is equal, SLIPPED and more surely the same, PART and more a doubt; up to UNLIKE it is the share of trigrams that
    they have in common. Names that differ in a number or sign, or people with two titles, are not alike at all.
    """
    if one == other:
        return 1.0
    words, others = _read(one), _read(other)
    if not words or not others or _marks(words) != _marks(others):
        return 0.0
    if "".join(words) == "".join(others):
        return SAME_LETTERS
    short, long = sorted((words, others), key=len)
    if person and (_ROLES & {*words}) ^ (_ROLES & {*others}):
        return _untitled(words, others)
    if sorted(words) == sorted(others):
        return OTHER_ORDER
    if len(short) == 1 < len(long) and short[0] in _initials(long):
        return PART
    if len(short) == len(long):
        alike = _word_by_word(short, long, person=person)
    elif person:
        alike = PART if _within(short, long) else 0.0
    else:
        alike = PART if {*short} < {*long} and {*long} - {*short} <= _GENERAL else 0.0
    if person:
        alike = min(alike, MISSPELT)  # people have names that differ by a letter
    return alike or UNLIKE * _trigrams(one, other)


def _plain(text: str) -> str:
    """Words of small letters, digits and signs, without the accents of European scripts, with one blank each."""
    text = unicodedata.normalize("NFKD", text).casefold().translate(_APOSTROPHES).translate(_LETTERS)
    letters = [
        letter if letter.isalnum() or letter in _SIGNS or unicodedata.category(letter)[0] == "M" else " "
        for letter in text
        if not "\u0300" <= letter <= "\u036f" and unicodedata.category(letter) != "Cf"
    ]
    return unicodedata.normalize("NFC", " ".join("".join(letters).split()))


def _fitting(text: str) -> str:
    """A text of at most MAX_NAME characters: of a longer one the beginning, and a digest that tells it from others."""
    if len(text) <= MAX_NAME:
        return text
    digest = hashlib.blake2b(text.encode(errors="surrogatepass"), digest_size=8).hexdigest()
    return f"{text[: MAX_NAME - len(digest) - 1].strip()} {digest}"


def _read(name: str) -> list[str]:
    """Its words, Roman numerals after the first as digits."""
    first, *rest = name.split() or [""]
    return [first, *(_ROMAN.get(word, word) for word in rest)] if first else []


def _marks(words: list[str]) -> list[str]:
    """What must be the same, in order: numbers, with a last letter such as in "12a" and "4o", and signs."""
    return [mark for word in words for mark in _MARKS.findall(word)]


def _untitled(words: list[str], others: list[str]) -> float:
    """How like people with different titles are, at most PART: not at all if both have one."""
    if {*words} & _ROLES and {*others} & _ROLES:
        return 0.0
    mine, its = (" ".join(word for word in each if word not in _ROLES) for each in (words, others))
    return min(PART, likeness(mine, its, person=True)) if mine and its else 0.0


def _word_by_word(words: list[str], others: list[str], *, person: bool) -> float:
    """How like names of as many words are: as the least like words; 0 where one is another or all of them differ."""
    alike = [_word(mine, its, person=person) for mine, its in zip(words, others, strict=True)]
    return min(alike) if len(words) == 1 or max(alike) == 1 else 0.0


def _within(short: list[str], long: list[str]) -> bool:
    """Whether a person's shorter name has its words, one at least in full, in this order in the longer one."""
    rest = iter(long)
    return bool({*short} & {*long}) and all(
        any(_word(mine, its, person=True) for its in rest) for mine in short
    )


def _word(mine: str, its: str, *, person: bool) -> float:
    """1 for the same word, 0 for another one, between for a slip, a spelling, a nickname or an initial."""
    if mine == its:
        return 1.0
    if not (mine.isalpha() and its.isalpha()):
        return 0.0
    if person and 1 in (len(mine), len(its)):
        return MISSPELT if mine[0] == its[0] else 0.0
    if person and _FULL.get(mine, {mine}) & _FULL.get(its, {its}):
        return MISSPELT
    return _spelling(mine, its)


def _spelling(mine: str, its: str) -> float:
    """SLIPPED for a doubled letter or two that changed places inside of a long word, MISSPELT for a likely mistake.

    What differs in its first or last sound is another word: "Daniel" and "Daniela".
    """
    folded, other = _folded(mine), _folded(its)
    errors, length = jellyfish.damerau_levenshtein_distance(mine, its), min(len(mine), len(its))
    if errors == 1 and length >= SLIP and mine[0] == its[0] and mine[-1] == its[-1]:
        doubled = re.sub(r"(.)\1", r"\1", mine) == re.sub(r"(.)\1", r"\1", its)
        return SLIPPED if doubled or sorted(mine) == sorted(its) else MISSPELT
    if folded == other:
        return MISSPELT
    if length < SPELT or folded[0] != other[0] or folded[-1] != other[-1]:
        return 0.0
    errors = min(errors, jellyfish.damerau_levenshtein_distance(folded, other))
    return (
        MISSPELT if errors == 1 or (errors == 2 and length >= SLIP and _sound(mine) == _sound(its)) else 0.0
    )


def _folded(word: str) -> str:
    """A word as another would spell it by ear; "ii" stays, for "WWI" and "WWII"."""
    for written, heard in _SPELLINGS:
        word = word.replace(written, heard)
    return re.sub(r"([^i])\1+", r"\1", word[0] + word[1:].replace("h", ""))


def _sound(word: str) -> str:
    """A word of Latin letters by its consonants, any other as it is."""
    return (jellyfish.metaphone(word) if word.isascii() and word.isalpha() else "") or word


def _initials(words: list[str]) -> set[str]:
    """The first letters, of all words and without the small ones."""
    return {"".join(word[0] for word in words), "".join(word[0] for word in words if word not in _SMALL)} - {
        ""
    }


def _trigrams(one: str, other: str) -> float:
    """The share of groups of three letters that two texts have in common, 0 to 1."""
    mine, its = ({*zip(text, text[1:], text[2:], strict=False)} for text in (f"  {one} ", f"  {other} "))
    return len(mine & its) / max(1, len(mine | its))
