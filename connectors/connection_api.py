"""Management API of connections. Secrets go in and never come out again."""

from typing import Any

from django.shortcuts import get_object_or_404
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from cdp_site.api import NewestFirst, actor_of, role_required
from connectors.connection_settings import SettingsError
from connectors.models import Connection
from connectors.registry import CHANNELS
from connectors.services import ConnectionDraft, save_connection


class ConnectionInput(serializers.Serializer[Any]):
    slug = serializers.SlugField(max_length=80)
    name = serializers.CharField(max_length=120)
    kind = serializers.ChoiceField(choices=sorted(CHANNELS))
    settings = serializers.DictField(
        default=dict,
        help_text=(
            "webhook: url, type, secret (whsec_…; left out: one is made). "
            "crm: base_url, token, paths, idempotency_header. email: from, reply_to. "
            "hubspot, salesforce, pipedrive: see docs/connections.md."
        ),
    )
    is_active = serializers.BooleanField(default=True)


class ConnectionChange(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=120, required=False)
    settings = serializers.DictField(
        required=False, help_text="Replaces all settings; a secret that is left out stays."
    )
    is_active = serializers.BooleanField(required=False)


class ConnectionOutput(serializers.Serializer[Any]):
    slug = serializers.CharField()
    name = serializers.CharField()
    kind = serializers.CharField()
    settings = serializers.DictField()
    has_secret = serializers.SerializerMethodField()
    is_active = serializers.BooleanField()
    disabled_reason = serializers.CharField()
    created_at = serializers.DateTimeField()

    def get_has_secret(self, connection: Connection) -> bool:
        return bool(connection.secret)


class ConnectionMade(ConnectionOutput):
    secret = serializers.SerializerMethodField(help_text="Only where one was made here; shown this once.")

    def get_secret(self, connection: Connection) -> str | None:
        made: str = self.context.get("secret", "")
        return made or None


class ConnectionList(APIView):
    """List the connections, or make one."""

    permission_classes = [role_required(writes=[])]

    @extend_schema(responses=ConnectionOutput(many=True))
    def get(self, request: Request) -> Response:
        pages = NewestFirst()
        found: list[Any] = pages.paginate_queryset(Connection.objects.all(), request, view=self) or []
        return pages.get_paginated_response(ConnectionOutput(found, many=True).data)

    @extend_schema(request=ConnectionInput, responses={201: ConnectionMade})
    def post(self, request: Request) -> Response:
        data = ConnectionInput(data=request.data)
        data.is_valid(raise_exception=True)
        values = dict(data.validated_data)
        slug = values.pop("slug")
        if Connection.objects.filter(slug=slug).exists():
            raise serializers.ValidationError({"slug": [_("Another connection has this slug.")]})
        connection, secret = _saved(slug, values, request=request)
        made = ConnectionMade(connection, context={"secret": secret})
        return Response(made.data, status=status.HTTP_201_CREATED)


class ConnectionDetail(APIView):
    """Show or change one connection."""

    permission_classes = [role_required(writes=[])]

    @extend_schema(responses=ConnectionOutput)
    def get(self, request: Request, slug: str) -> Response:
        return Response(ConnectionOutput(get_object_or_404(Connection, slug=slug)).data)

    @extend_schema(request=ConnectionChange, responses=ConnectionOutput)
    def patch(self, request: Request, slug: str) -> Response:
        connection = get_object_or_404(Connection, slug=slug)
        data = ConnectionChange(data=request.data)
        data.is_valid(raise_exception=True)
        values = {
            "name": connection.name,
            "kind": connection.kind,
            "settings": connection.settings,
            "is_active": connection.is_active,
        }
        changed, _made = _saved(slug, values | data.validated_data, request=request)
        return Response(ConnectionOutput(changed).data)


def _saved(slug: str, values: dict[str, Any], *, request: Request) -> tuple[Connection, str]:
    try:
        connection, made = save_connection(slug, draft=ConnectionDraft(**values), actor=actor_of(request))
    except SettingsError as error:
        place: Any = [error.message]
        path = error.path if error.path in ("slug", "kind") else f"settings.{error.path}"
        for key in reversed(path.split(".")):
            place = {key: place}
        raise serializers.ValidationError(place) from error
    connection.refresh_from_db()
    return connection, made
