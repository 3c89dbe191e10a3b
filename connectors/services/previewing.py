"""Showing what a template would make, without sending anything."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from django.conf import settings

from connectors.domain import mail_body
from connectors.domain.message import Json, MailSource
from connectors.queries import addressees
from connectors.rendering import shared_renderer
from connectors.services.drafting import variables_of
from profiles.models import Person

_SAMPLE_LINK = "/u/preview"


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """A mail as it would look; its links lead where they were written to."""

    subject: str
    html: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What a preview is made with."""

    person: Person | None = None
    context: Mapping[str, Json] = field(default_factory=dict)  # event, journey, run; samples where left out


def preview_mail(*, subject: str, body: str, sample: Sample, now: datetime) -> Preview:
    """Fill a mail in for somebody.

    Raises:
        RenderError: it cannot be filled in.
    """
    return preview_with(_variables(sample, now=now), subject=subject, body=body)


def preview_with(variables: Mapping[str, Json], *, subject: str, body: str) -> Preview:
    """Fill a mail in with these variables.

    Raises:
        RenderError: it cannot be filled in.
    """
    link = f"{settings.BASE_URL}{_SAMPLE_LINK}"
    links = {"unsubscribe_url": link, "preferences_url": link}
    source = MailSource(subject=subject, body=body)
    made = shared_renderer().mail(source, variables={**variables, **links})
    return Preview(subject=made.subject, html=made.html, text=mail_body.text_of(made.html))


def _variables(sample: Sample, *, now: datetime) -> dict[str, Json]:
    context = {
        "event": {"name": "", "properties": {}, "context": {}},
        "journey": {"slug": "preview", "name": "Preview"},
        "run": {"id": 0},
        **sample.context,
    }
    if sample.person is None:
        return {**context, "person": {"traits": {}}, "now": now.isoformat(), "zone": "UTC"}
    found = addressees([sample.person.pk], writes_to="email")
    return variables_of(found[sample.person.pk], context=context, now=now)
