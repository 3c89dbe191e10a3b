"""Connections as people of the company set them up."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction
from django.utils.translation import gettext

from cdp_site import audit
from cdp_site.wakeup import wake
from connectors import vault
from connectors.connection_settings import SettingsError
from connectors.domain.message import ChannelKind, Json
from connectors.models import Connection
from connectors.registry import CHANNELS

# A connection's slug is the kind of the identities its system gives to people.
_RESERVED = {"user_id", "email", "phone", "anonymous_id", "wayfare"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionDraft:
    """What a connection is to be."""

    name: str
    kind: str
    settings: Mapping[str, Json] = field(default_factory=dict)  # the secret among them, when it is new
    is_active: bool = True


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
        connection.secret = _sealed(found, kind=kind)
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


def pause_connection(connection: Connection, *, actor: str) -> None:
    """Send nothing more through a connection until somebody resumes it; what is decided meanwhile waits."""
    _switch(connection, is_active=False, actor=actor)


def resume_connection(connection: Connection, *, actor: str) -> None:
    """Use a connection again; what waited is sent."""
    _switch(connection, is_active=True, actor=actor)
    transaction.on_commit(lambda: wake("deliveries"))


def _switch(connection: Connection, *, is_active: bool, actor: str) -> None:
    with transaction.atomic():
        changed = Connection.objects.filter(pk=connection.pk).exclude(is_active=is_active)
        if changed.update(is_active=is_active, disabled_reason=""):
            audit.record(
                actor,
                "connection.resume" if is_active else "connection.pause",
                object_kind="connection",
                object_id=connection.slug,
                before={"is_active": not is_active},
                after={"is_active": is_active},
            )


def secrets_of(connection: Connection, *, kind: ChannelKind) -> dict[str, str]:
    """Read the secrets of a connection by the names of their settings.

    Raises:
        SealBroken: they were sealed under another key.
    """
    if not kind.secret or connection.kind != kind.name:
        return {}
    known = vault.unseal(connection.secret)
    if not kind.more_secrets:
        return {kind.secret: known}
    return dict(json.loads(known)) if known else {}


def _sealed(found: dict[str, Json], *, kind: ChannelKind) -> str:
    """Take the secrets out of checked settings, and seal them."""
    secrets = {name: str(found.pop(name, "")) for name in _names(kind)}
    return vault.seal(json.dumps(secrets) if kind.more_secrets else secrets.get(kind.secret, ""))


def _with_secret(
    settings: Mapping[str, Json], *, kind: ChannelKind, connection: Connection
) -> tuple[dict[str, Json], str]:
    """Complete the settings by the secrets that are known, or by one that is made now."""
    given = dict(settings)
    if not kind.secret or all(given.get(name) for name in _names(kind)):
        return given, ""
    known = secrets_of(connection, kind=kind)
    given |= {name: value for name, value in known.items() if value and not given.get(name)}
    if given.get(kind.secret) or kind.new_secret is None:
        return given, ""
    made = kind.new_secret()
    return given | {kind.secret: made}, made


def _names(kind: ChannelKind) -> tuple[str, ...]:
    return (kind.secret, *kind.more_secrets) if kind.secret else ()


def _connection_shown(connection: Connection) -> dict[str, Any]:
    return {
        "name": connection.name,
        "kind": connection.kind,
        "settings": connection.settings,
        "is_active": connection.is_active,
    }
