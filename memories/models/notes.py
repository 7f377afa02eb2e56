"""Rows of the semantic tier: notes, what they rest on and are linked to, and the runs that made them.

A note's text, title and tags are a memory of the kind "note"; the rest of it is here.
"""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from memories.models.memory import Memory
from memos_project.db import TenantIsolation, UuidV7
from memos_project.tenancy.models import Tenant

CONSOLIDATION = "consolidation"
"""The agent and actor of notes that consolidation makes."""


class ConsolidationRun(models.Model):
    """One look at what is new: what it made of it, so that it can be continued and undone."""

    class State(models.TextChoices):
        RUNNING = "running"
        DONE = "done"
        UNDONE = "undone"

    id = models.UUIDField(primary_key=True, db_default=UuidV7(), editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+", db_index=False)
    state = models.CharField(max_length=10, choices=State, db_default=State.RUNNING)
    user_id = models.CharField(
        max_length=200, null=True, help_text="Whose memories; empty: everybody's, each apart."
    )
    actor = models.CharField(max_length=200)
    planned = models.BooleanField(db_default=False, help_text="Whether its steps have been written down.")
    upto = models.UUIDField(null=True, help_text="The last memory it has looked at.")
    leased_until = models.DateTimeField()
    started_at = models.DateTimeField(db_default=Now())
    ended_at = models.DateTimeField(null=True)
    undone_by = models.CharField(max_length=200, db_default="", blank=True)

    class Meta:
        verbose_name = "consolidation"
        constraints = [
            TenantIsolation(name="consolidationrun_tenant_isolation"),
            models.UniqueConstraint(
                name="consolidationrun_one_at_a_time", fields=["tenant"], condition=Q(state="running")
            ),
        ]
        indexes = [models.Index(name="consolidationrun_by_tenant", fields=["tenant", "id"])]

    def __str__(self) -> str:
        return f"{self.started_at:%Y-%m-%d %H:%M}"


class ConsolidationStep(models.Model):
    """One note that a run makes of memories, or that grows by them."""

    class State(models.TextChoices):
        PLANNED = "planned"
        WRITTEN = "written", "written (its sources have not receded)"
        DONE = "done"
        DROPPED = "dropped"
        UNDONE = "undone"

    id = models.UUIDField(primary_key=True, db_default=UuidV7(), editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+", db_index=False)
    run = models.ForeignKey(ConsolidationRun, on_delete=models.PROTECT, related_name="steps", db_index=False)
    number = models.IntegerField()
    note_id = models.UUIDField(
        null=True, help_text="The note; before it is written only if it was there already."
    )
    grows = models.BooleanField(db_default=False, help_text="Whether the note was there before the run.")
    memory_ids = ArrayField(models.UUIDField(), help_text="The memories that are new to the note.")
    state = models.CharField(max_length=10, choices=State, db_default=State.PLANNED)
    version = models.IntegerField(null=True, help_text="The note's version before it grew.")
    former = models.JSONField(
        db_default={}, help_text="The computed importance of its sources, by id: before, and since."
    )
    reason = models.CharField(max_length=500, db_default="", help_text="Why it was dropped.")

    class Meta:
        constraints = [
            TenantIsolation(name="consolidationstep_tenant_isolation"),
            models.UniqueConstraint(name="consolidationstep_unique", fields=["run", "number"]),
        ]
        indexes = [
            models.Index(name="consolidationstep_by_note", fields=["tenant", "note_id"]),
            # What is not to be made again by itself.
            models.Index(name="consolidationstep_undone", fields=["tenant"], condition=Q(state="undone")),
        ]

    def __str__(self) -> str:
        return f"step {self.number}"


class Note(models.Model):
    """What makes a memory of the kind "note" one."""

    class Summariser(models.TextChoices):
        EXTRACTIVE = "extractive"
        LLM = "llm"
        HAND = "hand"

    memory = models.OneToOneField(
        Memory, on_delete=models.DO_NOTHING, related_name="note", db_constraint=False, primary_key=True
    )
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+", db_index=False)
    context = models.CharField(max_length=500, help_text="One sentence: who and what, and when.")
    keywords = ArrayField(models.CharField(max_length=100), db_default=[])
    summariser = models.CharField(max_length=10, choices=Summariser)
    worth = models.FloatField(help_text="0 to 1: its importance before use and time.")

    class Meta:
        constraints = [
            TenantIsolation(name="note_tenant_isolation"),
            models.CheckConstraint(name="note_worth_range", condition=Q(worth__range=(0.0, 1.0))),
        ]
        indexes = [models.Index(name="note_by_tenant", fields=["tenant", "memory"])]

    def __str__(self) -> str:
        return self.context


class NoteSource(models.Model):
    """A memory that a note rests on. It goes with the memory, and with it whatever the note said of it."""

    pk = models.CompositePrimaryKey("note", "memory")
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+", db_index=False)
    note = models.ForeignKey(
        Note, on_delete=models.DO_NOTHING, related_name="sources", db_index=False, db_constraint=False
    )
    memory = models.ForeignKey(
        Memory, on_delete=models.DO_NOTHING, related_name="cited_by", db_index=False, db_constraint=False
    )
    content_hash = models.CharField(max_length=64, help_text="Of the text that the note was made of.")

    class Meta:
        constraints = [TenantIsolation(name="notesource_tenant_isolation")]
        indexes = [models.Index(name="notesource_by_memory", fields=["memory"])]


class NoteLink(models.Model):
    """Two notes that belong together, and how like they are."""

    pk = models.CompositePrimaryKey("one", "other")
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+", db_index=False)
    one = models.ForeignKey(
        Note, on_delete=models.DO_NOTHING, related_name="+", db_index=False, db_constraint=False
    )
    other = models.ForeignKey(
        Note, on_delete=models.DO_NOTHING, related_name="+", db_index=False, db_constraint=False
    )
    likeness = models.FloatField(help_text="Cosine of what they rest on, 0 to 1.")

    class Meta:
        constraints = [
            TenantIsolation(name="notelink_tenant_isolation"),
            models.CheckConstraint(name="notelink_in_order", condition=Q(one__lt=F("other"))),
        ]
        indexes = [models.Index(name="notelink_by_other", fields=["other"])]


class ConsolidationMark(models.Model):
    """Up to which memory a tenant's have been looked at."""

    tenant = models.OneToOneField(Tenant, on_delete=models.PROTECT, primary_key=True, related_name="+")
    upto = models.UUIDField()

    class Meta:
        constraints = [TenantIsolation(name="consolidationmark_tenant_isolation")]
