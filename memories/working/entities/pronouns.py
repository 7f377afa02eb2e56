"""Who a pronoun means: somebody only where exactly one of those spoken of lately fits."""

from collections.abc import Iterable

from graph.english.words import PETS
from memories.working.entities.descriptions import noun_of
from memories.working.entities.mentions import Person
from memories.working.entities.types import Entity

PERSON_REACH = 2
THING_REACH = 1
"""Turns back that a pronoun reaches: "it" and "they" mean what was just spoken of, or something without a name."""


def antecedent(person: Person, entities: Iterable[Entity], *, turn: int) -> Entity | None:
    """The one entity that she, he, they or it can mean in a turn; None if there are none or several.

    `entities` are without those who speak with each other, whom the third person does not mean.
    """
    reach = PERSON_REACH if person in ("she", "he") else THING_REACH
    near = [each for each in entities if turn - reach <= each.last_turn <= turn]
    if person == "they":
        return _only(_several(near))
    return _only([each for each in near if _fits(person, each)])


def _fits(person: Person, entity: Entity) -> bool:
    pet = bool(noun := noun_of(entity)) and noun.split()[-1] in PETS
    if person == "it":
        return entity.kind != "person"
    other = "male" if person == "she" else "female"
    return (entity.kind == "person" or pet) and entity.gender not in {other, "plural"}


def _several(near: list[Entity]) -> list[Entity]:
    """A group that was named as such, else everybody: two people are together a they that is neither."""
    groups = [each for each in near if each.gender == "plural"]
    everybody = [each for each in near if each.kind in {"person", "organisation"}]
    return groups or [each for each in everybody if not each.gender or len(everybody) > 1]


def _only(entities: list[Entity]) -> Entity | None:
    return entities[0] if len(entities) == 1 else None
