"""The parts of a condition about the person: traits and their past, segments, lists, consent."""

from datetime import UTC, datetime
from typing import Final, assert_never

from profiles.domain.facts import Facts, Stay
from segments.domain.buckets import bounds_of, share_of
from segments.domain.conditions import (
    ConsentIs,
    ConsentState,
    ContextTest,
    HasBeen,
    IdentityKnown,
    InBucket,
    InSegment,
    OnList,
    PersonLeaf,
    Span,
    Standing,
    TraitTest,
)
from segments.domain.evaluate.reasons import short
from segments.domain.evaluate.windows import lies_in
from segments.domain.operators import Moment, holds_for
from segments.domain.values import Instant, Json, value_at

EVER: Final = datetime.min.replace(tzinfo=UTC)  # since when something holds that never began


def person_holds(leaf: PersonLeaf, facts: Facts, moment: Moment) -> bool:
    match leaf:
        case TraitTest():
            return holds_for(value_at(facts.traits, leaf.path), leaf.comparison, moment)
        case HasBeen():
            return _has_lasted(leaf, held_since(leaf, facts, moment), moment.now)
        case InSegment():
            return _stands(leaf, facts, moment)
        case OnList():
            return any(_is_present(stay, moment.now) for stay in facts.lists.get(leaf.slug, ()))
        case InBucket():
            start, end = bounds_of(leaf)
            return start <= share_of(leaf.salt, facts.uuid) < end
        case ConsentIs():
            return consent_state(facts, leaf.category) is leaf.state
        case IdentityKnown():
            return leaf.kind in facts.identities
        case ContextTest():
            return holds_for(_in_context(leaf, facts), leaf.comparison, moment)
        case _:
            assert_never(leaf)


def person_seen(leaf: PersonLeaf, facts: Facts, moment: Moment) -> Json:
    """What stands in the ledger beside the answer."""
    match leaf:
        case TraitTest():
            return short(value_at(facts.traits, leaf.path))
        case HasBeen():
            since = held_since(leaf, facts, moment)
            return None if since is None or since == EVER else str(Instant(at=since))
        case InSegment():
            return _standing(facts, leaf.slug, moment.now)
        case OnList() | InBucket():
            return person_holds(leaf, facts, moment)
        case ConsentIs():
            return str(consent_state(facts, leaf.category))
        case IdentityKnown():
            return leaf.kind in facts.identities
        case ContextTest():
            return short(_in_context(leaf, facts))
        case _:
            assert_never(leaf)


def held_since(leaf: HasBeen, facts: Facts, moment: Moment) -> datetime | None:
    """Since when the test has held without a break: `EVER` if it always did, None if it does not hold."""
    since = None
    for change in reversed(facts.trait_history.get(leaf.path[0], ())):
        if change.at > moment.now:
            continue
        if not holds_for(value_at(change.value, leaf.path[1:]), leaf.comparison, moment):
            return since
        since = change.at
    return EVER if holds_for(None, leaf.comparison, moment) else since


def _has_lasted(leaf: HasBeen, since: datetime | None, now: datetime) -> bool:
    if since is None:
        return False
    is_long = since <= now - leaf.length.exact()
    return is_long if leaf.span is Span.AT_LEAST else not is_long


def consent_state(facts: Facts, category: str) -> ConsentState:
    match facts.consent.get(category):
        case None:
            return ConsentState.UNSET
        case granted:
            return ConsentState.GRANTED if granted else ConsentState.DENIED


def _in_context(condition: ContextTest, facts: Facts) -> Json:
    return None if facts.event is None else value_at(facts.event.context, condition.path)


def _is_present(stay: Stay, now: datetime) -> bool:
    return stay.entered_at <= now and (stay.left_at is None or stay.left_at > now)


def _has_left(stay: Stay, now: datetime) -> bool:
    return stay.left_at is not None and stay.left_at <= now


def _stands(condition: InSegment, facts: Facts, moment: Moment) -> bool:
    stays = facts.stays.get(condition.slug, ())
    present = [stay for stay in stays if _is_present(stay, moment.now)]
    match condition.standing:
        case Standing.NOT_MEMBER:
            return not present
        case Standing.MEMBER:
            return any(
                lies_in(stay.entered_at, condition.during, facts=facts, moment=moment) for stay in present
            )
        case Standing.LEFT:
            return not present and any(
                lies_in(stay.left_at, condition.during, facts=facts, moment=moment)
                for stay in stays
                if stay.left_at is not None and _has_left(stay, moment.now)
            )


def _standing(facts: Facts, slug: str, now: datetime) -> str:
    stays = facts.stays.get(slug, ())
    if any(_is_present(stay, now) for stay in stays):
        return str(Standing.MEMBER)
    has_left = any(_has_left(stay, now) for stay in stays)
    return str(Standing.LEFT if has_left else Standing.NOT_MEMBER)
