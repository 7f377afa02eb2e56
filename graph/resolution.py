"""Which entity a name means: the one that has it, one with a name like it, or a new one.

What is surely the same becomes another name of the entity, as a merge that can be undone; what may be is an entity of
its own and a doubt that a curator settles. A wrong merge costs more than a missing one.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

from django.utils import timezone

from graph.models import Doubt, Entity, EntityName, Merge, NameKey
from graph.names import MAX_NAME, PART, SLIPPED, likeness, normal, sounds
from memos_project.db import fetch_prepared, tenant_scope

SAME, DOUBTFUL = SLIPPED, PART
# Names of which so much is written alike are compared by meaning, and mean the same from this cosine on, which was
# found with this model. People's are not: "Julian" and "Juliane" mean much the same.
WRITTEN_ALIKE, MEANS_THE_SAME, BY_MODEL = 0.25, 0.92, "all-minilm-l6-v2"
# With one key so many names are compared, and a new name raises so many doubts.
COMPARED, DOUBTS = 100, 3
# The kinds of which names are compared, each with those that another extractor might call the same thing by. Of the
# others, such as concepts, addresses and versions, a letter more is another one.
COMPATIBLE: Mapping[str, frozenset[str]] = {
    "thing": frozenset({"product", "event", "organisation", "place"}),
    "product": frozenset({"thing", "organisation"}),
    "organisation": frozenset({"thing", "product", "place"}),
    "place": frozenset({"thing", "organisation"}),
    "event": frozenset({"thing"}),
    "person": frozenset(),
}
# Who merged, in the record of a merge that nobody asked for.
ACTOR = "resolution"

type Named = tuple[str, str]
"""A normal name and the kind it was read as."""

ONE_AT_A_TIME = "SELECT pg_advisory_xact_lock(hashtextextended('entities:' || %(tenant)s::text, 0))::text"
# The locks keep an entity and its name from going with their last mention before the caller has written the next one;
# whoever removes them takes the entity first.
KNOWN = """
SELECT n.normal, n.kind, e.id, n.id
FROM graph_entityname n JOIN graph_entity e ON e.id = n.entity_id
WHERE n.tenant_id = %(tenant)s AND n.normal = ANY(%(normals)s)
ORDER BY e.id FOR KEY SHARE OF e, n
"""
WITH_KEY = """
SELECT DISTINCT n.normal, n.kind, n.name, n.entity_id, n.id
FROM unnest(%(keys)s::text[]) wanted (key)
CROSS JOIN LATERAL (
    SELECT k.name_id FROM graph_namekey k
    WHERE k.tenant_id = %(tenant)s AND k.key = wanted.key ORDER BY k.name_id LIMIT %(limit)s
) found
JOIN graph_entityname n ON n.id = found.name_id
"""
NEW_IDS = "SELECT uuidv7() FROM generate_series(1, %(count)s)"


@dataclass(frozen=True, slots=True)
class Alike:
    """A name that is perhaps (DOUBTFUL), surely (SAME) or without doubt (1) the wanted one, and its entity."""

    likeness: float
    entity_id: UUID
    named: Named


class Meant(NamedTuple):
    """What a name means, and which of the entity's names it is."""

    entity_id: UUID
    name_id: int


class Unclear(NamedTuple):
    """Two entities, and a name of each as it is written: only what these mean could tell whether they are one."""

    one: UUID
    other: UUID
    one_name: str
    other_name: str


class Resolved(NamedTuple):
    """What each name means, and what a comparison of meanings may find in doubt."""

    meant: dict[Named, Meant]
    unclear: list[Unclear]


def resolve(tenant_id: UUID, wanted: Iterable[tuple[str, str]]) -> Resolved:
    """The entities of names with their kinds, made where there are none; names without a letter or digit have none.

    Works in the tenant's open transaction; the next such call waits for its end. The number of statements does not
    depend on that of names, nor the answer on their order. Raises IntegrityError where
    an entity that is like a new name is forgotten in this moment: try again.
    """
    take_turns(tenant_id)
    spelt = {(normal(name), kind): name for name, kind in sorted(wanted, reverse=True) if normal(name)}
    found = _known(tenant_id, spelt)
    # A thing may be of any kind: what is known better comes first.
    missing = sorted(spelt.keys() - found.keys(), key=lambda named: (named[1] == "thing", named))
    if not missing:
        return Resolved(found, [])
    compared = _Compared(tenant_id, {named: spelt[named] for named in missing})
    known, scores = compared.known, compared.scores
    owners = {named: each.entity_id for named, each in known.items()}
    goes_by = {named: named for named in owners}
    changes = _Changes(tenant_id)
    ids = fetch_prepared(NEW_IDS, {"count": len(missing)})
    for named, (fresh_id,) in zip(missing, ids, strict=True):
        near = (
            Alike(score, owners[its], goes_by[its]) for its, score in scores[named].items() if its in owners
        )
        alike = sorted(near, key=lambda each: (-each.likeness, each.entity_id, each.named))
        owners[named], goes_by[named] = changes.settle(named, spelt[named], fresh_id, alike)
    changes.save()
    name_ids = {named: each.name_id for named, each in known.items()}
    name_ids |= {(row.normal, row.kind): row.pk for row in changes.names}
    found |= {named: Meant(owners[named], name_ids[goes_by[named]]) for named in missing}
    unclear = [
        Unclear(owners[one], owners[other], compared.spelt[one], compared.spelt[other])
        for one, other in compared.unsure
        if owners[one] != owners[other]
    ]
    return Resolved(found, unclear)


def raise_doubts(tenant_id: UUID, pairs: Iterable[Unclear]) -> None:
    """Ask a curator whether these are one, unless that was asked before; opens its own transaction."""
    wanted = {(min(each.one, each.other), max(each.one, each.other)) for each in pairs}
    with tenant_scope(tenant_id):
        take_turns(tenant_id)
        there = held(*{each for pair in wanted for each in pair})
        Doubt.objects.bulk_create(
            (
                Doubt(tenant_id=tenant_id, one_id=one, other_id=other, likeness=DOUBTFUL)
                for one, other in sorted(wanted)
                if one in there and other in there
            ),
            ignore_conflicts=True,
        )


def take_turns(tenant_id: UUID) -> None:
    """Wait until no other transaction makes, merges or parts entities of the tenant, and let none until this one ends."""
    fetch_prepared(ONE_AT_A_TIME, {"tenant": tenant_id})


def held(*ids: UUID) -> dict[UUID, Entity]:
    """Entities that nobody else changes, mentions anew or removes until the transaction ends, as far as they are there."""
    return {row.pk: row for row in Entity.objects.select_for_update().filter(pk__in=ids).order_by("pk")}


def name_entity(tenant_id: UUID, entity_id: UUID, kind: str, name: str) -> None:
    """Give an entity a name that no other of its kind has, for good; who took the turn calls this."""
    row = EntityName.objects.create(
        tenant_id=tenant_id, entity_id=entity_id, kind=kind, name=name[:MAX_NAME], normal=normal(name), given=True
    )  # fmt: skip
    if kind in COMPATIBLE:
        NameKey.objects.bulk_create(
            NameKey(tenant_id=tenant_id, key=key, name=row) for key in sorted(sounds(row.normal))
        )


class _Changes:
    """The rows that new names need, gathered to be written together."""

    def __init__(self, tenant_id: UUID) -> None:
        self.tenant_id = tenant_id
        self.entities: list[Entity] = []
        self.names: list[EntityName] = []
        self.merged: list[tuple[EntityName, Entity]] = []
        self.doubts: list[Doubt] = []

    def settle(self, named: Named, spelt: str, fresh_id: UUID, alike: Sequence[Alike]) -> tuple[UUID, Named]:
        """The entity of a name and its name there: a new one under the given id unless the first of those alike is the same."""
        name, kind = named
        best = alike[0] if alike and alike[0].likeness >= SAME else None
        if best and best.likeness == 1:  # by the same name, as another kind
            return best.entity_id, best.named
        entity_id = best.entity_id if best else fresh_id
        entity = Entity(
            id=fresh_id, tenant_id=self.tenant_id, kind=kind, name=spelt[:MAX_NAME], summary="", created_at=timezone.now()
        )  # fmt: skip
        row = EntityName(
            tenant_id=self.tenant_id, entity_id=entity_id, kind=kind, name=spelt[:MAX_NAME], normal=name
        )
        self.names.append(row)
        if best:
            self.merged.append((row, entity))
            return entity_id, named
        self.entities.append(entity)
        doubts: dict[UUID, float] = {}
        for each in alike:
            doubts.setdefault(each.entity_id, each.likeness)
        for other_id, score in list(doubts.items())[:DOUBTS]:
            one, other = sorted((entity_id, other_id))
            self.doubts.append(Doubt(tenant_id=self.tenant_id, one_id=one, other_id=other, likeness=score))
        return entity_id, named

    def save(self) -> None:
        """One statement for each kind of row, those first that others point to."""
        Entity.objects.bulk_create(self.entities)
        EntityName.objects.bulk_create(self.names)
        NameKey.objects.bulk_create(
            NameKey(tenant_id=self.tenant_id, key=key, name=row)
            for row in self.names
            if row.kind in COMPATIBLE
            for key in sorted(sounds(row.normal))
        )
        Merge.objects.bulk_create(
            Merge(
                tenant_id=self.tenant_id,
                kept_id=row.entity_id,
                dropped=entity.snapshot(),
                moved={"names": [row.pk]},
                actor=ACTOR,
            )
            for row, entity in self.merged
        )
        Doubt.objects.bulk_create(self.doubts)


def _known(tenant_id: UUID, wanted: Collection[Named]) -> dict[Named, Meant]:
    """The entities, kept from vanishing until the transaction ends, of names that are known, perhaps as another kind."""
    rows = fetch_prepared(KNOWN, {"tenant": tenant_id, "normals": sorted({each for each, _ in wanted})})
    by_name = {(name, kind): Meant(entity_id, name_id) for name, kind, entity_id, name_id in rows}
    found: dict[Named, Meant] = {}
    for name, kind in wanted:
        kinds = (kind, *sorted(COMPATIBLE.get(kind, ())))
        meant = next((by_name[name, each] for each in kinds if (name, each) in by_name), None)
        if meant:
            found[name, kind] = meant
    return found


class _Compared:
    """New names beside each other and the known ones that share a key with them.

    ``known`` are the entities of these, ``scores`` how like each new name the others are, from DOUBTFUL to 1, ``unsure``
    the pairs that only their meaning can tell apart.
    """

    def __init__(self, tenant_id: UUID, wanted: Mapping[Named, str]) -> None:
        keys = {named: sounds(named[0]) for named in wanted if named[1] in COMPATIBLE}
        rows = fetch_prepared(
            WITH_KEY,
            {"tenant": tenant_id, "keys": sorted(set[str]().union(*keys.values())), "limit": COMPARED},
        )
        self.known = {(name, kind): Meant(entity_id, name_id) for name, kind, _, entity_id, name_id in rows}
        self.spelt = {**wanted, **{(name, kind): written for name, kind, written, *_ in rows}}
        self.unsure: list[tuple[Named, Named]] = []
        self.scores: dict[Named, dict[Named, float]] = {named: {} for named in wanted}
        by_key: dict[str, list[Named]] = defaultdict(list)
        for named in sorted({*keys, *self.known}):
            for key in keys.get(named) or sounds(named[0]):
                if len(by_key[key]) < COMPARED:
                    by_key[key].append(named)
        for named, own_keys in keys.items():
            for its in {each for key in own_keys for each in by_key[key]} - {named}:
                if its[1] == named[1] or its[1] in COMPATIBLE[named[1]]:
                    self._compare(named, its)

    def _compare(self, named: Named, its: Named) -> None:
        person = named[1] == Entity.Kind.PERSON
        score = likeness(named[0], its[0], person=person)
        if score >= DOUBTFUL:
            self.scores[named][its] = score
        elif score >= WRITTEN_ALIKE and not person:
            self.unsure.append((named, its))
