"""Management API of templates."""

from dataclasses import asdict, replace
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
from connectors.domain.template import TEXTS, Content, TemplateKind, content_of, to_json
from connectors.models import Template
from connectors.rendering import RenderError
from connectors.services import Sample, TemplateDraft, draft_content, preview_mail, save_template

LONGEST_BODY = 500_000
LONGEST_LINE = 300


class WordingInput(serializers.Serializer[Any]):
    subject = serializers.CharField(max_length=LONGEST_LINE, required=False, allow_blank=True)
    preheader = serializers.CharField(max_length=LONGEST_LINE, required=False, allow_blank=True)
    body = serializers.CharField(max_length=LONGEST_BODY, required=False, allow_blank=True)


class TemplateChange(serializers.Serializer[Any]):
    """What a template says; what is left out stays as it is."""

    name = serializers.CharField(max_length=120, required=False)
    subject = serializers.CharField(max_length=LONGEST_LINE, required=False, help_text="Jinja2.")
    preheader = serializers.CharField(max_length=LONGEST_LINE, required=False, allow_blank=True)
    body = serializers.CharField(
        max_length=LONGEST_BODY, required=False, help_text="MJML or HTML with Jinja2."
    )
    sender = serializers.CharField(max_length=200, required=False, allow_blank=True)
    reply_to = serializers.CharField(max_length=200, required=False, allow_blank=True)
    layout = serializers.SlugField(max_length=80, required=False, allow_blank=True)
    topic = serializers.SlugField(max_length=80, required=False, allow_blank=True)
    language = serializers.CharField(max_length=35, required=False, help_text="Of subject and body.")
    translations = serializers.DictField(
        child=WordingInput(), required=False, help_text='{"de": {"subject", "preheader", "body"}}'
    )
    defaults = serializers.DictField(
        child=serializers.CharField(max_length=500, allow_blank=True),
        required=False,
        help_text='{"person.firstName": "there"}: written where it is missing.',
    )


class TemplateInput(TemplateChange):
    slug = serializers.SlugField(max_length=80)
    name = serializers.CharField(max_length=120)
    kind = serializers.ChoiceField(choices=list(TemplateKind), required=False)
    body = serializers.CharField(max_length=LONGEST_BODY, help_text="MJML or HTML with Jinja2.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        is_mail = attrs.get("kind", TemplateKind.MAIL) == TemplateKind.MAIL
        if is_mail and "subject" not in attrs:
            raise serializers.ValidationError({"subject": [_("A mail needs a subject.")]})
        return attrs


class TemplateOutput(serializers.Serializer[Any]):
    """What is in force; a draft beside it is the editor's own."""

    slug = serializers.CharField()
    name = serializers.CharField()
    kind = serializers.CharField()
    subject = serializers.CharField()
    preheader = serializers.CharField()
    body = serializers.CharField()
    sender = serializers.CharField()
    reply_to = serializers.CharField()
    layout = serializers.CharField()
    topic = serializers.CharField()
    language = serializers.CharField()
    translations = serializers.DictField(child=WordingInput())
    defaults = serializers.DictField(child=serializers.CharField())
    version = serializers.IntegerField(help_text="0: never published, what is shown is the draft.")
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()


class PreviewInput(serializers.Serializer[Any]):
    person = serializers.CharField(required=False, help_text="Public id, or an identity: user_id:42.")
    event = serializers.DictField(required=False, help_text='{"name", "properties", "context"}')
    journey = serializers.DictField(required=False)
    run = serializers.DictField(required=False)
    locale = serializers.CharField(max_length=35, required=False, help_text="Instead of the person's own.")
    subject = serializers.CharField(required=False, help_text="Instead of the template's own.")
    preheader = serializers.CharField(required=False)
    body = serializers.CharField(max_length=LONGEST_BODY, required=False)


class PreviewOutput(serializers.Serializer[Any]):
    subject = serializers.CharField()
    preheader = serializers.CharField()
    html = serializers.CharField()
    text = serializers.CharField()
    language = serializers.CharField()
    size = serializers.IntegerField(help_text="Bytes of the HTML as it would be sent.")


class TemplateList(APIView):
    """List the templates, or make one."""

    permission_classes = [role_required(writes=[Role.MARKETER])]

    @extend_schema(responses=TemplateOutput(many=True))
    def get(self, request: Request) -> Response:
        pages = NewestFirst()
        found: list[Any] = pages.paginate_queryset(Template.objects.all(), request, view=self) or []
        return pages.get_paginated_response(
            TemplateOutput([_shown(template) for template in found], many=True).data
        )

    @extend_schema(request=TemplateInput, responses={201: TemplateOutput})
    def post(self, request: Request) -> Response:
        data = TemplateInput(data=request.data)
        data.is_valid(raise_exception=True)
        values = dict(data.validated_data)
        slug, name = values.pop("slug"), values.pop("name")
        if Template.objects.filter(slug=slug).exists():
            raise serializers.ValidationError({"slug": [_("Another template has this slug.")]})
        kind = TemplateKind(values.pop("kind", TemplateKind.MAIL))
        draft = TemplateDraft(name=name, content=content_of(values), kind=kind)
        template = _saved(slug, draft, request=request)
        return Response(TemplateOutput(_shown(template)).data, status=status.HTTP_201_CREATED)


class TemplateDetail(APIView):
    """Show or change one template; a change is in force at once, as the next version."""

    permission_classes = [role_required(writes=[Role.MARKETER])]

    @extend_schema(responses=TemplateOutput)
    def get(self, request: Request, slug: str) -> Response:
        return Response(TemplateOutput(_shown(get_object_or_404(Template, slug=slug))).data)

    @extend_schema(request=TemplateChange, responses=TemplateOutput)
    def patch(self, request: Request, slug: str) -> Response:
        template = get_object_or_404(Template, slug=slug)
        data = TemplateChange(data=request.data)
        data.is_valid(raise_exception=True)
        values = dict(data.validated_data)
        name = values.pop("name", template.name)
        content = content_of(to_json(_content(template)) | values)
        draft = TemplateDraft(name=name, content=content, kind=TemplateKind(template.kind))
        return Response(TemplateOutput(_shown(_saved(slug, draft, request=request))).data)


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
            locale=values.get("locale", ""),
            context={name: values[name] for name in ("event", "journey", "run") if name in values},
        )
        changes = {name: values[name] for name in TEXTS if name in values}
        try:
            preview = preview_mail(
                replace(_content(template), **changes),
                sample=sample,
                now=timezone.now(),
                kind=TemplateKind(template.kind),
            )
        except RenderError as error:
            raise serializers.ValidationError({error.name or "body": [error.reason]}) from error
        return Response(PreviewOutput(asdict(preview)).data)


def _content(template: Template) -> Content:
    """What is in force; of what was never published, the draft."""
    return content_of(template.content) if template.version else draft_content(template)


def _shown(template: Template) -> dict[str, Any]:
    row = {name: getattr(template, name) for name in ("slug", "name", "kind", "version")}
    times = {"created_at": template.created_at, "updated_at": template.updated_at}
    return {**to_json(_content(template)), **row, **times}


def _saved(slug: str, draft: TemplateDraft, *, request: Request) -> Template:
    try:
        return save_template(slug, draft=draft, actor=actor_of(request), now=timezone.now())
    except RenderError as error:
        raise serializers.ValidationError({error.name or "body": [error.reason]}) from error
