"""Writing computed traits: a new one, changing one, what it would be for some people, its state."""

from collections.abc import Callable
from typing import Final

from django.contrib import messages
from django.http import HttpResponse, HttpResponseBadRequest, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST
from django_htmx.http import HttpResponseClientRedirect, trigger_client_event

from cdp_site.web import Role, StaffRequest, page_or_part, staff_page, wants_part, with_toast
from segments.domain.parse import ConditionError
from segments.forms import BadForm, ComputedForm, computed_for, computed_new, computed_sent, refusal_of
from segments.models import ComputedTrait
from segments.queries import TooSlow
from segments.samples import samples_of
from segments.services.computing import KeyTaken, pause_computed, resume_computed, save_computed

PAGE: Final = "segments/trait_write.html"
PART: Final = "segments/_trait.html"
LIST: Final = "trait-list"


@staff_page(Role.MARKETER)
@require_http_methods(["GET", "HEAD", "POST"])
def trait_new(request: StaffRequest) -> HttpResponse:
    """Write a new computed trait."""
    return _sent(request) if request.method == "POST" else _shown(request, computed_new())


@staff_page(Role.MARKETER)
@require_http_methods(["GET", "HEAD", "POST"])
def trait_edit(request: StaffRequest, key: str) -> HttpResponse:
    """Change a computed trait: a POST does what the pressed button says."""
    trait = get_object_or_404(ComputedTrait, key=key)
    if request.method == "POST":
        return _sent(request, key=key)
    try:
        form = computed_for(trait.definition, key=key, name=trait.name)
    except ConditionError:
        messages.error(request, _("This trait was written by another release and cannot be read."))
        return HttpResponseRedirect(reverse(LIST))
    return _shown(request, form)


def _shown(request: StaffRequest, form: ComputedForm) -> HttpResponse:
    response = page_or_part(request, page=PAGE, part=PART, context={"form": form, "editor": form.editor})
    if wants_part(request):
        response = trigger_client_event(response, "rule:changed", after="settle")
        if form.editor.done.said:
            response = with_toast(response, form.editor.done.said)
    return response


def _sent(request: StaffRequest, *, key: str = "") -> HttpResponse:
    try:
        form = computed_sent(request.POST, key=key)
    except BadForm:
        return HttpResponseBadRequest(_("This form is not complete. Please load the page again."))
    return _saved(request, form) if request.POST.get("do") == "save" else _shown(request, form)


def _saved(request: StaffRequest, form: ComputedForm) -> HttpResponse:
    form.is_strict = form.editor.is_strict = True
    if not form.is_sound:
        return with_toast(_shown(request, form), _("Fill in what is missing first."))
    try:
        save_computed(
            form.key,
            name=form.name.strip(),
            definition=form.document,
            actor=request.user.get_username(),
            now=timezone.now(),
            must_be_new=form.is_new,
        )
    except KeyTaken as taken:
        form.refused = {"key": refusal_of(taken)}
        return _shown(request, form)
    messages.success(request, _("Saved; the values are being computed."))
    address = reverse(LIST)
    return HttpResponseClientRedirect(address) if wants_part(request) else HttpResponseRedirect(address)


@staff_page(Role.MARKETER)
@require_POST
def trait_samples(request: StaffRequest) -> HttpResponse:
    """Show what the trait of a form would be for some people."""
    try:
        form = computed_sent(request.POST)
    except BadForm:
        return HttpResponseBadRequest()
    samples = None
    if form.definition is not None:
        try:
            samples = samples_of(form.definition, now=timezone.now())
        except TooSlow:
            samples = None
    context = {"form": form, "editor": form.editor, "samples": samples}
    return render(request, "segments/_trait_samples.html", context)


_CHANGES: Final[dict[str, Callable[..., ComputedTrait]]] = {
    "pause": pause_computed,
    "resume": resume_computed,
}


@staff_page(Role.MARKETER)
@require_POST
def trait_state(request: StaffRequest, key: str) -> HttpResponse:
    """Leave the values as they are, or keep them up to date again."""
    get_object_or_404(ComputedTrait, key=key)
    change = _CHANGES.get(request.POST.get("do", ""))
    if change is None:
        return HttpResponseBadRequest(_("This form is not complete. Please load the page again."))
    trait = change(key, actor=request.user.get_username(), now=timezone.now())
    if trait.state == ComputedTrait.State.PAUSED:
        messages.success(request, _("The trait is paused; its values stay as they are."))
    else:
        messages.success(request, _("The trait goes on; everybody's value is computed anew."))
    return HttpResponseRedirect(reverse(LIST))
