"""Feeds as they are stored. Whoever calls has read the condition and holds the rules meanwhile."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cdp_site import audit
from connectors.domain.feed import FeedAction, to_json
from connectors.domain.message import Json
from connectors.models import Connection, Feed


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedDraft:
    """What a feed is to be."""

    condition: Json  # {"language": 1, "if": …}
    actions: Sequence[FeedAction]
    is_active: bool


def store_feed(connection: Connection, draft: FeedDraft, *, actor: str, now: datetime) -> Feed:
    """Write the feed of a connection, in the caller's transaction."""
    feed = Feed.objects.select_for_update().filter(connection=connection).first()
    before = _shown(feed) if feed else None
    feed = feed or Feed(connection=connection)
    feed.condition, feed.actions = draft.condition, to_json(draft.actions)
    feed.is_active, feed.updated_at = draft.is_active, now
    feed.save()
    audit.record(
        actor,
        "connection.feed",
        object_kind="connection",
        object_id=connection.slug,
        before=before,
        after=_shown(feed),
    )
    return feed


def _shown(feed: Feed) -> dict[str, Any]:
    return {"condition": feed.condition, "actions": feed.actions, "is_active": feed.is_active}
