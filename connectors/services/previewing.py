"""Showing what a template would make, without sending anything."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final
from uuid import UUID

from django.conf import settings
from django.utils.translation import gettext

from connectors.domain import links, mail_body
from connectors.domain.message import Json, MadeMail, MailSource
from connectors.domain.template import (
    Content,
    TemplateKind,
    defaults_of,
    source_of,
    texts_of,
    with_defaults,
    wording_in,
)
from connectors.models import Template
from connectors.queries import addressees, parts_in_force
from connectors.rendering import shared_renderer
from connectors.services.drafting import locale_of, source_for, variables_of
from profiles.models import Person

SAMPLE_LINK: Final = "/u/preview"
SAMPLE_TOPICS: Final = "/u/preview/topics"
_SHOWN_PART: Final = "shown"  # what a layout or block is called while it is looked at
_NOBODY: Final = UUID(int=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """A mail as it would look; its links lead where they were written to."""

    subject: str
    html: str
    text: str
    preheader: str = ""
    language: str = ""
    size: int = 0  # bytes of the HTML as it would be sent


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What a preview is made with."""

    person: Person | None = None
    locale: str = ""  # "" for the person's own
    context: Mapping[str, Json] = field(default_factory=dict)  # event, journey, run; samples where left out


def preview_mail(
    content: Content, *, sample: Sample, now: datetime, kind: TemplateKind = TemplateKind.MAIL
) -> Preview:
    """Fill a mail in for somebody; a layout is shown around a stand-in, a block alone.

    Raises:
        RenderError: it cannot be filled in.
    """
    locale = sample.locale or (locale_of(sample.person) if sample.person else "")
    made, _source = filled_in(content, sample=sample, now=now, kind=kind)
    return Preview(
        subject=made.subject,
        preheader=made.preheader,
        html=mail_body.with_preheader(made.html, text=made.preheader),
        text=mail_body.text_of(made.html),
        language=wording_in(content, locale)[0],
        size=_size(made),
    )


def filled_in(
    content: Content, *, sample: Sample, now: datetime, kind: TemplateKind = TemplateKind.MAIL
) -> tuple[MadeMail, MailSource]:
    """The mail that `preview_mail` shows, and what it was made from. Raises RenderError."""
    read = shared_renderer().read(texts_of(content))
    content = replace(content, parts=read.parts)
    parts = parts_in_force()
    locale = sample.locale or (locale_of(sample.person) if sample.person else "")
    if kind is not TemplateKind.MAIL:
        parts[_SHOWN_PART] = content
        content = _around_part(content, kind=kind)
    source = source_of(content, locale=locale, parts=parts)
    variables = with_defaults(_variables(sample, now=now), defaults_of(content, parts=parts))
    return _made(source, variables=variables), source


def preview_with(variables: dict[str, Json], *, template: Template, locale: str) -> Preview:
    """Fill what is in force of a template in with these variables.

    Raises:
        RenderError: it cannot be filled in.
    """
    source, filled = source_for(template, locale=locale, parts=parts_in_force(), variables=variables)
    made = _made(source, variables=filled)
    return Preview(subject=made.subject, html=made.html, text=mail_body.text_of(made.html))


def _made(source: MailSource, *, variables: Mapping[str, Json]) -> MadeMail:
    links_ = {
        "unsubscribe_url": f"{settings.BASE_URL}{SAMPLE_LINK}",
        "preferences_url": f"{settings.BASE_URL}{SAMPLE_TOPICS}",
    }
    return shared_renderer().mail(source, variables={**variables, **links_})


def _around_part(content: Content, *, kind: TemplateKind) -> Content:
    """A mail that shows a layout or a block."""
    include = f'{{% include "{_SHOWN_PART}" %}}'
    is_mjml = content.body.lstrip().startswith("<mj")
    if kind is TemplateKind.LAYOUT:
        words = gettext("The body of the mail stands here.")
        text = f"<mj-section><mj-column><mj-text>{words}</mj-text></mj-column></mj-section>"
        body = text if is_mjml else f"<p>{words}</p>"
        return Content(body=body, layout=_SHOWN_PART, language=content.language)
    if is_mjml and not content.body.lstrip().startswith(("<mj-section", "<mj-wrapper", "<mj-hero")):
        include = f"<mj-section><mj-column>{include}</mj-column></mj-section>"
    body = f"<mjml><mj-body>{include}</mj-body></mjml>" if is_mjml else include
    return Content(body=body, parts=(_SHOWN_PART,), language=content.language)


def _size(made: MadeMail) -> int:
    """How long the HTML gets with its links and pixel signed; signatures are all of one length."""

    def tracked(url: str) -> str:
        return f"{settings.BASE_URL}/c/{links.click_token(links.Click(delivery=_NOBODY, url=url), key=b'')}"

    html = mail_body.with_preheader(mail_body.with_links(made.html, link=tracked), text=made.preheader)
    pixel = f"{settings.BASE_URL}/o/{links.open_token(_NOBODY, key=b'')}"
    return len(mail_body.with_pixel(html, address=pixel).encode())


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
