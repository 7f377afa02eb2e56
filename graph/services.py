"""The write path of the graph: what memories say is learned and unlearned, entities are merged and parted.

All of it runs in the caller's open transaction of the tenant, except where it says otherwise.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Q
from django.utils import timezone

from graph.extraction import FUNCTIONAL, Extraction
from graph.indexing import wake_on_commit
from graph.models import Doubt, Entity, EntityName, Mention, Merge, Reading, Relation
from graph.names import normal
from graph.resolution import Embed, Named, name_entity, resolve, take_turns
from memos_project.db import tenant_scope
from memos_project.errors import Conflict, InvalidInput, NotFound

# What is an entity wherever it is named; of the rest what something is said of.
LASTING = frozenset({"person", "organisation", "place", "product", "event", "thing"})

type Said = tuple[UUID, str, UUID, bool, datetime, datetime | None]
"""What makes a relation itself: subject, predicate, object, negated, from, to."""


@dataclass(frozen=True, slots=True)
class Source:
    """A memory whose text was read; what it says holds from ``occurred_at`` on where the text gives no time."""

    memory_id: UUID
    content_hash: str
    occurred_at: datetime


def learn(tenant_id: UUID, read: Sequence[tuple[Source, Extraction]], *, embed: Embed | None = None) -> None:
    """Hold exactly what these memories' texts say now, in a number of statements that does not depend on theirs.

    What a memory said before and does not say any more is unlearned: known in the past, and in the present no more.
    """
    texts = [_Text(source, extraction) for source, extraction in read]
    entities = resolve(tenant_id, {pair for each in texts for pair in each.names}, embed=embed)
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

    def mentions(self, entities: Mapping[Named, UUID]) -> Iterator[tuple[UUID, int, int, str]]:
        """Entities with where and how they are mentioned; a concept's place is not told."""
        for each in self.extraction.mentions:
            if (each.name, each.kind) in self.names:
                yield entities[self.names[each.name, each.kind]], each.start, each.end, each.text
        for (name, kind), named in self.names.items():
            if kind == Entity.Kind.CONCEPT:
                yield entities[named], 0, 0, name

    def relations(self, entities: Mapping[Named, UUID]) -> dict[Said, float]:
        """What is said of entities, and how surely."""
        ids = {
            name: entities[named]
            for (name, kind), named in reversed(self.names.items())
            if kind != Entity.Kind.CONCEPT
        }
        said: dict[Said, float] = {}
        last: dict[tuple[UUID, str, datetime], Said] = {}
        for each in self.extraction.statements:
            subject, object_ = ids.get(each.subject), ids.get(each.object)
            start = each.valid_from or self.source.occurred_at
            if (
                subject
                and object_
                and subject != object_
                and (each.valid_to is None or each.valid_to > start)
            ):
                if each.predicate in FUNCTIONAL and not each.negated:
                    # Of several at once the one that is said last.
                    place = (subject, each.predicate, start)
                    if place in last:
                        said.pop(last[place], None)
                    last[place] = (subject, each.predicate, object_, False, start, each.valid_to)
                said[subject, each.predicate, object_, each.negated, start, each.valid_to] = each.confidence
        return said


def _learn_mentions(tenant_id: UUID, texts: Sequence[_Text], entities: Mapping[Named, UUID]) -> None:
    memory_ids = [each.source.memory_id for each in texts]
    former = list(Mention.objects.filter(memory_id__in=memory_ids).values_list("pk", flat=True))
    Mention.objects.bulk_create(
        Mention(
            tenant_id=tenant_id,
            memory_id=each.source.memory_id,
            entity_id=entity_id,
            start=start,
            end=end,
            text=text[:500],
        )
        for each in texts
        for entity_id, start, end, text in each.mentions(entities)
    )
    # After the new ones: an entity goes with its last mention.
    Mention.objects.filter(pk__in=former).delete()


def _learn_relations(tenant_id: UUID, texts: Sequence[_Text], entities: Mapping[Named, UUID]) -> None:
    said = {
        (each.source.memory_id, key): sure for each in texts for key, sure in each.relations(entities).items()
    }
    memory_ids = [each.source.memory_id for each in texts]
    held: set[tuple[UUID | None, Said]] = set()
    gone: list[UUID] = []
    for row in Relation.objects.filter(memory_id__in=memory_ids, unlearned_at=None).order_by(
        "learned_at", "pk"
    ):
        key = (
            row.memory_id,
            (row.subject_id, row.predicate, row.object_id, row.negated, row.valid_from, row.valid_to),
        )
        if key in said and key not in held:
            held.add(key)
        else:  # not said any more, or the same again since two entities became one
            gone.append(row.pk)
    now = timezone.now()
    if gone:
        Relation.objects.filter(pk__in=gone).update(unlearned_at=now)
    Relation.objects.bulk_create(
        Relation(
            tenant_id=tenant_id, memory_id=memory_id, subject_id=subject, predicate=predicate, object_id=object_,
            negated=negated, valid_from=start, valid_to=end, confidence=confidence, learned_at=now,
        )
        for (memory_id, (subject, predicate, object_, negated, start, end)), confidence in said.items()
        if (memory_id, (subject, predicate, object_, negated, start, end)) not in held
    )  # fmt: skip


def end_relation(tenant_id: UUID, relation_id: UUID, *, at: datetime) -> Relation:
    """Say that a relation holds no more from a moment on; a relation of its own says so, which can be unlearned."""
    with tenant_scope(tenant_id):
        ended = Relation.objects.filter(pk=relation_id, negated=False, unlearned_at=None).first()
        if ended is None:
            raise NotFound("There is no such relation.")
        if at <= ended.valid_from:
            raise Conflict("It can end only after it began.", field="at")
        wake_on_commit(tenant_id)
        return Relation.objects.create(
            tenant_id=tenant_id, subject_id=ended.subject_id, predicate=ended.predicate, object_id=ended.object_id,
            negated=True, valid_from=at, confidence=1.0, learned_at=timezone.now(),
        )  # fmt: skip


def describe(tenant_id: UUID, entity_id: UUID, *, name: str, summary: str) -> None:
    """Have an entity shown by another name, by which it is then found too, and with a curator's words.

    Opens its own transaction. Raises NotFound, Conflict where another entity of its kind has the name.
    """
    with tenant_scope(tenant_id):
        take_turns(tenant_id)
        rows = _held(entity_id)
        if not rows:
            raise NotFound("There is no such entity.")
        kind = rows[entity_id].kind
        if not normal(name):
            raise InvalidInput("A name with a letter or digit.", field="name")
        owner = EntityName.objects.filter(tenant_id=tenant_id, normal=normal(name), kind=kind).first()
        if owner and owner.entity_id != entity_id:
            raise Conflict("Another entity has this name: merge them, if they are one.", field="name")
        if not owner:
            name_entity(tenant_id, entity_id, kind, name)
        Entity.objects.filter(pk=entity_id).update(name=name, summary=summary)
        wake_on_commit(tenant_id)


def merge(tenant_id: UUID, kept_id: UUID, dropped_id: UUID, *, actor: str) -> Merge:
    """Make two entities one; opens its own transaction.

    Names, mentions, relations and open doubts of the dropped one are then the kept one's. Raises NotFound, Conflict for one
    and the same.
    """
    if kept_id == dropped_id:
        raise Conflict("An entity cannot be merged with itself.", field="other")
    with tenant_scope(tenant_id):
        take_turns(tenant_id)
        rows = _held(kept_id, dropped_id)
        if len(rows) < 2:
            raise NotFound("There is no such entity.")
        dropped = rows[dropped_id]
        moved = {
            "names": _move(EntityName.objects.filter(entity_id=dropped_id), entity_id=kept_id),
            "mentions": _move(Mention.objects.filter(entity_id=dropped_id), entity_id=kept_id),
            "subjects": _move(Relation.objects.filter(subject_id=dropped_id), subject_id=kept_id),
            "objects": _move(Relation.objects.filter(object_id=dropped_id), object_id=kept_id),
            **_move_doubts(tenant_id, dropped_id, kept_id),
        }
        if dropped.summary and not rows[kept_id].summary:
            Entity.objects.filter(pk=kept_id).update(summary=dropped.summary)
        done = Merge.objects.create(
            tenant_id=tenant_id, kept_id=kept_id, dropped=dropped.snapshot(), moved=moved, actor=actor
        )
        dropped.delete()
        wake_on_commit(tenant_id)
        return done


def undo_merge(tenant_id: UUID, merge_id: UUID, *, actor: str) -> Entity:
    """Part again what was merged: the entity is back with all that was its and is still there.

    What was learned of the two since stays where it is. That they are different is settled by it. Raises NotFound,
    Conflict where it was undone before, or where what they became is gone or was merged into another since.
    """
    with tenant_scope(tenant_id):
        take_turns(tenant_id)
        done = Merge.objects.select_for_update().filter(pk=merge_id).first()
        if done is None:
            raise NotFound("There is no such merge.")
        if done.undone_at:
            raise Conflict("It was undone before.")
        if not _held(done.kept_id):
            raise Conflict("What they became is gone, or was merged into another since; undo that first.")
        entity = Entity.restored(tenant_id, done.dropped)
        entity.save(force_insert=True)
        for model, column, ids in (
            (EntityName, "entity_id", done.moved.get("names")),
            (Mention, "entity_id", done.moved.get("mentions")),
            (Relation, "subject_id", done.moved.get("subjects")),
            (Relation, "object_id", done.moved.get("objects")),
        ):
            model._default_manager.filter(pk__in=ids or [], **{column: done.kept_id}).update(
                **{column: entity.pk}
            )
        _part_doubts(tenant_id, done.moved)
        one, other = sorted((entity.pk, done.kept_id))
        decision = {"state": Doubt.State.DIFFERENT, "decided_by": actor}
        Doubt.objects.update_or_create(
            tenant_id=tenant_id, one_id=one, other_id=other,
            defaults=decision, create_defaults={**decision, "likeness": 1.0},
        )  # fmt: skip
        Merge.objects.filter(pk=merge_id).update(undone_at=timezone.now())
        wake_on_commit(tenant_id)
        return entity


def decide(tenant_id: UUID, doubt_id: UUID, *, same: bool, actor: str) -> Merge | None:
    """Settle a doubt; the older entity is kept where they are the same, and the merge is the record of it.

    Opens its own transaction. Raises NotFound, Conflict if it is settled.
    """
    with tenant_scope(tenant_id):
        take_turns(tenant_id)
        doubt = Doubt.objects.filter(pk=doubt_id).first()
        if doubt is None:
            raise NotFound("There is no such doubt.")
        if doubt.state != Doubt.State.OPEN:
            raise Conflict("It is settled.")
        if same:
            return merge(tenant_id, doubt.one_id, doubt.other_id, actor=actor)
        Doubt.objects.filter(pk=doubt_id).update(state=Doubt.State.DIFFERENT, decided_by=actor)
        return None


def _held(*ids: UUID) -> dict[UUID, Entity]:
    """Entities that nobody else changes, mentions anew or removes until the transaction ends, as far as they are there."""
    return {row.pk: row for row in Entity.objects.select_for_update().filter(pk__in=ids).order_by("pk")}


def _move(rows: Any, **to: UUID) -> list[Any]:
    """Change a column of rows; returns their ids, as JSON can hold them."""
    ids = list(rows.order_by("pk").values_list("pk", flat=True))
    rows.model._default_manager.filter(pk__in=ids).update(**to)
    return [str(each) if isinstance(each, UUID) else each for each in ids]


def _doubts_of(entity_id: UUID) -> dict[UUID, Doubt]:
    """Its doubts by the other entity."""
    rows = Doubt.objects.filter(Q(one_id=entity_id) | Q(other_id=entity_id)).order_by("pk")
    return {row.other_id if row.one_id == entity_id else row.one_id: row for row in rows}


def _move_doubts(tenant_id: UUID, dropped_id: UUID, kept_id: UUID) -> dict[str, list[Any]]:
    """Ask of the kept entity what is asked of the dropped one; returns the doubts that went, and the ids of the new."""
    own, gone = _doubts_of(kept_id).keys() | {kept_id}, _doubts_of(dropped_id)
    asked = Doubt.objects.bulk_create(
        Doubt(
            tenant_id=tenant_id, one_id=min(kept_id, third_id), other_id=max(kept_id, third_id),
            likeness=doubt.likeness, raised_at=doubt.raised_at,
        )
        for third_id, doubt in gone.items()
        if third_id not in own and doubt.state == Doubt.State.OPEN
    )  # fmt: skip
    Doubt.objects.filter(pk__in=[doubt.pk for doubt in gone.values()]).delete()
    return {
        "doubts": [doubt.snapshot() for doubt in gone.values()],
        "asked": [str(each.pk) for each in asked],
    }


def _part_doubts(tenant_id: UUID, moved: Mapping[str, Any]) -> None:
    """Ask again what was asked before a merge, of the entities that are there, and no more what is open since."""
    Doubt.objects.filter(pk__in=moved.get("asked", []), state=Doubt.State.OPEN).delete()
    rows = [Doubt.restored(tenant_id, each) for each in moved.get("doubts", [])]
    there = Entity.objects.in_bulk({end for row in rows for end in (row.one_id, row.other_id)})
    Doubt.objects.bulk_create(
        [row for row in rows if row.one_id in there and row.other_id in there], ignore_conflicts=True
    )
