"""The pages of messages: what there is, what each says and said, and what it looks like for somebody."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from csp.decorators import csp
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_http_methods, require_safe

from cdp_site.web import StaffRequest, staff_page
from connectors import template_words as words
from connectors.delivery_views import MAIL_POLICY
from connectors.domain.mail_body import in_the_dark
from connectors.domain.message import Json
from connectors.domain.template import Content, TemplateKind, content_of
from connectors.models import Delivery, Template
from connectors.queries import samples_of
from connectors.rendering import RenderError
from connectors.services import Preview, Sample, draft_content, preview_mail
from connectors.template_forms import written_in
from connectors.template_queries import templates_using
from profiles.models import Person
from profiles.queries import (
    Known,
    PersonLine,
    people_by_id,
    people_found,
    people_newest_first,
    person_of,
)

SUGGESTED = 12
_DARK = "dark"


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A mail made for somebody, or why it cannot be."""

    preview: Preview | None
    error: RenderError | None = None


@staff_page()
@require_safe
def template_list(request: StaffRequest) -> HttpResponse:
    """List the templates, mails first."""
    order = list(TemplateKind)
    found = sorted(
        Template.objects.order_by("name"), key=lambda template: order.index(TemplateKind(template.kind))
    )
    lines = [(template, draft_content(template), words.KINDS[template.kind]) for template in found]
    return render(request, "connectors/template_list.html", {"lines": lines})


@staff_page()
@require_safe
def template_page(request: StaffRequest, slug: str) -> HttpResponse:
    """Show a template, or one of its versions: the source, the mail it makes for a person."""
    template = get_object_or_404(Template, slug=slug)
    content, number = _asked(request, template)
    samples = samples_of(template, limit=SUGGESTED)
    people = suggested(samples)
    person = person_chosen(request.GET) or _first(people)
    made = made_for(template, content, person=person, samples=samples)
    context = {
        "template": template,
        "kind": words.KINDS[template.kind],
        "content": content,
        "number": number,
        "versions": template.versions.order_by("-number"),
        "used_in": templates_using(slug) if template.kind != TemplateKind.MAIL else [],
        "people": people,
        "person": person,
        "made": made,
        "fault_in": words.text_name(made.error.name) if made.error and made.error.name else "",
    }
    return render(request, "connectors/template_page.html", context)


@staff_page()
@csp(MAIL_POLICY)  # type: ignore[arg-type]  # it was typed for views without arguments
@xframe_options_sameorigin
@require_http_methods(["GET", "HEAD", "POST"])
def template_mail(request: StaffRequest, slug: str) -> HttpResponse:
    """The mail that a template makes, for a frame; a POST shows what a form holds. Nothing is stored."""
    template = get_object_or_404(Template, slug=slug)
    given, locale = request.GET, ""
    if request.method == "POST":
        given = request.POST
        written = written_in(given, base=draft_content(template))
        content, locale = written.content, written.shown_language
    else:
        content, _number = _asked(request, template)
    made = made_for(
        template,
        content,
        person=person_chosen(given),
        samples=samples_of(template, limit=SUGGESTED),
        locale=locale,
    )
    if made.preview is None:
        return HttpResponse(made.error.reason if made.error else "", content_type="text/plain")
    is_dark = given.get("look") == _DARK
    return HttpResponse(in_the_dark(made.preview.html) if is_dark else made.preview.html)


@staff_page()
@require_safe
def people_offered(request: StaffRequest) -> HttpResponse:
    """The people whom a mail can be previewed as, found by name, address or number."""
    asked = request.GET.get("as", "").strip()
    people = people_found(asked, limit=SUGGESTED) if asked else people_newest_first(limit=SUGGESTED)
    return render(request, "connectors/_template_people.html", {"people": people, "asked": asked})


@staff_page()
@require_safe
def variables_offered(request: StaffRequest) -> HttpResponse:
    """What can be inserted into a template, with samples."""
    groups = words.groups_offered(
        person=person_chosen(request.GET),
        event=request.GET.get("event", "")[:200],
        words=request.GET.get("find", "")[:200],
    )
    return render(request, "connectors/_template_variables.html", {"groups": groups})


def made_for(
    template: Template,
    content: Content,
    *,
    person: Person | None,
    samples: Sequence[Delivery],
    locale: str = "",
) -> Made:
    """Fill the mail in; what a journey knows besides the person is that of a mail that was made before."""
    try:
        preview = preview_mail(
            content,
            sample=sample_for(person, samples=samples, locale=locale),
            now=timezone.now(),
            kind=TemplateKind(template.kind),
        )
    except RenderError as error:
        return Made(preview=None, error=error)
    return Made(preview=preview)


def sample_for(person: Person | None, *, samples: Sequence[Delivery], locale: str) -> Sample:
    """What a preview is made with: the person, and what led to a mail that was made before."""
    own = [sample for sample in samples if person and sample.person_id == person.pk]
    context: dict[str, Json] = next((sample.context for sample in (*own, *samples)), {})
    return Sample(person=person, context=context, locale=locale)


def person_chosen(given: Mapping[str, str]) -> Person | None:
    """Whom a form previews the mail as: who was picked, else who is found first by what was typed."""
    try:
        return person_of(UUID(given.get("person", "")))
    except ValueError:
        found = people_found(given.get("as", ""), limit=1)
        return person_of(found[0].uuid) if found else None


def suggested(samples: Sequence[Delivery]) -> list[PersonLine]:
    """Whom to preview a mail as: those who got it lately, then those who came lately."""
    lines = people_by_id([sample.person_id for sample in samples])
    lines += people_newest_first(limit=SUGGESTED, known=Known.KNOWN)
    return list({line.uuid: line for line in lines}.values())[:SUGGESTED]


def _asked(request: StaffRequest, template: Template) -> tuple[Content, int | None]:
    """The version that the address names, else what is being written."""
    named = request.GET.get("version", "")
    if not named:
        return draft_content(template), None
    if not (named.isascii() and named.isdigit() and len(named) < 9):
        raise Http404
    version = get_object_or_404(template.versions, number=int(named))
    return content_of(version.content), version.number


def _first(people: Sequence[PersonLine]) -> Person | None:
    return person_of(people[0].uuid) if people else None
