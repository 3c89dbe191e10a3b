"""The pages of messages: the templates of mails, and what they look like for somebody."""

from collections.abc import Sequence
from uuid import UUID

from csp.decorators import csp
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_safe

from cdp_site.web import StaffRequest, staff_page
from connectors.delivery_views import MAIL_POLICY
from connectors.domain.message import Json
from connectors.domain.template import TemplateKind
from connectors.models import Delivery, Template
from connectors.queries import samples_of
from connectors.rendering import RenderError
from connectors.services import Preview, Sample, draft_content, preview_mail
from profiles.models import Person
from profiles.queries import Known, PersonLine, people_by_id, people_newest_first, person_of

SUGGESTED = 12


@staff_page()
@require_safe
def template_list(request: StaffRequest) -> HttpResponse:
    """List the templates."""
    return render(request, "connectors/template_list.html", {"templates": Template.objects.order_by("name")})


@staff_page()
@require_safe
def template_page(request: StaffRequest, slug: str) -> HttpResponse:
    """Show a template: its source, and the mail it makes for a person."""
    template = get_object_or_404(Template, slug=slug)
    samples = samples_of(template, limit=SUGGESTED)
    people = _people(samples)
    person = _person(request) or _first(people)
    preview, fault = _preview(template, person=person, samples=samples)
    context = {
        "template": template,
        "content": draft_content(template),
        "people": people,
        "person": person,
        "preview": preview,
        "fault": fault,
    }
    return render(request, "connectors/template_page.html", context)


@staff_page()
@csp(MAIL_POLICY)  # type: ignore[arg-type]  # it was typed for views without arguments
@xframe_options_sameorigin
@require_safe
def template_mail(request: StaffRequest, slug: str) -> HttpResponse:
    """The mail that a template makes, for the frame on its page."""
    template = get_object_or_404(Template, slug=slug)
    samples = samples_of(template, limit=SUGGESTED)
    preview, fault = _preview(template, person=_person(request), samples=samples)
    return HttpResponse(
        preview.html if preview else fault, content_type="text/html" if preview else "text/plain"
    )


def _preview(
    template: Template, *, person: Person | None, samples: Sequence[Delivery]
) -> tuple[Preview | None, str]:
    """Fill the mail in; what a journey knows besides the person is that of a mail that was made before."""
    own = [sample for sample in samples if person and sample.person_id == person.pk]
    context: dict[str, Json] = next((sample.context for sample in (*own, *samples)), {})
    try:
        made = preview_mail(
            draft_content(template),
            sample=Sample(person=person, context=context),
            now=timezone.now(),
            kind=TemplateKind(template.kind),
        )
    except RenderError as error:
        return None, error.reason
    return made, ""


def _person(request: StaffRequest) -> Person | None:
    try:
        return person_of(UUID(request.GET.get("person", "")))
    except ValueError:
        return None


def _people(samples: Sequence[Delivery]) -> list[PersonLine]:
    """Whom to preview a mail as: those who got it lately, then those who came lately."""
    lines = people_by_id([sample.person_id for sample in samples])
    lines += people_newest_first(limit=SUGGESTED, known=Known.KNOWN)
    return list({line.uuid: line for line in lines}.values())[:SUGGESTED]


def _first(people: Sequence[PersonLine]) -> Person | None:
    return person_of(people[0].uuid) if people else None
