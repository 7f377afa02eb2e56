"""Entities that are one, and the way back: every merge is recorded with what it moved.

Each function opens its own transaction, in which no other makes, merges or parts entities of the tenant.
"""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.db.models import Q
from django.utils import timezone

from graph.models import Doubt, Entity, EntityName, Mention, Merge, Relation
from graph.resolution import held, take_turns
from memos_project.db import tenant_scope
from memos_project.errors import Conflict, NotFound


def merge(tenant_id: UUID, kept_id: UUID, dropped_id: UUID, *, actor: str) -> Merge:
    """Make two entities one; opens its own transaction.

    Names, mentions, relations and open doubts of the dropped one are then the kept one's. Raises NotFound, Conflict for one
    and the same.
    """
    if kept_id == dropped_id:
        raise Conflict("An entity cannot be merged with itself.", field="other")
    with tenant_scope(tenant_id):
        take_turns(tenant_id)
        rows = held(kept_id, dropped_id)
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
        if not held(done.kept_id):
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
