"""Finding again what is described and not named: "my sister", "the car", "the billing backend"."""

from collections.abc import Callable, Iterable

from graph.english.words import SHARED_ROLES
from memories.working.entities.mentions import Description
from memories.working.entities.types import Basis, Entity

Similar = Callable[[str, str], float]

# Cosine of a sentence model between two short descriptions of one thing.
SIMILAR_FROM = 0.7
MOST_COMPARED = 20


def label(description: Description, owner: Entity | None) -> str:
    """The description as a name of its own: "Ana's sister", "the landlord"."""
    return f"{owner.name}'s {description.noun}" if owner else f"the {description.noun}"


def noun_of(entity: Entity) -> str:
    """The noun of a described entity without its possessor; the role of a named one."""
    text = entity.role if entity.named else entity.name
    return text.rpartition("'s ")[2].removeprefix("the ").lower()


def find_described(
    description: Description, owner: Entity | None, entities: Iterable[Entity], similar: Similar | None
) -> tuple[list[Entity], Basis | None]:
    """The entities that a description may mean, and what a guess rests on; several are too many to choose from."""
    known, wanted = list(entities), label(description, owner).casefold()
    if exact := [each for each in known if wanted in {each.name.casefold(), each.role.casefold()}]:
        shared = description.head in SHARED_ROLES and any(each.named for each in exact)
        return exact, "description" if shared or len(exact) > 1 else None
    if loose := [each for each in known if _same_noun(description, owner, each)]:
        return loose, "description"
    if similar is None or description.head in SHARED_ROLES:
        return [], None
    return _most_similar(description, owner, known, similar), "similarity"


def _same_noun(description: Description, owner: Entity | None, entity: Entity) -> bool:
    """One of both says nothing of a possessor, and the noun is the same or only its head."""
    noun, owned = noun_of(entity), "'s " in (entity.role if entity.named else entity.name)
    if not noun or (owner and owned):
        return False
    return noun == description.noun or (not owner and noun.split()[-1] == description.noun)


def _most_similar(
    description: Description, owner: Entity | None, entities: Iterable[Entity], similar: Similar
) -> list[Entity]:
    candidates = [
        each
        for each in entities
        if not each.named and each.kind in {"thing", "organisation"} and _comparable(description, owner, each)
    ]
    candidates.sort(key=lambda each: (-each.last_turn, each.id))
    scores = [(similar(description.noun, noun_of(each)), each) for each in candidates[:MOST_COMPARED]]
    best = max((score for score, _ in scores), default=0.0)
    return [each for score, each in scores if score == best and score >= SIMILAR_FROM]


def _comparable(description: Description, owner: Entity | None, entity: Entity) -> bool:
    """Not two of a kind told apart by their first words, such as a billing service and a payment service."""
    words, others = description.noun.split(), noun_of(entity).split()
    owned = "'s " in entity.name
    if (
        not others
        or len(words) < 2
        or len(others) < 2
        or (owner is not None and owned and not entity.name.startswith(f"{owner.name}'s "))
    ):
        return False
    return words[-1] != others[-1]
