"""Entities that are one, or were taken for one, and the way back: merges and splits are recorded with what they moved.

Each function opens its own transaction, in which no other makes, merges or parts entities of the tenant.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any
from uuid import UUID

from django.db.models import Q
from django.utils import timezone

from graph.indexing import wake_on_commit
from graph.models import Doubt, Entity, EntityName, Mention, Merge, Relation, Split
from graph.names import normal
from graph.resolution import held, take_turns
from memos_project.db import fetch_prepared, tenant_scope
from memos_project.errors import Conflict, InvalidInput, NotFound

# What is said under a name, with the columns of the entity and of the name.
SPOKEN: tuple[tuple[Any, str, str], ...] = (
    (Mention, "entity_id", "name_id"),
    (Relation, "subject_id", "subject_name_id"),
    (Relation, "object_id", "object_name_id"),
)
CALL = "SELECT graph_call_by_spoken_name(%(entities)s::uuid[])::text"
DROP = "SELECT graph_drop_unspoken(%(entities)s::uuid[])::text"


def merge(tenant_id: UUID, kept_id: UUID, dropped_id: UUID, *, actor: str) -> Merge:
    """Make two entities one.

    Names, mentions, relations and doubts of the dropped one, settled or not, are then the kept one's. Raises NotFound, Conflict for one
    and the same.
    """
    if kept_id == dropped_id:
        raise Conflict("An entity cannot be merged with itself.", field="other")
    with tenant_scope(tenant_id):
        take_turns(tenant_id)
        wake_on_commit(tenant_id)
        rows = held(kept_id, dropped_id)
        if len(rows) < 2:
            raise NotFound("There is no such entity.")
        moved = _join(tenant_id, rows[kept_id], rows[dropped_id])
        return Merge.objects.create(
            tenant_id=tenant_id, kept_id=kept_id, dropped=rows[dropped_id].snapshot(), moved=moved, actor=actor
        )  # fmt: skip


def undo_merge(tenant_id: UUID, merge_id: UUID, *, actor: str) -> Entity:
    """Part again what was merged: the entity is back with its names and all that is said under them, then or since.

    That they are different is settled by it. Raises NotFound, Conflict where it was undone before, or where what they
    became is gone, was merged into another or split since.
    """
    with tenant_scope(tenant_id):
        take_turns(tenant_id)
        wake_on_commit(tenant_id)
        done = Merge.objects.select_for_update().filter(pk=merge_id).first()
        if done is None:
            raise NotFound("There is no such merge.")
        if done.undone_at:
            raise Conflict("It was undone before.")
        kept = held(done.kept_id).get(done.kept_id)
        if kept is None:
            raise Conflict("What they became is gone, or was merged into another since; undo that first.")
        moved = EntityName.objects.filter(pk__in=done.moved["names"])
        if moved.exclude(entity_id=kept.pk).exists():
            raise Conflict("Some of its names have become another entity's since; undo that first.")
        names = _ids(moved)
        entity = Entity.restored(tenant_id, done.dropped)
        entity.save(force_insert=True)
        _hand_over(names, kept.pk, entity.pk)
        for column, ids in (
            ("subject_id", done.moved.get("subjects", [])),
            ("object_id", done.moved.get("objects", [])),
        ):
            Relation.objects.filter(pk__in=ids, **{column: kept.pk}).update(**{column: entity.pk})
        if done.moved.get("summary") and kept.summary == entity.summary:
            Entity.objects.filter(pk=kept.pk).update(summary="")
        _part_doubts(tenant_id, done.moved)
        _settle_different(tenant_id, entity.pk, kept.pk, actor)
        fetch_prepared(CALL, {"entities": [entity.pk, kept.pk]})
        Merge.objects.filter(pk=merge_id).update(
            undone_at=timezone.now(), dropped={"id": str(entity.pk)}, moved={"names": names}
        )
        if not EntityName.objects.filter(entity_id=kept.pk).exists():
            # All that was its own was forgotten while the two were one.
            fetch_prepared(DROP, {"entities": [kept.pk]})
        return entity


def split(tenant_id: UUID, entity_id: UUID, names: Sequence[str], *, actor: str) -> Split:
    """Make an entity of its own of some of an entity's names, with all that is said under them.

    That the two are different is settled by it. Raises NotFound, InvalidInput for none or for what is none of its names,
    Conflict where none would be left.
    """
    with tenant_scope(tenant_id):
        take_turns(tenant_id)
        wake_on_commit(tenant_id)
        entity = held(entity_id).get(entity_id)
        if entity is None:
            raise NotFound("There is no such entity.")
        own = list(EntityName.objects.filter(entity_id=entity_id).order_by("pk"))
        chosen = _chosen(own, names)
        ids = [each.pk for each in chosen]
        made = Entity.objects.create(tenant_id=tenant_id, kind=chosen[0].kind, name="", summary="")
        _hand_over(ids, entity_id, made.pk)
        _follow_merges(entity_id, made.pk, ids)
        _settle_different(tenant_id, entity_id, made.pk, actor)
        fetch_prepared(CALL, {"entities": [entity_id, made.pk]})
        former = next((each.pk for each in chosen if each.name == entity.name), None)
        return Split.objects.create(
            tenant_id=tenant_id, entity_id=entity_id, made_id=made.pk, former_id=former, actor=actor
        )


def undo_split(tenant_id: UUID, split_id: UUID) -> Entity:
    """Make one again what was split, with all that each has learned since, and what a curator says of both.

    Raises NotFound, Conflict where it was undone before, or where one of the two is gone or was merged into another.
    """
    with tenant_scope(tenant_id):
        take_turns(tenant_id)
        wake_on_commit(tenant_id)
        done = Split.objects.select_for_update().filter(pk=split_id).first()
        if done is None:
            raise NotFound("There is no such split.")
        if done.undone_at:
            raise Conflict("It was undone before.")
        rows = held(done.entity_id, done.made_id)
        if len(rows) < 2:
            raise Conflict("One of the two is gone, or was merged into another since; undo that first.")
        entity, made = rows[done.entity_id], rows[done.made_id]
        _join(tenant_id, entity, made)
        if made.summary and entity.summary not in ("", made.summary):
            Entity.objects.filter(pk=entity.pk).update(summary=f"{entity.summary}\n\n{made.summary}")
        for recorded, column in ((Merge, "kept_id"), (Split, "entity_id")):
            recorded._default_manager.filter(tenant_id=tenant_id, **{column: done.made_id}).update(
                **{column: entity.pk}
            )
        _call_as_before(entity, done.former_id or 0)
        Split.objects.filter(pk=split_id).update(undone_at=timezone.now())
        return entity


def decide(tenant_id: UUID, doubt_id: UUID, *, same: bool, actor: str) -> Merge | None:
    """Settle a doubt; the older entity is kept where they are the same, and the merge is the record of it.

    Raises NotFound, Conflict if it is settled.
    """
    with tenant_scope(tenant_id):
        take_turns(tenant_id)
        wake_on_commit(tenant_id)
        doubt = Doubt.objects.filter(pk=doubt_id).first()
        if doubt is None:
            raise NotFound("There is no such doubt.")
        if doubt.state != Doubt.State.OPEN:
            raise Conflict("It is settled.")
        if same:
            return merge(tenant_id, doubt.one_id, doubt.other_id, actor=actor)
        Doubt.objects.filter(pk=doubt_id).update(state=Doubt.State.DIFFERENT, decided_by=actor)
        return None


def _chosen(own: Collection[EntityName], names: Sequence[str]) -> list[EntityName]:
    """Those of its own names that are named, some but not all of them."""
    if not names:
        raise InvalidInput("One of its names at least.", field="names")
    wanted = [normal(name) for name in names]
    known = {each.normal for each in own}
    for number, name in enumerate(wanted):
        if name not in known:
            raise InvalidInput("It has no such name.", field=f"names.{number}")
    if known <= {*wanted}:
        raise Conflict("One of its names must be left to it.", field="names")
    return [each for each in own if each.normal in wanted]


def _join(tenant_id: UUID, kept: Entity, dropped: Entity) -> dict[str, Any]:
    """Give all of one entity to another and delete it; returns what was moved, as a merge records it."""
    names = _ids(EntityName.objects.filter(entity_id=dropped.pk))
    _hand_over(names, dropped.pk, kept.pk)
    moved = {
        "names": names,
        # The rest are those of which nobody knows the names any more.
        "subjects": _move(Relation.objects.filter(subject_id=dropped.pk), subject_id=kept.pk),
        "objects": _move(Relation.objects.filter(object_id=dropped.pk), object_id=kept.pk),
        "summary": bool(dropped.summary and not kept.summary),
        **_move_doubts(tenant_id, dropped.pk, kept.pk),
    }
    if moved["summary"]:
        Entity.objects.filter(pk=kept.pk).update(summary=dropped.summary)
    Entity.objects.filter(pk=dropped.pk).delete()
    return moved


def _hand_over(names: Sequence[int], giver_id: UUID, taker_id: UUID) -> None:
    """Make names of one entity another's, with all that is said under them."""
    EntityName.objects.filter(pk__in=names).update(entity_id=taker_id)
    for model, end, name in SPOKEN:
        model._default_manager.filter(**{end: giver_id, f"{name}__in": names}).update(**{end: taker_id})


def _call_as_before(entity: Entity, former_id: int) -> None:
    """Call an entity by a name it has again, unless a curator gave it the one it is called by."""
    names = EntityName.objects.filter(entity_id=entity.pk)
    former = names.filter(pk=former_id).first()
    if former and not names.filter(name=entity.name, given=True).exists():
        Entity.objects.filter(pk=entity.pk).update(name=former.name)


def _follow_merges(entity_id: UUID, made_id: UUID, names: Sequence[int]) -> None:
    """Have the merges whose names are all among the given ones be merges into the entity that has them now."""
    for each in Merge.objects.filter(kept_id=entity_id, undone_at=None):
        if {*each.moved["names"]} <= {*names}:
            Merge.objects.filter(pk=each.pk).update(kept_id=made_id)


def _settle_different(tenant_id: UUID, one_id: UUID, other_id: UUID, actor: str) -> None:
    one, other = sorted((one_id, other_id))
    # A row anew: one that came with a merge goes when that is undone.
    Doubt.objects.filter(one_id=one, other_id=other, state=Doubt.State.DIFFERENT).delete()
    decision = {"state": Doubt.State.DIFFERENT, "decided_by": actor}
    Doubt.objects.update_or_create(
        tenant_id=tenant_id, one_id=one, other_id=other,
        defaults=decision, create_defaults={**decision, "likeness": 1.0},
    )  # fmt: skip


def _ids(rows: Any) -> list[Any]:
    return list(rows.order_by("pk").values_list("pk", flat=True))


def _move(rows: Any, **to: UUID) -> list[str]:
    """Change a column of rows; returns their ids, as JSON can hold them."""
    ids = _ids(rows)
    rows.model._default_manager.filter(pk__in=ids).update(**to)
    return [str(each) for each in ids]


def _doubts_of(entity_id: UUID) -> dict[UUID, Doubt]:
    """Its doubts by the other entity."""
    rows = Doubt.objects.filter(Q(one_id=entity_id) | Q(other_id=entity_id)).order_by("pk")
    return {row.other_id if row.one_id == entity_id else row.one_id: row for row in rows}


def _move_doubts(tenant_id: UUID, dropped_id: UUID, kept_id: UUID) -> dict[str, list[Any]]:
    """Hold of the kept entity what is asked or settled of the dropped one, where nothing is of itself.

    Returns the doubts that went, and the ids of the new.
    """
    own, gone = _doubts_of(kept_id).keys() | {kept_id}, _doubts_of(dropped_id)
    moved = Doubt.objects.bulk_create(
        Doubt(
            tenant_id=tenant_id, one_id=min(kept_id, third_id), other_id=max(kept_id, third_id),
            likeness=doubt.likeness, raised_at=doubt.raised_at, state=doubt.state, decided_by=doubt.decided_by,
        )
        for third_id, doubt in gone.items()
        if third_id not in own
    )  # fmt: skip
    Doubt.objects.filter(pk__in=[doubt.pk for doubt in gone.values()]).delete()
    return {
        "doubts": [doubt.snapshot() for doubt in gone.values()],
        "asked": [str(each.pk) for each in moved if each.state == Doubt.State.OPEN],
        "settled": [str(each.pk) for each in moved if each.state != Doubt.State.OPEN],
    }


def _part_doubts(tenant_id: UUID, moved: Mapping[str, Any]) -> None:
    """Hold again what was asked or settled before a merge, of the entities that are there, and no more what came by it.

    What was asked and is settled since stays.
    """
    Doubt.objects.filter(pk__in=moved.get("asked", []), state=Doubt.State.OPEN).delete()
    Doubt.objects.filter(pk__in=moved.get("settled", [])).delete()
    rows = [Doubt.restored(tenant_id, each) for each in moved.get("doubts", [])]
    there = Entity.objects.in_bulk({end for row in rows for end in (row.one_id, row.other_id)})
    Doubt.objects.bulk_create(
        [row for row in rows if row.one_id in there and row.other_id in there], ignore_conflicts=True
    )
