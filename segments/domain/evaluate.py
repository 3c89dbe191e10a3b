"""One person's answer to a condition, with the reasons or fast.

`evaluate` and `holds` mean the same; `evaluate` asks every part and keeps what it saw, `holds` stops as
soon as the answer is certain. Both follow the rules atop `segments.domain.conditions`, and raise
`EvaluationError` where a question makes no sense for the facts at hand.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final, assert_never

from profiles.domain.facts import Event, Facts, Stay
from segments.domain.conditions import (
    AllOf,
    AnyOf,
    BeforeLast,
    Between,
    Condition,
    ConsentIs,
    ConsentState,
    ContextTest,
    CountOperator,
    During,
    EventCount,
    Ever,
    IdentityKnown,
    InSegment,
    Last,
    Leaf,
    NoneOf,
    SinceEntry,
    Source,
    Standing,
    Test,
    TraitTest,
    name_fits,
)
from segments.domain.operators import (
    OPERATORS,
    Comparison,
    EntryValue,
    Moment,
    holds_for,
    with_entry_value,
)
from segments.domain.parse import to_json
from segments.domain.values import Json, instant, json_number, number, value_at

LONGEST_SEEN: Final = 200  # characters of a text kept as a reason
MOST_SEEN: Final = 20  # items of a list or object kept as a reason


class EvaluationError(Exception):
    """A condition asks for what the facts cannot have, such as a run's entry outside of a run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Why a part of a condition holds or not: what it needed and what was seen."""

    condition: Condition
    seen: Json  # None for groups: their parts say it
    held: bool
    children: tuple["Reason", ...] = ()

    @property
    def node(self) -> str:
        """The word that names the kind of part: all, trait, event, …"""
        return _LABELS[type(self.condition)]

    @property
    def needed(self) -> dict[str, Any] | None:
        """The part as JSON, for describing it in any language later; None for groups."""
        return None if isinstance(self.condition, AllOf | AnyOf | NoneOf) else _needed(self.condition)

    def to_json(self) -> dict[str, Any]:
        """What the ledger keeps: node, held, and needed and seen or children."""
        document: dict[str, Any] = {"node": self.node, "held": self.held}
        if isinstance(self.condition, AllOf | AnyOf | NoneOf):
            return document | {"children": [child.to_json() for child in self.children]}
        return document | {"needed": self.needed, "seen": self.seen}


@lru_cache(maxsize=4096)
def _needed(leaf: Leaf) -> dict[str, Any]:
    """A leaf as JSON, shared by all reasons about it: nobody may change it."""
    return to_json(leaf)


_LABELS: Final = {
    AllOf: "all",
    AnyOf: "any",
    NoneOf: "none",
    TraitTest: "trait",
    EventCount: "event",
    InSegment: "segment",
    ConsentIs: "consent",
    IdentityKnown: "known",
    ContextTest: "context",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Whether a condition holds, and why."""

    holds: bool
    reason: Reason


def evaluate(condition: Condition, facts: Facts, now: datetime) -> Answer:
    """Ask a condition of one person at one moment, with reasons."""
    reason = _reason(condition, facts, Moment(now=now, zone=facts.zone))
    return Answer(holds=reason.held, reason=reason)


def holds(condition: Condition, facts: Facts, now: datetime) -> bool:
    """Ask a condition of one person at one moment."""
    return _holds(condition, facts, Moment(now=now, zone=facts.zone))


def passes(test: Test, event: Event, *, facts: Facts, moment: Moment) -> bool:
    """Whether one event passes one test."""
    document = event.properties if test.source is Source.PROPERTY else event.context
    seen = value_at(document, test.path)
    if not isinstance(test.comparison.value, EntryValue):
        return holds_for(seen, test.comparison, moment)
    comparison = _with_entry(test.comparison, test.comparison.value, facts)
    if comparison is None:
        return OPERATORS[test.comparison.op].opposite_of is not None
    return holds_for(seen, comparison, moment)


def _with_entry(comparison: Comparison, value: EntryValue, facts: Facts) -> Comparison | None:
    if facts.entry is None:
        raise EvaluationError("a comparison with the entry message outside of a run")
    document = facts.entry.properties if value.path[0] == "properties" else facts.entry.context
    return with_entry_value(comparison, value_at(document, value.path[1:]))


def _holds(condition: Condition, facts: Facts, moment: Moment) -> bool:
    match condition:
        case AllOf():
            return all(_holds(part, facts, moment) for part in condition.of)
        case EventCount():
            return _enough(condition, facts, moment)
        case TraitTest():
            return holds_for(value_at(facts.traits, condition.path), condition.comparison, moment)
        case AnyOf():
            return any(_holds(part, facts, moment) for part in condition.of)
        case NoneOf():
            return not any(_holds(part, facts, moment) for part in condition.of)
        case InSegment():
            return _stands(condition, facts, moment)
        case ConsentIs():
            return consent_state(facts, condition.category) is condition.state
        case IdentityKnown():
            return condition.kind in facts.identities
        case ContextTest():
            return holds_for(_in_context(condition, facts), condition.comparison, moment)
        case _:
            assert_never(condition)


def _reason(condition: Condition, facts: Facts, moment: Moment) -> Reason:
    match condition:
        case AllOf() | AnyOf() | NoneOf():
            children = tuple(_reason(part, facts, moment) for part in condition.of)
            return Reason(
                condition=condition, seen=None, held=_joined(condition, children), children=children
            )
        case EventCount():
            count = _counted(condition, facts, moment)
            return Reason(condition=condition, seen=count, held=condition.count.holds_for(count))
        case _:
            return Reason(
                condition=condition,
                seen=_seen(condition, facts, moment),
                held=_holds(condition, facts, moment),
            )


def _joined(group: AllOf | AnyOf | NoneOf, children: Sequence[Reason]) -> bool:
    match group:
        case AllOf():
            return all(child.held for child in children)
        case AnyOf():
            return any(child.held for child in children)
        case NoneOf():
            return not any(child.held for child in children)


def _seen(leaf: Leaf, facts: Facts, moment: Moment) -> Json:
    match leaf:
        case TraitTest():
            return _short(value_at(facts.traits, leaf.path))
        case ContextTest():
            return _short(_in_context(leaf, facts))
        case ConsentIs():
            return str(consent_state(facts, leaf.category))
        case IdentityKnown():
            return leaf.kind in facts.identities
        case InSegment():
            return _standing(facts, leaf.slug, moment.now)
        case EventCount():
            return _counted(leaf, facts, moment)
        case _:
            assert_never(leaf)


def _short(value: Json) -> Json:
    """A value as the ledger may keep it: JSON-ready and bounded."""
    match value:
        case str():
            return value if len(value) <= LONGEST_SEEN else value[:LONGEST_SEEN] + "…"
        case Decimal():
            return str(value) if number(value) is None else json_number(value)
        case list() | tuple():
            return [_short(item) for item in value[:MOST_SEEN]]
        case dict():
            return {key: _short(item) for key, item in list(value.items())[:MOST_SEEN]}
        case _:
            return value


def consent_state(facts: Facts, category: str) -> ConsentState:
    match facts.consent.get(category):
        case None:
            return ConsentState.UNSET
        case granted:
            return ConsentState.GRANTED if granted else ConsentState.DENIED


def _in_context(condition: ContextTest, facts: Facts) -> Json:
    return None if facts.event is None else value_at(facts.event.context, condition.path)


def _enough(condition: EventCount, facts: Facts, moment: Moment) -> bool:
    """Count no further than the answer needs."""
    wanted = condition.count.value
    limit = wanted if condition.count.op is CountOperator.AT_LEAST else wanted + 1
    return condition.count.holds_for(_counted(condition, facts, moment, limit=limit))


def _counted(condition: EventCount, facts: Facts, moment: Moment, *, limit: int | None = None) -> int:
    """How many events count, no further than `limit`; the one being processed belongs to the history."""
    history = facts.events_of(condition.name)
    found = _in_window(history, condition.during, facts, moment)
    current = facts.event
    if (
        current is not None
        and name_fits(current.name, wanted=condition.name)
        and (current.ts > moment.now or not _holds_event(history, current))
        and _window_takes(condition.during, current, facts, moment)
    ):
        found = [*found, current]
    if not condition.where:
        return len(found)
    number = 0
    for event in found:
        if number == limit:
            break
        for test in condition.where:
            if not passes(test, event, facts=facts, moment=moment):
                break
        else:
            number += 1
    return number


def _holds_event(history: Sequence[Event], event: Event) -> bool:
    if history and history[-1] is event:
        return True  # as nearly always: it came in last
    place = bisect_left(history, event.order, key=_order)
    while place < len(history) and history[place].order == event.order:
        if history[place].message_id == event.message_id:
            return True
        place += 1
    return False


def _order(event: Event) -> tuple[datetime, int]:
    return event.order


def _ts(event: Event) -> datetime:
    return event.ts


def _in_window(history: Sequence[Event], during: During, facts: Facts, moment: Moment) -> Sequence[Event]:
    """The part of a history that lies in the window and not after now."""
    if not history:
        return history
    end = bisect_right(history, moment.now, key=_ts) if history[-1].ts > moment.now else len(history)
    match during:
        case Ever():
            start = 0
        case Last():
            start = bisect_right(history, moment.now - during.length.exact(), key=_ts)
        case BeforeLast():
            start, end = 0, bisect_right(history, moment.now - during.length.exact(), key=_ts)
        case Between():
            start = bisect_left(history, instant(during.start, zone=moment.zone), key=_ts)
            end = min(end, bisect_left(history, instant(during.end, zone=moment.zone), key=_ts))
        case SinceEntry():
            start = bisect_right(history, _entry(facts).order, key=_order)
        case _:
            assert_never(during)
    return history if start == 0 and end == len(history) else history[start:end]


def _window_takes(during: During, event: Event, facts: Facts, moment: Moment) -> bool:
    """Whether the window takes the event being processed, however far ahead its clock is."""
    match during:
        case Ever():
            return True
        case SinceEntry():
            return event.order > _entry(facts).order
        case _:
            return lies_in(event.ts, during, facts=facts, moment=moment)


def lies_in(at: datetime, during: During, *, facts: Facts, moment: Moment) -> bool:
    """Whether an instant not after now lies in a window; since entry: after the entry message came in."""
    match during:
        case Ever():
            return True
        case Last():
            return at > moment.now - during.length.exact()
        case BeforeLast():
            return at <= moment.now - during.length.exact()
        case Between():
            start, end = instant(during.start, zone=moment.zone), instant(during.end, zone=moment.zone)
            return start <= at < end
        case SinceEntry():
            return at > _entry(facts).received_at
        case _:
            assert_never(during)


def _entry(facts: Facts) -> Event:
    if facts.entry is None:
        raise EvaluationError("a question about the time since entry outside of a run")
    return facts.entry


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
