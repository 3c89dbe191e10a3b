"""Members by page, by hand, by file and as a file."""

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Final, cast

from django.http import StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.parsers import BaseParser, MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from cdp_site import audit
from cdp_site.api import NewestFirst, actor_of, role_required
from cdp_site.web import Role
from segments.api.answers import segment_or_404, valid
from segments.api.schemas import (
    SegmentFileTaken,
    SegmentMemberOutput,
    SegmentMembersChanged,
    SegmentMembersInput,
)
from segments.exporting import FORMATS, exported
from segments.member_files import FileTooLarge, is_json_lines, lines_of, people_in
from segments.models import Membership
from segments.queries import member_lines_of, members_of, people_by_name, searched
from segments.services import Changed, Mode, change_members

MOST_COLUMNS: Final = 50
_COLUMNS = OpenApiParameter("columns", str, description="Keys of traits to show, separated by commas.")
_MODE = OpenApiParameter("mode", str, enum=[mode.value for mode in Mode], required=True)


class MembersByEntry(NewestFirst):
    """Members, those who entered last first."""

    ordering: ClassVar[tuple[str, ...]] = ("-entered_at", "-id")  # type: ignore[assignment,misc]


class LinesParser(BaseParser):
    """A file as the whole body; read line by line."""

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        return {"file": stream}


class CsvParser(LinesParser):
    media_type = "text/csv"


class JsonLinesParser(LinesParser):
    media_type = "application/x-ndjson"


class SegmentMembers(APIView):
    """List who is in a segment now; add people by hand, or keep them out."""

    permission_classes = [role_required(writes=[Role.MARKETER])]

    @extend_schema(
        parameters=[OpenApiParameter("search", str, description="Beginnings of words."), _COLUMNS],
        responses=SegmentMemberOutput(many=True),
    )
    def get(self, request: Request, slug: str) -> Response:
        pages = MembersByEntry()
        rows = searched(members_of(segment_or_404(slug)), request.query_params.get("search", ""))
        stays: list[Membership] = pages.paginate_queryset(rows, request, view=self) or []
        lines = member_lines_of(stays, columns=_columns(request))
        return pages.get_paginated_response(SegmentMemberOutput(lines, many=True).data)

    @extend_schema(request=SegmentMembersInput, responses=SegmentMembersChanged)
    def post(self, request: Request, slug: str) -> Response:
        data = valid(SegmentMembersInput(data=request.data))
        segment_or_404(slug)
        changed, unknown = Changed(), []
        for mode, names in _asked(data):
            found = people_by_name(names)
            unknown += [name for name in names if name not in found]
            changed += change_members(
                slug, sorted(set(found.values())), mode=mode, actor=actor_of(request), now=timezone.now()
            )
        return Response(SegmentMembersChanged(_said(changed) | {"unknown": unknown}).data)


class SegmentMembersFile(APIView):
    """Add, remove or replace members by a file: CSV, or JSON line by line; the body, or its part `file`."""

    permission_classes = [role_required(Role.MARKETER)]
    parser_classes = [CsvParser, JsonLinesParser, MultiPartParser]

    @extend_schema(parameters=[_MODE], request={"text/csv": OpenApiTypes.STR}, responses=SegmentFileTaken)
    def post(self, request: Request, slug: str) -> Response:
        segment_or_404(slug)
        mode = request.query_params.get("mode", "")
        if mode not in list(Mode):
            words = _("Must be one of: %(words)s.") % {"words": ", ".join(Mode)}
            raise serializers.ValidationError({"mode": [words]})
        file = cast(Mapping[str, Any], request.data).get("file")
        if file is None:
            raise serializers.ValidationError({"file": [_("There is no file.")]})
        name = getattr(file, "name", None) or ""
        is_json = is_json_lines(name) or (request.content_type or "").endswith("ndjson")
        try:
            people = people_in(lines_of(file), is_json=is_json)
        except FileTooLarge as error:
            raise serializers.ValidationError({"file": [_("The file is too large; divide it.")]}) from error
        changed = change_members(
            slug, sorted(people.ids), mode=Mode(mode), actor=actor_of(request), now=timezone.now()
        )
        faults = [{"row": one.row, "message": one.phrase.said(translation)} for one in people.faults]
        counts = {"rows": people.rows, "fault_count": people.fault_count, "faults": faults}
        return Response(SegmentFileTaken(_said(changed) | counts).data)


class SegmentMembersExport(APIView):
    """Give all members as a file that is written while it is read."""

    permission_classes = [role_required()]

    @extend_schema(
        parameters=[OpenApiParameter("to", str, enum=sorted(FORMATS)), _COLUMNS],
        responses={(200, "text/csv"): OpenApiTypes.STR},
    )
    def get(self, request: Request, slug: str) -> HttpResponseBase:
        segment = segment_or_404(slug)
        to = request.query_params.get("to", "csv")
        if to not in FORMATS:
            words = _("Must be one of: %(words)s.") % {"words": ", ".join(sorted(FORMATS))}
            raise serializers.ValidationError({"to": [words]})
        columns = _columns(request)
        audit.record(
            actor_of(request),
            "segment.export",
            object_kind="segment",
            object_id=slug,
            after={"format": to, "columns": columns},
        )
        response = StreamingHttpResponse(exported(segment, columns=columns, to=to), content_type=FORMATS[to])
        response.headers["Content-Disposition"] = f'attachment; filename="{slug}.{to}"'
        response.headers["X-Total-Count"] = str(segment.member_count)  # about; for a progress bar
        return response


def _columns(request: Request) -> list[str]:
    keys = [key.strip() for key in request.query_params.get("columns", "").split(",")]
    return [key for key in keys if key][:MOST_COLUMNS]


def _asked(data: Mapping[str, Any]) -> Iterable[tuple[Mode, list[str]]]:
    if "mode" in data:
        yield Mode(data["mode"]), data["people"]
    if "remove" in data:
        yield Mode.REMOVE, data["remove"]
    if "add" in data:
        yield Mode.ADD, data["add"]


def _said(changed: Changed) -> dict[str, Any]:
    return {"added": changed.added, "removed": changed.removed, "forgotten": changed.forgotten}
