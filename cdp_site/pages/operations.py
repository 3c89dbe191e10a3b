"""The operator's page: lag, workers, failures, dead letters, and what to do about each."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST, require_safe

from cdp_site.pages import operations_queries as queries
from cdp_site.pages.operations_advice import advice_on
from cdp_site.pages.operations_words import reason_in_words
from cdp_site.web import Role, StaffRequest, page_or_part, staff_page, wants_part
from profiles.services import drop_dead_letters, replay_dead_letters


@staff_page()
@require_safe
def operations(request: StaffRequest) -> HttpResponse:
    """Show what waits, who works and what failed; htmx gets all but the dead letters."""
    state = queries.state(now=timezone.now())
    context: dict[str, Any] = {"state": state, "advice": advice_on(state)}
    if not wants_part(request):
        context |= _letters(request)
    return page_or_part(request, page="pages/operations.html", part="pages/_operations.html", context=context)


@staff_page(Role.ADMIN)
@require_POST
def dead_letters(request: StaffRequest) -> HttpResponse:
    """Replay or drop the dead letters that were ticked, or all of a reason."""
    reason, do = request.POST.get("reason", ""), request.POST.get("do", "")
    if reason and do.endswith("_all"):
        ids, do = queries.letters_of(reason), do.removesuffix("_all")
    else:
        ids = [int(text) for text in request.POST.getlist("letter") if text.isascii() and text.isdigit()]
    actor = request.user.get_username()
    if not ids:
        messages.error(request, _("Nothing was ticked."))
    elif do == "drop":
        count = drop_dead_letters(ids, actor=actor)
        said = ngettext("%(n)s message was dropped.", "%(n)s messages were dropped.", count)
        messages.success(request, said % {"n": count})
    elif do == "replay":
        count = replay_dead_letters(ids, actor=actor)
        said = ngettext(
            "%(n)s message went back to the inbox.", "%(n)s messages went back to the inbox.", count
        )
        messages.success(request, said % {"n": count})
    return HttpResponseRedirect(reverse("operations") + "#dead-letters")


def _letters(request: StaffRequest) -> dict[str, Any]:
    text = request.GET.get("before", "")
    before = int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None
    reason = request.GET.get("reason", "")
    found = queries.open_letters(before=before, reason=reason)
    shown = found[: queries.LETTERS_SHOWN]
    return {
        "letters": shown,
        "letters_after": shown[-1].row.pk if len(found) > len(shown) else None,
        "is_older": before is not None,
        "reason": reason,
        "reasons": queries.letter_reasons(),
        "in_words": reason_in_words,
        "most": queries.LETTERS_AT_ONCE,
    }
