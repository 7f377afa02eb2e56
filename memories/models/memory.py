"""What is remembered: memories with their history and their conversations.

Columns that PostgreSQL keeps by trigger (``owner``, ``lexemes``, ``length``) and the foreign keys behind
``db_constraint=False`` are defined in ``sql/``.
"""

from datetime import datetime

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.search import SearchVectorField
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Coalesce, Now
from django.utils import timezone

from memos_project.db import TenantIsolation, UuidV7
from memos_project.tenancy.models import Tenant


class Conversation(models.Model):
    """A thread of turns, named by the caller; the name is unique for one user of a tenant."""

    id = models.UUIDField(primary_key=True, db_default=UuidV7(), editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+", db_index=False)
    user_id = models.CharField(max_length=200, db_default="", blank=True)
    key = models.CharField(max_length=200, help_text="The conversation_id that callers use.")
    title = models.CharField(max_length=500, db_default="", blank=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        constraints = [
            TenantIsolation(name="conversation_tenant_isolation"),
            models.UniqueConstraint(name="conversation_key_unique", fields=["tenant", "user_id", "key"]),
        ]
        indexes = [
            models.Index(name="conversation_by_tenant", fields=["tenant", "id"]),
            # Callers look a conversation up by its name without always saying whose it is.
            models.Index(name="conversation_by_key", fields=["tenant", "key"]),
        ]

    def __str__(self) -> str:
        return self.title or self.key


class MemoryQuerySet(models.QuerySet["Memory"]):
    def live(self, at: datetime | None = None) -> "MemoryQuerySet":
        """What is true and kept at a moment: not superseded, not ended, not expired."""
        at = at or timezone.now()
        return self.filter(
            Q(expires_at=None) | Q(expires_at__gt=at),
            Q(valid_to=None) | Q(valid_to__gt=at),
            superseded_by=None,
        )


class Memory(models.Model):
    """One searchable text of any kind."""

    class Kind(models.TextChoices):
        MESSAGE = "message"
        OBSERVATION = "observation"
        FACT = "fact"
        DOCUMENT = "document"
        CODE = "code"
        KNOWLEDGE = "knowledge"
        NOTE = "note"
        PROCEDURE = "procedure"

    class Tier(models.IntegerChoices):
        EPISODIC = 2
        SEMANTIC = 3

    class Role(models.TextChoices):
        USER = "user"
        ASSISTANT = "assistant"
        SYSTEM = "system"
        TOOL = "tool"

    id = models.UUIDField(primary_key=True, db_default=UuidV7(), editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+", db_index=False)
    kind = models.CharField(max_length=20, choices=Kind)
    tier = models.SmallIntegerField(choices=Tier, db_default=Tier.EPISODIC)
    user_id = models.CharField(max_length=200, db_default="", blank=True)
    agent_id = models.CharField(max_length=200, db_default="", blank=True)
    conversation = models.ForeignKey(
        Conversation, on_delete=models.PROTECT, null=True, blank=True, related_name="memories", db_index=False
    )
    turn = models.IntegerField(null=True, editable=False, help_text="The place in the conversation, from 1.")
    role = models.CharField(max_length=10, choices=Role, db_default=Role.USER)
    speaker = models.CharField(max_length=200, db_default="", blank=True)
    title = models.CharField(max_length=500, db_default="", blank=True)
    category = models.CharField(max_length=200, db_default="", blank=True)
    content = models.TextField()
    content_hash = models.CharField(
        max_length=64, editable=False, help_text="SHA-256 of what makes the memory itself."
    )
    external_id = models.CharField(max_length=200, null=True, blank=True, help_text="The caller's own id.")
    tags = ArrayField(models.CharField(max_length=100), db_default=[], blank=True)
    metadata = models.JSONField(db_default={}, blank=True)
    importance_explicit = models.FloatField(null=True, blank=True)
    importance_computed = models.FloatField(db_default=0.5, editable=False)
    importance = models.GeneratedField(
        expression=Coalesce(F("importance_explicit"), F("importance_computed")),
        output_field=models.FloatField(),
        db_persist=True,
    )
    occurred_at = models.DateTimeField(db_default=Now(), help_text="When it happened, as far as known.")
    created_at = models.DateTimeField(db_default=Now(), editable=False, help_text="When memOS learned it.")
    updated_at = models.DateTimeField(db_default=Now(), editable=False)
    valid_from = models.DateTimeField(null=True, blank=True)
    valid_to = models.DateTimeField(null=True, blank=True)
    superseded_by = models.ForeignKey(
        "self",
        on_delete=models.DO_NOTHING,
        null=True,
        blank=True,
        related_name="+",
        db_index=False,
        db_constraint=False,
    )
    expires_at = models.DateTimeField(null=True, blank=True)
    pinned = models.BooleanField(db_default=False)
    version = models.IntegerField(db_default=1, editable=False)
    last_accessed_at = models.DateTimeField(null=True, editable=False)
    access_count = models.IntegerField(db_default=0, editable=False)
    language = models.CharField(
        max_length=20, choices=Tenant.Language, db_default=Tenant.Language.ENGLISH, editable=False
    )
    owner = models.BigIntegerField(
        db_default=0, editable=False, help_text="A hash of user_id, the narrow key of the indexes."
    )
    lexemes = SearchVectorField(null=True, editable=False)
    length = models.IntegerField(
        db_default=0, editable=False, help_text="How many words the text index counts."
    )

    objects = MemoryQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "memories"
        constraints = [
            TenantIsolation(name="memory_tenant_isolation"),
            models.CheckConstraint(
                name="memory_kind_known",
                condition=Q(
                    kind__in=[
                        "message",
                        "observation",
                        "fact",
                        "document",
                        "code",
                        "knowledge",
                        "note",
                        "procedure",
                    ]
                ),
            ),
            models.CheckConstraint(name="memory_tier_known", condition=Q(tier__in=[2, 3])),
            models.CheckConstraint(
                name="memory_importance_range",
                condition=Q(importance_explicit=None) | Q(importance_explicit__range=(0.0, 1.0)),
            ),
            models.CheckConstraint(
                name="memory_turn_in_conversation", condition=Q(turn=None) | Q(conversation__isnull=False)
            ),
            # The caller's own id decides what is the same; without one, what was said does.
            models.UniqueConstraint(
                name="memory_external_id_unique",
                fields=["tenant", "user_id", "external_id"],
                condition=Q(external_id__isnull=False),
            ),
            models.UniqueConstraint(
                name="memory_content_unique",
                fields=["tenant", "user_id", "conversation", "kind", "content_hash"],
                condition=Q(external_id=None),
                nulls_distinct=False,
            ),
        ]
        indexes = [
            # Lists, newest first: ids are ordered by time.
            models.Index(name="memory_by_tenant", fields=["tenant", "id"]),
            # Lists and search in one user's scope; with the length, a scope's statistics need no row.
            models.Index(name="memory_by_owner", fields=["tenant", "owner", "id"], include=["length"]),
            # The turns around a hit, and a conversation's turns in order. Row-level security asks for the tenant in
            # any case: with it in the index the planner need not weigh this one against the tenant's own.
            models.Index(name="memory_by_turn", fields=["conversation", "tenant", "turn"]),
            # Knowledge and notes among messages, which are nearly all and need no list of their own.
            models.Index(
                name="memory_by_kind", fields=["tenant", "kind", "id"], condition=~Q(kind="message")
            ),
            # The foreign key's own look-up when a successor is deleted.
            models.Index(
                name="memory_by_successor", fields=["superseded_by"], condition=Q(superseded_by__isnull=False)
            ),
            # When the next memory of a tenant ends: until then what was recalled stays true by itself.
            models.Index(
                name="memory_by_expiry",
                fields=["tenant", "expires_at"],
                condition=Q(expires_at__isnull=False),
            ),
            models.Index(
                name="memory_by_end", fields=["tenant", "valid_to"], condition=Q(valid_to__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return self.title or (self.content if len(self.content) <= 80 else f"{self.content[:79]}…")


class MemoryVersion(models.Model):
    """What a memory was before a change."""

    id = models.UUIDField(primary_key=True, db_default=UuidV7(), editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+")
    memory = models.ForeignKey(
        Memory, on_delete=models.DO_NOTHING, related_name="versions", db_index=False, db_constraint=False
    )
    version = models.IntegerField()
    state = models.JSONField(help_text="The changed fields as they were.")
    actor = models.CharField(max_length=200)
    replaced_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            TenantIsolation(name="memoryversion_tenant_isolation"),
            models.UniqueConstraint(name="memoryversion_unique", fields=["memory", "version"]),
        ]

    def __str__(self) -> str:
        return f"version {self.version}"


class AuditEntry(models.Model):
    """Who did what to which memory; it outlives the memory and holds none of its text."""

    class Action(models.TextChoices):
        REMEMBER = "remember"
        REVISE = "revise"
        FORGET = "forget"
        RETRY = "retry"
        PROMOTE = "promote"
        WITHDRAW = "withdraw"

    id = models.UUIDField(primary_key=True, db_default=UuidV7(), editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+", db_index=False)
    memory_id = models.UUIDField()
    action = models.CharField(max_length=20, choices=Action)
    actor = models.CharField(max_length=200)
    detail = models.JSONField(db_default={}, blank=True)
    at = models.DateTimeField(db_default=Now())

    class Meta:
        verbose_name_plural = "audit entries"
        constraints = [TenantIsolation(name="auditentry_tenant_isolation")]
        indexes = [
            models.Index(name="auditentry_by_tenant", fields=["tenant", "id"]),
            models.Index(name="auditentry_by_memory", fields=["tenant", "memory_id", "at"]),
        ]

    def __str__(self) -> str:
        return f"{self.action} by {self.actor}"
