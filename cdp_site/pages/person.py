"""The page of one person: who they are, where they stand, and all that happened."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import groupby
from typing import Any
from uuid import UUID

from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime
from django.views.decorators.http import require_safe

from cdp_site.backtest.asking import MOST_READ, why_not
from cdp_site.pages.person_queries import Story, profile_of, story_of
from cdp_site.pages.timeline import Cursor, Group, Line, Wanted, entries_of, line_of
from cdp_site.pages.timeline.decisions import decision_sentence
from cdp_site.pages.timeline.phrases import GROUP_NAMES, SYMBOLS, merge_words, reasons
from cdp_site.pages.why_words import asked_lines, why_sentence
from cdp_site.web import StaffRequest, page_or_part, staff_page, wants_part
from journeys.domain.definition import JourneyError
from journeys.models import Journey
from profiles.models import Person
from profiles.queries import person_ids_of, person_of

PAGE_SIZE = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """What happened on one day of the reader's calendar, latest first."""

    on: date
    lines: Sequence[Line]
    is_continued: bool  # the day began on the page before


@staff_page()
@require_safe
def person_page(request: StaffRequest, uuid: UUID) -> HttpResponse:
    """Show a person; htmx gets the part of the timeline that its address asks for."""
    person = _person_or_404(uuid)
    if person.uuid != uuid:
        return HttpResponseRedirect(reverse("person", args=[person.uuid]))
    context = _timeline(request, person)
    if not wants_part(request):
        names = Journey.objects.order_by("name").values_list("slug", "name")
        context |= {"profile": profile_of(person), "journeys": names}
    return page_or_part(request, page="pages/person.html", part="pages/_timeline.html", context=context)


@staff_page()
@require_safe
def person_why(request: StaffRequest, uuid: UUID, slug: str) -> HttpResponse:
    """Show what a journey decided about a person by a moment, with reasons; or what kept them out of it."""
    person = _person_or_404(uuid)
    journey = get_object_or_404(Journey.objects.select_related("live_version"), slug=slug)
    at, is_draft = _moment(request.GET.get("at", "")), request.GET.get("version") == "draft"
    story = story_of(person, journey=journey, until=at)
    decided = [
        {
            "at": decision.at,
            "step": story.steps.get(decision.step, decision.step),
            "sentence": decision_sentence(
                {"outcome": decision.outcome, "reason": decision.reason, "journey": journey.name}
            ),
            "why": reasons(decision.tree),
        }
        for decision in reversed(story.decisions)
    ]
    context = {
        "profile": profile_of(person),
        "person": person,
        "journey": journey,
        "decided": [] if is_draft else decided,
        "at": at,
        "is_draft": is_draft,
        "kept_out": _kept_out(person, journey, at=at, is_draft=is_draft, story=story),
    }
    return render(request, "pages/person_why.html", context)


def _kept_out(
    person: Person, journey: Journey, *, at: datetime | None, is_draft: bool, story: Story
) -> dict[str, Any] | None:
    """Why they did not enter; None where they did, or nobody can tell."""
    if story.has_entered and not is_draft:
        return None
    try:
        why = why_not(person, journey, at=at or timezone.now(), is_draft=is_draft)
    except JourneyError:
        return None
    told = () if is_draft else [decision.at for decision in story.decisions]
    asked, now = asked_lines(why, told=told), reasons(why.tree)
    return {
        "sentence": why_sentence(why),
        "asked": asked,
        "now": now if not asked or now != asked[0].why else [],
        "since": why.since,
        "most": MOST_READ if why.is_cut else 0,
    }


def _moment(text: str) -> datetime | None:
    """A moment as a form gives it, in the reader's zone."""
    try:
        found = parse_datetime(text)
    except ValueError:  # well formed, but no moment of the calendar
        return None
    if found is None or not 1970 < found.year < 9999:
        return None
    return timezone.make_aware(found) if found.tzinfo is None else found


@staff_page()
@require_safe
def person_why_choose(request: StaffRequest, uuid: UUID) -> HttpResponse:
    """Lead to what the journey that was chosen decided about a person."""
    journey = get_object_or_404(Journey, slug=request.GET.get("journey", ""))
    return HttpResponseRedirect(reverse("person-why", args=[_person_or_404(uuid).uuid, journey.slug]))


def _person_or_404(uuid: UUID) -> Person:
    person = person_of(uuid)
    if person is None:
        raise Http404
    return person


def _timeline(request: StaffRequest, person: Person) -> dict[str, Any]:
    shown = [Group(name) for name in request.GET.getlist("show") if name in list(Group)]
    words = request.GET.get("words", "").strip()[:200]
    on = _date(request.GET.get("on", ""))
    wanted = Wanted(groups=frozenset(shown), words=words, after=_after(request, on=on))
    entries = entries_of(person_ids_of(person), wanted=wanted, limit=PAGE_SIZE + 1)
    lines = [line_of(entry) for entry in entries[:PAGE_SIZE]]
    days = list(_days(lines, last=_date(request.GET.get("day", ""))))
    has_more = len(entries) > PAGE_SIZE
    kept = [("show", group.value) for group in shown] + ([("words", words)] if words else [])
    further = (
        [*kept, ("after", str(entries[PAGE_SIZE - 1].cursor)), ("day", days[-1].on.isoformat())]
        if has_more
        else []
    )
    return {
        "person": person,
        "days": days,
        "further": further,
        "is_first": "after" not in request.GET,
        "is_filtered": bool(shown or words or on),
        "merge_words": merge_words,
        "groups": [(group, GROUP_NAMES[group], SYMBOLS[group][0]) for group in Group],
        "shown": shown,
        "words": words,
        "on": on,
    }


def _after(request: StaffRequest, *, on: date | None) -> Cursor | None:
    given = Cursor.read(request.GET.get("after", ""))
    if given is not None or on is None:
        return given
    midnight = datetime.combine(on + timedelta(days=1), time.min)
    return Cursor.before(timezone.make_aware(midnight))


def _days(lines: Iterable[Line], *, last: date | None) -> Iterable[Day]:
    for on, group in groupby(lines, key=lambda line: timezone.localtime(line.at).date()):
        yield Day(on=on, lines=list(group), is_continued=on == last)


def _date(text: str) -> date | None:
    try:
        found = parse_date(text)
    except ValueError:  # well formed, but no day of the calendar
        return None
    return found if found and found.year < 9999 else None
