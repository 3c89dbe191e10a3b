"""Which events, and which other moments, lie in a window."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from datetime import datetime
from typing import assert_never

from profiles.domain.facts import Event, Facts
from segments.domain.conditions import BeforeLast, Between, During, Ever, Last, SinceEntry
from segments.domain.operators import Moment
from segments.domain.values import instant


class EvaluationError(Exception):
    """A condition asks for what the facts cannot have, such as a run's entry outside of a run."""


def order_of(event: Event) -> tuple[datetime, int]:
    return event.order


def _ts(event: Event) -> datetime:
    return event.ts


def in_window(history: Sequence[Event], during: During, facts: Facts, moment: Moment) -> Sequence[Event]:
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
            start = bisect_right(history, entry_of(facts).order, key=order_of)
        case _:
            assert_never(during)
    return history if start == 0 and end == len(history) else history[start:end]


def window_takes(during: During, event: Event, facts: Facts, moment: Moment) -> bool:
    """Whether the window takes the event being processed, however far ahead its clock is."""
    match during:
        case Ever():
            return True
        case SinceEntry():
            return event.order > entry_of(facts).order
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
            return at > entry_of(facts).received_at
        case _:
            assert_never(during)


def entry_of(facts: Facts) -> Event:
    if facts.entry is None:
        raise EvaluationError("a question about the time since entry outside of a run")
    return facts.entry
