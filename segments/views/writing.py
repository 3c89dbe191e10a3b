"""Writing rules: a new one, the draft of a segment, and putting it in force."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseBadRequest, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods
from django_htmx.http import HttpResponseClientRedirect, trigger_client_event

from cdp_site.web import Role, StaffRequest, page_or_part, staff_page, wants_part, with_toast
from profiles.queries import person_of
from segments.counting import Counted, estimate_people
from segments.domain.conditions import Condition
from segments.domain.describe import describe
from segments.domain.parse import ConditionError, parse_condition
from segments.domain.values import Json
from segments.drafting import Rule, create_rule, last_edit_of, save_rule
from segments.fingerprints import DraftConflict, fingerprint_of, unfinished_rows
from segments.forms import BadForm, ConditionEditor, editor_for, editor_sent, from_state, to_state
from segments.likeness import condition_like
from segments.models import Segment
from segments.network import NetworkRefused
from segments.queries import Effect, TooSlow, effects_of, sentence_of, used_in
from segments.services import check_references, publish_segment
from segments.starters import STARTERS, starter_of

PAGE = "segments/segment_write.html"
PART = "segments/_rule.html"
LONGEST_NAME = 120
EMPTY: Final[dict[str, Any]] = {"all": []}
_NAME = "name"
_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Page:
    """The builder as it is shown."""

    editor: ConditionEditor
    name: str
    segment: Segment | None = None
    seen: str = ""  # fingerprint of what was opened
    name_error: str = ""
    is_dirty: bool = False  # something on the page is not saved
    conflict: Any = None  # the audit entry of who saved meanwhile


@staff_page(Role.MARKETER)
@require_http_methods(["GET", "HEAD", "POST"])
def segment_new(request: StaffRequest) -> HttpResponse:
    """Choose what to start from; with `from` write a new rule. POST keeps it as a draft."""
    if request.method == "POST":
        return _sent(request, None)
    start = request.GET.get("from")
    if start is None:
        return render(request, "segments/segment_start.html", {"starters": _starters()})
    condition, name = _begun(start)
    page = _Page(editor=editor_for(condition), name=name[:LONGEST_NAME], is_dirty=condition != EMPTY)
    return _shown(request, page)


def _begun(start: str) -> tuple[Json, str]:
    """The condition and the name to start with."""
    kind, _colon, key = start.partition(":")
    if kind == "segment":
        other = get_object_or_404(Segment, slug=key)
        return other.condition["if"], _("Copy of %(name)s") % {"name": other.name}
    if kind == "person":
        person = person_of(UUID(key)) if _UUID.fullmatch(key) else None
        if person is None:
            raise Http404(start)
        return condition_like(person, now=timezone.now()), ""
    starter = starter_of(start)
    return (starter.condition, str(starter.name)) if starter else (EMPTY, "")


def _starters() -> list[dict[str, Any]]:
    return [
        {
            "slug": one.slug,
            "name": one.name,
            "why": one.why,
            "icon": one.icon,
            "sentence": describe(parse_condition(one.condition), translator=translation),
        }
        for one in STARTERS
    ]


@staff_page(Role.MARKETER)
@require_http_methods(["GET", "HEAD", "POST"])
def segment_edit(request: StaffRequest, slug: str) -> HttpResponse:
    """Write the rule of a segment: a POST does what the pressed button says."""
    segment = get_object_or_404(Segment, slug=slug)
    if request.method == "POST":
        return _sent(request, segment)
    rows = unfinished_rows(segment)
    root = from_state(rows) if rows is not None else None
    editor = editor_for(segment.condition["if"], root=root)
    return _shown(
        request, _Page(editor=editor, name=segment.name, segment=segment, seen=fingerprint_of(segment))
    )


def _shown(request: StaffRequest, page: _Page) -> HttpResponse:
    context = {
        "page": page,
        "editor": page.editor,
        "segment": page.segment,
        "used_in": used_in(page.segment.slug) if page.segment else [],
    }
    response = page_or_part(request, page=PAGE, part=PART, context=context)
    if wants_part(request):
        response = trigger_client_event(response, "rule:changed", after="settle")
        if page.editor.done.said:
            response = with_toast(response, page.editor.done.said)
    return response


def _sent(request: StaffRequest, segment: Segment | None) -> HttpResponse:
    data = request.POST
    try:
        editor = editor_sent(data)
    except BadForm:
        return HttpResponseBadRequest(_("This form is not complete. Please load the page again."))
    page = _Page(
        editor=editor,
        name=data.get(_NAME, "")[:LONGEST_NAME],
        segment=segment,
        seen=data.get("seen", ""),
        is_dirty=True,
    )
    command = data.get("do", "")
    if command in ("save", "publish"):
        return _saved(request, page, is_publishing=command == "publish")
    return _shown(request, page)


def _saved(request: StaffRequest, page: _Page, *, is_publishing: bool) -> HttpResponse:
    editor = page.editor
    condition = editor.written.condition
    if not page.name.strip():
        return _shown(request, _again(page, name_error=_("Give the segment a name.")))
    if is_publishing and condition is None:
        editor.is_strict = True
        said = _("Fill in what is missing first; meanwhile it can be saved as a draft.")
        return with_toast(_shown(request, page), said)
    rule = Rule(
        name=page.name.strip(),
        rows=to_state(editor.root),
        condition=editor.written.document if condition is not None else None,
    )
    actor, now = request.user.get_username(), timezone.now()
    try:
        if page.segment is None:
            segment = create_rule(rule, actor=actor, now=now)
        else:
            seen = fingerprint_of(page.segment) if request.POST.get("over") else page.seen
            segment = save_rule(page.segment.slug, rule, seen=seen, actor=actor, now=now)
    except DraftConflict:
        assert page.segment is not None
        return _shown(request, _again(page, conflict=last_edit_of(page.segment.slug) or True))
    if is_publishing:
        return _to(request, reverse("segments:segment-publish", args=[segment.slug]))
    said = _("Saved as a draft.") if condition is not None else _("Saved as an unfinished draft.")
    if page.segment is None or not wants_part(request):
        messages.success(request, said)
        return _to(request, reverse("segments:segment-edit", args=[segment.slug]))
    kept = _again(page, segment=segment, seen=fingerprint_of(segment), is_dirty=False)
    return with_toast(_shown(request, kept), said)


def _again(page: _Page, **changes: Any) -> _Page:
    return _Page(
        **{
            "editor": page.editor,
            "name": page.name,
            "segment": page.segment,
            "seen": page.seen,
            "is_dirty": page.is_dirty,
            **changes,
        }
    )


def _to(request: StaffRequest, address: str) -> HttpResponse:
    return HttpResponseClientRedirect(address) if wants_part(request) else HttpResponseRedirect(address)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Outcome:
    """What publishing would do."""

    sentence: str
    effects: Sequence[Effect] = ()  # of the segment, then of those that ask about it
    estimate: Counted | None = None  # where counting everybody takes too long
    faults: tuple[str, ...] = ()


@staff_page(Role.MARKETER)
@require_http_methods(["GET", "HEAD", "POST"])
def segment_publish(request: StaffRequest, slug: str) -> HttpResponse:
    """Show what publishing the draft would change; a POST does it."""
    segment = get_object_or_404(Segment, slug=slug)
    if unfinished_rows(segment) is not None:
        messages.error(request, _("The rule is not complete yet."))
        return HttpResponseRedirect(reverse("segments:segment-edit", args=[slug]))
    faults: tuple[str, ...] = ()
    if request.method == "POST":
        actor, seen = request.user.get_username(), request.POST.get("seen", "")
        try:
            version = publish_segment(slug, actor=actor, now=timezone.now(), seen=seen)
        except DraftConflict:
            messages.error(request, _("Somebody changed the rule meanwhile. Please look at it again."))
            return HttpResponseRedirect(f"{request.path}?{urlencode({'again': 1})}")
        except ConditionError as error:
            faults = (error.said(translation),)
        except NetworkRefused as error:
            faults = (_("The rules cannot be prepared: %(reason)s") % {"reason": str(error)},)
        else:
            said = _("Version %(number)s is in force; its members are being found.")
            messages.success(request, said % {"number": version.number})
            return HttpResponseRedirect(reverse("segments:segment-detail", args=[slug]))
    context = {
        "segment": segment,
        "outcome": _outcome_of(segment, faults=faults),
        "used_in": used_in(slug),
        "seen": fingerprint_of(segment),
    }
    return render(request, "segments/segment_publish.html", context)


def _outcome_of(segment: Segment, *, faults: tuple[str, ...]) -> _Outcome:
    sentence = sentence_of(segment, translator=translation)
    if faults:
        return _Outcome(sentence=sentence, faults=faults)
    try:
        condition = parse_condition(segment.condition["if"])
        check_references(segment)
    except ConditionError as error:
        return _Outcome(sentence=sentence, faults=(error.said(translation),))
    now = timezone.now()
    try:
        effects = effects_of(segment, condition, now=now)
    except TooSlow:
        return _Outcome(sentence=sentence, estimate=_estimate(condition, now=now))
    return _Outcome(sentence=sentence, effects=effects)


def _estimate(condition: Condition, *, now: datetime) -> Counted | None:
    try:
        return estimate_people(condition, now=now)
    except TooSlow:
        return None
