"""Rows of the episodic tier: memories with their history, their conversations, and what makes them findable.

Columns that PostgreSQL keeps by trigger (``owner``, ``lexemes``, ``length``), the posting lists and the
foreign keys behind ``db_constraint=False`` are defined in ``sql/``.
"""

from datetime import datetime

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.search import SearchVectorField
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Coalesce, Now
from django.utils import timezone
from pgvector.django import HalfVectorField, HnswIndex

from memories.embeddings import ModelSpec
from memories.vectors import IndexedModel
from memos_project.db import TenantIsolation, UuidV7
from memos_project.tenancy.models import Tenant


class Conversation(models.Model):
    """A thread of turns, named by the caller; the name is unique for one user of a tenant."""

    id = models.UUIDField(primary_key=True, db_default=UuidV7(), editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+")
    user_id = models.CharField(max_length=200, db_default="", blank=True)
    key = models.CharField(max_length=200, help_text="The conversation_id that callers use.")
    title = models.CharField(max_length=500, db_default="", blank=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        constraints = [
            TenantIsolation(name="conversation_tenant_isolation"),
            models.UniqueConstraint(name="conversation_key_unique", fields=["tenant", "user_id", "key"]),
        ]
        # Callers look a conversation up by its name without always saying whose it is.
        indexes = [models.Index(name="conversation_by_key", fields=["tenant", "key"])]

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
        indexes = [models.Index(name="auditentry_by_memory", fields=["tenant", "memory_id", "at"])]

    def __str__(self) -> str:
        return f"{self.action} by {self.actor}"


class EmbeddingModel(models.Model):
    """A way to turn text into vectors; several can be kept side by side, one answers queries."""

    class State(models.TextChoices):
        FILLING = "filling", "filling (new rows are embedded with it too)"
        ACTIVE = "active", "active (answers queries)"
        RETIRED = "retired", "retired (kept, not filled)"

    id = models.SmallAutoField(primary_key=True)
    name = models.SlugField(max_length=100, unique=True)
    provider = models.CharField(max_length=20)
    dimensions = models.IntegerField()
    token_dimensions = models.IntegerField(
        db_default=0, help_text="Size of token vectors for late interaction; 0: none."
    )
    query_prefix = models.CharField(max_length=200, db_default="", blank=True)
    passage_prefix = models.CharField(max_length=200, db_default="", blank=True)
    max_tokens = models.IntegerField(help_text="The model's window; longer text is cut into chunks.")
    chunk_overlap = models.IntegerField(db_default=20)
    options = models.JSONField(db_default={}, blank=True)
    state = models.CharField(max_length=10, choices=State, db_default=State.FILLING)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                name="embeddingmodel_one_active", fields=["state"], condition=Q(state="active")
            ),
            models.CheckConstraint(
                name="embeddingmodel_dimensions_range", condition=Q(dimensions__range=(1, 4000))
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def spec(self) -> ModelSpec:
        """What the embeddings package needs to know of this row; raises ValueError naming a bad field."""
        return ModelSpec(
            name=self.name,
            provider=self.provider,
            dimensions=self.dimensions,
            token_dimensions=self.token_dimensions,
            query_prefix=self.query_prefix,
            passage_prefix=self.passage_prefix,
            max_tokens=self.max_tokens,
            chunk_overlap=self.chunk_overlap,
            options=self.options,
        )

    def indexed(self) -> IndexedModel:
        return IndexedModel(id=self.pk, name=self.name, dimensions=self.dimensions)


class IndexJob(models.Model):
    """A memory whose projections are behind its row; also one that is gone and still has projections.

    Written in the transaction that changed the memory, gone when every index is level with it.
    """

    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+", db_index=False)
    memory_id = models.UUIDField(primary_key=True)
    revision = models.BigIntegerField(
        db_default=1, editable=False, help_text="Another one whenever the memory changes; from a sequence."
    )
    enqueued_at = models.DateTimeField(db_default=Now())
    due_at = models.DateTimeField(
        db_default=Now(),
        null=True,
        help_text="Not to be taken before: a lease, or a pause after an error. Empty: given up.",
    )
    attempts = models.IntegerField(db_default=0)
    error = models.TextField(db_default="", blank=True)

    class Meta:
        verbose_name = "index backlog entry"
        verbose_name_plural = "index backlog"
        constraints = [TenantIsolation(name="indexjob_tenant_isolation")]
        # The claim of the next batch: what is due, oldest first.
        indexes = [models.Index(name="indexjob_by_due", fields=["tenant", "due_at"])]

    def __str__(self) -> str:
        return str(self.memory_id)


class ReadJob(models.Model):
    """A memory whose text has changed since the graph learned from it.

    Written in the transaction that brings its indexes level, gone when the graph is level too.
    """

    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+", db_index=False)
    memory = models.OneToOneField(
        Memory, on_delete=models.DO_NOTHING, related_name="+", db_constraint=False, primary_key=True
    )
    content_hash = models.CharField(max_length=64)
    due_at = models.DateTimeField(db_default=Now(), null=True, help_text="Empty: given up.")
    attempts = models.IntegerField(db_default=0)
    error = models.TextField(db_default="", blank=True)

    class Meta:
        verbose_name = "unread memory"
        verbose_name_plural = "unread memories"
        constraints = [TenantIsolation(name="readjob_tenant_isolation")]
        indexes = [models.Index(name="readjob_by_due", fields=["tenant", "due_at"])]

    def __str__(self) -> str:
        return str(self.memory_id)


class MemoryVector(models.Model):
    """One chunk of one memory as seen by one model; each model has its own HNSW index on ``embedding``."""

    pk = models.CompositePrimaryKey("memory", "model", "chunk")
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+", db_index=False)
    memory = models.ForeignKey(
        Memory, on_delete=models.DO_NOTHING, related_name="vectors", db_index=False, db_constraint=False
    )
    model = models.ForeignKey(EmbeddingModel, on_delete=models.PROTECT, related_name="+", db_index=False)
    chunk = models.SmallIntegerField()
    owner = models.BigIntegerField()
    content_hash = models.CharField(max_length=64)
    embedding = HalfVectorField()
    in_graph = models.BooleanField(db_default=False, help_text="Whether the model's HNSW index holds it.")

    class Meta:
        constraints = [TenantIsolation(name="memoryvector_tenant_isolation")]
        # The exact search of a scope too small or too rare for the HNSW index.
        indexes = [models.Index(name="memoryvector_by_owner", fields=["tenant", "model", "owner"])]


class CachedPrompt(models.Model):
    """A prompt of the LLM cache and its vector; its answer is in Redis. A cache needs no write-ahead log: see the migration."""

    DIMENSIONS = 384

    pk = models.CompositePrimaryKey("tenant", "key")
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+", db_index=False)
    key = models.UUIDField(help_text="The exact request.")
    scope = models.UUIDField(help_text="What must be equal for a prompt to be compared.")
    prompt = models.TextField()
    embedding = HalfVectorField(dimensions=DIMENSIONS)
    expires_at = models.DateTimeField()

    class Meta:
        constraints = [TenantIsolation(name="cachedprompt_tenant_isolation")]
        indexes = [
            # A scope with few prompts is compared one by one.
            models.Index(name="cachedprompt_by_scope", fields=["tenant", "scope"]),
            models.Index(name="cachedprompt_by_end", fields=["tenant", "expires_at"]),
            HnswIndex(
                name="cachedprompt_hnsw",
                fields=["embedding"],
                m=24,
                ef_construction=100,
                opclasses=["halfvec_cosine_ops"],
            ),
        ]


class GraphTenant(models.Model):
    """A tenant with enough vectors for the HNSW index to be worth its making; the others are searched exactly.

    While the row is there, new vectors enter the index; it is complete when all the older ones have.
    """

    tenant = models.OneToOneField(Tenant, on_delete=models.PROTECT, primary_key=True, related_name="+")
    complete = models.BooleanField(db_default=False)

    class Meta:
        constraints = [TenantIsolation(name="graphtenant_tenant_isolation")]


class MemoryTokens(models.Model):
    """The token vectors of one chunk, row after row of signed bytes, for late interaction."""

    pk = models.CompositePrimaryKey("memory", "model", "chunk")
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+", db_index=False)
    memory = models.ForeignKey(
        Memory, on_delete=models.DO_NOTHING, related_name="+", db_index=False, db_constraint=False
    )
    model = models.ForeignKey(EmbeddingModel, on_delete=models.PROTECT, related_name="+", db_index=False)
    chunk = models.SmallIntegerField()
    tokens = models.BinaryField()

    class Meta:
        constraints = [TenantIsolation(name="memorytokens_tenant_isolation")]


class Posting(models.Model):
    """How often a word stands in a memory: the inverted index behind BM25, kept by trigger."""

    pk = models.CompositePrimaryKey("tenant", "term", "owner", "memory_id")
    tenant = models.ForeignKey(
        Tenant, on_delete=models.DO_NOTHING, related_name="+", db_index=False, db_constraint=False
    )
    term = models.BigIntegerField(help_text="A hash of the lexeme.")
    owner = models.BigIntegerField()
    memory_id = models.UUIDField()
    frequency = models.SmallIntegerField()
    length = models.IntegerField(help_text="The memory's length, so that a score needs no other row.")

    class Meta:
        constraints = [TenantIsolation(name="posting_tenant_isolation")]


class Speaker(models.Model):
    """A name that speaks in a user's memories, kept by trigger: who is asked about, not what."""

    pk = models.CompositePrimaryKey("tenant", "owner", "name")
    tenant = models.ForeignKey(
        Tenant, on_delete=models.DO_NOTHING, related_name="+", db_index=False, db_constraint=False
    )
    owner = models.BigIntegerField()
    name = models.CharField(max_length=200)

    class Meta:
        constraints = [TenantIsolation(name="speaker_tenant_isolation")]


class TextStatistics(models.Model):
    """The size of a tenant's text index when it was last counted; small scopes are counted as they are read."""

    tenant = models.OneToOneField(Tenant, on_delete=models.PROTECT, primary_key=True, related_name="+")
    documents = models.BigIntegerField()
    total_length = models.BigIntegerField()
    counted_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [TenantIsolation(name="textstatistics_tenant_isolation")]


class FrequentTerm(models.Model):
    """A word found in many of a tenant's memories; what is not here is rare and counted as it is read."""

    pk = models.CompositePrimaryKey("tenant", "term")
    tenant = models.ForeignKey(
        Tenant, on_delete=models.DO_NOTHING, related_name="+", db_index=False, db_constraint=False
    )
    term = models.BigIntegerField()
    documents = models.BigIntegerField()

    class Meta:
        constraints = [TenantIsolation(name="frequentterm_tenant_isolation")]


class ChangeCount(models.Model):
    """Transactions that changed what a recall may answer, counted by trigger.

    The sum of a tenant's rows is its number; writers at the same time count on different rows, so that none waits.
    """

    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+")
    number = models.BigIntegerField()

    class Meta:
        constraints = [TenantIsolation(name="changecount_tenant_isolation")]
