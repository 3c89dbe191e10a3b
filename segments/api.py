"""Management API of segments."""

from datetime import datetime
from typing import Any, ClassVar, Final

from django.db import transaction
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
from segments.domain.conditions import Condition
from segments.domain.parse import ConditionError, parse_condition
from segments.domain.phrases import Translator
from segments.models import Membership, Segment
from segments.network import NetworkRefused
from segments.queries import TooSlow, member_lines_of, members_of, preview, sentence_of, used_in
from segments.services import (
    SegmentInUse,
    SlugTaken,
    WrongState,
    archive_segment,
    pause_segment,
    publish_segment,
    save_segment,
)

MOST_NAMED: Final = 1_000
_PERMISSIONS = [role_required(writes=[Role.MARKETER])]


class ConditionInput(serializers.Serializer[Any]):
    condition = serializers.DictField(help_text="As in the documentation of conditions.")


class SegmentInput(ConditionInput):
    slug = serializers.SlugField(max_length=80)
    name = serializers.CharField(max_length=120)
    publish = serializers.BooleanField(default=True, help_text="False: save a draft that has no members.")


class SegmentChange(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=120, required=False)
    condition = serializers.DictField(required=False, help_text="Replaces the draft.")
    publish = serializers.BooleanField(
        required=False, help_text="Put the draft in force. Left out: if the segment is live."
    )


class SegmentPreviewInput(ConditionInput):
    as_of = serializers.DateTimeField(required=False, help_text="A past moment; now when left out.")
    people = serializers.ListField(
        child=serializers.CharField(max_length=512),
        required=False,
        max_length=MOST_NAMED,
        help_text="Customer numbers: ask about these people only, and list all that match.",
    )


class MatchOutput(serializers.Serializer[Any]):
    id = serializers.UUIDField(source="uuid")
    user_id = serializers.CharField()
    email = serializers.CharField()
    name = serializers.CharField(source="naming.name")
    first_seen_at = serializers.DateTimeField()
    last_seen_at = serializers.DateTimeField()


class SegmentPreviewOutput(serializers.Serializer[Any]):
    count = serializers.IntegerField()
    total = serializers.IntegerField(help_text="People there are.")
    share = serializers.FloatField(help_text="Of everybody, from 0 to 1.")
    sentence = serializers.CharField()
    people = MatchOutput(many=True, help_text="A sample; all that match when `people` was given.")


class SegmentOutput(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    slug = serializers.CharField()
    name = serializers.CharField()
    state = serializers.CharField()
    condition = serializers.DictField(source="condition.if", help_text="The draft.")
    sentence = serializers.SerializerMethodField()
    version = serializers.IntegerField(help_text="The published version in force.")
    member_count = serializers.IntegerField()
    built_at = serializers.DateTimeField(help_text="Null while members are being found.")
    used_in = serializers.SerializerMethodField(help_text="Segments that ask about this one.")
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()

    def get_sentence(self, segment: Segment) -> str:
        return sentence_of(segment, translator=_translator())

    def get_used_in(self, segment: Segment) -> list[str]:
        return [other.slug for other in used_in(segment.slug)]


class SegmentLineOutput(SegmentOutput):
    used_in = None  # type: ignore[assignment]  # asks each segment about all others: only for one


class SegmentMemberOutput(serializers.Serializer[Any]):
    person = MatchOutput()
    entered_at = serializers.DateTimeField()


class SegmentConflict(exceptions.APIException):
    """The segment is not as the caller believes."""

    status_code = status.HTTP_409_CONFLICT


class TooSlowToCount(exceptions.APIException):
    """Counting would take longer than a request may."""

    status_code = status.HTTP_503_SERVICE_UNAVAILABLE


class MembersByEntry(NewestFirst):
    """Members, those who entered last first."""

    ordering: ClassVar[tuple[str, ...]] = ("-entered_at", "-id")  # type: ignore[assignment,misc]


class SegmentList(APIView):
    """List the segments, or create one."""

    permission_classes = _PERMISSIONS

    @extend_schema(
        parameters=[OpenApiParameter("state", str, description="Only those in this state.")],
        responses=SegmentLineOutput(many=True),
    )
    def get(self, request: Request) -> Response:
        pages = NewestFirst()
        rows = Segment.objects.all()
        if state := request.query_params.get("state"):
            rows = rows.filter(state=state)
        found: list[Segment] = pages.paginate_queryset(rows, request, view=self) or []
        return pages.get_paginated_response(SegmentLineOutput(found, many=True).data)

    @extend_schema(request=SegmentInput, responses={201: SegmentOutput})
    def post(self, request: Request) -> Response:
        data = _valid(SegmentInput(data=request.data))
        now = timezone.now()
        with transaction.atomic(), _Faults():
            try:
                save_segment(
                    data["slug"],
                    name=data["name"],
                    condition=data["condition"],
                    actor=actor_of(request),
                    now=now,
                    must_be_new=True,
                )
            except SlugTaken as error:
                raise serializers.ValidationError({"slug": [_("Another segment has this slug.")]}) from error
            if data["publish"]:
                publish_segment(data["slug"], actor=actor_of(request), now=now)
        return Response(SegmentOutput(_segment_or_404(data["slug"])).data, status=status.HTTP_201_CREATED)


class SegmentDetail(APIView):
    """Show a segment, change it, or put it away."""

    permission_classes = _PERMISSIONS

    @extend_schema(responses=SegmentOutput)
    def get(self, request: Request, slug: str) -> Response:
        return Response(SegmentOutput(_segment_or_404(slug)).data)

    @extend_schema(request=SegmentChange, responses=SegmentOutput)
    def patch(self, request: Request, slug: str) -> Response:
        data = _valid(SegmentChange(data=request.data))
        segment = _segment_or_404(slug)
        is_live = segment.state == Segment.State.LIVE
        now = timezone.now()
        with _Faults():
            save_segment(
                slug,
                name=data.get("name", segment.name),
                condition=data.get("condition", segment.condition["if"]),
                actor=actor_of(request),
                now=now,
            )
            if data.get("publish", is_live and "condition" in data):
                publish_segment(slug, actor=actor_of(request), now=now)
        return Response(SegmentOutput(_segment_or_404(slug)).data)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, slug: str) -> Response:
        _segment_or_404(slug)
        try:
            archive_segment(slug, actor=actor_of(request), now=timezone.now())
        except SegmentInUse as error:
            words = _("The segment is used in: %(segments)s.") % {"segments": ", ".join(error.by)}
            raise SegmentConflict(words) from error
        return Response(status=status.HTTP_204_NO_CONTENT)


class SegmentPublish(APIView):
    """Put the draft in force."""

    permission_classes = _PERMISSIONS

    @extend_schema(request=None, responses=SegmentOutput)
    def post(self, request: Request, slug: str) -> Response:
        _segment_or_404(slug)
        with _Faults():
            publish_segment(slug, actor=actor_of(request), now=timezone.now())
        return Response(SegmentOutput(_segment_or_404(slug)).data)


class SegmentPause(APIView):
    """Leave the members as they are until the segment is published again."""

    permission_classes = _PERMISSIONS

    @extend_schema(request=None, responses=SegmentOutput)
    def post(self, request: Request, slug: str) -> Response:
        _segment_or_404(slug)
        try:
            pause_segment(slug, actor=actor_of(request), now=timezone.now())
        except WrongState as error:
            words = _("The segment is “%(state)s”; that cannot be done now.") % {"state": error.state}
            raise SegmentConflict(words) from error
        return Response(SegmentOutput(_segment_or_404(slug)).data)


class SegmentPreview(APIView):
    """Count whom a condition would match, without keeping anything."""

    permission_classes = [role_required()]

    @extend_schema(request=SegmentPreviewInput, responses=SegmentPreviewOutput)
    def post(self, request: Request) -> Response:
        data = _valid(SegmentPreviewInput(data=request.data))
        condition = _condition(data["condition"])
        now = timezone.now()
        as_of: datetime | None = data.get("as_of")
        if as_of is not None and as_of > now:
            raise serializers.ValidationError({"as_of": [_("Must be a past moment.")]})
        try:
            found = preview(
                condition, now=now, as_of=as_of, named=data.get("people"), translator=_translator()
            )
        except TooSlow as error:
            words = _(
                "Counting takes too long; save the segment, and its members are found in the background."
            )
            raise TooSlowToCount(words) from error
        return Response(SegmentPreviewOutput(found).data)


class SegmentMembers(APIView):
    """List who is in a segment now."""

    permission_classes = [role_required()]

    @extend_schema(responses=SegmentMemberOutput(many=True))
    def get(self, request: Request, slug: str) -> Response:
        pages = MembersByEntry()
        rows = members_of(_segment_or_404(slug))
        stays: list[Membership] = pages.paginate_queryset(rows, request, view=self) or []
        return pages.get_paginated_response(SegmentMemberOutput(member_lines_of(stays), many=True).data)


class _Faults:
    """Answers what is wrong with a condition as faults of the field `condition`."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, ConditionError):
            raise _faulty(error) from error
        if isinstance(error, NetworkRefused):
            words = _("The rules cannot be prepared: %(reason)s") % {"reason": str(error)}
            raise serializers.ValidationError({"condition": [words]}) from error


def _condition(document: dict[str, Any]) -> Condition:
    try:
        return parse_condition(document)
    except ConditionError as error:
        raise _faulty(error) from error


def _faulty(error: ConditionError) -> serializers.ValidationError:
    message = error.phrase.said(_translator())
    return serializers.ValidationError({"condition": {error.path: [message]} if error.path else [message]})


def _translator() -> Translator:
    return translation


def _valid(data: serializers.Serializer[Any]) -> dict[str, Any]:
    data.is_valid(raise_exception=True)
    values: dict[str, Any] = data.validated_data
    return values


def _segment_or_404(slug: str) -> Segment:
    return get_object_or_404(Segment, slug=slug)
