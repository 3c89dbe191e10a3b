"""Begin a journey with one that exists."""

from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from cdp_site.web import Role, StaffRequest, staff_page
from connectors.models import Connection, Template
from journeys.domain.definition import Definition, parse_journey, sequences_of
from journeys.domain.describe import entry_summary, summary, title
from journeys.domain.nodes import Sequence, SetTrait
from journeys.services.starting import crm_connection, start_journey
from journeys.starters import STARTERS, TEXTS, Starter, needs_of, starter_of
from profiles.models import EventName


@dataclass(frozen=True, slots=True, kw_only=True)
class OutlineLine:
    """One step as the outline shows it."""

    depth: int
    title: str
    said: str
    is_data: bool  # what it says is no language, but names and values


@dataclass(frozen=True, slots=True, kw_only=True)
class NeedLine:
    """One thing that a journey takes from outside."""

    what: str
    name: str
    is_there: bool
    is_made: bool = False  # where it is missing, starting makes it


@dataclass(frozen=True, slots=True, kw_only=True)
class StarterLine:
    """A journey to start from, with all there is to know before taking it."""

    slug: str
    name: Promise
    why: Promise
    icon: str
    entry: str
    outline: list[OutlineLine]
    needs: list[NeedLine]


@staff_page(Role.MARKETER)
@require_http_methods(["GET", "HEAD", "POST"])
def journey_starters(request: StaffRequest) -> HttpResponse:
    """Show the journeys to start from; a POST makes the draft of one, and the mails it lacks."""
    if request.method == "POST":
        starter = starter_of(request.POST.get("from", ""))
        if starter is None:
            raise Http404
        journey = start_journey(starter, actor=request.user.get_username(), now=timezone.now())
        said = _("The draft is made. Look through its steps, then publish it.")
        messages.success(request, said)
        return HttpResponseRedirect(reverse("journeys:journey-page", args=[journey.slug]))
    return render(request, "journeys/journey_starters.html", {"starters": _lines()})


def _lines() -> list[StarterLine]:
    crm = crm_connection()
    there = _There.read()
    return [_line(starter, starter.document(crm), there) for starter in STARTERS]


@dataclass(frozen=True, slots=True)
class _There:
    """What the company has."""

    events: frozenset[str]
    templates: frozenset[str]
    connections: frozenset[str]

    @classmethod
    def read(cls) -> "_There":
        events = {name for one in STARTERS for name in needs_of(one.document("")).events}
        return cls(
            events=frozenset(EventName.objects.filter(name__in=events).values_list("name", flat=True)),
            templates=frozenset(Template.objects.filter(slug__in=TEXTS).values_list("slug", flat=True)),
            connections=frozenset(Connection.objects.values_list("slug", flat=True)),
        )


def _line(starter: Starter, document: dict[str, Any], there: _There) -> StarterLine:
    definition = parse_journey(document)
    needs = needs_of(document)
    return StarterLine(
        slug=starter.slug,
        name=starter.name,
        why=starter.why,
        icon=starter.icon,
        entry=entry_summary(definition.entry, translator=translation),
        outline=_outline(definition),
        needs=[
            *(NeedLine(what=_("Event"), name=name, is_there=name in there.events) for name in needs.events),
            *(
                NeedLine(
                    what=_("Template"),
                    name=str(TEXTS[slug].name),
                    is_there=slug in there.templates,
                    is_made=True,
                )
                for slug in needs.templates
            ),
            *(
                NeedLine(what=_("Connection"), name=slug, is_there=slug in there.connections)
                for slug in needs.connections
            ),
        ],
    )


def _outline(definition: Definition) -> list[OutlineLine]:
    names = {slug: str(text.name) for slug, text in TEXTS.items()}
    lines: list[OutlineLine] = []

    def walk(steps: Sequence, depth: int) -> None:
        for step in steps:
            said = summary(step, templates=names, translator=translation)
            heading = title(step, translator=translation)
            is_data = isinstance(step, SetTrait)
            lines.append(OutlineLine(depth=depth, title=heading, said=said, is_data=is_data))
            for sequence in sequences_of(step):
                walk(sequence, depth + 1)

    walk(definition.steps, 0)
    return lines
