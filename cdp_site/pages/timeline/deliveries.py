"""One sentence for a delivery: what it is, and how far it got."""

from collections.abc import Mapping
from typing import Any, Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from markupsafe import Markup

from cdp_site.pages.timeline.decisions import reason_words
from cdp_site.pages.timeline.events import fill

Data = Mapping[str, Any]

_MAIL: Final = {
    "queued": gettext_noop("Email <b>%(what)s</b> is about to be sent"),
    "sending": gettext_noop("Email <b>%(what)s</b> is being sent"),
    "sent": gettext_noop("Was sent the email <b>%(what)s</b>"),
    "dead": gettext_noop("Email <b>%(what)s</b> could not be sent"),
    "blocked": gettext_noop("Email <b>%(what)s</b> was not sent: %(why)s"),
    "cancelled": gettext_noop("Email <b>%(what)s</b> was cancelled: the journey had ended"),
}
_ACTION: Final = {
    "queued": gettext_noop("<b>%(what)s</b> is about to go to %(where)s"),
    "sending": gettext_noop("<b>%(what)s</b> is going to %(where)s"),
    "sent": gettext_noop("<b>%(what)s</b> went to %(where)s"),
    "dead": gettext_noop("<b>%(what)s</b> could not be delivered to %(where)s"),
    "blocked": gettext_noop("<b>%(what)s</b> did not go to %(where)s: %(why)s"),
    "cancelled": gettext_noop("<b>%(what)s</b> for %(where)s was cancelled: the journey had ended"),
}
_ACTIONS: Final = {
    "create_deal": gettext_noop("A deal"),
    "create_task": gettext_noop("A task"),
    "upsert_contact": gettext_noop("The contact"),
    "add_note": gettext_noop("A note"),
    "add_to_list": gettext_noop("A place on a list"),
    "update_field": gettext_noop("A changed field"),
}


def delivery_sentence(data: Data) -> Markup:
    """Say what was sent, or was to be."""
    # A delivery that was held back keeps the machine word of the reason where others keep their error.
    why = reason_words(data["error"])
    if data["channel"] == "email":
        what = data["subject"] or data["template"] or _("without subject")
        return fill(_(_MAIL[data["state"]]), {"what": what, "why": why})
    where = data["connection"] or data["channel"]
    what = action_name(data["action"])
    return fill(_(_ACTION[data["state"]]), {"what": what, "where": where, "why": why})


def action_name(action: str) -> str:
    """What a CRM is asked to make, in words."""
    if not action:
        return _("A message")
    known = _ACTIONS.get(action)
    return _(known) if known else action.replace("_", " ").capitalize()
