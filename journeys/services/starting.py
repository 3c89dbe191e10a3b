"""Make a draft from a journey to start from."""

from datetime import datetime
from itertools import count
from typing import Final

from connectors.domain.template import Content
from connectors.models import Connection, Template
from connectors.services import TemplateDraft, save_template
from journeys.domain.editing import copied_journey
from journeys.models import Journey
from journeys.services.drafts import SlugTaken, create_journey
from journeys.services.keeping import fresh_salt
from journeys.starters import TEXTS, Starter, needs_of

NO_CONNECTION: Final = "crm"  # the slug that the draft names where there is no connection to take its actions


def start_journey(starter: Starter, *, actor: str, now: datetime) -> Journey:
    """Make the draft, and the templates it names that are not there yet."""
    document = copied_journey(starter.document(crm_connection()), salt=fresh_salt)
    slugs = needs_of(document).templates
    there = set(Template.objects.filter(slug__in=slugs).values_list("slug", flat=True))
    for slug in slugs:
        if slug not in there:
            text = TEXTS[slug]
            draft = TemplateDraft(
                name=str(text.name), content=Content(subject=text.subject_line(), body=text.body())
            )
            save_template(slug, draft=draft, actor=actor, now=now)
    for number in count(1):
        slug = starter.slug if number == 1 else f"{starter.slug}-{number}"
        name = str(starter.name) if number == 1 else f"{starter.name} {number}"
        try:
            return create_journey(actor, slug=slug, name=name, document=document)
        except SlugTaken:  # also where somebody was faster
            continue
    raise AssertionError("numbers do not end")


def crm_connection() -> str:
    """The connection that takes CRM actions, the oldest of several."""
    found = Connection.objects.filter(is_active=True).exclude(kind="webhook").order_by("pk")
    return found.values_list("slug", flat=True).first() or NO_CONNECTION
