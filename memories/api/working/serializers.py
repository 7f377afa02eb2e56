"""What callers may say to working memory, and what they are told."""

from typing import Any

import orjson
from django.conf import settings
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from memos_project.api.fields import (
    MAX_DEPTH,
    StrictCharField,
    StrictFloatField,
    StrictIntegerField,
    deeper_than,
)

MAX_KEYS = 1000


@extend_schema_field({})
class AnyJsonField(serializers.Field[Any, Any, Any, Any]):
    """Any JSON value, null included."""

    default_error_messages = {
        "depth": f"May be nested at most {MAX_DEPTH} deep.",
        "size": "May be at most {most} bytes of JSON.",
        "surrogate": "Must be text that UTF-8 can hold.",
    }

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(allow_null=True, **kwargs)

    def to_internal_value(self, data: Any) -> Any:
        if deeper_than(data, MAX_DEPTH):
            self.fail("depth")
        try:
            if len(orjson.dumps(data)) > settings.MEMOS_WORKING_MAX_BYTES:
                self.fail("size", most=settings.MEMOS_WORKING_MAX_BYTES)
        except TypeError:
            self.fail("surrogate")
        return data

    def to_representation(self, value: Any) -> Any:
        return value


class TtlField(StrictFloatField):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            min_value=1,
            max_value=settings.MEMOS_WORKING_MAX_TTL,
            help_text="Seconds; an entry may go up to a tenth earlier.",
            **kwargs,
        )


class PutInput(serializers.Serializer[Any]):
    value = AnyJsonField()
    ttl = TtlField(required=False)
    if_version = StrictIntegerField(
        min_value=0,
        max_value=2**53,
        required=False,
        help_text="Only if this is the present version; 0: only if there is none.",
    )


class IncrementInput(serializers.Serializer[Any]):
    by = serializers.JSONField(required=False, help_text="A number, 1 if left out.")
    ttl = TtlField(required=False)

    def validate_by(self, by: Any) -> float:
        """A whole number stays one."""
        if isinstance(by, int) and not isinstance(by, bool) and abs(by) < 2**63:
            return by
        number: float = StrictFloatField(min_value=-1e15, max_value=1e15).run_validation(by)
        return number


class AppendInput(serializers.Serializer[Any]):
    value = AnyJsonField()
    ttl = TtlField(required=False)


class ReadInput(serializers.Serializer[Any]):
    scope = StrictCharField(max_length=210)
    keys = serializers.ListField(child=StrictCharField(max_length=200), min_length=1, max_length=MAX_KEYS)
    tenant_id = StrictCharField(max_length=63, required=False)


class EntryOutput(serializers.Serializer[Any]):
    key = serializers.CharField()
    value = AnyJsonField()
    version = serializers.IntegerField()
    ttl = serializers.FloatField(help_text="Seconds left.")


class EntriesOutput(serializers.Serializer[Any]):
    results = EntryOutput(many=True, help_text="Those that are there, in the order of the keys.")
    missing = serializers.ListField(child=serializers.CharField())
    degraded = serializers.ListField(child=serializers.CharField())


class ListedOutput(serializers.Serializer[Any]):
    key = serializers.CharField()
    version = serializers.IntegerField()
    ttl = serializers.FloatField()
    size = serializers.IntegerField(help_text="Bytes of JSON.")


class ListParams(serializers.Serializer[Any]):
    limit = serializers.IntegerField(min_value=1, max_value=1000, required=False)
    cursor = serializers.CharField(max_length=300, required=False)
    tenant_id = serializers.CharField(max_length=63, required=False)


class EntryPage(serializers.Serializer[Any]):
    results = ListedOutput(many=True)
    next_cursor = serializers.CharField(allow_null=True)
    degraded = serializers.ListField(child=serializers.CharField())
