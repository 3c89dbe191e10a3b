"""One person asked about segments at one moment, and the stays moved accordingly. In memory only."""

import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from heapq import heapify, heappop, heappush
from typing import Final

from profiles.domain.facts import Facts, Json, Stay
from segments.domain.conditions import Condition
from segments.domain.evaluate import evaluate, holds
from segments.domain.next_change import next_change
from segments.live.rules import LiveSegment

logger = logging.getLogger(__name__)

BY_HAND: Final[Json] = {"node": "manual"}
LONGEST_FAULT: Final = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Somebody entered or left a segment."""

    segment_id: int
    slug: str
    person: int
    at: datetime
    is_entered: bool
    why: Json  # the reasons, as JSON


@dataclass(slots=True, kw_only=True)
class Settled:
    """What asking came to."""

    changes: list[Change] = field(default_factory=list)
    asked: list[int] = field(default_factory=list)  # segments, those that followed included
    faults: dict[int, str] = field(default_factory=dict)  # segment -> why it could not be asked


def settle(
    segments: Mapping[int, LiveSegment],
    asked: Collection[int],
    facts: Facts,
    *,
    now: datetime,
    stays: dict[str, list[Stay]],
    manual: Mapping[str, bool],
) -> Settled:
    """Ask segments about one person and move the person's stays accordingly.

    What was said by hand beats the rule, either way. A segment that cannot be asked keeps the person
    where they are and stops no other.

    Args:
        segments: by id; each one's followers among them (`in_order`).
        asked: ids of those whose answer may have changed; their dependants are asked as needed.
        facts: must show `stays` (the same object), so that a dependant sees the change before it.
        manual: slug -> whether the person was added by hand, or else removed.
    """
    settled = Settled()
    waiting = [(segments[id_].place, id_) for id_ in asked if id_ in segments]
    heapify(waiting)
    wanted = set(asked)
    while waiting:
        _, id_ = heappop(waiting)
        segment = segments[id_]
        settled.asked.append(id_)
        try:
            change = _settle_one(segment, facts, now=now, stays=stays, manual=manual.get(segment.slug))
        except Exception as error:  # of one rule: everything else about the person is decided
            settled.faults[id_] = fault_of(error, slug=segment.slug)
            continue
        if change is not None:
            settled.changes.append(change)
            for follower in segment.followers - wanted:
                wanted.add(follower)
                heappush(waiting, (segments[follower].place, follower))
    return settled


def fault_of(error: Exception, *, slug: str) -> str:
    """Log that a segment cannot be asked, and say why in words that hold no personal data."""
    logger.error("segment %s cannot be asked", slug, exc_info=error)
    return f"{type(error).__name__}: {error}"[:LONGEST_FAULT]


def _settle_one(
    segment: LiveSegment, facts: Facts, *, now: datetime, stays: dict[str, list[Stay]], manual: bool | None
) -> Change | None:
    history = stays.setdefault(segment.slug, [])
    is_inside = bool(history) and history[-1].left_at is None
    belongs = holds(segment.condition, facts, now) if manual is None else manual
    if belongs is is_inside:
        return None
    if is_inside:
        # A message of another lane, received a little later, may have opened the stay.
        history[-1] = replace(history[-1], left_at=max(now, history[-1].entered_at))
    else:
        history.append(Stay(entered_at=now))
    return Change(
        segment_id=segment.id,
        slug=segment.slug,
        person=facts.person_id,
        at=now,
        is_entered=not is_inside,
        why=BY_HAND | {"held": manual}
        if manual is not None
        else evaluate(segment.condition, facts, now).reason.to_json(),
    )


def segment_due(segment: LiveSegment, facts: Facts, *, now: datetime) -> datetime | None:
    """When the person's membership may next change by the clock alone; None: never."""
    return next_moment(segment.condition, facts, now=now)


def next_moment(condition: Condition, facts: Facts, *, now: datetime) -> datetime | None:
    """When the answer may next change by the clock alone; None: never.

    Raises:
        ValueError: the moment found is not a later one; asking again at it would never end.
    """
    at = next_change(condition, facts, now)
    if at is not None and at <= now:
        raise ValueError("the next change of a condition must lie ahead")
    return at
