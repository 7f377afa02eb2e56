"""OpenAPI: every operation may answer with a problem."""

from typing import Any

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import Direction
from rest_framework import serializers


class FieldProblem(serializers.Serializer[Any]):
    field = serializers.CharField(
        help_text="Where; ``tags.0`` is the first of the tags, ``body`` all of the body."
    )
    detail = serializers.CharField(help_text="What is wrong and what is allowed.")


class Problem(serializers.Serializer[Any]):
    """RFC 9457 problem details."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField()
    # A serializer's class takes its fields away from the attributes: this one does not hide DRF's errors.
    errors = FieldProblem(many=True, required=False)  # type: ignore[assignment]
    request_id = serializers.CharField(required=False)


class ProblemAutoSchema(AutoSchema):
    """Adds the errors that any operation of its kind may answer with."""

    def _get_request_body(self, direction: Direction = "request") -> dict[str, Any] | None:
        body: dict[str, Any] | None = super()._get_request_body(direction)  # type: ignore[no-untyped-call]
        # A body of one of several shapes would pass for optional.
        return body and {**body, "required": True}

    def _get_response_bodies(self, direction: Direction = "response") -> dict[str, Any]:
        responses = super()._get_response_bodies(direction)
        # 404 anywhere: an operator may name a tenant that is not there.
        common = ["400", "401", "403", "404", "406", "429", "503"]
        if self.method in ("POST", "PUT", "PATCH", "DELETE"):
            common += ["409"]
        if self.method in ("POST", "PUT", "PATCH"):
            common += ["413", "415"]
        if self.method in ("PUT", "PATCH", "DELETE"):
            common.append("412")
        component = self.resolve_serializer(Problem, direction)
        for status in common:
            responses.setdefault(
                status,
                {
                    "content": {"application/problem+json": {"schema": component.ref}},
                    "description": "Problem details",
                },
            )
        return responses
