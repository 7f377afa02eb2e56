"""What callers may say of memories, and the shape of what they are told."""

from collections.abc import Mapping
from typing import Any

import orjson
from django.conf import settings
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from memories.models import Memory
from memories.services import NewMemory
from memos_project.api.fields import (
    JsonObjectField,
    MomentField,
    StrictBooleanField,
    StrictCharField,
    StrictChoiceField,
    StrictFloatField,
    StrictIntegerField,
)
from memos_project.api.parameters import PageParams

NAME = {"max_length": 200, "required": False, "allow_blank": True}


MOST_TAGS = 100


class ContentField(StrictCharField):
    """Text that says something."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=settings.MEMOS_MAX_CONTENT_CHARACTERS, **kwargs)

    def to_internal_value(self, data: Any) -> str:
        text = super().to_internal_value(data)
        if not text.strip():
            self.fail("blank")
        return text


class TagsField(serializers.ListField):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(child=StrictCharField(max_length=100), max_length=MOST_TAGS, **kwargs)

    def to_internal_value(self, data: Any) -> list[str]:
        if not isinstance(data, list):
            self.fail("not_a_list", input_type=type(data).__name__)
        if len(data) > MOST_TAGS:  # as they came: the limit is promised before equal ones are one
            self.fail("max_length", max_length=MOST_TAGS)
        return list(dict.fromkeys(super().to_internal_value(data)))


class MemoryInput(serializers.Serializer[Any]):
    """One memory to be stored."""

    content = ContentField()
    kind = serializers.ChoiceField(choices=Memory.Kind.choices, required=False)
    tier = StrictChoiceField(choices=Memory.Tier.choices, required=False)
    user_id = StrictCharField(**NAME)
    agent_id = StrictCharField(**NAME)
    conversation_id = StrictCharField(**NAME, help_text="The caller's own name for the conversation.")
    role = serializers.ChoiceField(choices=Memory.Role.choices, required=False)
    speaker = StrictCharField(**NAME, help_text="A name; one that is a role gives the role.")
    title = StrictCharField(max_length=500, required=False, allow_blank=True)
    category = StrictCharField(**NAME)
    external_id = StrictCharField(
        max_length=200, required=False, allow_null=True, help_text="The caller's own id, unique for a user."
    )
    tags = TagsField(required=False)
    metadata = JsonObjectField(required=False)
    importance = StrictFloatField(min_value=0, max_value=1, required=False, allow_null=True)
    occurred_at = MomentField(required=False, allow_null=True)
    valid_from = MomentField(required=False, allow_null=True)
    valid_to = MomentField(required=False, allow_null=True)
    expires_at = MomentField(required=False, allow_null=True)
    pinned = StrictBooleanField(required=False)
    tenant_id = StrictCharField(
        max_length=63,
        required=False,
        help_text="Must be the key's own tenant, unless the key is an operator's.",
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        starts, ends = attrs.get("valid_from"), attrs.get("valid_to")
        if starts and ends and ends <= starts:
            raise serializers.ValidationError({"valid_to": ["Must be after valid_from."]})
        return attrs


class MessageInput(MemoryInput):
    """One turn of a conversation."""

    kind = None  # type: ignore[assignment]
    tier = None  # type: ignore[assignment]


class KnowledgeInput(serializers.Serializer[Any]):
    """A piece of global knowledge; what has the same ``doc_id`` is brought up to date."""

    content = ContentField()
    category = StrictCharField(**NAME)
    title = StrictCharField(max_length=500, required=False, allow_blank=True)
    doc_id = StrictCharField(max_length=200, required=False, allow_null=True)
    tags = TagsField(required=False)
    metadata = JsonObjectField(required=False)
    importance = StrictFloatField(min_value=0, max_value=1, required=False, allow_null=True)
    tenant_id = StrictCharField(max_length=63, required=False)


class MemoryChange(serializers.Serializer[Any]):
    """The fields of a memory that may be revised; what is left out stays as it is."""

    content = ContentField(required=False)
    title = StrictCharField(max_length=500, required=False, allow_blank=True)
    category = StrictCharField(**NAME)
    speaker = StrictCharField(**NAME)
    tags = TagsField(required=False)
    metadata = JsonObjectField(required=False)
    importance = StrictFloatField(
        min_value=0, max_value=1, required=False, allow_null=True, help_text="null: computed again."
    )
    occurred_at = MomentField(required=False)
    valid_from = MomentField(required=False, allow_null=True)
    valid_to = MomentField(required=False, allow_null=True)
    expires_at = MomentField(required=False, allow_null=True)
    pinned = StrictBooleanField(required=False)


class MemoryBatch(serializers.Serializer[Any]):
    memories = MemoryInput(many=True, help_text="At most 1,000; each is answered by itself.")


class MessageBatch(serializers.Serializer[Any]):
    messages = MessageInput(many=True, help_text="At most 1,000; each is answered by itself.")


class StoreOptions(serializers.Serializer[Any]):
    """Query parameters of the calls that store."""

    wait = serializers.ChoiceField(
        choices=["indexed", "read"],
        required=False,
        help_text="``indexed``: answer when the vectors are in place; ``read``: when the graph knows it too.",
    )


class FilterInput(serializers.Serializer[Any]):
    """What a search is narrowed to."""

    user_id = StrictCharField(max_length=200, required=False, allow_blank=True)
    agent_id = StrictCharField(max_length=200, required=False, allow_blank=True)
    conversation_id = StrictCharField(max_length=200, required=False)
    kind = serializers.ListField(
        child=serializers.ChoiceField(choices=Memory.Kind.choices), required=False, max_length=20
    )
    tier = serializers.ListField(
        child=StrictChoiceField(choices=Memory.Tier.choices), required=False, max_length=5
    )
    category = StrictCharField(max_length=200, required=False, allow_blank=True)
    tags = TagsField(required=False, help_text="A memory must carry all of them.")
    since = MomentField(required=False, help_text="Happened at or after.")
    until = MomentField(required=False, help_text="Happened before.")
    metadata = JsonObjectField(
        required=False, help_text="A memory's metadata must contain this (JSON containment)."
    )
    tenant_id = StrictCharField(max_length=63, required=False)


class WeightsInput(serializers.Serializer[Any]):
    """How the final score is mixed; the three are normalised to a sum of 1."""

    similarity = StrictFloatField(min_value=0, max_value=1000, required=False)
    importance = StrictFloatField(min_value=0, max_value=1000, required=False)
    recency = StrictFloatField(min_value=0, max_value=1000, required=False)
    strength = StrictFloatField(
        min_value=0,
        max_value=1,
        required=False,
        help_text="How far importance and recency may move a memory; 1 in full.",
    )


class SearchInput(FilterInput):
    query = ContentField()
    top_k = StrictIntegerField(min_value=1, max_value=settings.MEMOS_MAX_TOP_K, required=False)
    mode = serializers.ChoiceField(choices=["hybrid", "vector", "text"], required=False)
    fusion = serializers.ChoiceField(choices=["scores", "rrf"], required=False)
    weights = WeightsInput(required=False)
    rerank = StrictBooleanField(required=False, help_text="Late interaction over the best 50; on by default.")
    threshold = StrictFloatField(
        min_value=0, max_value=1, required=False, help_text="The lowest score to return."
    )
    token_budget = StrictIntegerField(min_value=1, max_value=10_000_000, required=False)
    # A serializer's class takes its fields away from the attributes: this one does not hide DRF's context.
    context = StrictIntegerField(  # type: ignore[assignment]
        min_value=0, max_value=20, required=False, help_text="Turns before and after each hit."
    )
    explain = StrictBooleanField(required=False)


class WordsField(serializers.ListField):
    """A query parameter that may be repeated or hold a list with commas."""

    def get_value(self, dictionary: Any) -> Any:
        given = dictionary.getlist(self.field_name) if self.field_name in dictionary else serializers.empty
        if given is serializers.empty:
            return given
        return [part.strip() for value in given for part in value.split(",")]


class JsonParameterField(JsonObjectField):
    """A JSON object written into a query parameter."""

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        try:
            parsed = orjson.loads(data) if isinstance(data, str) else data
        except orjson.JSONDecodeError:
            raise serializers.ValidationError("Must be a JSON object.") from None
        return super().to_internal_value(parsed)

    def get_value(self, dictionary: Any) -> Any:
        return dictionary.get(self.field_name, serializers.empty)


class FilterParams(serializers.Serializer[Any]):
    """The filters as query parameters."""

    user_id = serializers.CharField(max_length=200, required=False, allow_blank=True, trim_whitespace=False)
    agent_id = serializers.CharField(max_length=200, required=False, allow_blank=True, trim_whitespace=False)
    conversation_id = serializers.CharField(max_length=200, required=False, trim_whitespace=False)
    kind = WordsField(
        child=serializers.ChoiceField(choices=Memory.Kind.choices), required=False, help_text="Any of these."
    )
    tier = WordsField(
        child=serializers.ChoiceField(choices=Memory.Tier.choices), required=False, help_text="Any of these."
    )
    category = serializers.CharField(max_length=200, required=False, allow_blank=True, trim_whitespace=False)
    tags = WordsField(child=serializers.CharField(max_length=100), required=False, help_text="All of these.")
    since = MomentField(required=False)
    until = MomentField(required=False)
    metadata = JsonParameterField(required=False, help_text="A JSON object the metadata must contain.")
    tenant_id = serializers.CharField(max_length=63, required=False)


@extend_schema_field({"type": "string", "pattern": "^[A-Za-z0-9_-]{11}$"})
class TurnCursorField(serializers.CharField):
    """Where the page before ended: the number of a turn in base64."""


class TurnPageParams(PageParams):
    cursor = TurnCursorField(
        max_length=100, required=False, help_text="From ``next_cursor`` of the page before."
    )


class ListParams(FilterParams, PageParams):
    pass


class SearchParams(FilterParams):
    """The search as a GET."""

    query = ContentField()
    top_k = serializers.IntegerField(min_value=1, max_value=settings.MEMOS_MAX_TOP_K, required=False)
    mode = serializers.ChoiceField(choices=["hybrid", "vector", "text"], required=False)
    fusion = serializers.ChoiceField(choices=["scores", "rrf"], required=False)
    rerank = serializers.BooleanField(required=False)
    threshold = serializers.FloatField(min_value=0, max_value=1, required=False)
    token_budget = serializers.IntegerField(min_value=1, max_value=10_000_000, required=False)
    context = serializers.IntegerField(min_value=0, max_value=20, required=False)  # type: ignore[assignment]
    explain = serializers.BooleanField(required=False)


def new_memory(data: Mapping[str, Any], **defaults: Any) -> NewMemory:
    """Checked input as the services take it."""
    given = {name: value for name, value in data.items() if name not in ("tenant_id", "doc_id")}
    return NewMemory(**{**defaults, **given})


# What callers are told --------------------------------------------------------------------------------


class StoredItem(serializers.Serializer[Any]):
    id = serializers.UUIDField(allow_null=True)
    external_id = serializers.CharField(allow_null=True)
    status = serializers.ChoiceField(choices=["created", "duplicate", "error"])
    error = serializers.CharField(
        required=False, help_text="With status error: what is wrong, naming the field."
    )


class Stored(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    external_id = serializers.CharField(allow_null=True)
    status = serializers.ChoiceField(choices=["created", "duplicate", "updated"])
    indexed = serializers.BooleanField(
        required=False, help_text="With wait=indexed: whether the vectors are in place."
    )
    read = serializers.BooleanField(required=False, help_text="With wait=read: whether the graph knows it.")


class StoredBatch(serializers.Serializer[Any]):
    results = StoredItem(many=True)
    indexed = serializers.BooleanField(required=False)
    read = serializers.BooleanField(required=False)


class MemoryOutput(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    external_id = serializers.CharField(allow_null=True)
    kind = serializers.ChoiceField(choices=Memory.Kind.choices)
    tier = serializers.IntegerField()
    user_id = serializers.CharField()
    agent_id = serializers.CharField()
    conversation_id = serializers.CharField()
    turn = serializers.IntegerField(allow_null=True)
    role = serializers.ChoiceField(choices=Memory.Role.choices)
    speaker = serializers.CharField()
    title = serializers.CharField()
    category = serializers.CharField()
    content = serializers.CharField()
    tags = serializers.ListField(child=serializers.CharField())
    metadata = serializers.DictField()
    importance = serializers.FloatField()
    occurred_at = serializers.DateTimeField()
    created_at = serializers.DateTimeField()
    version = serializers.IntegerField()


class MemoryDetail(MemoryOutput):
    importance_explicit = serializers.FloatField(allow_null=True)
    importance_computed = serializers.FloatField()
    updated_at = serializers.DateTimeField()
    valid_from = serializers.DateTimeField(allow_null=True)
    valid_to = serializers.DateTimeField(allow_null=True)
    superseded_by = serializers.UUIDField(allow_null=True)
    expires_at = serializers.DateTimeField(allow_null=True)
    pinned = serializers.BooleanField()
    access_count = serializers.IntegerField()
    last_accessed_at = serializers.DateTimeField(allow_null=True)


class MemoryPage(serializers.Serializer[Any]):
    results = MemoryOutput(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class TurnOutput(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    external_id = serializers.CharField(allow_null=True)
    turn = serializers.IntegerField()
    role = serializers.CharField()
    speaker = serializers.CharField()
    content = serializers.CharField()
    occurred_at = serializers.DateTimeField()


class ExplanationOutput(serializers.Serializer[Any]):
    similarity = serializers.FloatField()
    importance = serializers.FloatField()
    recency = serializers.FloatField()
    weights = serializers.DictField(child=serializers.FloatField())
    signals = serializers.DictField(child=serializers.FloatField(), help_text="What made up the similarity.")


class HitOutput(MemoryOutput):
    score = serializers.FloatField()
    explanation = ExplanationOutput(required=False)
    context = TurnOutput(many=True, required=False)  # type: ignore[assignment]


class SearchOutput(serializers.Serializer[Any]):
    results = HitOutput(many=True)
    degraded = serializers.ListField(
        child=serializers.CharField(), help_text="The parts that were missing, such as vectors."
    )


class VersionOutput(serializers.Serializer[Any]):
    version = serializers.IntegerField()
    state = serializers.DictField(help_text="The changed fields as they were.")
    actor = serializers.CharField()
    replaced_at = serializers.DateTimeField()


class VersionList(serializers.Serializer[Any]):
    results = VersionOutput(many=True)


class ConversationOutput(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    conversation_id = serializers.CharField()
    user_id = serializers.CharField()
    title = serializers.CharField()
    turns = serializers.IntegerField()
    created_at = serializers.DateTimeField()
    last_message_at = serializers.DateTimeField(allow_null=True)


class ConversationPage(serializers.Serializer[Any]):
    results = ConversationOutput(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class ProjectionOutput(serializers.Serializer[Any]):
    store = serializers.CharField()
    model = serializers.CharField(required=False)
    state = serializers.ChoiceField(choices=["current", "stale", "missing", "unknown"])


class BacklogOutput(serializers.Serializer[Any]):
    since = serializers.DateTimeField()
    attempts = serializers.IntegerField()
    error = serializers.CharField()
    given_up = serializers.BooleanField()


class LearnedOutput(serializers.Serializer[Any]):
    state = serializers.ChoiceField(choices=["current", "stale", "missing"])
    extractor = serializers.CharField(
        help_text="Who read the text last: ``rules`` or ``llm``; empty: nobody yet."
    )
    read_at = serializers.DateTimeField(allow_null=True)
    attempts = serializers.IntegerField()
    error = serializers.CharField()
    given_up = serializers.BooleanField()


class ReceiptOutput(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    state = serializers.ChoiceField(choices=["accepted", "indexed", "projected"])
    content_hash = serializers.CharField()
    stores = ProjectionOutput(many=True)
    backlog = BacklogOutput(allow_null=True)
    graph = LearnedOutput(allow_null=True, help_text="Null for kinds of which the graph learns nothing.")


class LegacyStoreInput(serializers.Serializer[Any]):
    content = ContentField()
    metadata = JsonObjectField(
        required=False, help_text="user_id, agent_id, conversation_id, tags and importance are understood."
    )
    tenant_id = StrictCharField(max_length=63, required=False)


class LegacyStored(serializers.Serializer[Any]):
    memory_id = serializers.UUIDField()
    embedding_id = serializers.CharField()
    concepts_extracted = serializers.ListField(child=serializers.CharField())
    neo4j_node = serializers.CharField(allow_null=True)


class TierThreeStored(serializers.Serializer[Any]):
    tier = serializers.IntegerField()
    storage = serializers.CharField()
    memory_node = serializers.UUIDField()


class LegacyQueryInput(serializers.Serializer[Any]):
    query = ContentField()
    top_k = StrictIntegerField(min_value=1, max_value=settings.MEMOS_MAX_TOP_K, required=False)
    tenant_id = StrictCharField(max_length=63, required=False)


class LegacyQueryOutput(serializers.Serializer[Any]):
    memories = HitOutput(many=True)
    tools = serializers.ListField(child=serializers.DictField())
    total_memories = serializers.IntegerField()
    total_tools = serializers.IntegerField()
    degraded = serializers.ListField(child=serializers.CharField())


class LegacySearchParams(serializers.Serializer[Any]):
    tenant_id = serializers.CharField(max_length=63, required=False)
    query = ContentField()
    top_k = serializers.IntegerField(min_value=1, max_value=settings.MEMOS_MAX_TOP_K, required=False)
    conversation_id = serializers.CharField(max_length=200, required=False)
