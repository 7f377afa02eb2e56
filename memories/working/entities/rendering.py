"""The entities of a session as a few lines for a prompt."""

from collections.abc import Iterable
from math import log2

from memories.working.entities.tracker import Tracker
from memories.working.entities.types import Entity

SHOWN_ALIASES = 3
# Turns after which a mention counts half.
HALF_LIFE = 8
_NAMED_BY = {"spelling", "initials", "similarity"}


def render(tracker: Tracker, *, budget_characters: int) -> str:
    """A line for each entity, what was mentioned lately and often first, in at most so many characters.

    A line reads ``name (aka aliases, kind, role): state [turn of the last mention]``; a "?" marks what was guessed.
    An entity whose line does not fit is left out, and shorter ones after it may still come.
    """
    entities = tracker.entities
    now = max((each.last_turn for each in entities), default=0)
    today = max((each.last_on for each in entities), default="")
    lines, left = [], budget_characters
    for each in sorted(entities, key=lambda each: (-_weight(each, now), each.id)):
        line = _line(each, today)
        if len(line) <= left:
            lines.append(line)
            left -= len(line) + 1
    return "\n".join(lines)


def _weight(entity: Entity, now: int) -> float:
    """Rises with the number of mentions and falls with the turns since the last."""
    return (1 + log2(1 + entity.mentions)) / (1 + (now - entity.last_turn) / HALF_LIFE)


def _line(entity: Entity, today: str) -> str:
    guessed = {guess.text + "?": None for guess in entity.guesses if guess.basis in _NAMED_BY}
    forms = _distinct([*entity.aliases, *guessed], entity.name)[:SHOWN_ALIASES]
    notes = [
        "aka " + ", ".join(forms) if forms else "",
        entity.kind if entity.kind in {"organisation", "place"} else "",
        entity.role if entity.role.casefold() not in entity.name.casefold() else "",
    ]
    about = "; ".join(note for note in notes if note)
    when = (
        f"{entity.last_turn}, {entity.last_on}"
        if entity.last_on and entity.last_on != today
        else entity.last_turn
    )
    state = f": {entity.state}{'?' if entity.state_guessed else ''}" if entity.state else ""
    return f"{entity.name}{f' ({about})' if about else ''}{state} [{when}]"


def _distinct(forms: Iterable[str], name: str) -> list[str]:
    """Without what only repeats the name: in another case, or a word of it."""
    words = set(name.casefold().split())
    return [form for form in dict.fromkeys(forms) if not set(form.casefold().split()) <= words]
