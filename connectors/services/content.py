"""Templates as people of the company set them up."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction

from cdp_site import audit
from connectors.models import Template
from connectors.rendering import shared_renderer


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateDraft:
    """What a template is to be."""

    name: str
    subject: str
    body: str


def save_template(slug: str, *, draft: TemplateDraft, actor: str, now: datetime) -> Template:
    """Make the template `slug`, or change it; a change raises its version.

    Raises:
        RenderError: subject or body cannot be read; its `name` says which.
    """
    shared_renderer().read({"subject": draft.subject, "body": draft.body})
    with transaction.atomic():
        template = Template.objects.select_for_update().filter(slug=slug).first()
        before = _template_shown(template) if template else None
        if template is None:
            template = Template(slug=slug, version=0)
        template.name, template.subject, template.body = draft.name, draft.subject, draft.body
        template.version += 1
        template.updated_at = now
        template.save()
        audit.record(
            actor,
            "template.change" if before else "template.make",
            object_kind="template",
            object_id=slug,
            before=before,
            after=_template_shown(template),
        )
    return template


def _template_shown(template: Template) -> dict[str, Any]:
    return {
        "name": template.name,
        "subject": template.subject,
        "body": template.body,
        "version": template.version,
    }
