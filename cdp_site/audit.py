"""Who changed what: one call at each write door, in the transaction of the change."""

from collections.abc import Mapping
from typing import Any

from django.utils import timezone

from cdp_site.models import AuditEntry


def record(
    actor: str,
    verb: str,
    *,
    object_kind: str,
    object_id: str,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> None:
    """Store that `actor` did `verb` to an object, with what changed.

    Args:
        actor: user name, or "system", "command:<name>".
        verb: dotted and in the present tense: "journey.publish".
        before: the changed values as they were; JSON-ready.
        after: the changed values as they are; JSON-ready.
    """
    AuditEntry.objects.create(
        at=timezone.now(),
        actor=actor,
        verb=verb,
        object_kind=object_kind,
        object_id=object_id,
        before=before,
        after=after,
    )
