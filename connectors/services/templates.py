"""Writing templates: drafts beside what is in force, publications as versions that never change.

Somebody who saves says which revision they saw; whoever saves over something else is told first. What is
published was read before: its texts can be filled in, and the layout and blocks it names are there.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from email.utils import parseaddr
from typing import Any, Final

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.utils.text import slugify
from django.utils.translation import gettext

from cdp_site import audit
from connectors.domain.template import LANGUAGE, Content, TemplateKind, content_of, texts_of, to_json
from connectors.models import Template, TemplateVersion, Topic
from connectors.rendering import RenderError, shared_renderer

CONTENT_BLOCK: Final = "content"  # what a layout calls the place of the body
VARIABLES: Final = frozenset(
    {"person", "event", "entry", "journey", "run", "now", "unsubscribe_url", "preferences_url"}
)
_MOST_TRIES: Final = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateDraft:
    """What a template is to be."""

    name: str
    content: Content
    kind: TemplateKind = TemplateKind.MAIL


class TemplateConflict(Exception):
    """Somebody else changed the template since it was opened."""

    def __init__(self, template: Template) -> None:
        super().__init__(template.slug)
        self.template = template


def draft_content(template: Template) -> Content:
    """What is being written: the draft, or what is in force where nothing differs."""
    return content_of(template.content if template.draft is None else template.draft)


def create_template(draft: TemplateDraft, *, actor: str, now: datetime) -> Template:
    """Keep a new template as a draft, under a slug after its name."""
    with transaction.atomic():
        template = Template.objects.create(
            slug=_free_slug(draft.name),
            name=draft.name,
            kind=draft.kind,
            draft=to_json(draft.content),
            updated_at=now,
        )
        _record(template, "template.make", actor=actor, before=None)
    return template


def save_draft(slug: str, *, name: str, content: Content, seen: int, actor: str, now: datetime) -> Template:
    """Replace the draft of a template; it may have faults.

    Args:
        seen: the revision that the writer opened.

    Raises:
        TemplateConflict: it is not what the writer opened.
    """
    with transaction.atomic():
        template = _held(slug, seen=seen)
        before = _shown(template)
        template.name = name
        template.draft = to_json(content)
        if template.draft == template.content:
            template.draft = None
        template.revision += 1
        template.updated_at = now
        template.save()
        _record(template, "template.edit", actor=actor, before=before)
    return template


def publish_template(
    slug: str, *, seen: int, actor: str, now: datetime, defaults: Mapping[str, str] | None = None
) -> TemplateVersion:
    """Put the draft in force as a new version.

    Args:
        defaults: of what people lack, beside those of the draft.

    Raises:
        TemplateConflict: the draft is not the one that the writer saw.
        RenderError: the draft is at fault; its `name` says which text.
    """
    with transaction.atomic():
        template = _held(slug, seen=seen)
        content = draft_content(template)
        content = replace(content, defaults={**content.defaults, **(defaults or {})})
        return _published(template, content, actor=actor, now=now, verb="template.publish")


def save_template(slug: str, *, draft: TemplateDraft, actor: str, now: datetime) -> Template:
    """Make the template `slug`, or change it, and put it in force at once.

    Raises:
        RenderError: it is at fault; its `name` says which text.
    """
    with transaction.atomic():
        template = Template.objects.select_for_update().filter(slug=slug).first()
        verb = "template.change" if template else "template.make"
        template = template or Template(slug=slug)
        template.name, template.kind = draft.name, draft.kind
        _published(template, draft.content, actor=actor, now=now, verb=verb)
    return template


def take_version(slug: str, *, number: int, seen: int, actor: str, now: datetime) -> Template:
    """Make a version of a template its draft again. Raises TemplateConflict, TemplateVersion.DoesNotExist."""
    version = TemplateVersion.objects.select_related("template").get(template__slug=slug, number=number)
    return save_draft(
        slug,
        name=version.template.name,
        content=content_of(version.content),
        seen=seen,
        actor=actor,
        now=now,
    )


def checked(content: Content, *, kind: TemplateKind) -> Content:
    """Content that can be published, with the blocks that it names.

    Raises:
        RenderError: it cannot; its `name` says which text, its reason why.
    """
    _check_addresses(content)
    for language in (content.language, *content.translations):
        if not LANGUAGE.fullmatch(language):
            words = gettext("“%(language)s” is no language: write de, or de-AT.")
            raise RenderError(words % {"language": language}, name="language")
    read = shared_renderer().read(texts_of(content))
    if unknown := next((use for use in read.unknown if use.path[0] not in VARIABLES), None):
        words = gettext("Line %(line)s: nothing is called “%(name)s” here.")
        raise RenderError(
            words % {"line": unknown.line, "name": unknown.path[0]}, line=unknown.line, name=unknown.text
        )
    if kind is TemplateKind.LAYOUT and CONTENT_BLOCK not in read.offered:
        words = gettext("A layout says where the body of a mail goes: %(block)s.")
        raise RenderError(words % {"block": "{% block content %}{% endblock %}"}, name="body")
    found = replace(content, parts=read.parts)
    _check_parts(found)
    _check_topic(found)
    return found


def _check_addresses(content: Content) -> None:
    for name in ("sender", "reply_to"):
        if not (text := getattr(content, name)):
            continue
        try:
            validate_email(parseaddr(text)[1])
        except ValidationError as error:
            reason = gettext("This is no address: write mia@example.com, or Mia <mia@example.com>.")
            raise RenderError(reason, name=name) from error


def _check_parts(content: Content) -> None:
    kinds = dict(Template.objects.parts().in_force().values_list("slug", "kind"))
    if content.layout and kinds.get(content.layout) != TemplateKind.LAYOUT:
        words = gettext("There is no layout “%(slug)s” in force.")
        raise RenderError(words % {"slug": content.layout}, name="layout")
    if missing := [slug for slug in content.parts if slug not in kinds]:
        words = gettext("There is no block “%(slug)s” in force.")
        raise RenderError(words % {"slug": missing[0]}, name="body")


def _check_topic(content: Content) -> None:
    if content.topic and not Topic.objects.filter(slug=content.topic).exists():
        raise RenderError(gettext("There is no topic “%(slug)s”.") % {"slug": content.topic}, name="topic")


def _published(
    template: Template, content: Content, *, actor: str, now: datetime, verb: str
) -> TemplateVersion:
    before = _shown(template) if template.pk else None
    template.content = to_json(checked(content, kind=TemplateKind(template.kind)))
    template.draft = None
    template.version += 1
    template.revision += 1
    template.updated_at = now
    template.save()
    version = TemplateVersion.objects.create(
        template=template,
        number=template.version,
        content=template.content,
        published_at=now,
        published_by=actor,
    )
    _record(template, verb, actor=actor, before=before)
    return version


def _held(slug: str, *, seen: int) -> Template:
    template = Template.objects.select_for_update().get(slug=slug)
    if template.revision != seen:
        raise TemplateConflict(template)
    return template


def _free_slug(name: str) -> str:
    start = slugify(name)[:70].rstrip("-_") or "message"
    taken = set(Template.objects.filter(slug__startswith=start).values_list("slug", flat=True))
    free = (f"{start}-{number}" for number in range(2, _MOST_TRIES))
    return start if start not in taken else next(slug for slug in free if slug not in taken)


def _record(template: Template, verb: str, *, actor: str, before: Mapping[str, Any] | None) -> None:
    audit.record(
        actor, verb, object_kind="template", object_id=template.slug, before=before, after=_shown(template)
    )


def _shown(template: Template) -> dict[str, Any]:
    content = template.content if template.draft is None else template.draft
    return {"name": template.name, "kind": template.kind, "version": template.version, "content": content}
