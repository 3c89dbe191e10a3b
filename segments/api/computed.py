"""Management API of computed traits."""

from typing import Any

from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from cdp_site.api import actor_of, role_required
from cdp_site.web import Role
from segments.api.answers import Faults, translator_now, valid
from segments.domain.parse import ConditionError
from segments.forms import refusal_of
from segments.models import ComputedTrait
from segments.services.computing import (
    KeyTaken,
    delete_computed,
    pause_computed,
    resume_computed,
    save_computed,
)

PERMISSIONS = [role_required(writes=[Role.MARKETER])]


class ComputedTraitChange(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=120, required=False)
    definition = serializers.DictField(
        required=False, help_text="As in the documentation of computed traits."
    )


class ComputedTraitInput(serializers.Serializer[Any]):
    key = serializers.RegexField(r"^[A-Za-z][A-Za-z0-9_]*$", max_length=200, help_text="Of the trait.")
    name = serializers.CharField(max_length=120)
    definition = serializers.DictField(help_text="As in the documentation of computed traits.")


class ComputedTraitOutput(serializers.Serializer[Any]):
    key = serializers.CharField()
    name = serializers.CharField()
    state = serializers.CharField()
    definition = serializers.DictField()
    built_at = serializers.DateTimeField(allow_null=True, help_text="Null while everybody is being asked.")
    build_total = serializers.IntegerField(allow_null=True)
    build_done = serializers.IntegerField()
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()


class ComputedTraitList(APIView):
    """List the computed traits, or create one."""

    permission_classes = PERMISSIONS

    @extend_schema(responses=ComputedTraitOutput(many=True))
    def get(self, request: Request) -> Response:
        found = ComputedTrait.objects.order_by("key")
        return Response({"results": ComputedTraitOutput(found, many=True).data})

    @extend_schema(request=ComputedTraitInput, responses={201: ComputedTraitOutput})
    def post(self, request: Request) -> Response:
        data = valid(ComputedTraitInput(data=request.data))
        made = _saved(data["key"], data, request=request, must_be_new=True)
        return Response(ComputedTraitOutput(made).data, status=status.HTTP_201_CREATED)


class ComputedTraitDetail(APIView):
    """Show a computed trait, change it, or give it up."""

    permission_classes = PERMISSIONS

    @extend_schema(responses=ComputedTraitOutput)
    def get(self, request: Request, key: str) -> Response:
        return Response(ComputedTraitOutput(get_object_or_404(ComputedTrait, key=key)).data)

    @extend_schema(request=ComputedTraitChange, responses=ComputedTraitOutput)
    def patch(self, request: Request, key: str) -> Response:
        trait = get_object_or_404(ComputedTrait, key=key)
        data = {"name": trait.name, "definition": trait.definition} | valid(
            ComputedTraitChange(data=request.data)
        )
        return Response(ComputedTraitOutput(_saved(key, data, request=request)).data)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, key: str) -> Response:
        get_object_or_404(ComputedTrait, key=key)
        with Faults():
            delete_computed(key, actor=actor_of(request))
        return Response(status=status.HTTP_204_NO_CONTENT)


class ComputedTraitPause(APIView):
    """Leave the values as they are."""

    permission_classes = PERMISSIONS

    @extend_schema(request=None, responses=ComputedTraitOutput)
    def post(self, request: Request, key: str) -> Response:
        get_object_or_404(ComputedTrait, key=key)
        return Response(
            ComputedTraitOutput(pause_computed(key, actor=actor_of(request), now=timezone.now())).data
        )


class ComputedTraitResume(APIView):
    """Keep the values up to date again."""

    permission_classes = PERMISSIONS

    @extend_schema(request=None, responses=ComputedTraitOutput)
    def post(self, request: Request, key: str) -> Response:
        get_object_or_404(ComputedTrait, key=key)
        return Response(
            ComputedTraitOutput(resume_computed(key, actor=actor_of(request), now=timezone.now())).data
        )


def _saved(key: str, data: dict[str, Any], *, request: Request, must_be_new: bool = False) -> ComputedTrait:
    try:
        return save_computed(
            key,
            name=data["name"],
            definition=data["definition"],
            actor=actor_of(request),
            now=timezone.now(),
            must_be_new=must_be_new,
        )
    except ConditionError as error:
        words = [error.phrase.said(translator_now())]
        fault = {error.path: words} if error.path else words
        raise serializers.ValidationError({"definition": fault}) from error
    except KeyTaken as error:
        raise serializers.ValidationError({"key": [refusal_of(error)]}) from error
