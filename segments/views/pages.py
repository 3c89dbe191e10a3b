"""The list of segments, and one segment: its rule in words, members, growth, history."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.core.paginator import Paginator
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone, translation
from django.utils.dateparse import parse_datetime
from django.utils.http import urlencode
from django.views.decorators.http import require_safe
from django_htmx.http import HttpResponseClientRefresh

from cdp_site.web import StaffRequest, page_or_part, staff_page, wants_part
from profiles import catalogue
from profiles.queries import people_count
from segments.differences import Difference, difference
from segments.domain.describe import describe
from segments.domain.parse import ConditionError, parse_condition
from segments.fingerprints import unfinished_rows
from segments.limits import limited
from segments.models import Segment, SegmentVersion
from segments.queries import (
    PREVIEW_SECONDS,
    Day,
    TooSlow,
    changes_since,
    growth,
    is_moving,
    members_page,
    overlap,
    said_by_hand,
    segment_lines,
    sentence_of,
    used_in,
    versions_of,
)

PAGE_SIZE: Final = 50
LISTED: Final = 100  # segments on a page of the list
LATELY: Final = timedelta(days=7)
LIST_SECONDS: Final = 2.0  # that the list waits for how segments changed
SPANS: Final = (30, 90, 365)
MOST_COLUMNS: Final = 8
SAID: Final = 10  # by hand, shown below the members
MOST_VERSIONS: Final = 30
_WIDTH, _HEIGHT = 600, 160  # of a drawing, in its own units


@staff_page()
@require_safe
def segment_list(request: StaffRequest) -> HttpResponse:
    """List the segments; `q` searches, `state` chooses."""
    state, search = request.GET.get("state", ""), request.GET.get("q", "").strip()[:200]
    lines = segment_lines(translator=translation, search=search, state=state)
    shown = Paginator(lines, LISTED).get_page(request.GET.get("page"))
    now = timezone.now()
    context = {
        "shown": shown,
        "segments": list(shown),
        "changes": _changes([line.segment.pk for line in shown], now=now),
        "people": people_count(),
        "state": state,
        "states": list(Segment.State),
        "search": search,
    }
    return page_or_part(
        request, page="segments/segment_list.html", part="segments/_segments.html", context=context
    )


def _changes(segments: Sequence[int], *, now: datetime) -> Mapping[int, int] | None:
    """By how many members each segment grew lately; None: counting them takes too long."""
    try:
        with limited(LIST_SECONDS):
            return changes_since(now - LATELY, segments=segments)
    except TooSlow:
        return None


@staff_page()
@require_safe
def segment_detail(request: StaffRequest, slug: str) -> HttpResponse:
    """Show a segment and its members; `at` and `id` page through them, `q` searches, `column` adds traits."""
    segment = get_object_or_404(Segment, slug=slug)
    columns = request.GET.getlist("column")[:MOST_COLUMNS]
    search = request.GET.get("q", "").strip()[:200]
    page = members_page(segment, limit=PAGE_SIZE, search=search, columns=columns, after=_before(request))
    query = {"column": columns, "q": search} if search else {"column": columns}
    context = _context(segment, show="members") | {
        "page": page,
        "columns": columns,
        "search": search,
        "query": urlencode(query, doseq=True),
        "by_hand": said_by_hand(segment, limit=SAID),
        "is_part": wants_part(request),
        "is_moving": is_moving(segment, now=timezone.now()),
        "known": [line.path for line in catalogue.traits() if "." not in line.path and "[" not in line.path],
    }
    return page_or_part(
        request, page="segments/segment_detail.html", part="segments/_members.html", context=context
    )


def _context(segment: Segment, *, show: str) -> dict[str, Any]:
    """What stands above each of a segment's views."""
    return {
        "segment": segment,
        "show": show,
        "sentence": sentence_of(segment, translator=translation),
        "used_in": used_in(segment.slug),
        "people": people_count(),
        "is_unfinished": unfinished_rows(segment) is not None,
        "is_changed": _is_changed(segment),
        "build": progress_of(segment, now=timezone.now()),
    }


def _is_changed(segment: Segment) -> bool:
    """Whether the draft differs from what is in force."""
    if segment.state == Segment.State.DRAFT:
        return False
    in_force = segment.versions.filter(number=segment.version).first()
    return in_force is not None and in_force.condition != segment.condition


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a build is."""

    done: int
    total: int | None  # None: it waits, or is still finding out whom to ask
    ends_at: datetime | None  # at the pace so far


def progress_of(segment: Segment, *, now: datetime) -> Progress | None:
    """How far the build of a segment is; None where none is under way."""
    if segment.state != Segment.State.LIVE or segment.built_at is not None:
        return None
    done, total, since = segment.build_done, segment.build_total, segment.build_started_at
    ends_at = None
    if total and done and since is not None and now > since:
        ends_at = now + (now - since) * ((total - done) / done)
    return Progress(done=done, total=total, ends_at=ends_at)


@staff_page()
@require_safe
def segment_build(request: StaffRequest, slug: str) -> HttpResponse:
    """Show how far a build is; once it is done the page is shown anew."""
    segment = get_object_or_404(Segment, slug=slug)
    build = progress_of(segment, now=timezone.now())
    if build is None:
        return HttpResponseClientRefresh()
    return render(request, "segments/_build.html", {"segment": segment, "build": build})


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """How many were in a segment, day by day, as points of a line and heights of bars."""

    days: list[Day]
    line: str
    area: str
    bars: list[tuple[Day, float, float, float]]  # day, x, height of those who entered, of those who left
    most: int  # at the top of the line
    most_moved: int  # at the top of the bars
    width: float  # of a bar


def drawing_of(days: list[Day]) -> Drawing:
    """Draw days from left to right."""
    most = max((day.members for day in days), default=0)
    moved = max((max(day.entered, day.left) for day in days), default=0)
    step = _WIDTH / max(len(days), 1)
    points = [
        (round((place + 0.5) * step, 1), round(_HEIGHT - _HEIGHT * 0.94 * day.members / max(most, 1), 1))
        for place, day in enumerate(days)
    ]
    line = " ".join(f"{x},{y}" for x, y in points)
    first, last = (points[0][0], points[-1][0]) if points else (0, 0)
    bars = [
        (
            day,
            round(place * step + step * 0.15, 1),
            round(46 * day.entered / max(moved, 1), 1),
            round(46 * day.left / max(moved, 1), 1),
        )
        for place, day in enumerate(days)
    ]
    return Drawing(
        days=days,
        line=line,
        area=f"{first},{_HEIGHT} {line} {last},{_HEIGHT}",
        bars=bars,
        most=most,
        most_moved=moved,
        width=round(step * 0.7, 1),
    )


@staff_page()
@require_safe
def segment_growth(request: StaffRequest, slug: str) -> HttpResponse:
    """Show how a segment grew, and with `with` how it overlaps another one."""
    segment = get_object_or_404(Segment, slug=slug)
    asked = request.GET.get("days", "")
    span = int(asked) if asked in [str(one) for one in SPANS] else SPANS[1]
    zone = timezone.get_current_timezone_name()
    others = Segment.objects.exclude(pk=segment.pk).exclude(state=Segment.State.ARCHIVED).order_by("name")
    other = others.filter(slug=request.GET.get("with", "")).first()
    try:
        with limited(PREVIEW_SECONDS):
            days = growth(segment, now=timezone.now(), days=span, zone=zone)
            common = overlap(segment, other) if other else None
    except TooSlow:
        days, common = None, None
    context = _context(segment, show="growth") | {
        "drawing": None if days is None else drawing_of(days),
        "span": span,
        "spans": SPANS,
        "others": others,
        "other": other,
        "overlap": common,
    }
    return page_or_part(
        request, page="segments/segment_detail.html", part="segments/_growth.html", context=context
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionLine:
    """A published version in words, and what it changed."""

    version: SegmentVersion
    sentence: str  # "" where it is of another release
    difference: Difference | None  # None for the first


@staff_page()
@require_safe
def segment_history(request: StaffRequest, slug: str) -> HttpResponse:
    """Show the versions of a segment with their differences, and what audits found; htmx gets the audits."""
    segment = get_object_or_404(Segment, slug=slug)
    context: dict[str, Any] = {"segment": segment, "audits": list(segment.audits.order_by("-id")[:10])}
    if not wants_part(request):
        context |= _context(segment, show="history") | {"versions": _version_lines(segment)}
    return page_or_part(
        request, page="segments/segment_detail.html", part="segments/_audits.html", context=context
    )


def _version_lines(segment: Segment) -> list[VersionLine]:
    versions = list(versions_of(segment)[: MOST_VERSIONS + 1])
    read = [_condition_of(version) for version in versions]
    lines = []
    for place, version in enumerate(versions[:MOST_VERSIONS]):
        condition, before = read[place], read[place + 1] if place + 1 < len(read) else None
        changed = None
        if condition is not None and before is not None:
            changed = difference(before, condition, translator=translation)
        sentence = describe(condition, translator=translation) if condition is not None else ""
        lines.append(VersionLine(version=version, sentence=sentence, difference=changed))
    return lines


def _condition_of(version: SegmentVersion) -> Any:
    try:
        return parse_condition(version.condition["if"])
    except ConditionError:  # of another release
        return None


def _before(request: StaffRequest) -> tuple[datetime, int] | None:
    """The place in the members list to go on from."""
    at, number = request.GET.get("at", ""), request.GET.get("id", "")
    if not at and not number:
        return None
    moment = _instant(at)
    if moment is None or timezone.is_naive(moment) or not number.isascii() or not number.isdigit():
        raise Http404("no such place in the list")
    return moment, int(number[:18])


def _instant(text: str) -> datetime | None:
    try:
        return parse_datetime(text)
    except ValueError:  # well formed, but no such day
        return None
