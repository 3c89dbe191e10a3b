"""Segments themselves: list, change, publish and put away; preview, versions, audits, sizes."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import available_timezones

from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from cdp_site.api import NewestFirst, actor_of, role_required
from cdp_site.web import Role
from profiles.queries import PersonLine, people_by_id
from segments.api.answers import Faults, condition_of, counted, segment_or_404, translator_now, valid
from segments.api.schemas import (
    ListInput,
    SegmentAuditInput,
    SegmentAuditOutput,
    SegmentChange,
    SegmentConditionInput,
    SegmentCopyInput,
    SegmentDayOutput,
    SegmentEffectOutput,
    SegmentInput,
    SegmentLineOutput,
    SegmentOutput,
    SegmentOverlapOutput,
    SegmentPreviewInput,
    SegmentPreviewOutput,
    SegmentVersionOutput,
)
from segments.models import Segment, SegmentAudit
from segments.queries import effects_of, growth, overlap, preview, scope_of, versions_of
from segments.services import (
    archive_segment,
    duplicate_segment,
    pause_segment,
    publish_segment,
    request_audit,
    restore_version,
    resume_segment,
    save_and_publish,
    save_segment,
)

NO_RULE: dict[str, Any] = {"any": []}
MOST_DAYS = 3_660
_DIGITS = 4  # of the most days: very long numbers are no numbers to Python
EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)  # nothing older is kept

PERMISSIONS = [role_required(writes=[Role.MARKETER])]


class SegmentList(APIView):
    """List the segments, or create one."""

    permission_classes = PERMISSIONS

    @extend_schema(
        parameters=[OpenApiParameter("state", str, description="Only those in this state.")],
        responses=SegmentLineOutput(many=True),
    )
    def get(self, request: Request) -> Response:
        rows = Segment.objects.all()
        if state := request.query_params.get("state"):
            rows = rows.filter(state=state)
        return _paged(rows, request, view=self)

    @extend_schema(request=SegmentInput, responses={201: SegmentOutput})
    def post(self, request: Request) -> Response:
        data = valid(SegmentInput(data=request.data))
        return _created(data, condition=data["condition"], request=request, publish=data["publish"])


class ListList(APIView):
    """List the segments without a rule, or create one."""

    permission_classes = PERMISSIONS

    @extend_schema(responses=SegmentLineOutput(many=True))
    def get(self, request: Request) -> Response:
        rows = Segment.objects.filter(condition__if=NO_RULE)
        return _paged(rows.exclude(state=Segment.State.ARCHIVED), request, view=self)

    @extend_schema(request=ListInput, responses={201: SegmentOutput})
    def post(self, request: Request) -> Response:
        data = valid(ListInput(data=request.data))
        return _created(data, condition=NO_RULE, request=request, publish=True)


def _paged(rows: Any, request: Request, *, view: APIView) -> Response:
    pages = NewestFirst()
    found: list[Segment] = pages.paginate_queryset(rows, request, view=view) or []
    return pages.get_paginated_response(SegmentLineOutput(found, many=True).data)


def _created(data: dict[str, Any], *, condition: dict[str, Any], request: Request, publish: bool) -> Response:
    save = save_and_publish if publish else save_segment
    with Faults():
        save(
            data["slug"],
            name=data["name"],
            condition=condition,
            actor=actor_of(request),
            now=timezone.now(),
            must_be_new=True,
        )
    return Response(SegmentOutput(segment_or_404(data["slug"])).data, status=status.HTTP_201_CREATED)


class SegmentDetail(APIView):
    """Show a segment, change it, or put it away."""

    permission_classes = PERMISSIONS

    @extend_schema(responses=SegmentOutput)
    def get(self, request: Request, slug: str) -> Response:
        return Response(SegmentOutput(segment_or_404(slug)).data)

    @extend_schema(request=SegmentChange, responses=SegmentOutput)
    def patch(self, request: Request, slug: str) -> Response:
        data = valid(SegmentChange(data=request.data))
        segment = segment_or_404(slug)
        is_live = segment.state == Segment.State.LIVE
        save = save_and_publish if data.get("publish", is_live and "condition" in data) else save_segment
        with Faults():
            save(
                slug,
                name=data.get("name", segment.name),
                condition=data.get("condition", segment.condition["if"]),
                actor=actor_of(request),
                now=timezone.now(),
            )
        return Response(SegmentOutput(segment_or_404(slug)).data)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, slug: str) -> Response:
        segment_or_404(slug)
        with Faults():
            archive_segment(slug, actor=actor_of(request), now=timezone.now())
        return Response(status=status.HTTP_204_NO_CONTENT)


def _done(act: Callable[..., object], request: Request, slug: str) -> Response:
    """Do something with a segment and show what it is then."""
    segment_or_404(slug)
    with Faults():
        act(slug, actor=actor_of(request), now=timezone.now())
    return Response(SegmentOutput(segment_or_404(slug)).data)


class SegmentPublish(APIView):
    """Put the draft in force."""

    permission_classes = PERMISSIONS

    @extend_schema(request=None, responses=SegmentOutput)
    def post(self, request: Request, slug: str) -> Response:
        return _done(publish_segment, request, slug)


class SegmentPause(APIView):
    """Leave the members as they are until the segment goes on."""

    permission_classes = PERMISSIONS

    @extend_schema(request=None, responses=SegmentOutput)
    def post(self, request: Request, slug: str) -> Response:
        return _done(pause_segment, request, slug)


class SegmentResume(APIView):
    """Keep the members of a paused segment up to date again."""

    permission_classes = PERMISSIONS

    @extend_schema(request=None, responses=SegmentOutput)
    def post(self, request: Request, slug: str) -> Response:
        return _done(resume_segment, request, slug)


class SegmentArchive(APIView):
    """Put the segment away; its members leave."""

    permission_classes = PERMISSIONS

    @extend_schema(request=None, responses=SegmentOutput)
    def post(self, request: Request, slug: str) -> Response:
        return _done(archive_segment, request, slug)


class SegmentCopy(APIView):
    """Make a draft like this segment."""

    permission_classes = PERMISSIONS

    @extend_schema(request=SegmentCopyInput, responses={201: SegmentOutput})
    def post(self, request: Request, slug: str) -> Response:
        data = valid(SegmentCopyInput(data=request.data))
        segment_or_404(slug)
        with Faults():
            made = duplicate_segment(
                slug, new_slug=data["slug"], name=data["name"], actor=actor_of(request), now=timezone.now()
            )
        return Response(SegmentOutput(made).data, status=status.HTTP_201_CREATED)


class SegmentVersions(APIView):
    """List what was published, the newest first."""

    permission_classes = [role_required()]

    @extend_schema(responses=SegmentVersionOutput(many=True))
    def get(self, request: Request, slug: str) -> Response:
        found = versions_of(segment_or_404(slug))
        return Response({"results": SegmentVersionOutput(found, many=True).data})


class SegmentRestore(APIView):
    """Make a published version the draft again."""

    permission_classes = PERMISSIONS

    @extend_schema(request=None, responses=SegmentOutput)
    def post(self, request: Request, slug: str, number: int) -> Response:
        get_object_or_404(versions_of(segment_or_404(slug)), number=number)
        restored = restore_version(slug, number=number, actor=actor_of(request), now=timezone.now())
        return Response(SegmentOutput(restored).data)


@dataclass(frozen=True, slots=True, kw_only=True)
class _AuditSeen:
    """An audit with the people of its sample."""

    audit: SegmentAudit
    people: list[PersonLine]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.audit, name)


class SegmentAudits(APIView):
    """Compare the members with a full scan, in the background; list what was found."""

    permission_classes = PERMISSIONS

    @extend_schema(responses=SegmentAuditOutput(many=True))
    def get(self, request: Request, slug: str) -> Response:
        found = [_seen(one) for one in segment_or_404(slug).audits.order_by("-id")]
        return Response({"results": SegmentAuditOutput(found, many=True).data})

    @extend_schema(request=SegmentAuditInput, responses={202: SegmentAuditOutput})
    def post(self, request: Request, slug: str) -> Response:
        data = valid(SegmentAuditInput(data=request.data))
        segment_or_404(slug)
        with Faults():
            asked = request_audit(slug, is_mending=data["mend"], actor=actor_of(request), now=timezone.now())
        return Response(SegmentAuditOutput(_seen(asked)).data, status=status.HTTP_202_ACCEPTED)


def _seen(audit: SegmentAudit) -> _AuditSeen:
    return _AuditSeen(audit=audit, people=people_by_id(audit.sample))


class SegmentEffects(APIView):
    """Count members before and after a change of the condition, here and where the segment is used."""

    permission_classes = [role_required()]

    @extend_schema(request=SegmentConditionInput, responses=SegmentEffectOutput(many=True))
    def post(self, request: Request, slug: str) -> Response:
        data = valid(SegmentConditionInput(data=request.data))
        segment, condition = segment_or_404(slug), condition_of(data["condition"])
        with Faults():
            found = effects_of(segment, condition, now=timezone.now())
        return Response({"results": SegmentEffectOutput(found, many=True).data})


class SegmentOverlap(APIView):
    """Count who is in this segment, in another, and in both."""

    permission_classes = [role_required()]

    @extend_schema(
        parameters=[OpenApiParameter("with", str, required=True, description="The other's slug.")],
        responses=SegmentOverlapOutput,
    )
    def get(self, request: Request, slug: str) -> Response:
        other = segment_or_404(request.query_params.get("with", ""))
        segment = segment_or_404(slug)
        with counted():
            found = overlap(segment, other)
        return Response(SegmentOverlapOutput(found).data)


class SegmentGrowth(APIView):
    """Tell how many entered, left and were in the segment, day by day."""

    permission_classes = [role_required()]

    @extend_schema(
        parameters=[
            OpenApiParameter("days", int, description="How many days back; 90 when left out."),
            OpenApiParameter("zone", str, description="Whose calendar; the company's when left out."),
        ],
        responses=SegmentDayOutput(many=True),
    )
    def get(self, request: Request, slug: str) -> Response:
        segment, now = segment_or_404(slug), timezone.now()
        days = request.query_params.get("days", "90")
        if not days.isdecimal() or len(days) > _DIGITS or not 0 < int(days) <= MOST_DAYS:
            words = _("Must be a number from 1 to %(most)s.") % {"most": MOST_DAYS}
            raise serializers.ValidationError({"days": [words]})
        zone = request.query_params.get("zone") or scope_of(now=now).company_zone
        if zone not in available_timezones():
            raise serializers.ValidationError({"zone": [_("There is no such time zone.")]})
        with counted():
            found = growth(segment, now=now, days=int(days), zone=zone)
        return Response({"results": SegmentDayOutput(found, many=True).data})


class SegmentPreview(APIView):
    """Count whom a condition would match, without keeping anything."""

    permission_classes = [role_required()]

    @extend_schema(request=SegmentPreviewInput, responses=SegmentPreviewOutput)
    def post(self, request: Request) -> Response:
        data = valid(SegmentPreviewInput(data=request.data))
        condition = condition_of(data["condition"])
        now = timezone.now()
        as_of: datetime | None = data.get("as_of")
        if as_of is not None and not EARLIEST <= as_of <= now:
            raise serializers.ValidationError({"as_of": [_("Must be a past moment, not before 1970.")]})
        with Faults():
            found = preview(
                condition, now=now, as_of=as_of, named=data.get("people"), translator=translator_now()
            )
        return Response(SegmentPreviewOutput(found).data)
