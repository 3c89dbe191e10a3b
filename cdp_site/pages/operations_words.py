"""Why messages are kept aside, in words; the codes are those of `profiles` and names of exceptions."""

from collections.abc import Mapping
from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

_REASONS: Final[Mapping[str, Promise]] = {
    "event_too_large": _("Too large"),
    "invalid_event": _("Name of the event too long"),
    "invalid_message": _("Cannot be read"),
    "invalid_message_id": _("Message number too long"),
    "invalid_timestamp": _("Time cannot be read"),
    "missing_event": _("No name of an event"),
    "missing_group_id": _("No group named"),
    "missing_previous_id": _("No earlier person named"),
    "missing_type": _("No type"),
    "no_identifier": _("No person named"),
    "no_user_anon_id": _("No person named"),
    "no_usable_identity": _("No usable identity"),
    "person_refused": _("Named a person as no client may"),
    "too_many_event_names": _("Too many names of events"),
    "unknown_person": _("Nobody is known by that number"),
    "unknown_type": _("Unknown type"),
}
_OTHER: Final = _("Failed while being stored")


def reason_in_words(code: str) -> str:
    """Say a reason in words; a code without words is the name of an error while a message was stored."""
    return str(_REASONS.get(code, _OTHER))
