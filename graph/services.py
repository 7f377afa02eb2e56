"""The write path of the graph: what memories say is learned and unlearned, and what curators say of it.

All of it runs in the caller's open transaction of the tenant, except where it says otherwise.
"""

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from django.db.models import Q, QuerySet
from django.utils import timezone

from graph.extraction import FUNCTIONAL, SYMMETRIC, Extraction, Statement
from graph.indexing import wake_on_commit
from graph.models import Entity, EntityName, Mention, Reading, Relation
from graph.names import normal
from graph.queries import ends
from graph.resolution import Meant, Named, Unclear, held, name_entity, resolve, take_turns
from memos_project.db import tenant_scope
from memos_project.errors import Conflict, InvalidInput, NotFound

# What is an entity wherever it is named; of the rest what something is said of.
LASTING = frozenset(
    {"person", "organisation", "place", "product", "event", "thing", "email", "url", "identifier", "path"}
)
# What was over when it was told has held this long at least; since when, nobody says.
HELD_AT_LEAST = timedelta(days=1)

# Before all that anybody tells a time of.
BEGINNING = datetime.min.replace(tzinfo=UTC)


class Said(NamedTuple):
    """What makes a relation itself, with its subject and object by their names."""

    subject: Meant
    predicate: str
    object: Meant
    negated: bool
    valid_from: datetime
    valid_to: datetime | None
    ends_since: datetime | None


@dataclass(frozen=True, slots=True)
class Source:
    """A memory whose text was read, and how long it is one.

    What it says holds from ``valid_from``, or else ``occurred_at`` on where the text gives no time, at most to ``valid_to``.
    """

    memory_id: UUID
    content_hash: str
    occurred_at: datetime
    valid_from: datetime | None = None
    valid_to: datetime | None = None


def learn(tenant_id: UUID, read: Sequence[tuple[Source, Extraction]]) -> list[Unclear]:
    """Hold exactly what these memories' texts say now, in a number of statements that does not depend on theirs.

    What a memory said before and does not say any more is unlearned: known in the past, and in the present no more.
    Answers what a comparison of meanings may find in doubt, which is no work for a transaction.
    """
    texts = [_Text(source, extraction) for source, extraction in read]
    entities, unclear = resolve(tenant_id, {pair for each in texts for pair in each.names})
    _learn_mentions(tenant_id, texts, entities)
    _learn_relations(tenant_id, texts, entities)
    Reading.objects.bulk_create(
        (
            Reading(
                tenant_id=tenant_id,
                memory_id=each.source.memory_id,
                content_hash=each.source.content_hash,
                extractor=each.extraction.extractor,
                read_at=timezone.now(),
            )
            for each in texts
        ),
        update_conflicts=True,
        unique_fields=["memory"],
        update_fields=["content_hash", "extractor", "read_at"],
    )
    return unclear


class _Text:
    """What was read of a memory, by what it names: each entity's name and kind with those that ``resolve`` knows it by."""

    def __init__(self, source: Source, extraction: Extraction) -> None:
        self.source, self.extraction = source, extraction
        spoken_of = {name for each in extraction.statements for name in (each.subject, each.object)}
        named = {each.name: normal(each.name) for each in extraction.mentions}
        self.names: dict[tuple[str, str], Named] = {
            (each.name, each.kind): (named[each.name], each.kind)
            for each in extraction.mentions
            if named[each.name] and (each.kind in LASTING or each.name in spoken_of)
        }
        for concept in extraction.concepts:
            # A concept that is named is that entity.
            if (plain := normal(concept)) and plain not in named.values():
                self.names[concept, Entity.Kind.CONCEPT] = (plain, Entity.Kind.CONCEPT)

    def mentions(self, entities: Mapping[Named, Meant]) -> Iterator[tuple[Meant, int, int, str]]:
        """Entities with where and how they are mentioned; a concept's place is not told."""
        for each in self.extraction.mentions:
            if (each.name, each.kind) in self.names:
                yield entities[self.names[each.name, each.kind]], each.start, each.end, each.text
        for (name, kind), named in self.names.items():
            if kind == Entity.Kind.CONCEPT:
                yield entities[named], 0, 0, name

    def relations(
        self, entities: Mapping[Named, Meant], misread: Container[tuple[UUID, UUID, str, UUID]]
    ) -> dict[Said, float]:
        """What is said of entities, and how surely, but for what was misread of a memory: subject, predicate, object."""
        meant = {
            name: entities[named]
            for (name, kind), named in reversed(self.names.items())
            if kind != Entity.Kind.CONCEPT
        }
        said: dict[Said, float] = {}
        last: dict[tuple[Meant, str, datetime], Said] = {}
        for each in self.extraction.statements:
            subject, object_ = meant.get(each.subject), meant.get(each.object)
            if not subject or not object_ or subject.entity_id == object_.entity_id:
                continue
            if (self.source.memory_id, subject.entity_id, each.predicate, object_.entity_id) in misread:
                continue
            asserted, denied = _times(each, self.source)
            if asserted:
                key = Said(subject, each.predicate, object_, False, *asserted)
                if each.predicate in FUNCTIONAL and not asserted.ends_since:
                    # Of several at once the one that is said last.
                    said.pop(last.pop((subject, each.predicate, key.valid_from), key), None)
                    last[subject, each.predicate, key.valid_from] = key
                said[key] = each.confidence
            if denied:
                # Whoever else said so, it is over then, and the other way round too.
                denial = Said(subject, each.predicate, object_, True, *denied)
                said[denial] = each.confidence
                if each.predicate in SYMMETRIC:
                    said[denial._replace(subject=object_, object=subject)] = each.confidence
        return said


class _Times(NamedTuple):
    valid_from: datetime
    valid_to: datetime | None = None
    ends_since: datetime | None = None


def _times(told: Statement, source: Source) -> tuple[_Times | None, _Times | None]:
    """From when until when a statement holds, and from when on it is over, if it says so; it may say neither."""
    start = told.valid_from or source.valid_from or source.occurred_at
    end = min(filter(None, (told.valid_to, source.valid_to)), default=None)
    if told.negated:
        return None, None if end and end <= start else _Times(start)
    over = told.valid_to
    if not over:
        return None if end and end <= start else _Times(start, end), None
    guessed = None
    if over <= start and not told.valid_from:
        start = guessed = over - HELD_AT_LEAST  # since when, nobody says; it ends nothing else
    if end and end <= start:
        return None, None
    # "Used to" and "left" do not say until when either; a model may tell the day.
    if guessed and over.date() == source.occurred_at.date():
        asserted = None if told.predicate in FUNCTIONAL else _Times(start, end, guessed)
        return asserted, _Times(source.occurred_at)
    # It is over only as far as the told time is about it: who "worked there in 2020" may do so since 2015.
    return _Times(start, end, guessed), _Times(told.over_by or over, None, told.valid_from or BEGINNING)


def _learn_mentions(tenant_id: UUID, texts: Sequence[_Text], entities: Mapping[Named, Meant]) -> None:
    memory_ids = [each.source.memory_id for each in texts]
    former = list(Mention.objects.filter(memory_id__in=memory_ids).values_list("pk", flat=True))
    Mention.objects.bulk_create(
        Mention(
            tenant_id=tenant_id,
            memory_id=each.source.memory_id,
            entity_id=meant.entity_id,
            name_id=meant.name_id,
            start=start,
            end=end,
            text=text[:500],
        )
        for each in texts
        for meant, start, end, text in each.mentions(entities)
    )
    # After the new ones: an entity and a name go with their last mention.
    Mention.objects.filter(pk__in=former).delete()


def _learn_relations(tenant_id: UUID, texts: Sequence[_Text], entities: Mapping[Named, Meant]) -> None:
    texts_of = {each.source.memory_id: each.source.content_hash for each in texts}
    known = Q(unlearned_at=None) | Q(misread_of__in=texts_of.values())
    rows = list(Relation.objects.filter(known, memory_id__in=texts_of).order_by("learned_at", "pk"))
    misread = _misread(rows, texts_of)
    said = {
        (each.source.memory_id, key): sure
        for each in texts
        for key, sure in each.relations(entities, misread).items()
    }
    held: set[tuple[UUID | None, Said]] = set()
    gone: list[UUID] = []
    for row in rows:
        if row.unlearned_at:
            continue
        # 0: nobody knows by which name
        subject = Meant(row.subject_id, row.subject_name_id or 0)
        object_ = Meant(row.object_id, row.object_name_id or 0)
        times = row.valid_from, row.valid_to, row.ends_since
        key = (row.memory_id, Said(subject, row.predicate, object_, row.negated, *times))
        if key in said and key not in held:
            held.add(key)
        else:  # not said any more, or the same again since two entities became one
            gone.append(row.pk)
    now = timezone.now()
    if gone:
        Relation.objects.filter(pk__in=gone).update(unlearned_at=now)
    Relation.objects.bulk_create(
        Relation(
            tenant_id=tenant_id, memory_id=memory_id, predicate=each.predicate,
            subject_id=each.subject.entity_id, subject_name_id=each.subject.name_id,
            object_id=each.object.entity_id, object_name_id=each.object.name_id, negated=each.negated,
            valid_from=each.valid_from, valid_to=each.valid_to, ends_since=each.ends_since,
            confidence=confidence, learned_at=now,
        )
        for (memory_id, each), confidence in said.items()
        if (memory_id, each) not in held
    )  # fmt: skip


def _misread(rows: Iterable[Relation], texts_of: Mapping[UUID, str]) -> set[tuple[UUID, UUID, str, UUID]]:
    """What a curator found these very texts not to say: memory, subject, predicate and object, both ways where it holds so."""
    found: set[tuple[UUID, UUID, str, UUID]] = set()
    for row in rows:
        if row.memory_id and row.misread_of == texts_of[row.memory_id]:
            found.add((row.memory_id, row.subject_id, row.predicate, row.object_id))
            if row.predicate in SYMMETRIC:
                found.add((row.memory_id, row.object_id, row.predicate, row.subject_id))
    return found


def end_relation(tenant_id: UUID, relation_id: UUID, *, at: datetime, actor: str) -> Relation:
    """Say that a relation holds no more from a moment on; a relation of its own says so, which can be taken back.

    Raises NotFound; Conflict where it begins later, or is over by then.
    """
    with tenant_scope(tenant_id):
        take_turns(tenant_id)
        ended = Relation.objects.filter(pk=relation_id, negated=False, unlearned_at=None).first()
        if ended is None:
            raise NotFound("There is no such relation.")
        if at <= ended.valid_from:
            raise Conflict("It can end only after it began.", field="at")
        end = ends(tenant_id, [relation_id])[relation_id]
        if end is not None and end <= at:
            verb = "ended" if end <= timezone.now() else "ends"
            raise Conflict(f"It {verb} at {end.isoformat()}.", field="at")
        wake_on_commit(tenant_id)
        both_ways = [(ended.subject_id, ended.subject_name_id, ended.object_id, ended.object_name_id)]
        if ended.predicate in SYMMETRIC:
            both_ways.append((*both_ways[0][2:], *both_ways[0][:2]))
        now = timezone.now()
        denial, *_ = Relation.objects.bulk_create(
            Relation(
                tenant_id=tenant_id, predicate=ended.predicate, negated=True, valid_from=at, confidence=1.0,
                learned_at=now, confirmed_by=actor,
                subject_id=subject_id, subject_name_id=subject_name, object_id=object_id, object_name_id=object_name,
            )
            for subject_id, subject_name, object_id, object_name in both_ways
        )  # fmt: skip
        return denial


def take_back(tenant_id: UUID, relation_id: UUID, *, actor: str) -> None:
    """Unlearn what a curator has said, or what was read of a memory that does not say so: it is known in the past only.

    Both ways where it holds so, and of a memory all that it says of the two by this predicate, ends too. Its text is not
    read so again, until it is another. Raises NotFound.
    """
    with tenant_scope(tenant_id):
        take_turns(tenant_id)
        said = Relation.objects.filter(pk=relation_id, unlearned_at=None).first()
        if said is None:
            raise NotFound("There is no such relation.")
        wake_on_commit(tenant_id)
        now = timezone.now()
        known = _of_the_two(said).filter(unlearned_at=None)
        if said.memory_id:
            text = Reading.objects.values_list("content_hash", flat=True).get(memory_id=said.memory_id)
            known.update(unlearned_at=now, taken_back_by=actor, misread_of=text)
            return
        together = known.filter(learned_at=said.learned_at)
        for rows in (together.filter(pk=relation_id), together.exclude(subject_id=said.subject_id)):
            rows.update(unlearned_at=now, taken_back_by=actor)


def restore(tenant_id: UUID, relation_id: UUID, *, actor: str) -> None:
    """Learn again what was taken back as misread, signed. Raises NotFound; Conflict where the memory's text is another by now."""
    with tenant_scope(tenant_id):
        take_turns(tenant_id)
        found = Relation.objects.filter(pk=relation_id).exclude(misread_of="").first()
        if found is None:
            raise NotFound("There is no relation that was taken back as misread.")
        text = Reading.objects.values_list("content_hash", flat=True).get(memory=found.memory_id)
        if found.misread_of != text:
            raise Conflict("The memory says something else by now.")
        wake_on_commit(tenant_id)
        rows = _of_the_two(found).filter(unlearned_at=found.unlearned_at, misread_of=text)
        kept = [
            each.attname
            for each in Relation._meta.concrete_fields
            if each.attname
            not in {"id", "learned_at", "unlearned_at", "taken_back_by", "misread_of", "confirmed_by"}
        ]
        again = [Relation(**said, confirmed_by=actor) for said in rows.values(*kept)]
        rows.update(misread_of="")
        Relation.objects.bulk_create(again)


def _of_the_two(said: Relation) -> QuerySet[Relation]:
    """What the same memory, or curators, say of the same two by the same predicate, both ways where it holds so."""
    pair = Q(subject_id=said.subject_id, object_id=said.object_id)
    if said.predicate in SYMMETRIC:
        pair |= Q(subject_id=said.object_id, object_id=said.subject_id)
    return Relation.objects.filter(pair, memory=said.memory_id, predicate=said.predicate)


def confirm_relation(tenant_id: UUID, relation_id: UUID, *, actor: str) -> None:
    """Vouch for what a memory says: it is certain from now on, for as long as the memory says so.

    Raises NotFound; Conflict for what a curator said, who has signed it.
    """
    with tenant_scope(tenant_id):
        known = Relation.objects.filter(pk=relation_id, unlearned_at=None)
        if not known.filter(memory_id__isnull=False).update(confidence=1.0, confirmed_by=actor):
            if known.exists():
                raise Conflict("A curator said so.")
            raise NotFound("There is no such relation.")
        wake_on_commit(tenant_id)


def describe(tenant_id: UUID, entity_id: UUID, *, name: str, summary: str, kind: str | None = None) -> None:
    """Have an entity shown by another name, by which it is then found too, with a curator's words, as of another kind.

    Opens its own transaction. Raises NotFound, Conflict where another entity of its kind has the name.
    """
    with tenant_scope(tenant_id):
        take_turns(tenant_id)
        rows = held(entity_id)
        if not rows:
            raise NotFound("There is no such entity.")
        kind = kind or rows[entity_id].kind
        if not normal(name):
            raise InvalidInput("A name with a letter or digit.", field="name")
        owner = EntityName.objects.filter(tenant_id=tenant_id, normal=normal(name), kind=kind).first()
        if owner and owner.entity_id != entity_id:
            raise Conflict("Another entity has this name: merge them, if they are one.", field="name")
        if not owner:
            name_entity(tenant_id, entity_id, kind, name)
        elif name != rows[entity_id].name:
            EntityName.objects.filter(pk=owner.pk).update(name=name, given=True)
        Entity.objects.filter(pk=entity_id).update(name=name, summary=summary, kind=kind)
        wake_on_commit(tenant_id)
