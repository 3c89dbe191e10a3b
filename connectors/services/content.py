"""Templates and connections as people of the company set them up."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext

from cdp_site import audit
from connectors import vault
from connectors.connection_settings import SettingsError
from connectors.domain.message import ChannelKind, Json
from connectors.models import Connection, Template
from connectors.registry import CHANNELS
from connectors.rendering import shared_renderer

# A connection's slug is the kind of the identities its system gives to people.
_RESERVED = {"user_id", "email", "phone", "anonymous_id", "wayfare"}


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateDraft:
    """What a template is to be."""

    name: str
    subject: str
    body: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionDraft:
    """What a connection is to be."""

    name: str
    kind: str
    settings: Mapping[str, Json] = field(default_factory=dict)  # the secret among them, when it is new
    is_active: bool = True


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


def save_connection(slug: str, *, draft: ConnectionDraft, actor: str) -> tuple[Connection, str]:
    """Make the connection `slug`, or change it; a secret that is not given stays as it is.

    Returns:
        The connection, and the secret that was made because none was given ("" if none was made).

    Raises:
        SettingsError: a setting is wrong.
    """
    if slug in _RESERVED:
        raise SettingsError("slug", gettext("This word is taken."))
    kind = CHANNELS.get(draft.kind)
    if kind is None:
        raise SettingsError("kind", gettext("There is no channel of this kind."))
    with transaction.atomic():
        connection = Connection.objects.select_for_update().filter(slug=slug).first()
        before = _connection_shown(connection) if connection else None
        if connection is None:
            connection = Connection(slug=slug)
        given, made = _with_secret(draft.settings, kind=kind, connection=connection)
        found = kind.read_settings(given)
        connection.secret = vault.seal(str(found.pop(kind.secret, ""))) if kind.secret else ""
        connection.name, connection.kind, connection.settings = draft.name, draft.kind, found
        connection.is_active = draft.is_active
        connection.disabled_reason = "" if draft.is_active else connection.disabled_reason
        connection.save()
        audit.record(
            actor,
            "connection.change" if before else "connection.make",
            object_kind="connection",
            object_id=slug,
            before=before,
            after=_connection_shown(connection),
        )
    return connection, made


def _with_secret(
    settings: Mapping[str, Json], *, kind: ChannelKind, connection: Connection
) -> tuple[dict[str, Json], str]:
    """Complete the settings by the secret that is known, or by one that is made now."""
    given = dict(settings)
    if not kind.secret or given.get(kind.secret):
        return given, ""
    known = vault.unseal(connection.secret) if connection.kind == kind.name else ""
    made = "" if known or kind.new_secret is None else kind.new_secret()
    return given | {kind.secret: known or made}, made


def _template_shown(template: Template) -> dict[str, Any]:
    return {
        "name": template.name,
        "subject": template.subject,
        "body": template.body,
        "version": template.version,
    }


def _connection_shown(connection: Connection) -> dict[str, Any]:
    return {
        "name": connection.name,
        "kind": connection.kind,
        "settings": connection.settings,
        "is_active": connection.is_active,
    }
