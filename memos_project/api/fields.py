"""Serializer fields that take JSON at its word: a number is not a string, and true is not a number."""

import math
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

MAX_METADATA_BYTES = 64 * 1024
MAX_DEPTH = 16


class StrictCharField(serializers.CharField):
    """A JSON string, kept as it is; NUL and lone surrogates are refused by CharField's own validators."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(trim_whitespace=False, **kwargs)

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class StrictUUIDField(serializers.UUIDField):
    """Text only; else a number would be an id too."""

    def to_internal_value(self, data: Any) -> UUID:
        if not isinstance(data, str):
            self.fail("invalid", value=data)
        return super().to_internal_value(data)


class StrictFloatField(serializers.FloatField):
    def to_internal_value(self, data: Any) -> float:
        if isinstance(data, bool) or not isinstance(data, int | float) or not math.isfinite(data):
            self.fail("invalid")
        return float(data)


class StrictIntegerField(serializers.IntegerField):
    def to_internal_value(self, data: Any) -> int:
        if isinstance(data, bool) or not (
            isinstance(data, int) or (isinstance(data, float) and data.is_integer())
        ):
            self.fail("invalid")
        return int(data)


class StrictBooleanField(serializers.BooleanField):
    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            self.fail("invalid", input=data)
        return data


class StrictChoiceField(serializers.ChoiceField):
    """One of the choices in its own type; else "2" would be the number."""

    def to_internal_value(self, data: Any) -> Any:
        choice = super().to_internal_value(data)
        if not isinstance(data, type(choice)):
            self.fail("invalid_choice", input=data)
        return choice


class MomentField(serializers.DateTimeField):
    """A moment in ISO 8601; without an offset it is UTC. Answered as UTC."""

    default_error_messages = {"range": "A moment must lie between the years 1 and 9999."}

    def to_internal_value(self, value: Any) -> datetime:
        if not isinstance(value, str):
            self.fail("invalid", format="YYYY-MM-DDThh:mm[:ss[.uuuuuu]][+HH:MM|-HH:MM|Z]")
        try:
            moment = super().to_internal_value(value).astimezone(UTC)
        except OverflowError:
            self.fail("range")
        if not 1 < moment.year < 9999:
            self.fail("range")
        return moment


class JsonObjectField(serializers.DictField):
    """A JSON object of any content, bounded in size and depth, without the NUL that PostgreSQL cannot hold."""

    default_error_messages = {
        "depth": f"May be nested at most {MAX_DEPTH} deep.",
        "size": f"May be at most {MAX_METADATA_BYTES} bytes of JSON.",
        "nul": "Null characters are not allowed.",
    }

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        if not isinstance(data, dict):
            self.fail("not_a_dict", input_type=type(data).__name__)
        if deeper_than(data, MAX_DEPTH):
            self.fail("depth")
        written = orjson.dumps(data)
        if len(written) > MAX_METADATA_BYTES:
            self.fail("size")
        if b"\\u0000" in written and _has_nul(data):
            self.fail("nul")
        return data


def deeper_than(value: Any, depth: int) -> bool:
    """Whether JSON is nested deeper than that."""
    if not isinstance(value, dict | list):
        return False
    if depth == 0:
        return True
    return any(
        deeper_than(inner, depth - 1) for inner in (value.values() if isinstance(value, dict) else value)
    )


def _has_nul(value: Any) -> bool:
    if isinstance(value, str):
        return "\x00" in value
    if isinstance(value, dict):
        return any("\x00" in key or _has_nul(inner) for key, inner in value.items())
    return isinstance(value, list) and any(map(_has_nul, value))


@extend_schema_field({"type": "string", "pattern": "^[A-Za-z0-9_-]{22}$"})
class CursorField(serializers.CharField):
    """Where the page before ended: an id in base64."""
