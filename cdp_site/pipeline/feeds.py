"""Feeds: messages that a connection's gate lets pass become an action there, without any journey.

Feeds are compiled once with the rules of a revision. A message costs nothing where there are none, and one
look-up where there are; only messages that a gate speaks of are asked about.
"""

import logging
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from django.db import transaction

from cdp_site.pipeline.gates import may_pass_anything, passes, person_reads
from connectors.channels.crm import CRM
from connectors.domain.feed import FeedAction, FeedError, action_for, read_actions
from connectors.models import Connection, Feed, Source
from connectors.registry import CHANNELS
from connectors.services import FeedDraft, NewDelivery, store_feed
from journeys.live import entry_document
from profiles.domain.arrival import Arrived
from profiles.domain.facts import Facts
from segments.domain.conditions import Condition, Reads, name_fits, reads
from segments.domain.parse import ConditionError, parse_condition
from segments.revision import change_rules

logger = logging.getLogger(__name__)

_MOST_NAMES = 10_000  # remembered at a time
# What our own deliveries tell of themselves: a feed that took it for news would never end.
_OURS = frozenset(kind.sent_event for kind in CHANNELS.values() if not kind.writes_to)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LiveFeed:
    """One connection's feed, as it is in force."""

    id: int  # of the connection
    slug: str
    gate: Condition
    actions: tuple[FeedAction, ...]
    reads: Reads  # of the person


@dataclass(frozen=True, kw_only=True)
class Feeds:
    """All feeds in force, found by what messages may pass them."""

    feeds: Sequence[LiveFeed] = ()
    # As they come by: id -> slug, and the name of a message -> the feeds it may pass into.
    _sources: dict[int, str] = field(default_factory=dict)
    _by_name: dict[str, tuple[LiveFeed, ...]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.feeds)

    def touched(self, item: Arrived) -> Sequence[LiveFeed]:
        """Name the feeds that a message may pass into."""
        found = self._by_name.get(item.name)
        if found is None:
            found = self._of_name(item.name)
        if item.consent:
            told = [feed for category in item.consent for feed in self._by_consent.get(category, ())]
            found = tuple(dict.fromkeys((*found, *told)))
        if not found or item.is_historical:
            return ()
        source = self._slug_of(item.source_id)
        return [feed for feed in found if not is_own_news(item.name, source=source, slug=feed.slug)]

    def _of_name(self, name: str) -> tuple[LiveFeed, ...]:
        """Find the feeds whose gate speaks of messages of this name, or of any, and remember them."""
        if len(self._by_name) >= _MOST_NAMES:
            self._by_name.clear()
        found = self._by_name[name] = tuple(
            feed
            for feed in self.feeds
            if may_pass_anything(feed.gate)
            or any(name_fits(name, wanted=wanted) for wanted in reads(feed.gate).event_names)
        )
        return found

    @cached_property
    def _by_consent(self) -> Mapping[str, Sequence[LiveFeed]]:
        found: dict[str, list[LiveFeed]] = defaultdict(list)
        for feed in self.feeds:
            for category in reads(feed.gate).consents:
                found[category].append(feed)
        return found

    def _slug_of(self, source_id: int) -> str:
        if source_id not in self._sources:
            slug = Source.objects.filter(pk=source_id).values_list("slug", flat=True).first()
            self._sources[source_id] = slug or ""
        return self._sources[source_id]


def is_own_news(name: str, *, source: str, slug: str) -> bool:
    """Tell whether a message only says what a system told us itself, or what we did there.

    Args:
        source: slug of the message's source.
        slug: of the connection; a source and a connection of one slug are one system.
    """
    return source == slug or name in _OURS


def decided(
    feeds: Iterable[LiveFeed], item: Arrived, facts: Facts, *, changed: Mapping[str, bool], now: datetime
) -> Iterator[NewDelivery]:
    """Say what a message becomes in those of the feeds whose gate it passes.

    Args:
        changed: the consents that the message changed.
    """
    for feed in feeds:
        action = action_for(feed.actions, item.name)
        if action is not None and _passes(feed, item, facts, changed=changed, now=now):
            yield _delivery(feed, action, item, now=now)


def live_feeds() -> Feeds:
    """Read the feeds in force."""
    rows = Feed.objects.filter(is_active=True).select_related("connection").order_by("connection_id")
    return Feeds(feeds=[feed for row in rows if (feed := _live(row)) is not None])


def feeds_asking_for(key: str) -> list[str]:
    """The slugs of the connections whose gate asks for a trait."""
    return [feed.slug for feed in live_feeds().feeds if key in feed.reads.trait_keys]


def save_feed(connection: Connection, draft: FeedDraft, *, actor: str, now: datetime) -> Feed:
    """Put a feed in force, or out of it: from its commit on no message is decided by the former one."""
    with transaction.atomic():
        change_rules()
        return store_feed(connection, draft, actor=actor, now=now)


def _live(row: Feed) -> LiveFeed | None:
    try:
        gate = parse_condition(row.condition["if"], allow_entry=True)
        actions = read_actions(row.actions)
    except (ConditionError, FeedError):
        # Saving reads both, so only a document of another release gets here.
        logger.exception("the feed of %s cannot be read and feeds nothing", row.connection.slug)
        return None
    connection = row.connection
    return LiveFeed(
        id=connection.pk,
        slug=connection.slug,
        gate=gate,
        actions=actions,
        reads=person_reads(gate),
    )


def _passes(
    feed: LiveFeed, item: Arrived, facts: Facts, *, changed: Mapping[str, bool], now: datetime
) -> bool:
    try:
        return passes(feed.gate, facts, item.event(), changed=changed, now=now)
    except Exception:  # of one gate: the message is stored, and all else is decided
        logger.exception("the gate of %s cannot be asked about a %s", feed.slug, item.name)
        return False


def _delivery(feed: LiveFeed, action: FeedAction, item: Arrived, *, now: datetime) -> NewDelivery:
    return NewDelivery(
        key=f"feed:{feed.id}:{item.message_id}",
        person_id=item.person,
        channel=CRM.name,  # as in steps of journeys; the connection says which it is
        connection=feed.slug,
        action=action.action,
        fields=action.fields,
        context={"event": entry_document(item.event()), "feed": feed.slug},
        decided_at=now,
    )
