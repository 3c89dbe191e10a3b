"""Deliveries in words: states, reasons, actions."""

from typing import Any, Final

from django.utils.translation import gettext_lazy as _

from connectors.channels.email.channel import OUTBOX_PAGE
from connectors.domain.consent import Refusal
from connectors.models import Delivery
from connectors.registry import CHANNELS
from connectors.services.beginning import ERASED

State = Delivery.State

# state -> (word, kind of badge, symbol)
STATES: Final[dict[str, tuple[Any, str, str]]] = {
    State.QUEUED: (_("Waiting"), "", "clock"),
    State.SENDING: (_("Being sent"), "accent", "loader"),
    State.SENT: (_("Sent"), "ok", "check"),
    State.DEAD: (_("Failed"), "bad", "triangle-alert"),
    State.BLOCKED: (_("Not sent"), "warn", "ban"),
    State.CANCELLED: (_("Cancelled"), "", "x"),
}

# The machine words that stand where others keep a sentence: refusals, how the run ended, where a mail stayed.
_REASONS: Final[dict[str, Any]] = {
    Refusal.NO_ADDRESS: _("No address of this person is known."),
    Refusal.SUPPRESSED: _("The address is on the list of those not to be written to."),
    Refusal.CONSENT_DENIED: _("The person does not want marketing."),
    Refusal.CONSENT_UNSET: _("The person was never asked about marketing, or never answered."),
    Refusal.TOPIC_DENIED: _("The person does not want this topic."),
    ERASED: _("The person was erased."),
    OUTBOX_PAGE: _("No mail server is set up (EMAIL_URL): the mail was kept here and went no further."),
    "finished": _("The journey had ended."),
    "converted": _("The journey's goal was reached first."),
    "exited": _("The person had left the journey."),
    "ended": _("The journey had ended."),
    "merged": _("The person became part of another, who is in this journey already."),
    "parked": _("The journey stopped for this person because of an error."),
    "moved": _("The step that queued it is gone from the journey."),
    "publishing": _("A new version of the journey was published, and the person had to leave."),
    "restarted": _("The journey began anew for this person."),
}

ACTIONS: Final[dict[str, Any]] = {
    "create_deal": _("Create a deal"),
    "create_task": _("Create a task"),
    "upsert_contact": _("Create or update the contact"),
    "add_note": _("Add a note"),
    "add_to_list": _("Add to a list"),
    "update_field": _("Change a field"),
}


def reason_of(delivery: Delivery) -> str:
    """Say why a delivery is not sent, or failed last; "" when there is nothing to say."""
    if delivery.state == State.SENT and delivery.last_error != OUTBOX_PAGE:
        return ""
    return str(_REASONS.get(delivery.last_error, delivery.last_error))


def title_of(delivery: Delivery) -> str:
    """Say what a delivery is: the subject of a mail, the action of a CRM."""
    rendered = delivery.rendered or {}
    if subject := rendered.get("subject"):
        return str(subject)
    if delivery.template is not None:
        return delivery.template.name
    return str(ACTIONS.get(delivery.action, delivery.action or _("Message")))


def way_of(delivery: Delivery) -> str:
    """Name the connection a delivery takes, or else its channel."""
    if delivery.connection is not None:
        return delivery.connection.name
    kind = CHANNELS.get(delivery.channel)
    return str(kind.label) if kind else delivery.channel
