"""The results of a journey for other systems: the numbers of its page."""

from typing import Any, Final

from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from cdp_site.api import role_required
from journeys.api import MOST_REPORT_DAYS, journey_or_404, number_asked
from journeys.domain.lift import Interval, Verdict
from journeys.results import USUAL_DAYS, USUAL_WINDOW, GroupResult, Results, period_of, results_of

MOST_WINDOW_DAYS: Final = 90


class IntervalOutput(serializers.Serializer[Any]):
    value = serializers.FloatField()
    low = serializers.FloatField(help_text="In 95 of 100 cases it is no lower,")
    high = serializers.FloatField(help_text="and no higher.")


class GroupOutput(serializers.Serializer[Any]):
    name = serializers.CharField(help_text="Of the way or the version; hold_out is who was held out.")
    people = serializers.IntegerField(help_text="Runs.")
    watched = serializers.IntegerField(help_text="Of them, who had the whole window to reach the goal in.")
    reached = serializers.IntegerField(help_text="Of those, who reached it within the window.")
    rate = IntervalOutput(allow_null=True, help_text="Null where nobody had the whole window yet.")
    revenue = serializers.DecimalField(max_digits=None, decimal_places=2)
    lift = IntervalOutput(
        allow_null=True, help_text="The difference to the rate of the group it is held against."
    )
    verdict = serializers.ChoiceField(choices=[one.value for one in Verdict], allow_null=True)


class StepResultOutput(serializers.Serializer[Any]):
    waiting = serializers.IntegerField(help_text="Now.")
    passed = serializers.IntegerField()
    left = serializers.IntegerField(help_text="Runs that ended here before the end.")
    held = serializers.IntegerField()
    not_sent = serializers.IntegerField()
    failed = serializers.IntegerField()
    sent = serializers.IntegerField()
    opened = serializers.IntegerField(help_text="Runs whose mail a human opened.")
    clicked = serializers.IntegerField()


class SplitOutput(serializers.Serializer[Any]):
    step = serializers.CharField()
    is_even = serializers.BooleanField(
        help_text="Whether all groups were watched for about the same time, so that they can be compared."
    )
    groups = GroupOutput(many=True, help_text="Held against the first.")


class DayOutput(serializers.Serializer[Any]):
    on = serializers.DateField()
    entered = serializers.IntegerField()
    converted = serializers.IntegerField()
    queued = serializers.IntegerField(help_text="Messages.")


class ResultsOutput(serializers.Serializer[Any]):
    since = serializers.DateTimeField()
    until = serializers.DateTimeField()
    window_days = serializers.IntegerField()
    entered = serializers.IntegerField()
    inside = serializers.IntegerField(help_text="Now.")
    outcomes = serializers.DictField(child=serializers.IntegerField(), help_text="How runs ended.")
    goal = GroupOutput(allow_null=True, help_text="All together; null where there is no goal.")
    steps = serializers.DictField(child=StepResultOutput())
    versions = GroupOutput(many=True, help_text="The newest first, each held against the one before.")
    splits = SplitOutput(many=True)
    days = DayOutput(many=True, help_text="Of the company's calendar.")


class JourneyResults(APIView):
    """What came of a journey: steps, days, and its versions and ways held against each other."""

    permission_classes = [role_required()]

    @extend_schema(
        parameters=[
            OpenApiParameter("days", int, description="How far back to count; 30 by default."),
            OpenApiParameter("window", int, description="Days to reach the goal in; 7 by default."),
        ],
        responses=ResultsOutput,
    )
    def get(self, request: Request, slug: str) -> Response:
        window = number_asked(request, "window", usual=USUAL_WINDOW, most=MOST_WINDOW_DAYS)
        days = number_asked(request, "days", usual=USUAL_DAYS, most=MOST_REPORT_DAYS)
        period = period_of(days, window=window, now=timezone.now())
        results = results_of(journey_or_404(slug), period)
        told = {"since": period.since, "until": period.until, "window_days": window, **_told(results)}
        return Response(ResultsOutput(told).data)


def _told(results: Results) -> dict[str, Any]:
    return {
        "entered": results.entered,
        "inside": results.inside,
        "outcomes": results.outcomes,
        "goal": _group(results.goal) if results.has_goal else None,
        "steps": results.steps,
        "versions": [_group(group) for group in results.versions],
        "splits": [
            {"step": split.step, "is_even": split.is_even, "groups": [_group(one) for one in split.groups]}
            for split in results.splits
        ],
        "days": results.days,
    }


def _group(group: GroupResult) -> dict[str, Any]:
    has_rate = group.goal.of > 0
    lift: Interval | None = group.lift if has_rate else None
    return {
        "name": group.name,
        "people": group.people,
        "watched": group.goal.of,
        "reached": group.goal.reached,
        "rate": group.rate if has_rate else None,
        "revenue": group.revenue,
        "lift": lift,
        "verdict": group.verdict.value if group.verdict else None,
    }
