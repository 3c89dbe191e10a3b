"""Bring computed traits and memberships up to date with what has happened."""

import logging
from collections.abc import Collection
from datetime import datetime

from cdp_site.pipeline.deciding.desk import Desk
from profiles.domain.facts import Event
from segments.domain.computed import value_of
from segments.live import settle
from segments.network import ListStimulus, SegmentStimulus

logger = logging.getLogger(__name__)


def settle_pending(desk: Desk, person: int, *, event: Event | None, now: datetime) -> None:
    """Answer the pending computed traits, then the pending segments; what reads them becomes pending."""
    _compute(desk, person, event=event, now=now)
    asked = set(desk.take_pending("segment"))
    if not asked:
        return
    settled = settle(
        desk.rules.segments,
        asked,
        desk.facts(person, event=event),
        now=now,
        stays=desk.states[person].stays,
        manual=desk.manual.of(person, now=now),
    )
    desk.memberships += settled.changes
    desk.faults |= settled.faults
    desk.asked[person] |= {("segment", id_): now for id_ in asked.union(settled.asked)}
    for change in settled.changes:
        desk.mark(SegmentStimulus(slug=change.slug))
        desk.crossings.append((change.slug, change.is_entered))


def _compute(desk: Desk, person: int, *, event: Event | None, now: datetime) -> None:
    for id_ in desk.take_pending("computed"):
        desk.asked[person]["computed", id_] = now
        trait = desk.rules.computed.get(id_)
        if trait is None:  # paused
            continue
        facts = desk.facts(person, event=None)
        try:
            value = value_of(trait.definition, facts, now=now, fifths=trait.fifths)
        except Exception:  # of one trait: it stays as it is, and all else is decided
            logger.exception("computed trait %s cannot be found", trait.key)
            continue
        desk.set_trait(person, trait.key, value, origin="computed", event=event, now=now)


def mark_moves(desk: Desk, person: int, due: Collection[int], *, now: datetime) -> None:
    """Tell other rules what a build or somebody's hand changed at this moment, leaving the rest to us."""
    said = desk.manual.changed_at(person, now=now)
    for id_ in due:
        if (segment := desk.rules.segments.get(id_)) is None:
            continue
        stays = desk.states[person].stays.get(segment.slug) or []
        if any(now in (stay.entered_at, stay.left_at) for stay in stays):
            desk.mark(SegmentStimulus(slug=segment.slug))
            desk.crossings.append((segment.slug, stays[-1].left_at is None))
        if segment.slug in said:
            desk.mark(ListStimulus(slug=segment.slug))
