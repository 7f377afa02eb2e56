"""The entities of a session: found by name, added, renamed, made one, forgotten."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from graph.english.kinds import Kind
from graph.english.proper import LONGEST_NAME
from graph.english.text import shortened
from graph.english.words import FEMALE_TITLES, MALE_TITLES
from memories.working.entities.names import Likeness, Name, fuller, gender_of, parse, same_person, same_thing
from memories.working.entities.types import Basis, Entity, Guess

MOST_ALIASES = 6
MOST_GUESSES = 8


@dataclass(slots=True)
class Found:
    """Entities that a mention may mean: none, the one, or several to choose from."""

    entities: list[Entity]
    basis: Basis | None = None

    @property
    def one(self) -> Entity | None:
        return self.entities[0] if len(self.entities) == 1 else None


@dataclass(slots=True)
class Book:
    """Entities by id, in the order in which they were first mentioned."""

    entities: dict[int, Entity] = field(default_factory=dict)
    next_id: int = 1

    def __iter__(self) -> Iterator[Entity]:
        return iter(self.entities.values())

    def add(self, name: str, kind: Kind | None, *, turn: int, named: bool = True) -> Entity:
        added = Entity(
            id=self.next_id,
            name=name,
            kind=kind or "thing",
            first_turn=turn,
            last_turn=turn,
            gender=gender_of(parse(name)) if kind == "person" and named else "",
            kind_known=kind is not None,
            named=named,
        )
        self.entities[added.id] = added
        self.next_id += 1
        return added

    def find(self, text: str, kind: Kind | None) -> Found:
        """The entities that a name may mean: those it fits surely, else those it fits by a slip of spelling."""
        name = parse(text)
        compared = [(each, *_likeness(name, kind, each)) for each in self if each.named]
        sure = [each for each, likeness, _ in compared if likeness is Likeness.SURE]
        if len(sure) > 1 and len(name.words) > 1:
            exact = [each for each in sure if parse(each.name).words == name.words]
            sure = exact or _halves(sure, name)
        if sure:
            return Found(sure)
        guessed = [(each, basis) for each, likeness, basis in compared if likeness is Likeness.GUESS]
        return Found([each for each, _ in guessed], guessed[0][1] if guessed else None)

    def call(self, entity: Entity, text: str, kind: Kind | None) -> None:
        """Note another form of the name of an entity, which becomes its name if it says more."""
        if kind and not entity.kind_known:
            entity.kind, entity.kind_known = kind, True
        if entity.kind == "person":
            entity.gender = entity.gender or gender_of(parse(text))
        if not entity.named or fuller(text, than=entity.name):
            self.rename(entity, text)
        elif text.casefold() not in {form.casefold() for form in (entity.name, *entity.aliases)}:
            entity.aliases = [*entity.aliases, text][:MOST_ALIASES]

    def rename(self, entity: Entity, name: str) -> None:
        """Give a name, also where others are called after this entity: "user's sister", "Ana's sister"."""
        former = entity.name
        if entity.named:
            forms = [form for form in (former, *entity.aliases) if form.casefold() != name.casefold()]
            entity.aliases = forms[:MOST_ALIASES]
        entity.name, entity.named = name, True
        for each in self:
            each.role = _after(former, name, each.role)
            if not each.named:
                each.name = _after(former, name, each.name)

    def unite(self, one: Entity, other: Entity) -> Entity:
        """Two are found to be one, which keeps the smaller id; the later of the two says its state."""
        kept, gone = sorted((one, other), key=lambda each: each.id)
        later, earlier = (one, other) if one.last_turn >= other.last_turn else (other, one)
        if later.state or earlier.state:
            source = later if later.state else earlier
            kept.state, kept.state_guessed = source.state, source.state_guessed
        kept.role = later.role or earlier.role
        kept.gender = kept.gender or gone.gender
        kept.mentions += gone.mentions
        kept.first_turn = min(kept.first_turn, gone.first_turn)
        kept.last_turn, kept.last_on = later.last_turn, later.last_on
        kept.guesses = sorted([*kept.guesses, *gone.guesses], key=lambda guess: guess.turn)[-MOST_GUESSES:]
        del self.entities[gone.id]
        if gone.named:
            for form in (gone.name, *gone.aliases):
                self.call(kept, form, gone.kind if gone.kind_known else None)
        return kept

    def guess(self, entity: Entity, guess: Guess) -> None:
        entity.guesses = [*entity.guesses, guess][-MOST_GUESSES:]

    def forget(self, limit: int) -> None:
        """Drop the least recently mentioned beyond a number, of those alike the least often mentioned."""
        surplus = max(0, len(self.entities) - limit)
        for each in sorted(self, key=lambda each: (each.last_turn, each.mentions, each.id))[:surplus]:
            del self.entities[each.id]


def _likeness(name: Name, kind: Kind | None, entity: Entity) -> tuple[Likeness, Basis | None]:
    other = parse(entity.name)
    known = entity.kind if entity.kind_known else None
    if _other_gender(name, entity):
        return Likeness.NONE, None
    if name.words == other.words or any(name.words == parse(alias).words for alias in entity.aliases):
        return Likeness.SURE, None
    if kind and known and kind != known:
        return Likeness.NONE, None
    return same_person(name, other) if "person" in (kind, known) else same_thing(name, other)


def _other_gender(name: Name, entity: Entity) -> bool:
    return (entity.gender == "male" and name.title in FEMALE_TITLES) or (
        entity.gender == "female" and name.title in MALE_TITLES
    )


def _halves(entities: list[Entity], name: Name) -> list[Entity]:
    """One known by the given name and one by the surname only, which a full name joins; nothing for others."""
    if len(entities) != 2 or any(len(parse(each.name).words) != 1 for each in entities):
        return []
    by_surname = [each for each in entities if parse(each.name).words == (name.surname,)]
    return entities if len(by_surname) == 1 else []


def _after(former: str, name: str, text: str) -> str:
    if not text.startswith(f"{former}'s "):
        return text
    return shortened(f"{name}'s {text.removeprefix(f"{former}'s ")}", LONGEST_NAME)
