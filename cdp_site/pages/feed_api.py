"""Management API of feeds: what reaches a connection without a journey."""

from typing import Any

from django.http import Http404
from django.shortcuts import get_object_or_404
from django.utils import timezone, translation
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from cdp_site.api import actor_of, role_required
from cdp_site.pages.feed_forms import PROPOSED, fault_of
from cdp_site.pipeline.feeds import save_feed
from cdp_site.web import Role
from connectors.domain.feed import FeedError, read_actions
from connectors.domain.message import ChannelKind
from connectors.models import Connection, Feed
from connectors.registry import CHANNELS
from connectors.services import FeedDraft
from segments.domain.parse import ConditionError, parse_condition


class FeedActionBody(serializers.Serializer[Any]):
    event = serializers.CharField(
        allow_blank=True, default="", help_text="A name, a beginning that ends in *, or empty for any."
    )
    action = serializers.CharField(max_length=60)
    fields = serializers.DictField(  # type: ignore[assignment]  # taken from the class before it is made
        default=dict, help_text="Templates by name."
    )


class FeedBody(serializers.Serializer[Any]):
    condition = serializers.JSONField(help_text="The gate: which messages concern this system.")
    actions = FeedActionBody(many=True, help_text="What they become; the first that fits.")
    is_active = serializers.BooleanField(default=True)


class ConnectionFeed(APIView):
    """Show or change what reaches a connection without a journey."""

    permission_classes = [role_required(writes=[Role.MARKETER])]

    @extend_schema(responses=FeedBody)
    def get(self, request: Request, slug: str) -> Response:
        connection, _kind = _connection(slug)
        feed = Feed.objects.filter(connection=connection).first()
        if feed is None:
            return Response({"condition": PROPOSED, "actions": [], "is_active": False})
        return Response(_shown(feed))

    @extend_schema(request=FeedBody, responses=FeedBody)
    def put(self, request: Request, slug: str) -> Response:
        connection, kind = _connection(slug)
        body = FeedBody(data=request.data)
        body.is_valid(raise_exception=True)
        found = body.validated_data
        try:
            condition = parse_condition(found["condition"], allow_entry=True)
            actions = read_actions([dict(one) for one in found["actions"]])
        except ConditionError as error:
            raise serializers.ValidationError({"condition": [error.said(translation)]}) from error
        except FeedError as error:
            raise serializers.ValidationError({"actions": [error.message]}) from error
        if fault := fault_of(condition, actions, kind=kind):
            raise serializers.ValidationError({"actions": [fault]})
        draft = FeedDraft(
            condition={"language": 1, "if": found["condition"]},
            actions=actions,
            is_active=found["is_active"],
        )
        return Response(_shown(save_feed(connection, draft, actor=actor_of(request), now=timezone.now())))


def _connection(slug: str) -> tuple[Connection, ChannelKind]:
    connection = get_object_or_404(Connection, slug=slug)
    kind = CHANNELS.get(connection.kind)
    if kind is None or not kind.actions:
        raise Http404(slug)
    return connection, kind


def _shown(feed: Feed) -> dict[str, Any]:
    return {"condition": feed.condition["if"], "actions": feed.actions, "is_active": feed.is_active}
