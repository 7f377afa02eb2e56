"""What callers may say to scratchpads, and what they are told."""

from typing import Any

from django.conf import settings
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from memories.api.serializers import NAME, ContentField
from memories.api.working.serializers import KeyField, TtlField
from memories.working.scratchpads import PARTS
from memos_project.api.fields import StrictBooleanField, StrictCharField, StrictFloatField

MAX_USES = 100
ENTRY_ID = r"^[0-9]{1,15}-[0-9]{1,10}$"


@extend_schema_field({"type": "string", "pattern": ENTRY_ID})
class EntryIdField(serializers.RegexField):
    """The id of an entry or a post: when it was written, and its number within that millisecond."""

    default_error_messages = {"invalid": "Not the id of an entry."}

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(ENTRY_ID, **kwargs)

    def to_internal_value(self, data: Any) -> str:
        # "$" would let a line end through.
        if not isinstance(data, str) or "\n" in data:
            self.fail("invalid")
        return super().to_internal_value(data)


class Named(serializers.Serializer[Any]):
    """What an address names."""

    session = KeyField()


class PadEntryInput(serializers.Serializer[Any]):
    part = serializers.ChoiceField(choices=PARTS)
    content = ContentField()
    author = StrictCharField(**NAME, help_text="The agent's name.")
    weight = StrictFloatField(min_value=0, max_value=1, required=False, help_text="0.5 if left out.")
    uses = serializers.ListField(
        child=EntryIdField(), max_length=MAX_USES, required=False, help_text="Earlier entries it builds on."
    )
    user_id = StrictCharField(**NAME, help_text="Whom it is about.")
    ttl = TtlField(required=False)
    promote = StrictBooleanField(
        required=False,
        help_text="Whether the end of the pad promotes what is worth it (true); the first entry decides.",
    )


class PadEntryOutput(serializers.Serializer[Any]):
    id = serializers.CharField()
    part = serializers.ChoiceField(choices=PARTS)
    content = serializers.CharField()
    author = serializers.CharField()
    weight = serializers.FloatField()
    uses = serializers.ListField(child=serializers.CharField())
    user_id = serializers.CharField()
    at = serializers.DateTimeField()
    memory_id = serializers.CharField(allow_null=True, help_text="The memory it was promoted to.")


class PadEntryPage(serializers.Serializer[Any]):
    results = PadEntryOutput(many=True)
    next_cursor = serializers.CharField(allow_null=True)
    degraded = serializers.ListField(child=serializers.CharField())


class PadEntryParams(serializers.Serializer[Any]):
    part = serializers.ChoiceField(choices=PARTS, required=False)
    cursor = EntryIdField(required=False, help_text="The id of any entry: what came after it.")
    limit = serializers.IntegerField(min_value=1, max_value=1000, required=False)
    tenant_id = serializers.CharField(max_length=63, required=False)


class PadOutput(serializers.Serializer[Any]):
    session = serializers.CharField()
    entries = serializers.IntegerField()
    size = serializers.IntegerField(help_text="Bytes.")
    ttl = serializers.FloatField(help_text="Seconds left.")
    promote = serializers.BooleanField()


class PadPage(serializers.Serializer[Any]):
    results = PadOutput(many=True)
    next_cursor = serializers.CharField(allow_null=True)
    degraded = serializers.ListField(child=serializers.CharField())


class PromoteInput(serializers.Serializer[Any]):
    entries = serializers.ListField(
        child=EntryIdField(),
        min_length=1,
        max_length=settings.MEMOS_SCRATCHPAD_MAX_ENTRIES,
        required=False,
        help_text="These, whatever they are worth.",
    )
    threshold = StrictFloatField(
        min_value=0, max_value=1, required=False, help_text="Without entries: the lowest score to promote."
    )


class VerdictOutput(serializers.Serializer[Any]):
    entry = serializers.CharField()
    status = serializers.CharField(help_text="promoted, present, passed or forgotten")
    memory_id = serializers.UUIDField(allow_null=True)
    score = serializers.FloatField(allow_null=True, help_text="Null for what was not weighed.")
    weight = serializers.FloatField()
    reuse = serializers.IntegerField(allow_null=True, help_text="Later entries that use it.")
    novelty = serializers.FloatField(
        allow_null=True, help_text="Null where the rest does not reach the threshold."
    )
    nearest = serializers.UUIDField(allow_null=True, help_text="The memory that is most like it.")


class PromotionOutput(serializers.Serializer[Any]):
    results = VerdictOutput(many=True)
    threshold = serializers.FloatField(allow_null=True)
    degraded = serializers.ListField(child=serializers.CharField())
