"""What callers may say to working memory, and what they are told."""

import re
from typing import Any

import orjson
from django.conf import settings
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from memos_project.api.fields import (
    MAX_DEPTH,
    JsonObjectField,
    StrictCharField,
    StrictFloatField,
    StrictIntegerField,
    deeper_than,
)
from memos_project.api.parameters import NAME

MAX_KEYS = 1000

SCOPE = re.compile(rf"(tenant|(agent|session):{NAME})")
KEY = re.compile(NAME)


@extend_schema_field({})
class AnyJsonField(serializers.Field[Any, Any, Any, Any]):
    """Any JSON value, null included."""

    default_error_messages = {
        "depth": f"May be nested at most {MAX_DEPTH} deep.",
        "size": "May be at most {most} bytes of JSON.",
        "surrogate": "Must be text that UTF-8 can hold.",
    }

    def __init__(self, *, limit: str = "MEMOS_WORKING_MAX_BYTES", **kwargs: Any) -> None:
        """``limit`` is the setting that says how many bytes it may have."""
        super().__init__(**kwargs)
        self.limit = limit

    def validate_empty_values(self, data: Any) -> tuple[bool, Any]:
        """Null is a value like any other."""
        return (False, data) if data is None else super().validate_empty_values(data)

    def to_internal_value(self, data: Any) -> Any:
        if deeper_than(data, MAX_DEPTH):
            self.fail("depth")
        try:
            most = getattr(settings, self.limit)
            if len(orjson.dumps(data)) > most:
                self.fail("size", most=most)
        except TypeError:
            self.fail("surrogate")
        return data

    def to_representation(self, value: Any) -> Any:
        return value


@extend_schema_field({"type": "string", "pattern": f"^{SCOPE.pattern}$"})
class ScopeField(StrictCharField):
    """Whose an entry is."""

    default_error_messages = {"scope": "tenant, agent:NAME or session:ID (1 to 200 characters)."}

    def to_internal_value(self, data: Any) -> str:
        scope = super().to_internal_value(data)
        if not SCOPE.fullmatch(scope):
            self.fail("scope")
        return scope


@extend_schema_field({"type": "string", "pattern": f"^{KEY.pattern}$"})
class KeyField(StrictCharField):
    """The name of an entry."""

    default_error_messages = {"key": "1 to 200 characters, none of them a slash or a control character."}

    def to_internal_value(self, data: Any) -> str:
        key = super().to_internal_value(data)
        if not KEY.fullmatch(key):
            self.fail("key")
        return key


@extend_schema_field({"type": "number", "minimum": -1e15, "maximum": 1e15})
class NumberField(StrictFloatField):
    """A whole number stays one."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(min_value=-1e15, max_value=1e15, **kwargs)

    def to_internal_value(self, data: Any) -> float:
        number = super().to_internal_value(data)
        return data if isinstance(data, int) else number


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
    by = NumberField(required=False, help_text="1 if left out.")
    ttl = TtlField(required=False)


class AppendInput(serializers.Serializer[Any]):
    value = AnyJsonField()
    ttl = TtlField(required=False)


class ReadInput(serializers.Serializer[Any]):
    scope = ScopeField()
    keys = serializers.ListField(child=KeyField(), min_length=1, max_length=MAX_KEYS)
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
    cursor = KeyField(required=False)
    tenant_id = serializers.CharField(max_length=63, required=False)


class TierOneMetadata(serializers.Serializer[Any]):
    """What of the metadata is understood."""

    ttl = TtlField(required=False)


class TierOneInput(serializers.Serializer[Any]):
    content = AnyJsonField()
    metadata = JsonObjectField(required=False, help_text="ttl (seconds) is understood.")
    tenant_id = StrictCharField(max_length=63, required=False)


class TierOneStored(serializers.Serializer[Any]):
    tier = serializers.IntegerField()
    storage = serializers.CharField()
    key = serializers.CharField()


class TierOneOutput(TierOneStored):
    content = AnyJsonField()
    metadata = serializers.DictField()
    ttl = serializers.FloatField(help_text="Seconds left.")


class EntryPage(serializers.Serializer[Any]):
    results = ListedOutput(many=True)
    next_cursor = serializers.CharField(allow_null=True)
    degraded = serializers.ListField(child=serializers.CharField())
