"""Publishing a journey, pausing, resuming and stopping it; the builder has its own module."""

from collections.abc import Callable
from datetime import datetime

from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseBadRequest, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from cdp_site.web import Role, StaffRequest, staff_page
from journeys.crowds import progress_of
from journeys.domain.definition import JourneyError
from journeys.models import Journey
from journeys.publishing import summary_of
from journeys.services import (
    DraftConflict,
    PeopleInside,
    PeopleLeaving,
    WrongState,
    pause_journey,
    publish_journey,
    resume_journey,
    stop_journey,
)


@staff_page(Role.MARKETER)
@require_http_methods(["GET", "HEAD", "POST"])
def journey_publish(request: StaffRequest, slug: str) -> HttpResponse:
    """Show what publishing the draft would change; a POST does it."""
    journey = _journey_or_404(slug)
    if request.method == "POST":
        revision = request.POST.get("revision", "")
        choice = request.POST.get("people_inside", PeopleInside.FINISH.value)
        is_number = revision.isascii() and revision.isdigit() and len(revision) < 10
        if not is_number or choice not in {each.value for each in PeopleInside}:
            return HttpResponseBadRequest(_("This form is not complete. Please load the page again."))
        try:
            version = publish_journey(
                slug,
                actor=request.user.get_username(),
                now=timezone.now(),
                revision=int(revision),
                people_inside=PeopleInside(choice),
                to=_ways(request),
            )
        except DraftConflict:
            messages.error(request, _("Somebody changed the draft meanwhile. Please look at it again."))
            return HttpResponseRedirect(reverse("journeys:journey-publish", args=[slug]))
        except JourneyError:
            # The page below lists the faults, each with a way to its step.
            messages.error(request, _("The draft cannot be published yet."))
            return HttpResponseRedirect(reverse("journeys:journey-publish", args=[slug]))
        except PeopleLeaving:
            messages.error(request, _("People are still leaving; publish once they are out."))
            return HttpResponseRedirect(reverse("journeys:journey-publish", args=[slug]))
        messages.success(request, _("Version %(number)s is published.") % {"number": version.number})
        return HttpResponseRedirect(_address(slug))
    context = {"journey": journey, "summary": summary_of(journey, now=timezone.now())}
    return render(request, "journeys/journey_publish.html", context)


def _ways(request: StaffRequest) -> dict[str, str]:
    """Which step people of a step that is gone begin, where somebody named one."""
    named = {key: value for key, value in request.POST.items() if key.startswith("to:") and value}
    return {key.removeprefix("to:"): str(value) for key, value in named.items()}


@staff_page()
@require_safe
def journey_crowd(request: StaffRequest, slug: str) -> HttpResponse:
    """Tell how far moving everybody inside is, or having them leave: a part of the journey's pages."""
    journey = _journey_or_404(slug)
    context = {"journey": journey, "progress": progress_of(journey), "was_asked": True}
    return render(request, "journeys/_crowd.html", context)


@staff_page(Role.MARKETER)
@require_POST
def journey_pause(request: StaffRequest, slug: str) -> HttpResponse:
    """Let everybody stand still; nobody enters."""
    return _changed(request, slug, pause_journey, said=_("The journey is paused."))


@staff_page(Role.MARKETER)
@require_POST
def journey_resume(request: StaffRequest, slug: str) -> HttpResponse:
    """Let a paused journey go on."""
    return _changed(request, slug, resume_journey, said=_("The journey goes on."))


@staff_page(Role.MARKETER)
@require_POST
def journey_stop(request: StaffRequest, slug: str) -> HttpResponse:
    """End the runs of everybody inside; nobody enters."""
    return _changed(request, slug, stop_journey, said=_("The journey is stopped."))


def _changed(request: StaffRequest, slug: str, change: Callable[..., Journey], *, said: str) -> HttpResponse:
    now: datetime = timezone.now()
    try:
        change(slug, actor=request.user.get_username(), now=now)
    except Journey.DoesNotExist as error:
        raise Http404 from error
    except WrongState:
        messages.error(request, _("Somebody changed the state of this journey meanwhile."))
    else:
        messages.success(request, said)
    return HttpResponseRedirect(_address(slug))


def _journey_or_404(slug: str) -> Journey:
    return get_object_or_404(Journey.objects.select_related("live_version"), slug=slug)


def _address(slug: str) -> str:
    return reverse("journeys:journey-page", args=[slug])
