"""Management API of sources."""

from typing import Any

from django.db import IntegrityError
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from cdp_site.api import NewestFirst, actor_of, role_required
from cdp_site.web import Role
from connectors import vault
from connectors.domain.source_kinds import SourceKind
from connectors.models import Source
from connectors.source_services import SourceDraft, change_source, make_source


class SourceInput(serializers.Serializer[Any]):
    slug = serializers.SlugField(max_length=80)
    name = serializers.CharField(max_length=120)
    kind = serializers.ChoiceField(choices=[kind.value for kind in SourceKind], default=SourceKind.HTTP.value)
    trust = serializers.ChoiceField(choices=Source.Trust.values, default=Source.Trust.PUBLIC.value)
    secret = serializers.CharField(max_length=500, required=False, allow_blank=True, default="")
    is_historical = serializers.BooleanField(default=False)


class SourceChange(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=120, required=False)
    trust = serializers.ChoiceField(choices=Source.Trust.values, required=False)
    secret = serializers.CharField(max_length=500, required=False)
    is_historical = serializers.BooleanField(required=False)
    is_active = serializers.BooleanField(required=False)
    rate_limit = serializers.FloatField(required=False, allow_null=True, min_value=0.001)


class SourceOutput(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    slug = serializers.CharField()
    name = serializers.CharField()
    kind = serializers.CharField()
    trust = serializers.CharField()
    write_key = serializers.SerializerMethodField(help_text="Of http sources only.")
    is_historical = serializers.BooleanField()
    is_active = serializers.BooleanField()
    rate_limit = serializers.SerializerMethodField(help_text="Messages a second in one web process.")
    created_at = serializers.DateTimeField()
    last_message_at = serializers.DateTimeField(allow_null=True)

    def get_write_key(self, source: Source) -> str | None:
        return source.write_key if source.kind == SourceKind.HTTP else None

    def get_rate_limit(self, source: Source) -> float | None:
        limit: float | None = source.settings.get("rate_limit")
        return limit


class SourceMade(SourceOutput):
    secret = serializers.SerializerMethodField(help_text="Of signed sources; shown this once.")

    def get_secret(self, source: Source) -> str | None:
        return vault.unseal(source.secret) or None


class SourceList(APIView):
    """List the sources, or make one."""

    permission_classes = [role_required(Role.MARKETER, writes=[])]

    @extend_schema(responses=SourceOutput(many=True))
    def get(self, request: Request) -> Response:
        pages = NewestFirst()
        found: list[Any] = pages.paginate_queryset(Source.objects.all(), request, view=self) or []
        return pages.get_paginated_response(SourceOutput(found, many=True).data)

    @extend_schema(request=SourceInput, responses={201: SourceMade})
    def post(self, request: Request) -> Response:
        data = SourceInput(data=request.data)
        data.is_valid(raise_exception=True)
        draft = SourceDraft(**{**data.validated_data, "kind": SourceKind(data.validated_data["kind"])})
        try:
            source = make_source(draft, actor=actor_of(request))
        except IntegrityError as error:
            raise serializers.ValidationError({"slug": [_("Another source has this slug.")]}) from error
        source.refresh_from_db()
        return Response(SourceMade(source).data, status=status.HTTP_201_CREATED)


class SourceDetail(APIView):
    """Show or change one source."""

    permission_classes = [role_required(Role.MARKETER, writes=[])]

    @extend_schema(responses=SourceOutput)
    def get(self, request: Request, slug: str) -> Response:
        return Response(SourceOutput(get_object_or_404(Source, slug=slug)).data)

    @extend_schema(request=SourceChange, responses=SourceOutput)
    def patch(self, request: Request, slug: str) -> Response:
        source = get_object_or_404(Source, slug=slug)
        data = SourceChange(data=request.data)
        data.is_valid(raise_exception=True)
        change_source(source, changes=data.validated_data, actor=actor_of(request))
        return Response(SourceOutput(source).data)
