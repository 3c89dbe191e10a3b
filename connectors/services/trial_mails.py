"""Sending a mail to somebody of the company, to look at it where it will be read.

It is no delivery: nobody's history tells of it and nothing counts it. The audit log does.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.utils.translation import gettext

from cdp_site import audit
from cdp_site.models import AuditEntry
from connectors.channels.email.channel import trial_message
from connectors.domain.consent import SCOPE_ALL
from connectors.domain.message import DeliveryError
from connectors.domain.template import Content, TemplateKind
from connectors.models import Template
from connectors.queries import suppressed_scopes
from connectors.registry import CHANNELS
from connectors.services.previewing import Sample, filled_in

MOST_AN_HOUR: Final = 30  # of one user
_EMAIL: Final = "email"
_VERB: Final = "template.test"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialMail:
    """What is to be looked at, and where."""

    content: Content
    sample: Sample
    to: str


def send_trial_mail(template: Template, trial: TrialMail, *, actor: str, now: datetime) -> None:
    """Send a mail as it would be for a person, to another address.

    Raises:
        RenderError: it cannot be filled in.
        DeliveryError: it did not leave.
    """
    kind = TemplateKind(template.kind)
    mail, source = filled_in(trial.content, sample=trial.sample, now=now, kind=kind)
    _check(trial.to, actor=actor, now=now)
    person = trial.sample.person
    audit.record(
        actor,
        _VERB,
        object_kind="template",
        object_id=template.slug,
        after={"to": trial.to, "as": str(person.uuid) if person else None},
    )
    channel = CHANNELS[_EMAIL].open({}, "")
    try:
        channel.send(trial_message(mail, source=source, to=trial.to, at=now), hand_over=lambda: None)
    finally:
        channel.close()


def _check(to: str, *, actor: str, now: datetime) -> None:
    if not settings.EMAIL_URL:
        reason = gettext("There is no mail server: without EMAIL_URL nothing leaves this installation.")
        raise DeliveryError(reason, permanent=True)
    if SCOPE_ALL in suppressed_scopes({to}, channel=_EMAIL).get(to, frozenset()):
        raise DeliveryError(gettext("Mails to this address bounced before."), permanent=True)
    lately = AuditEntry.objects.filter(actor=actor, verb=_VERB, at__gt=now - timedelta(hours=1)).count()
    if lately >= MOST_AN_HOUR:
        raise DeliveryError(gettext("That were many test mails; try again in an hour."), permanent=False)
