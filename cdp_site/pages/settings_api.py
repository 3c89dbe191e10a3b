"""Management API of the company's settings."""

from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from cdp_site.api import actor_of, role_required
from cdp_site.company import set_time_zone
from cdp_site.models import Company
from cdp_site.pages.settings_forms import zones
from cdp_site.web import Role


class SettingsBody(serializers.Serializer[Any]):
    time_zone = serializers.CharField(help_text="IANA name; for people whose own zone is not known.")

    def validate_time_zone(self, zone: str) -> str:
        if zone not in zones():
            raise serializers.ValidationError(_("This is no time zone. Name one such as Europe/Berlin."))
        return zone


class CompanySettings(APIView):
    """Show or change the company's settings."""

    permission_classes = [role_required(writes=[Role.ADMIN])]

    @extend_schema(responses=SettingsBody)
    def get(self, request: Request) -> Response:
        zone = Company.objects.values_list("time_zone", flat=True).first() or "UTC"
        return Response({"time_zone": zone})

    @extend_schema(request=SettingsBody, responses=SettingsBody)
    def patch(self, request: Request) -> Response:
        body = SettingsBody(data=request.data)
        body.is_valid(raise_exception=True)
        set_time_zone(body.validated_data["time_zone"], actor=actor_of(request))
        return Response(body.data)
