"""Where "it" means nothing that was spoken of: the weather, the time, a distance, an empty subject."""

from collections.abc import Iterator, Sequence

from graph.english.text import Word
from graph.english.words import AUXILIARIES, BE, CALENDAR, word_set

# So many words after "it" are read.
READ_AFTER = 8

_NUMBERS = word_set(
    "one two three four five six seven eight nine ten eleven twelve fifteen twenty thirty forty fifty hundred"
)
_WEATHER = word_set(
    "rain rains raining rained rainy snow snows snowing snowed snowy hail hailing hailed thunder thundering drizzling pouring"
)
_TIMES = (
    (CALENDAR - {"fall", "march"})
    | _NUMBERS
    | word_set(
        "late later early earlier time noon midnight midday morning afternoon evening night daytime weekend lunchtime bedtime "
        "dinnertime half quarter past o'clock today tomorrow tonight yesterday ages dark daylight spring summer autumn winter "
        "far further farther miles kilometres kilometers cold colder hot hotter warm warmer chilly freezing humid windy sunny "
        "cloudy foggy stormy icy"
    )
)
_LONG = word_set("long short little while")
_STRETCH = word_set("way walk drive ride flight time while day week month year")
# Empty where a clause says what is so: "it is clear that", "it's hard to".
_JUDGED = word_set(
    "possible impossible important essential crucial vital necessary clear unclear obvious evident likely unlikely true good "
    "great nice lovely bad better best hard harder difficult easy easier tough fun fine ok okay safe wise worth common rare "
    "normal typical strange weird odd funny sad unfortunate fortunate interesting amazing surprising helpful useful "
    "useless wrong right fair said known believed thought recommended pity shame idea pleasure honour honor"
)
_CLAUSES = word_set("that to if whether how what when why where who for because")
_SEEMING = word_set(
    "seem seems seemed appear appears appeared take takes took taken depend depends depended matter matters mattered "
    "happen happens happened"
)
_PAIRED = {
    ("turn", "out"), ("turns", "out"), ("turned", "out"), ("look", "like"), ("looks", "like"), ("looked", "like"),
    ("feel", "like"), ("feels", "like"), ("felt", "like"), ("sound", "like"), ("sounds", "like"), ("sounded", "like"),
    ("make", "sense"), ("makes", "sense"), ("made", "sense"), ("goes", "without"), ("comes", "to"), ("boils", "down"),
}  # fmt: skip
_MAKING = word_set("make makes made making")
_FINDING = word_set("find finds found finding think thinks thought consider considers considered")
_BEING = BE | word_set("be been being got getting become becoming")
_PASSED_OVER = word_set(
    "a an the all so too very really quite rather pretty still just already only even almost nearly about around now also not "
    "never always often probably certainly getting got become becoming be been being such started starts began begins "
    "stopped kept keeps going gonna to supposed this that"
)


def is_empty(words: Sequence[Word], at: int) -> bool:
    """Whether the word at a place is an "it" that stands for nothing, or that cannot be told from one."""
    if words[at].lower != "it":
        return False
    before = words[at - 1].lower if at and words[at].gap == " " else ""
    is_before = before in BE or (before != "" and words[at - 1].tail == "'s")
    after = [*_clause(words, at)]
    if (
        before in _MAKING
        or (before in _FINDING and _is_judged(after))
        or (is_before and after[:1] == ["going"])
    ):
        return True
    said = [*_without_auxiliaries(after)]
    if said[:1] and (said[0] in _SEEMING or tuple(said[:2]) in _PAIRED or said[0] in _WEATHER):
        return True
    passed_over = after[: len(after) - len(said)]
    being = is_before or words[at].tail == "'s" or not _BEING.isdisjoint(passed_over)
    return being and _is_of_nothing(said)


def _clause(words: Sequence[Word], at: int) -> Iterator[str]:
    for word in words[at + 1 : at + 1 + READ_AFTER]:
        if word.gap != " ":
            return
        yield word.lower


def _without_auxiliaries(words: Sequence[str]) -> Iterator[str]:
    leading = True
    for word in words:
        leading = leading and (word in AUXILIARIES or word in _PASSED_OVER)
        if not leading:
            yield word


def _is_of_nothing(said: Sequence[str]) -> bool:
    """Whether what "it" is said to be is a time, the weather or a distance, or something that a clause is about."""
    if not said:
        return False
    if said[0].isdigit() or said[0] in _TIMES:
        return "old" not in said[:3]
    return (said[0] in _LONG and not _STRETCH.isdisjoint(said[:3])) or _is_judged(said)


def _is_judged(said: Sequence[str]) -> bool:
    return not _JUDGED.isdisjoint(said[:2]) and not _CLAUSES.isdisjoint(said[1:5])
