"""Nodes by their properties: names and operators come from here, only values from the caller."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.utils.dateparse import parse_datetime

from graph.models import Entity
from graph.queries import answering
from memos_project.db import fetch_prepared
from memos_project.errors import InvalidInput

# Each property with its expression and the type of its values.
PROPERTIES: Mapping[str, tuple[str, type]] = {
    "id": ("e.id", UUID),
    "name": ("e.name", str),
    "kind": ("e.kind", str),
    "summary": ("e.summary", str),
    "created_at": ("e.created_at", datetime),
    "memories": (
        "(SELECT count(DISTINCT m.memory_id) FROM graph_mention m WHERE m.entity_id = e.id)",
        int,
    ),
}
OPERATORS = {
    "eq": "=",
    "ne": "<>",
    "gt": ">",
    "gte": ">=",
    "lt": "<",
    "lte": "<=",
    "in": "= ANY",
    "prefix": "^@",
}
CASTS = {UUID: "uuid", str: "text", datetime: "timestamptz", int: "bigint"}
MAX_VALUES = 1000


@dataclass(frozen=True, slots=True)
class Matched:
    """What was found, property by property, and the statement that found it, without the values."""

    results: list[dict[str, Any]]
    query_executed: str


def match(
    tenant_id: UUID,
    label: str | None,
    filters: Mapping[str, Any],
    properties: Sequence[str] = (),
    *,
    limit: int = 100,
) -> Matched:
    """Entities of a kind (None: any) whose properties are as the filters want them.

    A filter is a value, or an object of operators and values: ``{"memories": {"gte": 2}}``. Raises InvalidInput for
    what is no kind, property, operator or value of the property's type.
    """
    if label is not None and label not in Entity.Kind.values:
        raise InvalidInput(f"One of {', '.join(Entity.Kind.values)}.", field="node_label")
    wanted = list(dict.fromkeys(properties)) or ["id", "kind", "name"]
    for number, name in enumerate(wanted):
        _known(name, f"return_properties.{number}")
    params: dict[str, Any] = {"tenant": tenant_id, "limit": limit}
    conditions = ["e.tenant_id = %(tenant)s"]
    if label is not None:
        conditions.append("e.kind = %(label)s")
        params["label"] = label
    for name, asked in filters.items():
        field = f"filters.{name}"
        expression, type_ = _known(name, field)
        if asked == {}:
            raise InvalidInput(f"A value, or operators with values: {', '.join(OPERATORS)}.", field=field)
        for operator, value in (asked if isinstance(asked, Mapping) else {"eq": asked}).items():
            place = f"p{len(params)}"
            conditions.append(_condition(expression, operator, type_, place, field))
            params[place] = _values(value, operator, type_, field)
    sql = (
        f"SELECT {', '.join(f'{PROPERTIES[name][0]} AS {name}' for name in wanted)} FROM graph_entity e"
        f" WHERE {' AND '.join(conditions)} ORDER BY e.id LIMIT %(limit)s"
    )
    with answering(tenant_id, "Filter by equality or for fewer values."):
        rows = fetch_prepared(sql, params)
    return Matched([dict(zip(wanted, row, strict=True)) for row in rows], sql)


def _known(name: str, field: str) -> tuple[str, type]:
    if name not in PROPERTIES:
        raise InvalidInput(f"Properties are {', '.join(PROPERTIES)}.", field=field)
    return PROPERTIES[name]


def _condition(expression: str, operator: str, type_: type, place: str, field: str) -> str:
    if operator not in OPERATORS:
        raise InvalidInput(f"Operators are {', '.join(OPERATORS)}.", field=field)
    if operator == "prefix" and type_ is not str:
        raise InvalidInput("Only text has a prefix.", field=field)
    cast = CASTS[type_]
    if operator == "in":
        return f"{expression} = ANY(%({place})s::{cast}[])"
    return f"{expression} {OPERATORS[operator]} %({place})s::{cast}"


def _values(value: Any, operator: str, type_: type, field: str) -> Any:
    if operator != "in":
        return _value(value, type_, field)
    if not isinstance(value, list) or not 0 < len(value) <= MAX_VALUES:
        raise InvalidInput(f"A list of 1 to {MAX_VALUES} values.", field=field)
    return [_value(each, type_, field) for each in value]


def _value(value: Any, type_: type, field: str) -> Any:
    try:
        if type_ is UUID and isinstance(value, str):
            return UUID(value)
        if (
            type_ is datetime
            and isinstance(value, str)
            and (moment := parse_datetime(value))
            and moment.tzinfo
        ):
            # PostgreSQL knows no offset of 16 hours or more.
            return moment.astimezone(UTC)
        # JSON knows one sort of number: 60.0 is as whole as 60.
        if type_ is int and type(value) in (int, float) and value == value // 1 and abs(value) < 2**62:
            return int(value)
        if type_ is str and isinstance(value, str) and len(value) <= 1000 and "\0" not in value:
            value.encode()
            return value
    except (ValueError, OverflowError):
        pass
    expected = {
        UUID: "An id",
        str: "Text of up to 1,000 characters",
        datetime: "A moment with a time zone",
        int: "A whole number",
    }
    raise InvalidInput(f"{expected[type_]}.", field=field)
