"""Management API of templates."""

from dataclasses import asdict
from typing import Any

from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from cdp_site.api import NewestFirst, actor_of, role_required
from cdp_site.web import Role
from connectors.api_people import person_named
from connectors.models import Template
from connectors.rendering import RenderError
from connectors.services import Sample, TemplateDraft, preview_mail, save_template

LONGEST_BODY = 500_000


class TemplateInput(serializers.Serializer[Any]):
    slug = serializers.SlugField(max_length=80)
    name = serializers.CharField(max_length=120)
    subject = serializers.CharField(max_length=300, help_text="Jinja2.")
    body = serializers.CharField(max_length=LONGEST_BODY, help_text="MJML or HTML with Jinja2.")


class TemplateChange(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=120, required=False)
    subject = serializers.CharField(max_length=300, required=False)
    body = serializers.CharField(max_length=LONGEST_BODY, required=False)


class TemplateOutput(serializers.Serializer[Any]):
    slug = serializers.CharField()
    name = serializers.CharField()
    subject = serializers.CharField()
    body = serializers.CharField()
    version = serializers.IntegerField()
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()


class PreviewInput(serializers.Serializer[Any]):
    person = serializers.CharField(required=False, help_text="Public id, or an identity: user_id:42.")
    event = serializers.DictField(required=False, help_text='{"name", "properties", "context"}')
    journey = serializers.DictField(required=False)
    run = serializers.DictField(required=False)
    subject = serializers.CharField(required=False, help_text="Instead of the template's own.")
    body = serializers.CharField(max_length=LONGEST_BODY, required=False)


class PreviewOutput(serializers.Serializer[Any]):
    subject = serializers.CharField()
    html = serializers.CharField()
    text = serializers.CharField()


class TemplateList(APIView):
    """List the templates, or make one."""

    permission_classes = [role_required(writes=[Role.MARKETER])]

    @extend_schema(responses=TemplateOutput(many=True))
    def get(self, request: Request) -> Response:
        pages = NewestFirst()
        found: list[Any] = pages.paginate_queryset(Template.objects.all(), request, view=self) or []
        return pages.get_paginated_response(TemplateOutput(found, many=True).data)

    @extend_schema(request=TemplateInput, responses={201: TemplateOutput})
    def post(self, request: Request) -> Response:
        data = TemplateInput(data=request.data)
        data.is_valid(raise_exception=True)
        values = dict(data.validated_data)
        slug = values.pop("slug")
        if Template.objects.filter(slug=slug).exists():
            raise serializers.ValidationError({"slug": [_("Another template has this slug.")]})
        template = _saved(slug, values, request=request)
        return Response(TemplateOutput(template).data, status=status.HTTP_201_CREATED)


class TemplateDetail(APIView):
    """Show or change one template; a change raises its version."""

    permission_classes = [role_required(writes=[Role.MARKETER])]

    @extend_schema(responses=TemplateOutput)
    def get(self, request: Request, slug: str) -> Response:
        return Response(TemplateOutput(get_object_or_404(Template, slug=slug)).data)

    @extend_schema(request=TemplateChange, responses=TemplateOutput)
    def patch(self, request: Request, slug: str) -> Response:
        template = get_object_or_404(Template, slug=slug)
        data = TemplateChange(data=request.data)
        data.is_valid(raise_exception=True)
        values = {"name": template.name, "subject": template.subject, "body": template.body}
        return Response(TemplateOutput(_saved(slug, values | data.validated_data, request=request)).data)


class TemplatePreview(APIView):
    """Show what a template makes for a person; nothing is sent."""

    permission_classes = [role_required()]

    @extend_schema(request=PreviewInput, responses=PreviewOutput)
    def post(self, request: Request, slug: str) -> Response:
        template = get_object_or_404(Template, slug=slug)
        data = PreviewInput(data=request.data)
        data.is_valid(raise_exception=True)
        values = dict(data.validated_data)
        sample = Sample(
            person=person_named(values["person"], field="person") if "person" in values else None,
            context={name: values[name] for name in ("event", "journey", "run") if name in values},
        )
        try:
            preview = preview_mail(
                subject=values.get("subject", template.subject),
                body=values.get("body", template.body),
                sample=sample,
                now=timezone.now(),
            )
        except RenderError as error:
            raise serializers.ValidationError({error.name or "body": [error.reason]}) from error
        return Response(PreviewOutput(asdict(preview)).data)


def _saved(slug: str, values: dict[str, Any], *, request: Request) -> Template:
    try:
        return save_template(slug, draft=TemplateDraft(**values), actor=actor_of(request), now=timezone.now())
    except RenderError as error:
        raise serializers.ValidationError({error.name or "body": [error.reason]}) from error
