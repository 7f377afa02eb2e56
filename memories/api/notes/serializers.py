"""What callers may say of notes and consolidations, and what they are told."""

from typing import Any

from rest_framework import serializers

from memories.api.serializers import NAME, ContentField, TagsField
from memories.models import ConsolidationRun, ConsolidationStep, Note
from memos_project.api.fields import (
    StrictBooleanField,
    StrictCharField,
    StrictFloatField,
    StrictUUIDField,
)
from memos_project.api.parameters import PageParams

MOST_SOURCES = 100


class KeywordsField(serializers.ListField):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(child=StrictCharField(max_length=100), max_length=50, **kwargs)


class NoteInput(serializers.Serializer[Any]):
    """A note by hand."""

    content = ContentField()
    context = StrictCharField(  # type: ignore[assignment]
        max_length=500, required=False, help_text="One sentence: who and what, and when; else the first line."
    )
    title = StrictCharField(max_length=500, required=False, allow_blank=True)
    user_id = StrictCharField(**NAME)
    keywords = KeywordsField(required=False)
    tags = TagsField(required=False)
    sources = serializers.ListField(
        child=StrictUUIDField(), max_length=MOST_SOURCES, required=False,
        help_text="Memories of the same user that it rests on; it goes with them.",
    )  # fmt: skip
    importance = StrictFloatField(min_value=0, max_value=1, required=False, allow_null=True)
    external_id = StrictCharField(max_length=200, required=False, allow_null=True)
    tenant_id = StrictCharField(max_length=63, required=False)


class SmallPageParams(PageParams):
    limit = serializers.IntegerField(min_value=1, max_value=200, required=False)


class NotesParams(SmallPageParams):
    query = ContentField(required=False, help_text="A question; the notes that answer it best, on one page.")
    user_id = serializers.CharField(max_length=200, required=False)
    keyword = serializers.CharField(max_length=100, required=False)
    source = serializers.UUIDField(  # type: ignore[assignment]
        required=False, help_text="A memory that the note rests on."
    )


class LinkOutput(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    likeness = serializers.FloatField(help_text="Cosine of what they rest on, 0 to 1.")


class NoteOutput(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    title = serializers.CharField()
    content = serializers.CharField()
    context = serializers.CharField()  # type: ignore[assignment]
    keywords = serializers.ListField(child=serializers.CharField())
    tags = serializers.ListField(child=serializers.CharField())
    user_id = serializers.CharField()
    summariser = serializers.ChoiceField(choices=Note.Summariser.choices)
    sources = serializers.ListField(
        child=serializers.UUIDField(), help_text="Memories, in the order in which they happened."
    )
    links = LinkOutput(many=True)
    importance = serializers.FloatField()
    occurred_at = serializers.DateTimeField()
    created_at = serializers.DateTimeField()
    version = serializers.IntegerField()


class NotePage(serializers.Serializer[Any]):
    results = NoteOutput(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class ConsolidationInput(serializers.Serializer[Any]):
    user_id = StrictCharField(
        max_length=200,
        allow_null=True,
        allow_blank=True,
        help_text="Whose memories; null: everybody's, each apart.",
    )
    dry_run = StrictBooleanField(required=False, help_text="Only say what would be done (200).")
    tenant_id = StrictCharField(max_length=63, required=False)


class GroupOutput(serializers.Serializer[Any]):
    user_id = serializers.CharField()
    note_id = serializers.UUIDField(allow_null=True, help_text="The note that would grow; null: a new one.")
    memory_ids = serializers.ListField(child=serializers.UUIDField())


class PlanOutput(serializers.Serializer[Any]):
    looked_at = serializers.IntegerField()
    groups = GroupOutput(many=True)


class StepOutput(serializers.Serializer[Any]):
    note_id = serializers.UUIDField(allow_null=True)
    grows = serializers.BooleanField(help_text="Whether the note was there before.")
    memory_ids = serializers.ListField(child=serializers.UUIDField())
    state = serializers.ChoiceField(choices=ConsolidationStep.State.choices)
    reason = serializers.CharField(help_text="Why it was dropped.")


class ConsolidationOutput(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    state = serializers.ChoiceField(choices=ConsolidationRun.State.choices)
    user_id = serializers.CharField(allow_null=True)
    actor = serializers.CharField()
    started_at = serializers.DateTimeField()
    ended_at = serializers.DateTimeField(allow_null=True)
    undone_by = serializers.CharField()


class ConsolidationDetail(ConsolidationOutput):
    steps = StepOutput(many=True)


class ConsolidationPage(serializers.Serializer[Any]):
    results = ConsolidationOutput(many=True)
    next_cursor = serializers.CharField(allow_null=True)
