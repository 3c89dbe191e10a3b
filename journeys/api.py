"""Management API of journeys."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from django.http import Http404
from django.shortcuts import get_object_or_404
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import exceptions, serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from cdp_site.api import NewestFirst, actor_of, role_required
from cdp_site.web import Role
from journeys.crowds import progress_of
from journeys.domain.definition import JourneyError, parse_journey
from journeys.models import Journey
from journeys.naming import copy_name, why_kept
from journeys.queries import numbers_of
from journeys.services import (
    DraftConflict,
    InUse,
    NotByApi,
    PeopleInside,
    PeopleLeaving,
    SlugTaken,
    WrongState,
    create_journey,
    delete_journey,
    duplicate_journey,
    enter_people,
    pause_journey,
    publish_journey,
    rename_journey,
    resume_journey,
    save_draft,
    stop_journey,
)

REPORT_DAYS = 30
MOST_REPORT_DAYS = 400
MOST_ENTERED = 10_000  # people in one request


class JourneyInput(serializers.Serializer[Any]):
    slug = serializers.SlugField(max_length=80)
    name = serializers.CharField(max_length=120)
    document = serializers.DictField(help_text="The journey, as in the documentation of journeys.")


class JourneyChange(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=120, required=False)
    document = serializers.DictField(required=False, help_text="Replaces the draft.")
    revision = serializers.IntegerField(
        required=False, help_text="The draft's revision that was read; another one is refused with 409."
    )


class CopyInput(serializers.Serializer[Any]):
    slug = serializers.SlugField(max_length=80, required=False, help_text="One after the name by default.")
    name = serializers.CharField(max_length=120, required=False, help_text="“Copy of …” by default.")


class PublishInput(serializers.Serializer[Any]):
    people_inside = serializers.ChoiceField(
        choices=[choice.value for choice in PeopleInside],
        default=PeopleInside.FINISH.value,
        help_text="What becomes of people in earlier versions.",
    )
    to = serializers.DictField(
        child=serializers.CharField(max_length=60),
        default=dict,
        help_text="Of those who move: a step that is gone, and the one they begin instead.",
    )
    revision = serializers.IntegerField(required=False)


class EnterInput(serializers.Serializer[Any]):
    people = serializers.ListField(
        child=serializers.CharField(max_length=300),
        max_length=MOST_ENTERED,
        help_text="Customer numbers.",
    )
    properties = serializers.DictField(
        default=dict, help_text="Of the entry message; the journey's key is read from them."
    )


class EnterOutput(serializers.Serializer[Any]):
    asked = serializers.IntegerField(help_text="People who will be asked whether they enter.")
    unknown = serializers.ListField(child=serializers.CharField(), help_text="Numbers that nobody has.")


class CrowdOutput(serializers.Serializer[Any]):
    what = serializers.ChoiceField(choices=["move", "leave", "ask"])
    total = serializers.IntegerField(help_text="Runs, when it began.")
    left = serializers.IntegerField(help_text="Of them, still to be seen to.")

    def to_representation(self, instance: Journey) -> Any:
        progress = progress_of(instance)
        if progress is None:
            return None
        what = "leave" if progress.is_leaving else "ask" if progress.is_asking else "move"
        return super().to_representation({"what": what, "total": progress.total, "left": progress.left})


class JourneyOutput(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    slug = serializers.CharField()
    name = serializers.CharField()
    state = serializers.CharField()
    document = serializers.DictField(source="draft")
    revision = serializers.IntegerField(source="draft_revision")
    version = serializers.IntegerField(
        source="live_version.number", default=None, help_text="The version people enter."
    )
    published_at = serializers.DateTimeField(source="live_version.published_at", default=None)
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()
    moving = CrowdOutput(
        source="*",
        help_text="How far moving a crowd, or having it leave, is; null where nothing is under way.",
    )


class StepReport(serializers.Serializer[Any]):
    waiting = serializers.IntegerField(help_text="Now.")
    passed = serializers.IntegerField()
    not_sent = serializers.IntegerField()
    failed = serializers.IntegerField()
    ways = serializers.DictField(child=serializers.IntegerField(), help_text="Of a branch, by case.")


class ReportOutput(serializers.Serializer[Any]):
    inside = serializers.IntegerField(help_text="Now.")
    entered = serializers.IntegerField()
    converted = serializers.IntegerField()
    exited = serializers.IntegerField()
    finished = serializers.IntegerField()
    parked = serializers.IntegerField(help_text="Now.")
    steps = serializers.DictField(child=StepReport())


class JourneyConflict(exceptions.APIException):
    """The journey is not as the caller believes."""

    status_code = status.HTTP_409_CONFLICT


_PERMISSIONS = [role_required(writes=[Role.MARKETER])]


class JourneyList(APIView):
    """List the journeys, or create one that only has a draft."""

    permission_classes = _PERMISSIONS

    @extend_schema(responses=JourneyOutput(many=True))
    def get(self, request: Request) -> Response:
        pages = NewestFirst()
        rows = Journey.objects.select_related("live_version")
        found: list[Any] = pages.paginate_queryset(rows, request, view=self) or []
        return pages.get_paginated_response(JourneyOutput(found, many=True).data)

    @extend_schema(request=JourneyInput, responses={201: JourneyOutput})
    def post(self, request: Request) -> Response:
        data = _valid(JourneyInput(data=request.data))
        try:
            parse_journey(data["document"])
            journey = create_journey(actor_of(request), **data)
        except JourneyError as error:
            return _faulty(error)
        except SlugTaken as error:
            raise serializers.ValidationError({"slug": [_("Another journey has this slug.")]}) from error
        journey.refresh_from_db()
        return Response(JourneyOutput(journey).data, status=status.HTTP_201_CREATED)


class JourneyDetail(APIView):
    """Show a journey, change its draft or its name, or delete one that was never published."""

    permission_classes = _PERMISSIONS

    @extend_schema(responses=JourneyOutput)
    def get(self, request: Request, slug: str) -> Response:
        return Response(JourneyOutput(journey_or_404(slug)).data)

    @extend_schema(request=JourneyChange, responses=JourneyOutput)
    def patch(self, request: Request, slug: str) -> Response:
        data = _valid(JourneyChange(data=request.data))
        try:
            _change(journey_or_404(slug), data, actor=actor_of(request))
        except JourneyError as error:
            return _faulty(error)
        except DraftConflict as error:
            raise _stale(error) from error
        return Response(JourneyOutput(journey_or_404(slug)).data)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, slug: str) -> Response:
        try:
            delete_journey(slug, actor=actor_of(request))
        except Journey.DoesNotExist as error:
            raise Http404 from error
        except InUse as error:
            raise JourneyConflict(why_kept(error)) from error
        return Response(status=status.HTTP_204_NO_CONTENT)


def _change(journey: Journey, data: Mapping[str, Any], *, actor: str) -> None:
    now, revision, name = timezone.now(), data.get("revision"), data.get("name")
    if "document" not in data:
        new = journey.name if name is None else name
        rename_journey(journey.slug, name=new, actor=actor, now=now, revision=revision)
        return
    parse_journey(data["document"])
    save_draft(
        journey.slug,
        document=data["document"],
        revision=journey.draft_revision if revision is None else revision,
        actor=actor,
        now=now,
        name=name,
    )


class JourneyCopy(APIView):
    """Make a new draft of a journey's draft."""

    permission_classes = _PERMISSIONS

    @extend_schema(request=CopyInput, responses={201: JourneyOutput})
    def post(self, request: Request, slug: str) -> Response:
        data = _valid(CopyInput(data=request.data))
        name = data.get("name") or copy_name(journey_or_404(slug).name)
        try:
            made = duplicate_journey(slug, name=name, actor=actor_of(request), new_slug=data.get("slug", ""))
        except JourneyError as error:
            return _faulty(error)
        except SlugTaken as error:
            raise serializers.ValidationError({"slug": [_("Another journey has this slug.")]}) from error
        return Response(JourneyOutput(journey_or_404(made.slug)).data, status=status.HTTP_201_CREATED)


class JourneyPublish(APIView):
    """Make the draft the version that people enter."""

    permission_classes = _PERMISSIONS

    @extend_schema(request=PublishInput, responses=JourneyOutput)
    def post(self, request: Request, slug: str) -> Response:
        data = _valid(PublishInput(data=request.data))
        try:
            publish_journey(
                slug,
                actor=actor_of(request),
                now=timezone.now(),
                revision=data.get("revision"),
                people_inside=PeopleInside(data["people_inside"]),
                to=data["to"],
            )
        except Journey.DoesNotExist as error:
            raise Http404 from error
        except JourneyError as error:
            return _faulty(error)
        except DraftConflict as error:
            raise _stale(error) from error
        except PeopleLeaving as error:
            raise JourneyConflict(_("People are still leaving; publish once they are out.")) from error
        return Response(JourneyOutput(journey_or_404(slug)).data)


class _JourneyVerb(APIView):
    """Change what state a journey is in."""

    permission_classes = _PERMISSIONS

    def change(self, slug: str, *, actor: str, now: datetime) -> Journey:
        raise NotImplementedError

    @extend_schema(request=None, responses=JourneyOutput)
    def post(self, request: Request, slug: str) -> Response:
        try:
            self.change(slug, actor=actor_of(request), now=timezone.now())
        except Journey.DoesNotExist as error:
            raise Http404 from error
        except WrongState as error:
            raise _wrong_state(error) from error
        return Response(JourneyOutput(journey_or_404(slug)).data)


class JourneyPause(_JourneyVerb):
    """Let everybody stand still; nobody enters."""

    def change(self, slug: str, *, actor: str, now: datetime) -> Journey:
        return pause_journey(slug, actor=actor, now=now)


class JourneyResume(_JourneyVerb):
    """Let a paused journey go on."""

    def change(self, slug: str, *, actor: str, now: datetime) -> Journey:
        return resume_journey(slug, actor=actor, now=now)


class JourneyStop(_JourneyVerb):
    """End the runs of everybody inside; nobody enters."""

    def change(self, slug: str, *, actor: str, now: datetime) -> Journey:
        return stop_journey(slug, actor=actor, now=now)


class JourneyEnter(APIView):
    """Have people asked into a journey that begins by the API; its filter and rules for coming again hold."""

    permission_classes = _PERMISSIONS

    @extend_schema(request=EnterInput, responses={202: EnterOutput})
    def post(self, request: Request, slug: str) -> Response:
        data = _valid(EnterInput(data=request.data))
        try:
            asked, unknown = enter_people(
                slug,
                data["people"],
                properties=data["properties"],
                actor=actor_of(request),
                now=timezone.now(),
            )
        except Journey.DoesNotExist as error:
            raise Http404 from error
        except WrongState as error:
            raise _wrong_state(error) from error
        except NotByApi as error:
            raise JourneyConflict(_("The journey does not begin by the API.")) from error
        except JourneyError as error:
            return _faulty(error)
        return Response(
            EnterOutput({"asked": asked, "unknown": unknown}).data, status=status.HTTP_202_ACCEPTED
        )


class JourneyReport(APIView):
    """How many people came, went on and left."""

    permission_classes = [role_required()]

    @extend_schema(
        parameters=[OpenApiParameter("days", int, description="How far back to count; 30 by default.")],
        responses=ReportOutput,
    )
    def get(self, request: Request, slug: str) -> Response:
        days = number_asked(request, "days", usual=REPORT_DAYS, most=MOST_REPORT_DAYS)
        since = timezone.now() - timedelta(days=days)
        return Response(asdict(numbers_of(journey_or_404(slug), since=since)))


def number_asked(request: Request, name: str, *, usual: int, most: int) -> int:
    """A whole number of the query, from 1 to the most. Raises ValidationError."""
    given = request.query_params.get(name, str(usual))
    if not given.isascii() or not given.isdigit() or not 0 < int(given[:9]) <= most:
        words = _("Must be a whole number from 1 to %(most)s.") % {"most": most}
        raise serializers.ValidationError({name: [words]})
    return int(given)


def _valid(data: serializers.Serializer[Any]) -> dict[str, Any]:
    data.is_valid(raise_exception=True)
    values: dict[str, Any] = data.validated_data
    return values


def journey_or_404(slug: str) -> Journey:
    return get_object_or_404(Journey.objects.select_related("live_version"), slug=slug)


def _faulty(error: JourneyError) -> Response:
    """Answer the faults of a document, with paths as the document's own language writes them."""
    body = {
        "type": "about:blank",
        "title": "Bad Request",
        "status": status.HTTP_400_BAD_REQUEST,
        "detail": _("The document is no sound journey."),
        "errors": [{"path": one.path, "message": one.message.said(translation)} for one in error.faults],
    }
    return Response(body, status=status.HTTP_400_BAD_REQUEST, content_type="application/problem+json")


def _wrong_state(error: WrongState) -> JourneyConflict:
    return JourneyConflict(_("The journey is “%(state)s”; that cannot be done now.") % {"state": error.state})


def _stale(error: DraftConflict) -> JourneyConflict:
    words = _("The draft was saved meanwhile; it is at revision %(revision)s now.")
    return JourneyConflict(words % {"revision": error.revision})
