"""Parts of the pages of segments that look into other apps too: who may be written to, which journeys ask.

The card beside a rule that is being written counts at once, or about.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.http import Http404, HttpResponse, HttpResponseBadRequest
from django.shortcuts import get_object_or_404, render
from django.utils import timezone, translation
from django.views.decorators.http import require_POST, require_safe

from cdp_site.web import Role, StaffRequest, staff_page
from connectors.queries import suppressed_scopes
from journeys.domain.nodes import Crossing, SegmentEntry
from journeys.live import LiveVersion, live_versions
from journeys.models import Journey
from journeys.queries import inside_of
from segments.building import differing
from segments.counting import IN_PEACE, Busy, Counted, count_exactly, count_people, estimate_people
from segments.domain.conditions import reads
from segments.domain.parse import ConditionError, parse_condition
from segments.forms import JOURNEY, SEGMENT, BadForm, ConditionEditor, editor_sent
from segments.limits import limited
from segments.live import LiveSegment
from segments.models import Segment
from segments.queries import TooSlow
from segments.reasons import reasons_of
from segments.starters import starter_of

_EMAIL = "email"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reachable:
    """How many may be written to."""

    count: int
    is_exact: bool


@staff_page()
@require_POST
def rule_count(request: StaffRequest) -> HttpResponse:
    """Count whom the rule of a form matches; `exactly` takes its time, otherwise it is about, if need be."""
    prefix = request.POST.get("editor", "")[:40]
    scope = JOURNEY if request.POST.get("scope") == "journey" else SEGMENT
    try:
        editor = editor_sent(request.POST, prefix=prefix, scope=scope)
    except BadForm:
        return HttpResponseBadRequest()
    context: dict[str, Any] = {
        "editor": editor,
        "found": None,
        "reachable": None,
        "is_given_up": False,
        "is_patient": bool(request.POST.get("exactly")),
    }
    try:
        return render(request, "segments/_count.html", context | _found(request, editor))
    except Busy:  # the page keeps what it shows and asks again
        return HttpResponse(status=204)


def _found(request: StaffRequest, editor: ConditionEditor) -> dict[str, Any]:
    condition = editor.written.condition
    if condition is None:
        return {}
    now = timezone.now()
    try:
        if request.POST.get("exactly"):
            found = count_exactly(condition, now=now, user_id=request.user.pk)
        else:
            found = count_people(condition, now=now)
    except TooSlow:
        try:
            found = estimate_people(condition, now=now)
        except TooSlow:
            return {"is_given_up": True}
    try:
        reasons = reasons_of(condition, [one.id for one in found.people], now=now, translator=translation)
    except TooSlow:
        reasons = {}
    return {"found": found, "reachable": reachable(found), "reasons": reasons}


@staff_page(Role.MARKETER)
@require_safe
def starter_count(request: StaffRequest, slug: str) -> HttpResponse:
    """Say how many people a rule to start from matches now."""
    starter = starter_of(slug)
    if starter is None:
        raise Http404
    condition, now = parse_condition(starter.condition), timezone.now()
    found: Counted | None
    try:
        found = count_people(condition, now=now)
    except TooSlow:
        try:
            found = estimate_people(condition, now=now)
        except TooSlow:
            found = None
    return render(request, "segments/_starter_count.html", {"found": found})


@staff_page()
@require_safe
def segment_uses(request: StaffRequest, slug: str) -> HttpResponse:
    """List the journeys that ask about a segment."""
    asking = {version.journey_id for version in live_versions() if slug in version.reads.segments}
    journeys = Journey.objects.filter(pk__in=asking).order_by("name")
    return render(request, "segments/_uses.html", {"journeys": journeys})


@dataclass(frozen=True, slots=True, kw_only=True)
class JourneyMoves:
    """What publishing a segment's draft would do to people of a journey that asks about it."""

    slug: str
    name: str
    beginning: int | None  # who would come to where it begins; None: it does not begin with this segment
    inside: int  # of those who would enter or leave the segment, how many are inside and asked anew


@staff_page(Role.MARKETER)
@require_safe
def segment_moves(request: StaffRequest, slug: str) -> HttpResponse:
    """Count whom publishing the draft of a segment would move in the journeys that ask about it."""
    segment = get_object_or_404(Segment, slug=slug)
    versions = [version for version in live_versions() if slug in version.reads.segments]
    if not versions:
        return HttpResponse()
    try:
        moves = _moves(segment, versions)
    except (TooSlow, ConditionError):
        journeys = Journey.objects.filter(pk__in={version.journey_id for version in versions})
        return render(request, "segments/_uses.html", {"journeys": journeys.order_by("name")})
    return render(request, "segments/_moves.html", {"moves": moves})


def _moves(segment: Segment, versions: Sequence[LiveVersion]) -> list[JourneyMoves]:
    condition = parse_condition(segment.condition["if"])
    draft = LiveSegment(id=segment.pk, slug=segment.slug, condition=condition, reads=reads(condition))
    with limited(IN_PEACE):
        crossing = differing(draft, now=timezone.now())
    inside = inside_of(list(crossing))
    entering = sum(crossing.values())
    by_change = {Crossing.ENTERED: entering, Crossing.LEFT: len(crossing) - entering}
    found: dict[int, JourneyMoves] = {}
    for version in versions:  # of a journey the open one, and those that people are still in
        known, on = found.get(version.journey_id), version.definition.entry.on
        beginning = known.beginning if known else None
        if version.is_open and isinstance(on, SegmentEntry) and on.segment == segment.slug:
            beginning = by_change[on.change]
        found[version.journey_id] = JourneyMoves(
            slug=version.slug,
            name=version.name,
            beginning=beginning,
            inside=inside.get(version.journey_id, 0),
        )
    return sorted(found.values(), key=lambda one: one.name)


def reachable(found: Counted) -> Reachable:
    """Of the people found, who may get marketing email: agreed, and not on the list of those not to."""
    if not found.willing:
        return Reachable(count=0, is_exact=found.is_exact)
    held_back = len(suppressed_scopes(found.addresses, channel=_EMAIL))
    if found.willing <= len(found.addresses):
        return Reachable(count=max(0, found.willing - held_back), is_exact=found.is_exact)
    share = held_back / len(found.addresses)
    return Reachable(count=round(found.willing * (1 - share)), is_exact=False)
