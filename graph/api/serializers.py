"""What callers may say to the graph, and what they are told."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from graph import neighbourhoods
from graph.extraction import PREDICATES
from graph.matching import MAX_VALUES, OPERATORS, PROPERTIES
from graph.models import Entity
from graph.stores import MAX_DEPTH
from memos_project.api.fields import (
    JsonObjectField,
    MomentField,
    StrictBooleanField,
    StrictCharField,
    StrictIntegerField,
    StrictUUIDField,
)
from memos_project.api.parameters import PageParams


class EntitiesParams(PageParams):
    name = StrictCharField(
        max_length=200,
        required=False,
        help_text="A name, or one that sounds like it; then there is one page.",
    )
    kind = serializers.ChoiceField(choices=Entity.Kind.choices, required=False)


class TimelineParams(serializers.Serializer[Any]):
    predicate = serializers.ChoiceField(choices=sorted(PREDICATES), required=False)
    known_at = MomentField(required=False, help_text="As it was known then; now if left out.")
    tenant_id = serializers.CharField(max_length=63, required=False)


class FactsParams(TimelineParams):
    at = MomentField(required=False, help_text="What held then; now if left out.")


class EntityOutput(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    kind = serializers.ChoiceField(choices=Entity.Kind.choices)
    name = serializers.CharField()
    summary = serializers.CharField(help_text="A curator's words.")
    names = serializers.ListField(child=serializers.CharField(), help_text="All it is known by.")
    memories = serializers.IntegerField(help_text="How many speak of it.")


class EntityPage(serializers.Serializer[Any]):
    results = EntityOutput(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class StatedOutput(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    subject_id = serializers.UUIDField()
    subject = serializers.CharField()
    predicate = serializers.CharField()
    object_id = serializers.UUIDField()
    object = serializers.CharField()
    confidence = serializers.FloatField()
    memory_id = serializers.UUIDField(allow_null=True, help_text="Which says so; null: a curator.")
    valid_from = serializers.DateTimeField()
    learned_at = serializers.DateTimeField()


class FactOutput(StatedOutput):
    valid_to = serializers.DateTimeField(allow_null=True, help_text="When it ended, as far as was known.")
    superseded_by = serializers.UUIDField(allow_null=True, help_text="The relation that ended it.")


class RelationOutput(StatedOutput):
    valid_to = serializers.DateTimeField(allow_null=True, help_text="The end that was told with it.")
    negated = serializers.BooleanField(help_text="Whether it ends this, from ``valid_from`` on.")
    ends_since = serializers.DateTimeField(
        allow_null=True,
        help_text="It ends only what began then or later, and before it; null: all that is earlier.",
    )
    unlearned_at = serializers.DateTimeField(allow_null=True)
    confirmed_by = serializers.CharField(help_text="The curator who said or confirmed it.")
    taken_back_by = serializers.CharField()


class FactList(serializers.Serializer[Any]):
    results = FactOutput(many=True)


class MentionedOutput(serializers.Serializer[Any]):
    memory_id = serializers.UUIDField()
    text = serializers.CharField(help_text="The words it uses.")


class MentionedPage(serializers.Serializer[Any]):
    results = MentionedOutput(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class EndInput(serializers.Serializer[Any]):
    at = MomentField(required=False, help_text="Since when it holds no more; now if left out.")


class EndOutput(serializers.Serializer[Any]):
    id = serializers.UUIDField(help_text="The denial that says so, which can be taken back.")


class MergeInput(serializers.Serializer[Any]):
    other = StrictUUIDField(help_text="The entity that goes into this one.")


class MergesParams(PageParams):
    entity_id = StrictUUIDField(required=False, help_text="What went into this entity; else all.")


class MergedOutput(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    kept_id = serializers.UUIDField(help_text="The entity that both were then.")
    dropped_id = serializers.UUIDField()
    name = serializers.CharField(
        allow_null=True, help_text="Of the entity that was dropped, until it is back."
    )
    actor = serializers.CharField()
    at = serializers.DateTimeField()
    undone_at = serializers.DateTimeField(allow_null=True)


class MergedPage(serializers.Serializer[Any]):
    results = MergedOutput(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class MergeOutput(serializers.Serializer[Any]):
    id = serializers.UUIDField(help_text="By which it can be undone.")
    entity = EntityOutput()


class SplitInput(serializers.Serializer[Any]):
    names = serializers.ListField(
        child=StrictCharField(max_length=200), min_length=1, max_length=100, help_text="Some of its names."
    )


class SplitOutput(serializers.Serializer[Any]):
    id = serializers.UUIDField(help_text="By which it can be undone.")
    entity = EntityOutput(help_text="The new one.")


class DoubtOutput(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    one = EntityOutput()
    other = EntityOutput()
    likeness = serializers.FloatField(help_text="0 to 1.")


class DoubtPage(serializers.Serializer[Any]):
    results = DoubtOutput(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class DecisionInput(serializers.Serializer[Any]):
    same = StrictBooleanField(help_text="Whether they are one.")


class WayParams(serializers.Serializer[Any]):
    max_depth = serializers.IntegerField(
        min_value=1, max_value=MAX_DEPTH, required=False, help_text="Most steps."
    )
    weighted = serializers.BooleanField(
        required=False,
        help_text="The way of the surest steps instead of the fewest: each costs 1 / confidence.",
    )
    mentions = serializers.BooleanField(
        required=False, help_text="Also by way of memories that speak of both."
    )
    tenant_id = serializers.CharField(max_length=63, required=False)


_ANY = f"({'|'.join(PREDICATES)})"


@extend_schema_field({"type": "string", "pattern": f"^{_ANY}(,{_ANY})*$"})
class PredicatesField(StrictCharField):
    """Names of predicates, separated by commas."""

    default_error_messages = {"unknown": f"Any of {', '.join(PREDICATES)}, separated by commas."}

    def to_internal_value(self, data: Any) -> list[str]:  # type: ignore[override]
        names = super().to_internal_value(data).split(",")
        if not PREDICATES.keys() >= {*names}:
            self.fail("unknown")
        return names


class RelatedParams(serializers.Serializer[Any]):
    depth = serializers.IntegerField(min_value=1, max_value=MAX_DEPTH, required=False)
    kinds = PredicatesField(
        max_length=1000, required=False, help_text="Predicates, separated by commas; all if left out."
    )
    mentions = serializers.BooleanField(required=False, help_text="Also memories, and what they speak of.")
    limit = serializers.IntegerField(min_value=1, max_value=1000, required=False)
    tenant_id = serializers.CharField(max_length=63, required=False)


class NodeOutput(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    label = serializers.CharField(help_text="``memory``, or the kind of the entity.")  # type: ignore[assignment]
    name = serializers.CharField()


class EdgeOutput(serializers.Serializer[Any]):
    subject_id = serializers.UUIDField()
    predicate = serializers.CharField()
    object_id = serializers.UUIDField()
    confidence = serializers.FloatField()
    id = serializers.UUIDField(allow_null=True, help_text="Of the relation; null for a mention.")
    memory_id = serializers.UUIDField(allow_null=True, help_text="The memory that says so.")


class NeighbourhoodParams(serializers.Serializer[Any]):
    depth = serializers.IntegerField(min_value=1, max_value=neighbourhoods.MAX_DEPTH, required=False)
    limit = serializers.IntegerField(
        min_value=1, max_value=neighbourhoods.MAX_NODES, required=False, help_text="Most entities around it."
    )
    ended = serializers.BooleanField(required=False, help_text="Also what has ended.")
    tenant_id = serializers.CharField(max_length=63, required=False)


class NearOutput(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    kind = serializers.ChoiceField(choices=Entity.Kind.choices)
    name = serializers.CharField()
    depth = serializers.IntegerField(help_text="Steps away; 0 is the entity itself.")


class TieOutput(serializers.Serializer[Any]):
    subject_id = serializers.UUIDField()
    predicate = serializers.CharField()
    object_id = serializers.UUIDField()
    confidence = serializers.FloatField()
    valid_from = serializers.DateTimeField()
    valid_to = serializers.DateTimeField(allow_null=True)
    is_ended = serializers.BooleanField()
    memory_ids = serializers.ListField(child=serializers.UUIDField(), help_text="The memories that say so.")


class NeighbourhoodOutput(serializers.Serializer[Any]):
    nodes = NearOutput(many=True, help_text="The nearest first.")
    edges = TieOutput(many=True, help_text="All that is said between them.")
    is_cut = serializers.BooleanField(help_text="Whether a limit kept something out.")
    degraded = serializers.ListField(
        child=serializers.CharField(),
        help_text="``graph`` where the graph store is down or behind, and PostgreSQL answered.",
    )


class NeighbourOutput(serializers.Serializer[Any]):
    node = NodeOutput()
    depth = serializers.IntegerField(help_text="Steps away.")
    edge = EdgeOutput(help_text="The last step of a shortest way.")


class RelatedOutput(serializers.Serializer[Any]):
    start = NodeOutput()
    found = NeighbourOutput(many=True)
    is_cut = serializers.BooleanField(help_text="Whether a limit kept something out.")
    degraded = serializers.ListField(
        child=serializers.CharField(),
        help_text="``graph`` where the graph store is down or behind, and PostgreSQL answered.",
    )


class WayOutput(serializers.Serializer[Any]):
    nodes = NodeOutput(many=True, help_text="From start to end; none where there is no way.")
    edges = EdgeOutput(many=True)
    cost = serializers.FloatField(allow_null=True)
    is_cut = serializers.BooleanField(help_text="Whether a limit kept something out.")
    degraded = serializers.ListField(
        child=serializers.CharField(),
        help_text="``graph`` where the graph store is down or behind, and PostgreSQL answered.",
    )


_VALUES: Mapping[type, Mapping[str, Any]] = {
    UUID: {"type": "string", "format": "uuid"},
    str: {"type": "string", "maxLength": 1000},
    datetime: {"type": "string", "format": "date-time"},
    int: {"type": "integer", "minimum": -(2**53), "maximum": 2**53},
}


def _filter_of(type_: type) -> dict[str, Any]:
    value = _VALUES[type_]
    several = {"type": "array", "items": value, "minItems": 1, "maxItems": MAX_VALUES}
    operators = {
        name: several if name == "in" else value for name in OPERATORS if name != "prefix" or type_ is str
    }
    asked = {"type": "object", "properties": operators, "minProperties": 1, "additionalProperties": False}
    return {"anyOf": [value, asked]}


@extend_schema_field(
    {
        "type": "object",
        "properties": {name: _filter_of(type_) for name, (_, type_) in PROPERTIES.items()},
        "additionalProperties": False,
    }
)
class FiltersField(JsonObjectField):
    """By property a value, or operators with values; what ``matching`` makes of it."""


class QueryInput(serializers.Serializer[Any]):
    node_label = serializers.ChoiceField(
        choices=Entity.Kind.choices, allow_null=True, help_text="A kind of entity; null: any."
    )
    filters = FiltersField(
        required=False, help_text='By property: a value, or operators with values: {"memories": {"gte": 2}}.'
    )
    return_properties = serializers.ListField(
        child=serializers.ChoiceField(choices=list(PROPERTIES)), required=False, max_length=len(PROPERTIES)
    )
    limit = StrictIntegerField(min_value=1, max_value=1000, required=False)
    tenant_id = StrictCharField(max_length=63, required=False)


class QueryOutput(serializers.Serializer[Any]):
    results = serializers.ListField(child=serializers.DictField(), help_text="One object each, by property.")
    query_executed = serializers.CharField(help_text="The statement, with places for the values.")
