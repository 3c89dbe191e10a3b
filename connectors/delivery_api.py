"""Management API of deliveries: what went out, what did not and why, and sending again."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from cdp_site.api import NewestFirst, actor_of, role_required
from cdp_site.web import Role
from connectors.api_people import person_named
from connectors.models import Delivery
from connectors.queries import DeliveryFilter, deliveries_found
from connectors.services import replay_deliveries
from profiles.queries import person_ids_of

MOST_REPLAYED = 10_000
_FILTERS = {
    "journey": "Slug or number of a journey.",
    "person": "Public id, or an identity: user_id:42.",
    "state": "queued, sending, sent, dead, blocked or cancelled.",
    "connection": "Slug of a connection.",
    "channel": "email, crm, webhook …",
}


class AttemptOutput(serializers.Serializer[Any]):
    number = serializers.IntegerField()
    started_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)
    is_success = serializers.BooleanField(allow_null=True, help_text="Null: nobody knows.")
    reason = serializers.CharField()
    request = serializers.DictField()
    response = serializers.DictField()


class DeliveryOutput(serializers.Serializer[Any]):
    id = serializers.UUIDField(source="uuid")
    person = serializers.UUIDField(source="person.uuid")
    journey = serializers.SerializerMethodField()
    run = serializers.IntegerField(source="run_id", allow_null=True)
    step = serializers.CharField()
    channel = serializers.CharField()
    connection = serializers.CharField(source="connection.slug", default=None)
    action = serializers.CharField()
    template = serializers.CharField(source="template.slug", default=None)
    message_class = serializers.CharField()
    state = serializers.CharField()
    reason = serializers.CharField(source="last_error")
    attempts = serializers.IntegerField(source="attempt_count")
    external_id = serializers.CharField()
    decided_at = serializers.DateTimeField()
    due_at = serializers.DateTimeField(allow_null=True)
    sent_at = serializers.DateTimeField(allow_null=True)

    def get_journey(self, delivery: Delivery) -> str | None:
        journey = delivery.context.get("journey") or {}
        slug: str | None = journey.get("slug")
        return slug


class DeliveryDetailOutput(DeliveryOutput):
    # Declared fields are taken out of the class: this name hides nothing of the framework's.
    fields = serializers.DictField(help_text="As written in the step.")  # type: ignore[assignment]
    content = serializers.DictField(source="rendered", allow_null=True, help_text="As it goes out.")
    history = serializers.SerializerMethodField(help_text="The attempts, oldest first.")

    @extend_schema_field(AttemptOutput(many=True))
    def get_history(self, delivery: Delivery) -> Any:
        return AttemptOutput(delivery.attempts.order_by("number"), many=True).data


class ReplayInput(serializers.Serializer[Any]):
    ids = serializers.ListField(child=serializers.UUIDField(), required=False, max_length=1000)
    filters = serializers.DictField(
        required=False, help_text=f"Instead of ids: any of {', '.join(_FILTERS)}; at least one."
    )
    render_again = serializers.BooleanField(
        default=False, help_text="Make the content anew, from the template as it is now."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if bool(attrs.get("ids")) == bool(attrs.get("filters")):
            raise serializers.ValidationError(_("Give either ids or filters."))
        unknown = sorted(set(attrs.get("filters", {})) - set(_FILTERS))
        if unknown:
            raise serializers.ValidationError({"filters": {unknown[0]: [_("There is no such filter.")]}})
        return attrs


class ReplayOutput(serializers.Serializer[Any]):
    replayed = serializers.IntegerField()


class DeliveryList(APIView):
    """List deliveries, the newest first."""

    permission_classes = [role_required()]

    @extend_schema(
        parameters=[OpenApiParameter(name, str, description=text) for name, text in _FILTERS.items()],
        responses=DeliveryOutput(many=True),
    )
    def get(self, request: Request) -> Response:
        pages = NewestFirst()
        asked = {name: request.query_params[name] for name in _FILTERS if name in request.query_params}
        found: list[Any] = pages.paginate_queryset(_found(asked), request, view=self) or []
        return pages.get_paginated_response(DeliveryOutput(found, many=True).data)


class DeliveryDetail(APIView):
    """Show one delivery with its content and attempts."""

    permission_classes = [role_required()]

    @extend_schema(responses=DeliveryDetailOutput)
    def get(self, request: Request, uuid: UUID) -> Response:
        found = Delivery.objects.select_related("connection", "template", "person")
        return Response(DeliveryDetailOutput(get_object_or_404(found, uuid=uuid)).data)


class DeliveryReplay(APIView):
    """Queue deliveries again that failed, were not allowed or were cancelled."""

    permission_classes = [role_required(writes=[Role.MARKETER, Role.SERVICE])]

    @extend_schema(operation_id="deliveries_replay_many", request=ReplayInput, responses=ReplayOutput)
    def post(self, request: Request) -> Response:
        data = ReplayInput(data=request.data)
        data.is_valid(raise_exception=True)
        values = data.validated_data
        if values.get("ids"):
            found = Delivery.objects.filter(uuid__in=values["ids"])
        else:
            chosen = _found({name: str(value) for name, value in values["filters"].items()})
            found = Delivery.objects.filter(pk__in=chosen.values("pk")[:MOST_REPLAYED])
        count = replay_deliveries(found, actor=actor_of(request), render_again=values["render_again"])
        return Response(ReplayOutput({"replayed": count}).data)


class OneDeliveryReplay(APIView):
    """Queue one delivery again."""

    permission_classes = [role_required(writes=[Role.MARKETER, Role.SERVICE])]

    @extend_schema(request=None, responses=ReplayOutput)
    def post(self, request: Request, uuid: UUID) -> Response:
        delivery = get_object_or_404(Delivery, uuid=uuid)
        count = replay_deliveries(Delivery.objects.filter(pk=delivery.pk), actor=actor_of(request))
        return Response(ReplayOutput({"replayed": count}).data)


def _found(asked: dict[str, str]) -> QuerySet[Delivery]:
    state = asked.get("state", "")
    if state and state not in Delivery.State.values:
        raise serializers.ValidationError({"state": [_("There is no such state.")]})
    journey = asked.get("journey", "")
    person_ids = None
    if "person" in asked:
        person_ids = tuple(person_ids_of(person_named(asked["person"], field="person")))
    return deliveries_found(
        DeliveryFilter(
            person_ids=person_ids,
            journey_id=int(journey) if journey.isascii() and journey.isdecimal() else None,
            journey="" if journey.isdecimal() else journey,
            state=state,
            connection=asked.get("connection", ""),
            channel=asked.get("channel", ""),
        )
    )
