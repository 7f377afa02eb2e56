"""Whether two prompts have their words in other parts: from A to B, A than B, A does B, I do them, A is done by B."""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise

from memories.working.likeness.reading import Place, Prompt
from memories.working.likeness.stems import is_participle
from memories.working.likeness.vocabulary import (
    ASKING,
    AUXILIARIES,
    BE,
    CONNECTIVES,
    DIRECTIONS,
    DO,
    ENGLISH,
    LIGHT,
    PHRASING,
    SPEAKERS,
    STATIVE,
    SUBJECTS,
    SYMMETRIC,
)

# Words beside those that moved which may move with them ("black tea or green tea"), and the most that move in one sentence.
BESIDE, MOST_MOVED = 2, 12
JOINTS = CONNECTIVES | {"of"}


def is_reordered(one: Prompt, other: Prompt) -> bool:
    if not (_is_english(one) or _is_english(other)) and _shared(one, other) != _shared(other, one):
        return True
    if _belongs_otherwise(one, other) or _is_moved(one, other):
        return True
    if one.content == other.content and ("by" in one.words) != ("by" in other.words):
        return True
    if {*_acting(one)} & {*_suffering(other)} or {*_acting(other)} & {*_suffering(one)}:
        return True
    mine, its = {*_led(one)}, {*_led(other)}
    gone, come = mine - its, its - mine
    return any(
        root in other.stems and any(its_lead == lead and its_root in one.stems for its_lead, its_root in come)
        for lead, root in gone
    )


def _is_english(prompt: Prompt) -> bool:
    return 12 * len(ENGLISH & prompt.spelt) >= len(prompt.spelt)


def _shared(one: Prompt, other: Prompt) -> list[str]:
    others = {*other.words}
    return [word for word in one.words if word in others]


def _belongs_otherwise(one: Prompt, other: Prompt) -> bool:
    """Whether an owner has changed places with what is its, or with an owner of its own."""
    mine, its = {*one.owners}, {*other.owners}
    if not ((mine - its).isdisjoint(other.belongings) or (its - mine).isdisjoint(one.belongings)):
        return True
    same_form = one.words.count("of") == other.words.count("of")
    return same_form and mine == its and one.owners != other.owners


def _is_moved(one: Prompt, other: Prompt) -> bool:
    """Whether words that both have stand in another order, and not by a move that leaves the meaning."""
    mine, its = _common(one, other)
    if _roots(mine) == _roots(its) or _lacks(one, mine) or _lacks(other, its):
        return False
    if _is_clause_moved(mine, its) or _is_passive_of(mine, its) or _is_passive_of(its, mine):
        return False
    restated, rebuilt = _is_restated(one, other), _is_rebuilt(one, other)
    return not any(_may_change(parts, restated=restated, rebuilt=rebuilt) for parts in _exchanged(mine, its))


def _may_change(parts: Sequence[Sequence[Place]], *, restated: bool, rebuilt: bool) -> bool:
    if _is_exchange(parts):
        return True
    lengths = {*map(len, parts)}
    compound = _is_compound(parts) or _is_compound([*parts[2:], *parts[:2]])
    return 1 in lengths and (restated or (rebuilt and (compound or len(lengths) == 1)))


def _common(one: Prompt, other: Prompt) -> tuple[list[Place], list[Place]]:
    """The places of the words that both have equally often; of pronouns, where they speak of several."""
    mine, its = _times(one), _times(other)
    common = {root for root, times in mine.items() if its[root] == times}
    people = {place.root for place in one.places if place.root in SPEAKERS} & common
    if len(people) == 1:
        common -= people
    return _kept(one, common), _kept(other, common)


def _times(prompt: Prompt) -> Counter[str]:
    return Counter(place.root for place in prompt.places)


def _kept(prompt: Prompt, roots: set[str]) -> list[Place]:
    kept, lead = [], ""
    for place in prompt.places:
        lead = place.lead or lead
        if place.root in roots:
            kept.append(place._replace(lead=lead))
            lead = ""
    return kept


def _roots(places: Sequence[Place]) -> list[str]:
    return [place.root for place in places]


def _lacks(prompt: Prompt, common: Sequence[Place]) -> bool:
    """Whether the other prompt has not all that this one says."""
    return not {place.root for place in prompt.places if not place.spare} - LIGHT <= {*_roots(common)}


def _is_clause_moved(mine: Sequence[Place], its: Sequence[Place]) -> bool:
    """Whether the first clause of one stands later in the other: "in git, how do I", "how do I ... in git"."""
    end = _moved(mine, its).stop
    turned, twice = (f" {' '.join(roots)} " for roots in (_roots(its[:end]), 2 * _roots(mine[:end])))
    found = twice.find(turned)
    if (
        found < 0 or twice.find(turned, found + 1) >= 0
    ):  # where words repeat, it cannot be told what has moved
        return False
    cut = twice.count(" ", 0, found)
    its_cut = end - cut
    if "," in (mine[cut].lead, its[its_cut].lead) and 2 < end == len(mine):
        return True
    leads = ((mine[0].lead, its[its_cut].lead), (mine[cut].lead, its[0].lead))
    return any(lead == its_lead and lead in CONNECTIVES for lead, its_lead in leads)


def _moved(mine: Sequence[Place], its: Sequence[Place]) -> slice:
    moved = [at for at, (one, other) in enumerate(zip(mine, its, strict=True)) if one.root != other.root]
    return slice(moved[0], moved[-1] + 1)


def _is_passive_of(mine: Sequence[Place], its: Sequence[Place]) -> bool:
    """Whether "by" leads in one who acts in the other: "does X cover Y", "is Y covered by X"."""
    by = next((at for at, place in enumerate(mine) if place.lead == "by"), 0)
    if not by or any(place.lead == "by" for place in its):
        return False
    roots = _roots(mine)
    return _roots(its) == [*roots[by:], roots[by - 1], *roots[: by - 1]]


def _is_restated(one: Prompt, other: Prompt) -> bool:
    """Whether the one who asks does in one what is done in the other: "how do I boil eggs", "how are eggs boiled"."""
    if _is_passive(one) == _is_passive(other):
        return False
    return not ASKING.isdisjoint((other if _is_passive(one) else one).words)


def _is_rebuilt(one: Prompt, other: Prompt) -> bool:
    """Whether they have not the same prepositions, so that neighbours may change places.

    With "do" before a subject in only one of them, "what kills cats" may have become "what do cats kill".
    """
    if one.owners and other.owners and one.belongings != other.belongings:
        return False
    return _does(one) == _does(other) and _joints(one) != _joints(other)


def _does(prompt: Prompt) -> bool:
    """Whether it asks what something does: "what does it kill", and neither "what do I" nor "does it need to be"."""
    asked = any(word in DO and after not in SPEAKERS for word, after in pairwise(prompt.words))
    return asked and not _is_passive(prompt)


def _is_passive(prompt: Prompt) -> bool:
    return not BE.isdisjoint(prompt.spelt) and any(is_participle(word) for word in prompt.spelt)


def _joints(prompt: Prompt) -> Counter[str]:
    return Counter(word for last, word in pairwise(("", *prompt.words)) if word in JOINTS and last != "how")


def _exchanged(mine: Sequence[Place], its: Sequence[Place]) -> Iterator[tuple[Sequence[Place], ...]]:
    """Two neighbouring parts that have changed places, as they are in each prompt."""
    roots, its_roots, moved = _roots(mine), _roots(its), _moved(mine, its)
    first, last = moved.start, moved.stop
    if last - first > MOST_MOVED:
        return
    for start in range(max(0, first - BESIDE), first + 1):
        for end in range(last, min(len(mine), last + BESIDE) + 1):
            for cut in range(start + 1, end):
                if its_roots[start:end] == roots[cut:end] + roots[start:cut]:
                    its_cut = start + end - cut
                    yield mine[start:cut], mine[cut:end], its[start:its_cut], its[its_cut:end]


def _is_exchange(parts: Sequence[Sequence[Place]]) -> bool:
    """Whether two parts may always change places: of "A or B", of "from A to B"."""
    leads, its_leads = _leads(parts)
    if leads[1] in SYMMETRIC and leads == its_leads:
        return True
    if leads == its_leads[::-1] and CONNECTIVES.issuperset(leads):
        return True
    return any(len(part) == 1 and part[0].root in STATIVE for part in parts)


def _is_compound(parts: Sequence[Sequence[Place]]) -> bool:
    """Whether a preposition leads the second part, and none where it is first: "size of a rug", "rug size"."""
    leads, its_leads = _leads(parts)
    return leads[1] in JOINTS and its_leads == (leads[0], "")


def _leads(parts: Sequence[Sequence[Place]]) -> tuple[tuple[str, str], tuple[str, str]]:
    left, right, its_left, its_right = (part[0].lead for part in parts)
    return (left, right), (its_left, its_right)


def _acting(prompt: Prompt) -> Iterator[tuple[str, str]]:
    subjects = {*SUBJECTS.values()}
    pairs = zip(prompt.words, prompt.words[1:], prompt.stems[1:], strict=False)
    return ((who, root) for who, what, root in pairs if who in subjects and what not in AUXILIARIES)


def _suffering(prompt: Prompt) -> Iterator[tuple[str, str]]:
    pairs = zip(prompt.words, prompt.stems, prompt.words[1:], strict=False)
    return (
        (SUBJECTS[whom], root) for what, root, whom in pairs if whom in SUBJECTS and what not in AUXILIARIES
    )


def _led(prompt: Prompt) -> Iterator[tuple[str, str]]:
    """Each word such as "from" or "than" with the first word of content after it."""
    lead = ""
    for word, root in zip(prompt.words, prompt.stems, strict=True):
        if word in DIRECTIONS:
            lead = word
        elif lead and word not in PHRASING:
            yield lead, root
            lead = ""
