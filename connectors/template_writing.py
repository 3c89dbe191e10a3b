"""Writing templates: a new one, its texts with a live preview, a test mail, and putting it in force."""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST
from django_htmx.http import trigger_client_event

from cdp_site.web import Role, StaffRequest, staff_page
from connectors import template_words as words
from connectors.domain.mail_check import CLIPPED_BYTES, LONG_BYTES, links_in, placeholders_in
from connectors.domain.message import DeliveryError
from connectors.domain.template import Content, TemplateKind, content_of, texts_of
from connectors.models import Template, TemplateVersion, Topic
from connectors.queries import parts_in_force, samples_of
from connectors.rendering import RenderError
from connectors.services import (
    Preview,
    TemplateConflict,
    TemplateDraft,
    TrialMail,
    checked,
    create_template,
    draft_content,
    publish_template,
    save_draft,
    send_trial_mail,
    take_version,
)
from connectors.services.previewing import SAMPLE_LINK, SAMPLE_TOPICS
from connectors.template_forms import Written, without_language, written_from, written_in
from connectors.template_queries import Lacking, lacking
from connectors.template_starts import start_of
from connectors.template_views import SUGGESTED, made_for, person_chosen, sample_for, suggested
from profiles import catalogue

MOST_EVENTS: Final = 200
MOST_LINES: Final = 400  # of differences
_DEFAULT: Final = "default:"


@staff_page(Role.MARKETER)
@require_http_methods(["GET", "HEAD", "POST"])
def template_new(request: StaffRequest) -> HttpResponse:
    """Ask for a name and what it is to be; a POST makes the draft."""
    name = " ".join(request.POST.get("name", "").split())[:120]
    asked = request.POST.get("kind", request.GET.get("kind", ""))
    kind = TemplateKind(asked) if asked in set(TemplateKind) else TemplateKind.MAIL
    layouts = Template.objects.filter(kind=TemplateKind.LAYOUT).in_force().order_by("name")
    if request.method == "POST" and name:
        layout = request.POST.get("layout", "")
        known = layout if layouts.filter(slug=layout).exists() else ""
        draft = TemplateDraft(name=name, content=start_of(kind, layout=known), kind=kind)
        made = create_template(draft, actor=request.user.get_username(), now=timezone.now())
        return _to_editor(made)
    context = {
        "kinds": words.KINDS,
        "kind": kind,
        "layouts": layouts,
        "fault": _("Give it a name.") if request.method == "POST" else "",
    }
    return render(request, "connectors/template_new.html", context)


@staff_page(Role.MARKETER)
@require_http_methods(["GET", "HEAD", "POST"])
def template_edit(request: StaffRequest, slug: str) -> HttpResponse:
    """Write a template, one language at a time; a POST keeps it as a draft."""
    template = get_object_or_404(Template, slug=slug)
    content = draft_content(template)
    if request.method == "POST":
        return _sent(request, template)
    language = request.GET.get("lang", "")
    if language and language not in content.translations:
        raise Http404
    return _shown(request, template, written_from(content, name=template.name, language=language))


def _shown(
    request: StaffRequest, template: Template, written: Written, *, conflict: bool = False, said: str = ""
) -> HttpResponse:
    samples = samples_of(template, limit=SUGGESTED)
    people = suggested(samples)
    layouts = Template.objects.filter(kind=TemplateKind.LAYOUT).in_force().exclude(pk=template.pk)
    context = {
        "template": template,
        "kind": words.KINDS[template.kind],
        "is_mail": template.kind == TemplateKind.MAIL,
        "written": written,
        "layouts": layouts.order_by("name").values_list("slug", "name"),
        "topics": Topic.objects.order_by("name").values_list("slug", "name"),
        "events": [line.name for line in catalogue.event_names(limit=MOST_EVENTS)],
        "people": people,
        "conflict": conflict,
        "said": said,
        "sender": settings.DEFAULT_FROM_EMAIL,
        "to": request.POST.get("to", request.user.email),
        "is_dirty": request.method == "POST",
    }
    return render(request, "connectors/template_write.html", context)


def _sent(request: StaffRequest, template: Template) -> HttpResponse:
    data, base = request.POST, draft_content(template)
    command, _colon, asked = data.get("do", "save").partition(":")
    written = written_in(data, base=base)
    content, language = written.content, written.language
    if command == "language" and not written.faults:
        language = data.get("new_lang", "").strip()
        added = written_in(
            {**data.dict(), "lang": language, "subject": "", "preheader": "", "body": ""}, base=content
        )
        if added.faults or not language or language == content.language:
            said = {"new_lang": _("Write a language like de, or de-AT.")}
            return _shown(request, template, _with(written, faults=said))
        content = content if language in content.translations else added.content
    elif command == "drop":
        content, language = without_language(content, asked), ""
    if written.faults:
        return _shown(request, template, written)
    seen = template.revision if data.get("over") else _number(data.get("seen", ""))
    try:
        saved = save_draft(
            template.slug,
            name=written.name,
            content=content,
            seen=seen,
            actor=request.user.get_username(),
            now=timezone.now(),
        )
    except TemplateConflict:
        return _shown(request, template, written, conflict=True)
    if command == "publish":
        return HttpResponseRedirect(reverse("connectors:template-publish", args=[saved.slug]))
    messages.success(request, _("Saved as a draft."))
    return _to_editor(saved, language=language)


def _with(written: Written, *, faults: Mapping[str, str]) -> Written:
    return Written(
        name=written.name,
        content=written.content,
        language=written.language,
        defaults=written.defaults,
        faults=faults,
    )


def _to_editor(template: Template, *, language: str = "") -> HttpResponse:
    place = reverse("connectors:template-edit", args=[template.slug])
    return HttpResponseRedirect(f"{place}?lang={language}" if language else place)


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 9 else -1


@staff_page(Role.MARKETER)
@require_POST
def template_check(request: StaffRequest, slug: str) -> HttpResponse:
    """Say how the mail of a form would come out: its lines, links, length and faults. Nothing is stored."""
    template = get_object_or_404(Template, slug=slug)
    written = written_in(request.POST, base=draft_content(template))
    made = made_for(
        template,
        written.content,
        person=person_chosen(request.POST),
        samples=samples_of(template, limit=SUGGESTED),
        locale=written.shown_language,
    )
    context = {
        "template": template,
        "made": made,
        "fault_in": words.text_name(made.error.name) if made.error and made.error.name else "",
        "look": _look_of(made.preview, is_mail=template.kind == TemplateKind.MAIL) if made.preview else None,
    }
    response = render(request, "connectors/_template_check.html", context)
    return trigger_client_event(response, "mail:made", after="settle") if made.preview else response


@dataclass(frozen=True, slots=True, kw_only=True)
class _Look:
    """What can be said of a mail that was made."""

    links: list[tuple[str, str, Any]]  # words, address, what is wrong
    placeholders: list[str]
    share: int  # of the length that is clipped, in per cent
    is_long: bool
    is_clipped: bool
    has_way_out: bool


def _look_of(preview: Preview, *, is_mail: bool) -> _Look:
    links = links_in(preview.html)
    ways_out = {f"{settings.BASE_URL}{link}" for link in (SAMPLE_LINK, SAMPLE_TOPICS)}
    return _Look(
        links=[
            (link.words, link.address, words.LINK_FAULTS[link.fault] if link.fault else "") for link in links
        ],
        placeholders=placeholders_in([preview.subject, preview.preheader, preview.text]),
        share=min(100, round(100 * preview.size / CLIPPED_BYTES)),
        is_long=preview.size > LONG_BYTES,
        is_clipped=preview.size > CLIPPED_BYTES,
        has_way_out=not is_mail or any(link.address in ways_out for link in links),
    )


@staff_page(Role.MARKETER)
@require_POST
def template_test(request: StaffRequest, slug: str) -> HttpResponse:
    """Send the mail of a form to one address, to look at; the form is not stored."""
    template = get_object_or_404(Template, slug=slug)
    written = written_in(request.POST, base=draft_content(template))
    to = request.POST.get("to", "").strip()
    sample = sample_for(
        person_chosen(request.POST),
        samples=samples_of(template, limit=SUGGESTED),
        locale=written.shown_language,
    )
    fault = ""
    try:
        validate_email(to)
        trial = TrialMail(content=written.content, sample=sample, to=to)
        send_trial_mail(template, trial, actor=request.user.get_username(), now=timezone.now())
    except ValidationError:
        fault = _("Write an address like mia@example.com.")
    except DeliveryError as error:
        fault = error.reason
    said = "" if fault else _("Sent to %(address)s, marked as a test.") % {"address": to}
    if not request.htmx:
        return _shown(request, template, written, said=fault or said)
    return render(request, "connectors/_template_tested.html", {"fault": fault, "said": said})


@staff_page(Role.MARKETER)
@require_http_methods(["GET", "HEAD", "POST"])
def template_publish(request: StaffRequest, slug: str) -> HttpResponse:
    """Show what publishing the draft changes and what people lack for it; a POST does it."""
    template = get_object_or_404(Template, slug=slug)
    content, fault, lacks = draft_content(template), "", None
    given = {
        name.removeprefix(_DEFAULT): value.strip()[:500]
        for name, value in request.POST.items()
        if isinstance(value, str) and name.startswith(_DEFAULT) and value.strip()
    }
    try:
        lacks = _lacks(template, content)
        left = [lack for lack in lacks.lacks if lack.path not in given] if lacks else []
        if request.method == "POST" and (not left or request.POST.get("anyway")):
            return _published(request, template, defaults=given)
        if request.method == "POST":
            fault = _("Say what to write where it is missing, or that those people get no mail.")
    except RenderError as error:
        where = words.text_name(error.name) if error.name else ""
        fault = f"{where}: {error.reason}" if where else error.reason
    except TemplateConflict:
        messages.error(request, _("Somebody changed the draft meanwhile. Please look at it again."))
        return HttpResponseRedirect(request.path)
    context = {
        "template": template,
        "kind": words.KINDS[template.kind],
        "fault": fault,
        "lacks": lacks,
        "given": given,
        "changes": _changes(template, content),
        "is_changed": template.draft is not None,
    }
    return render(request, "connectors/template_publish.html", context)


def _lacks(template: Template, content: Content) -> Lacking | None:
    """What people lack, of a draft that can be published. Raises RenderError."""
    kind = TemplateKind(template.kind)
    found = checked(content, kind=kind)
    return lacking(found, parts=parts_in_force()) if kind is TemplateKind.MAIL else None


def _published(request: StaffRequest, template: Template, *, defaults: Mapping[str, str]) -> HttpResponse:
    version = publish_template(
        template.slug,
        seen=_number(request.POST.get("seen", "")),
        actor=request.user.get_username(),
        now=timezone.now(),
        defaults=defaults,
    )
    messages.success(request, _("Version %(number)s is in force.") % {"number": version.number})
    return HttpResponseRedirect(reverse("connectors:template-page", args=[template.slug]))


def _changes(template: Template, content: Content) -> list[tuple[str, list[tuple[str, str]]]]:
    """The texts that differ from what is in force, line by line: (+, -, " "; the line)."""
    before, after = texts_of(content_of(template.content)), texts_of(content)
    found = []
    for name in dict.fromkeys((*before, *after)):
        old, new = before.get(name, "").splitlines(), after.get(name, "").splitlines()
        lines = list(difflib.unified_diff(old, new, lineterm="", n=2))[2:]
        if lines:
            marked = [(line[0], line[1:]) for line in lines[:MOST_LINES] if not line.startswith("@@")]
            found.append((words.text_name(name), marked))
    return found


@staff_page(Role.MARKETER)
@require_POST
def template_take(request: StaffRequest, slug: str, number: int) -> HttpResponse:
    """Make an earlier version the draft again."""
    template = get_object_or_404(Template, slug=slug)
    try:
        take_version(
            slug,
            number=number,
            seen=template.revision,
            actor=request.user.get_username(),
            now=timezone.now(),
        )
    except TemplateVersion.DoesNotExist as error:
        raise Http404 from error
    messages.success(request, _("Version %(number)s is the draft now.") % {"number": number})
    return _to_editor(template)
