"""Management API of what comes in: event names, properties, traits and their usual values."""

from collections.abc import Sequence
from typing import Any, Final

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from cdp_site.api import role_required
from profiles import catalogue
from profiles.catalogue import PropertyLine

_MOST: Final = 500
_PERMISSIONS = [role_required()]
_Q = OpenApiParameter("q", str, description="Only those that begin so, in upper or lower case.")
_EVENT = OpenApiParameter("event", str, required=True, description="An event name; it may end in *.")


class EventNameOutput(serializers.Serializer[Any]):
    name = serializers.CharField()
    count = serializers.IntegerField(help_text="Messages, about.")
    last_seen_at = serializers.DateTimeField(help_text="Null where none came since names are counted.")


class ValueOutput(serializers.Serializer[Any]):
    value = serializers.JSONField(help_text="As it came: a text, a number.")
    seen = serializers.IntegerField(help_text="Samples that had it.")


class PropertyOutput(serializers.Serializer[Any]):
    path = serializers.CharField(help_text="With [] after a list: a part of each of its objects.")
    types = serializers.ListField(
        child=serializers.CharField(), help_text="text, number, yes_no, date or list; the commonest first."
    )
    seen = serializers.IntegerField(help_text="Samples that had it.")


class EventNames(APIView):
    """List the event names in use, the commonest first."""

    permission_classes = _PERMISSIONS

    @extend_schema(parameters=[_Q], responses=EventNameOutput(many=True))
    def get(self, request: Request) -> Response:
        names = catalogue.event_names(starts=request.query_params.get("q", ""), limit=_MOST)
        return Response(EventNameOutput(names, many=True).data)


class EventProperties(APIView):
    """List the properties that an event was seen with."""

    permission_classes = _PERMISSIONS

    @extend_schema(parameters=[_EVENT, _Q], responses=PropertyOutput(many=True))
    def get(self, request: Request) -> Response:
        return _properties(catalogue.properties_of(_event(request)), request)


class EventValues(APIView):
    """List usual values of an event's property: those that several people had."""

    permission_classes = _PERMISSIONS

    @extend_schema(
        parameters=[_EVENT, OpenApiParameter("property", str, required=True), _Q],
        responses=ValueOutput(many=True),
    )
    def get(self, request: Request) -> Response:
        return _values(catalogue.properties_of(_event(request)), request, asked="property")


class TraitNames(APIView):
    """List the traits that people have."""

    permission_classes = _PERMISSIONS

    @extend_schema(parameters=[_Q], responses=PropertyOutput(many=True))
    def get(self, request: Request) -> Response:
        return _properties(catalogue.traits(), request)


class TraitValues(APIView):
    """List usual values of a trait: those that several people have."""

    permission_classes = _PERMISSIONS

    @extend_schema(
        parameters=[OpenApiParameter("trait", str, required=True), _Q], responses=ValueOutput(many=True)
    )
    def get(self, request: Request) -> Response:
        return _values(catalogue.traits(), request, asked="trait")


def _event(request: Request) -> str:
    return request.query_params.get("event", "")


def _properties(lines: Sequence[PropertyLine], request: Request) -> Response:
    fitting = [line for line in lines if _fits(line.path, request)]
    return Response(PropertyOutput(fitting, many=True).data)


def _values(lines: Sequence[PropertyLine], request: Request, *, asked: str) -> Response:
    path = request.query_params.get(asked, "")
    found = [value for line in lines if line.path == path for value in line.values]
    fitting = [one for one in found if _fits(str(one.value), request)]
    return Response(ValueOutput(fitting, many=True).data)


def _fits(text: str, request: Request) -> bool:
    return text.lower().startswith(request.query_params.get("q", "").lower())
