"""What goes into the entity tracker and what comes out of it."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from graph.english.kinds import Gender, Kind

Basis = Literal["pronoun", "spelling", "initials", "description", "similarity"]


@dataclass(frozen=True, slots=True)
class Turn:
    """One message of a conversation; `speaker` may be empty or repeat the role where nobody has a name."""

    number: int
    role: str
    """user, assistant, system or tool."""
    speaker: str
    text: str
    occurred_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Guess:
    """A mention that was counted for an entity without its name being there."""

    turn: int
    text: str
    """The mention as written, such as "she" or "the billing backend"."""
    basis: Basis


@dataclass(slots=True)
class Entity:
    """Somebody or something that a session speaks of; texts are of bounded length."""

    id: int
    """Counted within the session, from 1; never used twice."""
    name: str
    kind: Kind
    first_turn: int
    last_turn: int
    last_on: str = ""
    """The day of the last mention, as YYYY-MM-DD; empty if the turn had no time."""
    mentions: int = 0
    aliases: list[str] = field(default_factory=list)
    """Other forms of the name that stood in the text."""
    role: str = ""
    """What it is said to be: "nurse", "Ana's sister"."""
    state: str = ""
    """The latest statement about it, in the words of the text: "moved to Lisbon"."""
    state_guessed: bool = False
    """The statement was made of a pronoun or another guessed mention."""
    guesses: list[Guess] = field(default_factory=list)
    """The latest mentions that were guessed."""
    gender: Gender = ""
    kind_known: bool = False
    """False while `kind` is only what an unknown name counts as."""
    named: bool = True
    """False while `name` is a description: "the landlord", "Ana's sister"."""
