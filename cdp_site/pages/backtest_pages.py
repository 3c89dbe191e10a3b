"""Pages of back-tests: ask for one, watch it, read what it came to."""

from collections.abc import Mapping
from typing import Any, Final

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext_lazy
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from cdp_site.backtest.report import Report, Story, report_of
from cdp_site.backtest.services import NothingLive, cancel_backtest, period_of_weeks, start_backtest
from cdp_site.models import BackTest
from cdp_site.pages.steps import step_names
from cdp_site.pages.timeline.decisions import decision_sentence, reason_words
from cdp_site.pages.timeline.phrases import reasons
from cdp_site.web import Role, StaffRequest, page_or_part, staff_page
from journeys.domain.definition import JourneyError
from journeys.models import Journey
from profiles.domain.naming import naming_of
from profiles.queries import identities_by_person

WEEKS: Final = (1, 2, 4, 8, 13, 26)


@staff_page(Role.MARKETER)
@require_http_methods(["GET", "HEAD", "POST"])
def backtest_list(request: StaffRequest, slug: str) -> HttpResponse:
    """Offer to back-test a journey, and list the last ones; a POST begins one."""
    journey = get_object_or_404(Journey.objects.select_related("live_version"), slug=slug)
    if request.method == "POST":
        return _begin(request, journey)
    rows = BackTest.objects.filter(journey_id=journey.pk).order_by("-pk")
    context = {
        "journey": journey,
        "weeks": WEEKS,
        "rows": [report_of(row, with_stories=False) for row in rows],
    }
    return render(request, "backtest/backtest_list.html", context)


def _begin(request: StaffRequest, journey: Journey) -> HttpResponse:
    weeks = request.POST.get("weeks", "")
    now = timezone.now()
    begins_at, ends_at = period_of_weeks(int(weeks) if weeks in map(str, WEEKS) else WEEKS[2], now=now)
    here = reverse("backtest-list", args=[journey.slug])
    try:
        row = start_backtest(
            journey.slug,
            begins_at=begins_at,
            ends_at=ends_at,
            actor=request.user.get_username(),
            now=now,
            is_live=request.POST.get("version") == "live",
        )
    except JourneyError:
        messages.error(request, _("The draft is not complete. Mend it first, then test it."))
        return HttpResponseRedirect(here)
    except NothingLive:
        messages.error(request, _("Nothing is published yet."))
        return HttpResponseRedirect(here)
    return HttpResponseRedirect(reverse("backtest-page", args=[journey.slug, row.pk]))


@staff_page()
@require_safe
def backtest_page(request: StaffRequest, slug: str, pk: int) -> HttpResponse:
    """Show how far a back-test is, or what it came to."""
    journey = get_object_or_404(Journey, slug=slug)
    row = get_object_or_404(BackTest, pk=pk, journey_id=journey.pk)
    report = report_of(row, with_stories=row.state == BackTest.State.DONE)
    context = {"journey": journey, "row": row, "report": report, **_shown(report, journey)}
    return page_or_part(
        request, page="backtest/backtest_page.html", part="backtest/_backtest.html", context=context
    )


@staff_page(Role.MARKETER)
@require_POST
def backtest_cancel(request: StaffRequest, slug: str, pk: int) -> HttpResponse:
    """Call a back-test off."""
    journey = get_object_or_404(Journey, slug=slug)
    row = get_object_or_404(BackTest, pk=pk, journey_id=journey.pk)
    if cancel_backtest(row, actor=request.user.get_username(), now=timezone.now()):
        messages.success(request, _("The back-test was called off."))
    return HttpResponseRedirect(reverse("backtest-page", args=[slug, pk]))


def _shown(report: Report, journey: Journey) -> dict[str, Any]:
    names = step_names(report.row.document)
    tally = report.tally
    people = identities_by_person([story.person.pk for story in report.stories])
    days = report.days
    steps: list[tuple[str, str, int, Mapping[str, int], list[int]]] = [
        (id_, name, counts.total(), tally.ways.get(id_, {}), [counts.get(day.isoformat(), 0) for day in days])
        for id_, name in names.items()
        if (counts := tally.steps.get(id_)) is not None
    ]
    return {
        "steps": steps,
        "busy": [place for place in range(len(days)) if any(step[-1][place] for step in steps)],
        "days": days,
        "peak": max((count for _day, count in report.messages_a_day), default=0),
        "refused": [(reason_words(reason), count) for reason, count in tally.refused.most_common()],
        "held_back": [(reason_words(reason), count) for reason, count in tally.held_back.most_common()],
        "not_played": [_not_played(word, count) for word, count in (+tally.not_played).items()],
        "stories": [
            _story(story, journey, names, people.get(story.person.pk, ())) for story in report.stories
        ],
    }


def _story(story: Story, journey: Journey, names: Mapping[str, str], identities: Any) -> dict[str, Any]:
    lines = []
    for one in story.decisions:
        said = {
            "outcome": one.outcome,
            "reason": one.reason,
            "journey": journey.name,
            "step_name": names.get(one.step, ""),
            "tree": one.tree,
        }
        lines.append(
            {
                "at": one.at,
                "step": names.get(one.step, one.step),
                "sentence": decision_sentence(said),
                "why": reasons(one.tree),
            }
        )
    naming = naming_of(traits=story.person.traits, identities=identities)
    return {"person": story.person, "naming": naming, "lines": lines}


NOT_PLAYED: Final[Mapping[str, Any]] = {
    "erased": ngettext_lazy("%(n)s person was erased since.", "%(n)s people were erased since.", "n"),
    "expired": ngettext_lazy(
        "%(n)s message is no longer stored, for its time is over.",
        "%(n)s messages are no longer stored, for their time is over.",
        "n",
    ),
    "sent_here": ngettext_lazy(
        "%(n)s time another journey sent somebody here.",
        "%(n)s times another journey sent somebody here.",
        "n",
    ),
    "by_api": ngettext_lazy("%(n)s entry by the API.", "%(n)s entries by the API.", "n"),
    "rules": ngettext_lazy(
        "%(n)s change of a segment in this time: its rule of today was used for all of it.",
        "%(n)s changes of segments in this time: their rules of today were used for all of it.",
        "n",
    ),
    "inside": ngettext_lazy(
        "%(n)s person was inside when this time began and counts as having left by then.",
        "%(n)s people were inside when this time began and count as having left by then.",
        "n",
    ),
    "observed": ngettext_lazy(
        "%(n)s condition asks about opens or clicks: they are taken as they really were.",
        "%(n)s conditions ask about opens or clicks: they are taken as they really were.",
        "n",
    ),
    "history": ngettext_lazy(
        "%(n)s message came more than a day late and counts as received when it happened.",
        "%(n)s messages came more than a day late and count as received when they happened.",
        "n",
    ),
    "unstored": ngettext_lazy(
        "%(n)s visitor was somebody else's at once: their share of a split is drawn anew.",
        "%(n)s visitors were somebody else's at once: their shares of a split are drawn anew.",
        "n",
    ),
    "throttled": ngettext_lazy(
        "%(n)s place in the throttle was given in the order of people and not of time.",
        "%(n)s places in the throttle were given in the order of people and not of time.",
        "n",
    ),
    "faulty": ngettext_lazy("%(n)s person could not be played.", "%(n)s people could not be played.", "n"),
}


def _not_played(word: str, count: int) -> str:
    """Say of how many things the back-test could not tell what really would have been."""
    return str(NOT_PLAYED[word] % {"n": count})
