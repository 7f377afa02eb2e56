"""Rows of the semantic tier: entities, where they are mentioned, and what holds between them and when.

What a relation was ended or replaced by is not stored: it follows from the other relations that were known at a
moment, see ``queries``. So a memory that is revised or forgotten takes its own statements along and nothing else,
and what they had ended holds again.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Self
from uuid import UUID

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from memos_project.db import TenantIsolation, UuidV7
from memos_project.tenancy.models import Tenant


def parent(to: Any, **options: Any) -> Any:
    """What a row goes with: the database itself sees to that, see ``sql/cascades.sql``."""
    return models.ForeignKey(
        to, on_delete=models.DO_NOTHING, **{"related_name": "+", "db_constraint": False, **options}
    )


class Kept(models.Model):
    """A row of which JSON can hold a copy that makes the very same row again."""

    class Meta:
        abstract = True

    def snapshot(self) -> dict[str, Any]:
        """Its columns but for the tenant and those without a value."""
        return {
            field.attname: field.value_to_string(self) if isinstance(value, UUID | datetime) else value
            for field in self._meta.concrete_fields
            if field.name != "tenant" and (value := field.value_from_object(self)) is not None
        }

    @classmethod
    def restored(cls, tenant_id: UUID, snapshot: Mapping[str, Any]) -> Self:
        """The row, not yet saved; what the copy lacks has its default."""
        fields = [field for field in cls._meta.concrete_fields if field.attname in snapshot]
        values = {field.attname: field.to_python(snapshot[field.attname]) for field in fields}
        return cls(tenant_id=tenant_id, **values)


class Entity(Kept):
    """One real thing of a tenant."""

    class Kind(models.TextChoices):
        CONCEPT = "concept"
        PERSON = "person"
        ORGANISATION = "organisation"
        PLACE = "place"
        PRODUCT = "product"
        EVENT = "event"
        THING = "thing"
        # Dates, amounts and versions are entities only where something is said of them.
        DATE = "date"
        AMOUNT = "amount"
        EMAIL = "email"
        URL = "url"
        IDENTIFIER = "identifier"
        PATH = "path"
        VERSION = "version"

    id = models.UUIDField(primary_key=True, db_default=UuidV7(), editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+", db_index=False)
    kind = models.CharField(max_length=20, choices=Kind)
    name = models.CharField(max_length=200)
    summary = models.TextField(db_default="", blank=True, help_text="What a curator wants to be known of it.")
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        verbose_name_plural = "entities"
        constraints = [
            TenantIsolation(name="entity_tenant_isolation"),
            models.CheckConstraint(
                name="entity_kind_known",
                condition=Q(
                    kind__in=[
                        "concept",
                        "person",
                        "organisation",
                        "place",
                        "product",
                        "event",
                        "thing",
                        "date",
                        "amount",
                        "email",
                        "url",
                        "identifier",
                        "path",
                        "version",
                    ]
                ),
            ),
        ]
        indexes = [
            models.Index(name="entity_by_name", fields=["tenant", "name", "id"]),  # the admin's list
            models.Index(name="entity_by_id", fields=["tenant", "id"]),
            models.Index(name="entity_by_kind", fields=["tenant", "kind", "id"]),
        ]

    def __str__(self) -> str:
        return self.name


class EntityName(models.Model):
    """A name by which an entity is found: the same name and kind always mean the same one."""

    id = models.BigAutoField(primary_key=True)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+", db_index=False)
    entity = parent(Entity, related_name="names")
    kind = models.CharField(max_length=20, help_text="The kind it was first read as.")
    name = models.CharField(max_length=200, help_text="As it was first written.")
    given = models.BooleanField(db_default=False, help_text="By a curator: it stays when no memory uses it.")
    normal = models.CharField(max_length=200, help_text="Without case, accents, articles and punctuation.")

    class Meta:
        constraints = [
            TenantIsolation(name="entityname_tenant_isolation"),
            models.UniqueConstraint(name="entityname_unique", fields=["tenant", "normal", "kind"]),
        ]

    def __str__(self) -> str:
        return self.name


class NameKey(models.Model):
    """One sound of a name, by which alike ones are looked up: under row-level security no trigram index can be."""

    pk = models.CompositePrimaryKey("tenant", "key", "name")
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+", db_index=False)
    key = models.CharField(max_length=40)
    name = parent(EntityName)

    class Meta:
        constraints = [TenantIsolation(name="namekey_tenant_isolation")]

    def __str__(self) -> str:
        return self.key


class Reading(models.Model):
    """What was last read of a memory's text, and by which extractor."""

    memory = models.OneToOneField(
        "memories.Memory",
        on_delete=models.DO_NOTHING,
        related_name="+",
        db_constraint=False,
        primary_key=True,
    )
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+", db_index=False)
    content_hash = models.CharField(max_length=64)
    extractor = models.CharField(max_length=20)
    read_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [TenantIsolation(name="reading_tenant_isolation")]

    def __str__(self) -> str:
        return f"read by {self.extractor}"


class Mention(models.Model):
    """Where a memory's text speaks of an entity; ``start`` and ``end`` count characters."""

    id = models.BigAutoField(primary_key=True)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+", db_index=False)
    memory = parent("memories.Memory", db_index=False)
    entity = parent(Entity, related_name="mentions", db_index=False)
    name = parent(EntityName, db_index=False)
    # The memory's own, kept by trigger: a user's search follows the user's mentions and passes over no others.
    owner = models.BigIntegerField(db_default=0, editable=False)
    start = models.IntegerField()
    end = models.IntegerField()
    text = models.CharField(max_length=500)

    class Meta:
        constraints = [TenantIsolation(name="mention_tenant_isolation")]
        indexes = [
            models.Index(name="mention_by_memory", fields=["memory"]),
            models.Index(name="mention_by_entity", fields=["entity", "memory"]),
            models.Index(name="mention_by_owner", fields=["tenant", "entity", "owner", "memory"]),
            models.Index(name="mention_by_name", fields=["name"]),  # a name goes with its last one
        ]

    def __str__(self) -> str:
        return self.text


class Relation(models.Model):
    """What a memory, or without one a curator, says of two entities.

    It holds from ``valid_from`` to ``valid_to`` or until something known contradicts it, and was known from
    ``learned_at`` until ``unlearned_at``. A negated one is the end of those it contradicts. With ``ends_since`` it ends only
    what began then or later, and before it begins itself.
    """

    id = models.UUIDField(primary_key=True, db_default=UuidV7(), editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+", db_index=False)
    memory = parent("memories.Memory", null=True, blank=True, db_index=False)
    subject = parent(Entity, db_index=False)
    predicate = models.CharField(max_length=40)
    object = parent(Entity, db_index=False)
    # By which names the memory calls them, to part what was merged. One that no memory uses any more may be gone.
    subject_name = parent(EntityName, null=True, blank=True, db_index=False)
    object_name = parent(EntityName, null=True, blank=True, db_index=False)
    negated = models.BooleanField(db_default=False)
    confidence = models.FloatField()
    valid_from = models.DateTimeField()
    valid_to = models.DateTimeField(null=True, blank=True)
    learned_at = models.DateTimeField(db_default=Now())
    ends_since = models.DateTimeField(null=True, blank=True)
    unlearned_at = models.DateTimeField(null=True, blank=True)
    confirmed_by = models.CharField(max_length=200, db_default="", blank=True)
    taken_back_by = models.CharField(max_length=200, db_default="", blank=True)
    # The hash of the text that does not say so, as a curator found: it is not learned from that text again.
    misread_of = models.CharField(max_length=64, db_default="", blank=True)

    class Meta:
        constraints = [
            TenantIsolation(name="relation_tenant_isolation"),
            models.CheckConstraint(
                name="relation_confidence_range", condition=Q(confidence__range=(0.0, 1.0))
            ),
            models.CheckConstraint(
                name="relation_ends_after_it_began",
                condition=Q(valid_to=None) | Q(valid_to__gt=F("valid_from")),
            ),
        ]
        indexes = [
            # What was said of one thing, in order: also what ends what.
            models.Index(name="relation_by_subject", fields=["subject", "predicate", "valid_from"]),
            # What denies it, of which there is little.
            models.Index(
                name="relation_denials",
                fields=["subject", "predicate", "object"],
                condition=Q(negated=True),
            ),
            # What is near a node now, the latest first.
            models.Index(name="relation_from", fields=["subject", "-valid_from"]),
            models.Index(name="relation_to", fields=["object", "-valid_from"]),
            models.Index(name="relation_by_id", fields=["tenant", "id"]),  # the admin's list
            models.Index(name="relation_by_memory", fields=["memory"], condition=Q(memory__isnull=False)),
        ]

    def __str__(self) -> str:
        return self.predicate


class Merge(models.Model):
    """Two entities that were found to be one, with all that is needed to part them again."""

    id = models.UUIDField(primary_key=True, db_default=UuidV7(), editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+", db_index=False)
    kept_id = models.UUIDField(help_text="The entity that both are now; it may have gone into another since.")
    dropped = models.JSONField(help_text="The row of the entity that is no more; its id once it is back.")
    moved = models.JSONField(help_text="Ids of its names, of its relations without one, and its doubts.")
    actor = models.CharField(max_length=200)
    at = models.DateTimeField(db_default=Now())
    undone_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [TenantIsolation(name="merge_tenant_isolation")]
        indexes = [
            models.Index(name="merge_by_kept", fields=["tenant", "kept_id"]),
            models.Index(name="merge_by_id", fields=["tenant", "id"]),
        ]

    def __str__(self) -> str:
        return f"{self.dropped['id']} in {self.kept_id}"


class Split(models.Model):
    """Names of an entity that were found to be another one's, with all that was said under them."""

    id = models.UUIDField(primary_key=True, db_default=UuidV7(), editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+", db_index=False)
    entity_id = models.UUIDField(help_text="The entity whose names they were.")
    made_id = models.UUIDField(help_text="The entity whose names they are since.")
    former_id = models.BigIntegerField(
        null=True, help_text="The name it was called by, if that was one of them."
    )
    actor = models.CharField(max_length=200)
    at = models.DateTimeField(db_default=Now())
    undone_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [TenantIsolation(name="split_tenant_isolation")]
        indexes = [models.Index(name="split_by_entity", fields=["tenant", "entity_id"])]

    def __str__(self) -> str:
        return f"{self.made_id} of {self.entity_id}"


class Doubt(Kept):
    """Two entities that may be one: a curator says whether they are."""

    class State(models.TextChoices):
        OPEN = "open"
        DIFFERENT = "different"

    id = models.UUIDField(primary_key=True, db_default=UuidV7(), editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+", db_index=False)
    one = parent(Entity)
    other = parent(Entity)
    likeness = models.FloatField(help_text="0 to 1.")
    state = models.CharField(max_length=10, choices=State, db_default=State.OPEN)
    decided_by = models.CharField(max_length=200, db_default="", blank=True)
    raised_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            TenantIsolation(name="doubt_tenant_isolation"),
            models.UniqueConstraint(name="doubt_unique", fields=["tenant", "one", "other"]),
            models.CheckConstraint(name="doubt_in_order", condition=Q(one__lt=F("other"))),
        ]
        indexes = [models.Index(name="doubt_open", fields=["tenant", "id"], condition=Q(state="open"))]

    def __str__(self) -> str:
        return f"{self.one} or {self.other}"


class Projection(models.Model):
    """That a graph store outside of PostgreSQL is to be kept level: while there is a row, triggers leave marks."""

    id = models.SmallIntegerField(primary_key=True, db_default=1)
    epoch = models.UUIDField(
        db_default=UuidV7(), help_text="What the store is filled under; another one: anew."
    )

    class Meta:
        constraints = [models.CheckConstraint(name="projection_only_one", condition=Q(id=1))]

    def __str__(self) -> str:
        return str(self.epoch)


class Projector(models.Model):
    """Who brings a tenant's graph store level: one at a time, until the lease is over."""

    tenant = models.OneToOneField(Tenant, on_delete=models.PROTECT, related_name="+", primary_key=True)
    epoch = models.UUIDField(null=True, help_text="Under which all its rows were marked.")
    token = models.UUIDField(null=True)
    held_until = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [TenantIsolation(name="projector_tenant_isolation")]

    def __str__(self) -> str:
        return str(self.tenant_id)


class ProjectMark(models.Model):
    """That something in the graph store is behind its rows, or may be; written by trigger with the change itself.

    A log: who changes a thing again adds another mark, so that writers never wait for each other here.
    """

    class Kind(models.IntegerChoices):
        ENTITY = 1
        MEMORY = 2  # with its mentions
        RELATIONS = 3  # all of a subject and a predicate

    id = models.BigAutoField(primary_key=True)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+", db_index=False)
    kind = models.SmallIntegerField(choices=Kind)
    node_id = models.UUIDField()
    predicate = models.CharField(max_length=40, db_default="")
    marked_at = models.DateTimeField(db_default=Now())
    due_at = models.DateTimeField(db_default=Now())
    attempts = models.SmallIntegerField(db_default=0)
    error = models.TextField(db_default="", blank=True)

    class Meta:
        constraints = [TenantIsolation(name="projectmark_tenant_isolation")]
        indexes = [models.Index(name="projectmark_in_order", fields=["tenant", "id"])]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.node_id}"
