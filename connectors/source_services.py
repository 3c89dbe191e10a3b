"""Write services of sources: make one, change it, note that it lives."""

import base64
import logging
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db import Error, IntegrityError, transaction

from cdp_site import audit
from connectors import keys, vault
from connectors.domain.source_kinds import INTERNAL_SLUG, SourceKind
from connectors.models import Source

logger = logging.getLogger(__name__)

_NOTED_EVERY: Final = 10.0  # seconds: one write a source and process, not one a request

_noted: dict[int, float] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceDraft:
    """A source to be made."""

    slug: str
    name: str
    kind: SourceKind = SourceKind.HTTP
    trust: str = Source.Trust.PUBLIC
    secret: str = ""  # of a signed kind; empty: one is made
    is_historical: bool = False


def make_source(draft: SourceDraft, *, actor: str) -> Source:
    """Make a source with a write key of its own.

    Raises:
        IntegrityError: the slug is taken, perhaps by the product's own messages.
    """
    if draft.slug == INTERNAL_SLUG:
        raise IntegrityError(f"{INTERNAL_SLUG} is the product's own source")
    secret = draft.secret or (_new_secret() if draft.kind.is_signed else "")
    with transaction.atomic():
        source = Source.objects.create(
            slug=draft.slug,
            name=draft.name,
            kind=draft.kind,
            trust=draft.trust,
            write_key=_new_write_key(),
            secret=vault.seal(secret),
            is_historical=draft.is_historical,
        )
        audit.record(actor, "source.make", object_kind="source", object_id=source.slug, after=_shown(source))
    return source


def change_source(source: Source, *, changes: Mapping[str, Any], actor: str) -> Source:
    """Change a source; what is not named stays.

    Args:
        changes: any of name, trust, is_active, is_historical, rate_limit (messages a second in one web
            process; None lifts it) and secret.
    """
    before = _shown(source)
    fields = {key: value for key, value in changes.items() if key not in ("rate_limit", "secret")}
    for key, value in fields.items():
        setattr(source, key, value)
    if "rate_limit" in changes:
        source.settings = {**source.settings, "rate_limit": changes["rate_limit"]}
    if changes.get("secret"):
        source.secret = vault.seal(changes["secret"])
    with transaction.atomic():
        source.save(update_fields=[*fields, "settings", "secret"])
        after = _shown(source) | ({"secret": "changed"} if changes.get("secret") else {})
        audit.record(
            actor,
            "source.change",
            object_kind="source",
            object_id=source.slug,
            before=before,
            after=after,
        )
        transaction.on_commit(keys.forget)
    return source


def note_messages(source_id: int, *, at: datetime) -> None:
    """Note that the source sent something. Called after its messages are durable, so it never fails."""
    now = time.monotonic()
    if now - _noted.get(source_id, float("-inf")) < _NOTED_EVERY:
        return
    _noted[source_id] = now
    try:
        Source.objects.filter(pk=source_id).update(last_message_at=at)
    except Error:
        logger.warning("Could not note the last message of source %s.", source_id, exc_info=True)


def _new_write_key() -> str:
    # Digits and letters alone: a key is put into addresses, headers and user names.
    return secrets.token_hex(16)


def _new_secret() -> str:
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()  # as Standard Webhooks write it


def _shown(source: Source) -> dict[str, Any]:
    return {
        "name": source.name,
        "kind": source.kind,
        "trust": source.trust,
        "is_active": source.is_active,
        "is_historical": source.is_historical,
        "rate_limit": source.settings.get("rate_limit"),
    }
