"""Who a key speaks for: the cheapest authenticated call, for clients that test their key."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from memos_project.api.views import TenantView


class MeOutput(serializers.Serializer[Any]):
    tenant_id = serializers.UUIDField()
    tenant = serializers.CharField()
    key = serializers.CharField()
    scopes = serializers.ListField(child=serializers.CharField())


class MeView(TenantView):
    @extend_schema(operation_id="me", responses=MeOutput)
    def get(self, request: Request) -> Response:
        """The key's name, scopes and tenant."""
        caller = self.caller
        return Response(
            {
                "tenant_id": caller.tenant.id,
                "tenant": caller.tenant.slug,
                "key": caller.key_name,
                "scopes": sorted(caller.scopes),
            }
        )
