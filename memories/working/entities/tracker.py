"""Who and what a session speaks of, turn by turn. The patterns are English; of other languages names are left."""

from dataclasses import asdict
from itertools import islice
from typing import Any, Self, TypedDict

from graph.english.kinds import gender_of_noun
from graph.english.proper import LONGEST_NAME, Known, capitalised
from graph.english.text import Sentence, prose, sentences, shortened, visible
from graph.english.words import FEMALE_ROLES, MALE_ROLES, SHARED_ROLES
from memories.ranking.question import ROLE_NAMES
from memories.working.entities.book import Book, Found
from memories.working.entities.descriptions import Similar, find_described, label
from memories.working.entities.joins import introduction, join
from memories.working.entities.mentions import PRONOUNS, Mention, find_mentions
from memories.working.entities.names import parse
from memories.working.entities.pronouns import antecedent
from memories.working.entities.statements import statement
from memories.working.entities.types import Basis, Entity, Guess, Turn

LIMIT = 64
MENTIONS_OF_A_TURN = 300

# Of these a person has too many for the first one without a name to be the one now named.
_MANY = SHARED_ROLES - FEMALE_ROLES - MALE_ROLES

Resolved = tuple[Entity | None, Basis | None]


class State(TypedDict):
    """A tracker as JSON has it."""

    limit: int
    next_id: int
    speakers: dict[str, int]
    """Entity ids by the speaker's label in lower case, the latest to speak last."""
    entities: list[dict[str, Any]]


class Tracker:
    """The entities of one session, at most `limit`, the least recently mentioned dropped first.

    `similar` gives the likeness of two short descriptions, rising with it, 1 for the same; what it raises
    reaches the caller. Time for a turn is linear in its length, of which READ_CHARACTERS are read.
    """

    def __init__(self, *, similar: Similar | None = None, limit: int = LIMIT) -> None:
        if limit < 1:
            raise ValueError("limit: must be at least 1")
        self._similar, self._limit = similar, limit
        self._book = Book()
        self._speakers: dict[str, int] = {}

    @property
    def entities(self) -> list[Entity]:
        """In the order in which they were first mentioned."""
        return list(self._book)

    def observe(self, *turns: Turn) -> None:
        """Read turns in their order; one call for several is the same as a call for each."""
        for turn in turns:
            _Reading(turn, self._book, self._speakers, self._similar).read()
            self._book.forget(self._limit)
            for speaker in [name for name, id in self._speakers.items() if id not in self._book.entities]:
                del self._speakers[speaker]

    def dump(self) -> State:
        return {
            "limit": self._limit,
            "next_id": self._book.next_id,
            "speakers": dict(self._speakers),
            "entities": [asdict(each) for each in self._book],
        }

    @classmethod
    def load(cls, state: State, *, similar: Similar | None = None) -> Self:
        """The tracker that was dumped; KeyError or TypeError for anything else."""
        tracker = cls(similar=similar, limit=state["limit"])
        tracker._speakers = dict(state["speakers"])
        tracker._book = Book(
            {
                each["id"]: Entity(**each | {"guesses": [Guess(**guess) for guess in each["guesses"]]})
                for each in state["entities"]
            },
            state["next_id"],
        )
        return tracker


class _Reading:
    """One turn being read into the book."""

    def __init__(self, turn: Turn, book: Book, speakers: dict[str, int], similar: Similar | None) -> None:
        self.turn, self.book, self.speakers, self.similar = turn, book, speakers, similar
        # An assistant without a name answers at length and in general: what it says is about what others brought up.
        self.general = turn.role == "assistant" and _label(turn) in ROLE_NAMES
        self.speaker = self._speaker()
        self.listener = self._listener()

    def read(self) -> None:
        text = list(sentences(prose(self.turn.text, lists=not self.general)))
        known, capitals, left = self._known(), capitalised(text), MENTIONS_OF_A_TURN
        for sentence in text:
            found = list(islice(find_mentions(sentence, known, capitals), left))
            self._read_sentence(sentence, found)
            left -= len(found)

    def _read_sentence(self, sentence: Sentence, found: list[Mention]) -> None:
        name = introduction(sentence.words, found) if self.speaker else ""
        if self.speaker and name:
            self._introduce(self.speaker, name)
        before: Entity | None = None
        for mention in join(sentence.words, found):
            entity, basis = self._resolve(mention, before)
            if entity:
                self._mentioned(entity, mention.text, basis)
                states_only = self.general and (entity.kind != "person" or basis is not None)
                said = statement(sentence, mention, entity.kind, states_only=states_only)
                if said and said != f"am {name}":
                    entity.state, entity.state_guessed = said, basis is not None
            before = entity

    def _speaker(self) -> Entity | None:
        """The entity that "I" means: nobody where a tool, the system or an assistant without a name speaks."""
        calls = _label(self.turn)
        if not calls or self.turn.role in {"tool", "system"} or calls in ROLE_NAMES - {"user"}:
            return None
        called = calls if calls == "user" else shortened(visible(self.turn.speaker), LONGEST_NAME) or calls
        entity = self.book.entities.get(self.speakers.pop(calls, 0)) or self._by_that_name(called)
        self.speakers[calls] = entity.id
        self._mentioned(entity, entity.name, None)
        return entity

    def _by_that_name(self, called: str) -> Entity:
        entity = self.book.find(called, "person").one or self.book.add(
            called, "person", turn=self.turn.number
        )
        self.book.call(entity, called, "person")
        return entity

    def _listener(self) -> Entity | None:
        """The entity that "you" means: the only other one who has spoken."""
        if self.turn.role in {"tool", "system"}:
            return None
        others = {id for id in self.speakers.values() if self.speaker is None or id != self.speaker.id}
        return self.book.entities.get(others.pop()) if len(others) == 1 else None

    def _introduce(self, speaker: Entity, name: str) -> None:
        if speaker.name.lower() not in ROLE_NAMES:
            return
        other = self.book.find(name, "person").one
        self.book.rename(speaker, name)
        speaker.aliases = []
        if other and other is not speaker:
            self._unite(speaker, other)

    def _unite(self, one: Entity, other: Entity) -> Entity:
        kept = self.book.unite(one, other)
        for speaker, id in self.speakers.items():
            if id in (one.id, other.id):
                self.speakers[speaker] = kept.id
        if self.speaker in (one, other):
            self.speaker = kept
        if self.listener in (one, other):
            self.listener = kept
        return kept

    def _resolve(self, mention: Mention, before: Entity | None) -> Resolved:
        """The entity that a mention means and what it rests on if it is a guess; `before` may be the possessor."""
        if mention.form == "pronoun":
            entity, basis = self._by_pronoun(mention)
        elif mention.form == "name":
            entity, basis = self._by_name(mention, before)
        else:
            return self._by_description(mention, before)
        if entity and mention.description and not (mention.description.owned and before is None):
            self._give_role(entity, mention, before)
        return entity, basis

    def _by_pronoun(self, mention: Mention) -> Resolved:
        person = PRONOUNS[mention.text.lower()]
        if person in ("I", "you"):
            return (self.speaker if person == "I" else self.listener), None
        others = [each for each in self.book if each is not self.speaker and each is not self.listener]
        return antecedent(person, others, turn=self.turn.number), "pronoun"

    def _by_name(self, mention: Mention, owner: Entity | None) -> Resolved:
        found = self.book.find(mention.text, mention.kind)
        described = self._described_before(mention, owner)
        if len(found.entities) == 2 and not found.basis and len(parse(mention.text).words) > 1:
            found = Found([self._unite(*found.entities)])
        elif len(found.entities) > 1:
            role = self._role(mention, owner)
            found.entities = [each for each in found.entities if role and each.role == role]
            if not found.one:
                return None, None
        entity = found.one
        if entity and described:
            entity = self._unite(entity, described) if described is not entity else entity
        entity = entity or described or self.book.add(mention.text, mention.kind, turn=self.turn.number)
        if not found.basis:
            self.book.call(entity, mention.text, mention.kind)
        return entity, found.basis

    def _described_before(self, mention: Mention, owner: Entity | None) -> Entity | None:
        """The one that was spoken of by this description and is now given its name."""
        said = mention.description
        if said is None or not said.definite or (said.owned and owner is None) or said.head in _MANY:
            return None
        entities, basis = find_described(said, owner if said.owned else None, self.book, None)
        return entities[0] if len(entities) == 1 and not entities[0].named and not basis else None

    def _give_role(self, entity: Entity, mention: Mention, owner: Entity | None) -> None:
        said = mention.description
        if said:
            entity.role = self._role(mention, owner)
            entity.gender = entity.gender or gender_of_noun(said.head)

    def _role(self, mention: Mention, owner: Entity | None) -> str:
        said = mention.description
        if said is None:
            return ""
        return shortened(label(said, owner) if said.owned else said.noun, LONGEST_NAME)

    def _by_description(self, mention: Mention, before: Entity | None) -> Resolved:
        said = mention.description
        if said is None or not said.definite or (said.owned and before is None):
            return None, None
        owner = before if said.owned else None
        entities, basis = find_described(said, owner, self.book, self.similar)
        if entities or self.general:
            return (entities[0], basis) if len(entities) == 1 else (None, None)
        entity = self.book.add(
            shortened(label(said, owner), LONGEST_NAME), mention.kind, turn=self.turn.number, named=False
        )
        entity.gender = gender_of_noun(said.head)
        return entity, None

    def _mentioned(self, entity: Entity, text: str, basis: Basis | None) -> None:
        entity.mentions += 1
        entity.last_turn = self.turn.number
        if self.turn.occurred_at:
            entity.last_on = self.turn.occurred_at.date().isoformat()
        if basis:
            self.book.guess(entity, Guess(self.turn.number, shortened(text, LONGEST_NAME), basis))

    def _known(self) -> Known:
        named = [
            (each, parse(form).words)
            for each in self.book
            if each.named
            for form in (each.name, *each.aliases)
        ]
        people = [words for each, words in named if each.kind == "person" and words]
        return Known(
            names=frozenset(words[0] for _, words in named if words),
            people=frozenset(words[0] for words in people) - ROLE_NAMES,
            surnames=frozenset(words[-1] for words in people if len(words) > 1),
            nouns=frozenset(each.name.split()[-1] for each in self.book if not each.named),
        )


def _label(turn: Turn) -> str:
    """What a speaker is told apart by: the name, or the role where there is none."""
    return (
        shortened(visible(turn.speaker), LONGEST_NAME) or shortened(visible(turn.role), LONGEST_NAME)
    ).lower()
