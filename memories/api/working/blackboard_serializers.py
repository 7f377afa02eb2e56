"""What callers may say to blackboards, and what they are told."""

import math
from typing import Any

from rest_framework import serializers

from memories.api.working.scratchpad_serializers import EntryIdField
from memories.api.working.serializers import AnyJsonField, KeyField, TtlField
from memories.working.blackboards import AREAS
from memos_project.api.fields import StrictCharField, StrictFloatField

MAX_WAIT = 30
MAX_CLAIM_SECONDS = 3600
MAX_HANDLE_SECONDS = 60


class BoardPlace(serializers.Serializer[Any]):
    """What an address names."""

    board = KeyField()
    name = KeyField(required=False)


class SecondsField(serializers.FloatField):
    """Seconds as a query parameter."""

    def to_internal_value(self, data: Any) -> float:
        seconds = super().to_internal_value(data)
        if not math.isfinite(seconds):
            self.fail("invalid")
        return seconds


class JoinInput(serializers.Serializer[Any]):
    agent = KeyField()
    ttl = TtlField(required=False)


class JoinOutput(serializers.Serializer[Any]):
    agent = serializers.CharField()
    token = serializers.CharField(
        help_text="The agent's secret, to be sent as x-agent-token; it is told once."
    )


class PostInput(serializers.Serializer[Any]):
    area = serializers.ChoiceField(choices=AREAS)
    content = AnyJsonField()
    kind = StrictCharField(max_length=200, required=False, allow_blank=True)
    ttl = TtlField(required=False)


class PostOutput(serializers.Serializer[Any]):
    id = serializers.CharField()
    area = serializers.ChoiceField(choices=AREAS)
    agent = serializers.CharField()
    kind = serializers.CharField()
    content = AnyJsonField()
    at = serializers.DateTimeField()


class PostsParams(serializers.Serializer[Any]):
    cursor = EntryIdField(required=False)
    limit = serializers.IntegerField(min_value=1, max_value=1000, required=False)
    wait = SecondsField(
        min_value=0,
        max_value=MAX_WAIT,
        required=False,
        help_text="Seconds to wait for a post that is not there yet.",
    )
    area = serializers.ChoiceField(choices=AREAS, required=False)
    agent = KeyField(required=False, help_text="Posts of this agent alone.")
    tenant_id = serializers.CharField(max_length=63, required=False)


class PostPage(serializers.Serializer[Any]):
    results = PostOutput(many=True)
    next_cursor = serializers.CharField(help_text="Where to read on, whether there is more by now or not.")
    degraded = serializers.ListField(child=serializers.CharField())


class BoardOutput(serializers.Serializer[Any]):
    board = serializers.CharField()
    agents = serializers.IntegerField()
    posts = serializers.IntegerField()
    size = serializers.IntegerField(help_text="Bytes.")
    ttl = serializers.FloatField(help_text="Seconds left.")


class BoardPage(serializers.Serializer[Any]):
    results = BoardOutput(many=True)
    next_cursor = serializers.CharField(allow_null=True)
    degraded = serializers.ListField(child=serializers.CharField())


class ClaimInput(serializers.Serializer[Any]):
    lease = StrictFloatField(min_value=1, max_value=MAX_CLAIM_SECONDS, help_text="Seconds.")


class ClaimOutput(serializers.Serializer[Any]):
    subtask = serializers.CharField()
    agent = serializers.CharField()
    fence = serializers.IntegerField(help_text="Rises each time that a subtask is taken anew.")
    ttl = serializers.FloatField(help_text="Seconds left.")


class ClaimList(serializers.Serializer[Any]):
    results = ClaimOutput(many=True)
    degraded = serializers.ListField(child=serializers.CharField())


class HandleInput(serializers.Serializer[Any]):
    location = AnyJsonField(help_text="Where the cache is, as its readers understand it.")
    lease = StrictFloatField(min_value=1, max_value=MAX_HANDLE_SECONDS, help_text="Seconds.")


class HandleOutput(serializers.Serializer[Any]):
    name = serializers.CharField()
    agent = serializers.CharField()
    location = AnyJsonField()
    ttl = serializers.FloatField(help_text="Seconds left.")


class HandleList(serializers.Serializer[Any]):
    results = HandleOutput(many=True)
    degraded = serializers.ListField(child=serializers.CharField())
