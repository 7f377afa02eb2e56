"""What makes memories findable: their vectors, words and statistics, and what is still to be done for them.

The posting lists and statistics are kept by triggers, see ``sql/``.
"""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from pgvector.django import HalfVectorField, HnswIndex

from memories.embeddings import ModelSpec
from memories.models.memory import Memory
from memories.vectors import IndexedModel
from memos_project.db import TenantIsolation
from memos_project.tenancy.models import Tenant


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

    @property
    def is_active(self) -> bool:
        """Whether it is the one that answers searches."""
        return self.state == self.State.ACTIVE

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
    revision = models.BigIntegerField(
        db_default=1, editable=False, help_text="Another one whenever it is to be read anew; from a sequence."
    )
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

    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+", db_index=False)
    number = models.BigIntegerField()

    class Meta:
        constraints = [TenantIsolation(name="changecount_tenant_isolation")]
        indexes = [models.Index(name="changecount_in_order", fields=["tenant", "id"])]
