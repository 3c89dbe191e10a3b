"""Management API of back-tests, of why somebody did not enter, and of trying a journey out with a person."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from cdp_site.api import actor_of, role_required
from cdp_site.backtest.report import decisions_of, report_of
from cdp_site.backtest.services import (
    MOST_WEEKS,
    NothingLive,
    cancel_backtest,
    period_of_weeks,
    start_backtest,
)
from cdp_site.models import BackTest
from cdp_site.web import Role
from journeys.domain.definition import JourneyError
from journeys.models import Journey
from profiles.domain.identity import USER
from profiles.models import Identity

MOST_DECISIONS = 5_000  # in one answer
MOST_PEOPLE = 10_000


class BackTestInput(serializers.Serializer[Any]):
    weeks = serializers.IntegerField(required=False, min_value=1, max_value=MOST_WEEKS)
    people = serializers.ListField(
        child=serializers.CharField(max_length=300),
        max_length=MOST_PEOPLE,
        required=False,
        help_text="Customer numbers: only these people.",
    )
    version = serializers.ChoiceField(choices=["draft", "live"], default="draft")

    def get_fields(self) -> dict[str, Any]:
        period = {name: serializers.DateTimeField(required=False) for name in ("from", "to")}
        return {**super().get_fields(), **period}

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        begins_at, ends_at = attrs.get("from"), attrs.get("to")
        if attrs.get("weeks") is None and begins_at is None:
            raise serializers.ValidationError({"weeks": [_("Say how many weeks, or from when.")]})
        if begins_at is None:
            return attrs
        now = timezone.now()
        length = min(ends_at or now, now) - begins_at
        if length <= timedelta():
            raise serializers.ValidationError({"from": [_("Must lie before the end, and in the past.")]})
        if length > timedelta(weeks=MOST_WEEKS):
            words = _("The period has at most %(weeks)s weeks.") % {"weeks": MOST_WEEKS}
            raise serializers.ValidationError({"from": [words]})
        return attrs


class BackTestDecisionOutput(serializers.Serializer[Any]):
    run = serializers.IntegerField(allow_null=True, help_text="Counts the runs; null where nobody entered.")
    person = serializers.UUIDField()
    at = serializers.DateTimeField()
    step = serializers.CharField()
    outcome = serializers.CharField()
    reason = serializers.CharField()


class BackTestOutput(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    state = serializers.ChoiceField(choices=BackTest.State.values)
    done = serializers.IntegerField(help_text="People played so far.")
    total = serializers.IntegerField(
        allow_null=True, help_text="People to play; null until they are counted."
    )
    error = serializers.CharField()
    asked_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)
    report = serializers.DictField()
    decisions = BackTestDecisionOutput(many=True, required=False)
    next = serializers.CharField(allow_null=True, required=False, help_text="Address of further decisions.")


_PERMISSIONS = [role_required(writes=[Role.MARKETER])]


class JourneyBackTests(APIView):
    """Ask for a back-test of a journey, or list the last ones."""

    permission_classes = _PERMISSIONS

    @extend_schema(responses=BackTestOutput(many=True))
    def get(self, request: Request, slug: str) -> Response:
        journey = get_object_or_404(Journey, slug=slug)
        rows = BackTest.objects.filter(journey_id=journey.pk).order_by("-pk")
        return Response([_told(row) for row in rows])

    @extend_schema(request=BackTestInput, responses={202: BackTestOutput})
    def post(self, request: Request, slug: str) -> Response:
        data = BackTestInput(data=request.data)
        data.is_valid(raise_exception=True)
        get_object_or_404(Journey, slug=slug)
        values: Mapping[str, Any] = data.validated_data
        now = timezone.now()
        begins_at, ends_at = _period(values, now=now)
        try:
            row = start_backtest(
                slug,
                begins_at=begins_at,
                ends_at=ends_at,
                actor=actor_of(request),
                now=now,
                is_live=values["version"] == "live",
                people=_people(values.get("people")),
            )
        except NothingLive as error:
            raise serializers.ValidationError({"version": [_("Nothing is published yet.")]}) from error
        except JourneyError as error:
            faults = [f"{fault.path}: {fault.message.said(translation)}" for fault in error.faults]
            raise serializers.ValidationError({"document": faults}) from error
        return Response(_told(row), status=status.HTTP_202_ACCEPTED)


class JourneyBackTest(APIView):
    """Tell how far a back-test is and what it came to; DELETE calls it off."""

    permission_classes = _PERMISSIONS

    @extend_schema(
        parameters=[OpenApiParameter("after", int, description="Cursor of the decisions.")],
        responses=BackTestOutput,
    )
    def get(self, request: Request, slug: str, pk: int) -> Response:
        row = _row_or_404(slug, pk)
        after = request.query_params.get("after", "0")
        if not (after.isascii() and after.isdigit() and len(after) < 19):
            raise serializers.ValidationError({"after": [_("Must be a whole number.")]})
        lines, following = decisions_of(row, after=int(after), limit=MOST_DECISIONS)
        decisions = [
            {
                "run": line.run,
                "person": uuid,
                "at": line.at,
                "step": line.step,
                "outcome": line.outcome,
                "reason": line.reason,
            }
            for line, uuid in lines
        ]
        address = reverse("api-journey-backtest", args=[slug, pk])
        further = None if following is None else request.build_absolute_uri(f"{address}?after={following}")
        told = BackTestDecisionOutput(decisions, many=True).data
        return Response(_told(row) | {"decisions": told, "next": further})

    @extend_schema(responses={204: None})
    def delete(self, request: Request, slug: str, pk: int) -> Response:
        cancel_backtest(_row_or_404(slug, pk), actor=actor_of(request), now=timezone.now())
        return Response(status=status.HTTP_204_NO_CONTENT)


def _row_or_404(slug: str, pk: int) -> BackTest:
    journey = get_object_or_404(Journey, slug=slug)
    return get_object_or_404(BackTest, pk=pk, journey_id=journey.pk)


def _period(values: Mapping[str, Any], *, now: datetime) -> tuple[datetime, datetime]:
    if values.get("from") is None:
        return period_of_weeks(values["weeks"], now=now)
    return values["from"], min(values.get("to") or now, now)


def _people(numbers: list[str] | None) -> list[int] | None:
    if numbers is None:
        return None
    held = Identity.objects.filter(kind=USER, value__in=numbers).exclude(person=None)
    return [person for person in held.values_list("person_id", flat=True) if person is not None]


def _told(row: BackTest) -> dict[str, Any]:
    report = report_of(row, with_stories=False)
    tally = report.tally
    told = {
        "from": row.begins_at,
        "to": row.ends_at,
        "version": row.version_number,
        "people": tally.people,
        "entered": tally.entered,
        "inside": tally.inside,
        "not_entered": tally.refused,
        "ended": tally.ended,
        "goal_rate": tally.goal_rate,
        "minutes": {"median": tally.minutes_of(0.5), "nine_in_ten": tally.minutes_of(0.9)},
        "steps": tally.steps,
        "ways": tally.ways,
        "messages": tally.sent,
        "not_sent": tally.held_back,
        "clashes": tally.clashes,
        "not_played": +tally.not_played,
        "events": row.message_count,
        "seconds": row.seconds,
    }
    output = {
        "id": row.pk,
        "state": row.state,
        "done": row.done,
        "total": row.total,
        "error": row.error,
        "asked_at": row.asked_at,
        "finished_at": row.finished_at,
    }
    return {**BackTestOutput({**output, "report": told}).data}
