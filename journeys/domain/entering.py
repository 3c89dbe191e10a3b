"""Whether somebody is let into a journey, and what that does to a run that is already open.

The order of asking: is it what the entry waits for; does the entry's `if` hold; which run does it speak of
(the key); is there an open run of that key; may somebody who was inside come again.

Every run has an entry message. Where it is no message of the person's (somebody entered a segment, their
date came), an occasion stands for it.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import Enum
from hashlib import sha256
from uuid import UUID

import msgspec

from journeys.domain.decision import LedgerEntry, Outcome, Refusal
from journeys.domain.definition import Definition
from journeys.domain.nodes import Again, Policy
from profiles.domain.facts import Event, Facts, Json
from segments.domain.conditions import EventCount, name_fits
from segments.domain.evaluate import evaluate, holds
from segments.domain.values import value_at

LONGEST_KEY = 300
BY_MESSAGE = "entered_again"


class Action(Enum):
    """What an entry message leads to."""

    ENTER = "enter"
    REFUSE = "refuse"
    RESTART = "restart"  # the open run `run_id` begins anew with this message as its entry
    END = "end"  # the open run `run_id` ends; none begins


@dataclass(frozen=True, slots=True, kw_only=True)
class PastRun:
    """One run of the person in this journey, open or ended."""

    run_id: int
    key: str
    entered_at: datetime
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryDecision:
    """What follows from an entry message."""

    action: Action
    ledger: LedgerEntry
    key: str = ""
    run_id: int | None = None  # the open run that is restarted or ended


def enter(
    definition: Definition,
    *,
    history: Sequence[PastRun],
    event: Event,
    facts: Facts,
    now: datetime,
) -> EntryDecision | None:
    """Decide whether `event` begins a run. None: it is no entry message of this journey.

    Args:
        history: all runs of the person in this journey, in any order.
        facts: as of the message, it included.
    """
    on = definition.entry.on
    inside = facts.within(entry=event, event=event)
    if not isinstance(on, EventCount) or not _begins_runs(on, event, inside, now=now):
        return None
    return admit(definition, history=history, entry=event, facts=inside, now=now)


def admit(
    definition: Definition,
    *,
    history: Sequence[PastRun],
    entry: Event,
    facts: Facts,
    now: datetime,
) -> EntryDecision:
    """Decide whether somebody enters for whom the journey has waited.

    Args:
        history: all runs of the person in this journey, in any order.
        entry: the message or the occasion that begins the run.
        facts: as of now; their event is the message being processed, if there is one.
    """
    tree = None
    if condition := definition.entry.condition:
        answer = evaluate(condition, facts.within(entry=entry, event=facts.event), now)
        tree = answer.reason.to_json()
        if not answer.holds:
            return _refused(Refusal.FILTER, tree=tree)
    key = key_of(definition, entry)
    if key is None:
        return _refused(Refusal.NO_KEY)
    return _by_history(definition, history, key=key, now=now, tree=tree)


def occasion(
    name: str, *, at: datetime, cause: Event | None, facts: Facts, properties: Mapping[str, Json]
) -> Event:
    """What stands for an entry message; the same for the same person and moment.

    Args:
        cause: the message that brought it about; it does not count as having come since.
    """
    told = f"{name} {facts.uuid} {at.isoformat()}"
    if properties:
        told += json.dumps(properties, sort_keys=True, default=str)
    return Event(
        name=name,
        ts=cause.ts if cause else at,
        arrival=cause.arrival if cause else 0,
        received_at=at,
        message_id=str(UUID(bytes=sha256(told.encode()).digest()[:16])),
        properties=properties,
        context={},
    )


def carried_over(entry: Event, *, at: datetime, cause: Event | None, facts: Facts, journey: str) -> Event:
    """The entry message of somebody whom another journey sends: what it held, as of now."""
    here = occasion(entry.name, at=at, cause=cause, facts=facts, properties={"journey": journey})
    return msgspec.structs.replace(here, properties=entry.properties, context=entry.context)


def _begins_runs(on: EventCount, event: Event, facts: Facts, *, now: datetime) -> bool:
    """Whether this message alone, without the history before it, is what the journey waits for."""
    alone = msgspec.structs.replace(facts, events_of=lambda _name: (event,))
    return name_fits(event.name, wanted=on.name) and holds(on, alone, now)


def key_of(definition: Definition, event: Event) -> str | None:
    """The text that tells runs of one person apart; None if the message lacks the key's field.

    Without a key all runs share "", unless the journey may be entered always: then each message is a
    key of its own.
    """
    path = definition.entry.key
    if not path:
        return event.message_id if definition.entry.reentry.policy is Policy.ALWAYS else ""
    value = value_at(event.properties if path[0] == "properties" else event.context, path[1:])
    if value is None:
        return None
    text = _canonical(value)
    return text if len(text) <= LONGEST_KEY else f"sha256:{sha256(text.encode()).hexdigest()}"


def _canonical(value: Json) -> str:
    """One text per JSON value: 7 and 7.0 are the same, 7 and "7" are not."""
    match value:
        case bool() | str() | None:
            return json.dumps(value, ensure_ascii=False)
        case int() | float() | Decimal():
            return _canonical_number(value)
        case Mapping():
            parts = (f"{_canonical(str(name))}:{_canonical(value[name])}" for name in sorted(value))
            return "{" + ",".join(parts) + "}"
        case _:
            return "[" + ",".join(map(_canonical, value)) + "]"


def _canonical_number(value: int | float | Decimal) -> str:
    exact = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
    sign, digits, exponent = exact.as_tuple()
    text = "".join(map(str, digits)).lstrip("0")
    shorter = text.rstrip("0")
    if not shorter or not isinstance(exponent, int):
        return "0" if exact.is_finite() else str(exact)
    exponent += len(text) - len(shorter)
    return f"{'-' if sign else ''}{shorter}{f'e{exponent}' if exponent else ''}"


def _by_history(
    definition: Definition, history: Sequence[PastRun], *, key: str, now: datetime, tree: Json
) -> EntryDecision:
    entry = definition.entry
    # Without a key, runs that an earlier version gave a key are in the way too.
    is_alone = not entry.key and entry.reentry.policy is not Policy.ALWAYS
    rivals = (run for run in history if run.ended_at is None and (is_alone or run.key == key))
    open_run = next(rivals, None)
    if open_run:
        return _against(open_run, again=entry.reentry.again, tree=tree)
    # With a key each cart, order or appointment has a history of its own.
    past = [run for run in history if run.key == key] if entry.key else history
    if past and entry.reentry.policy is Policy.NEVER:
        return _refused(Refusal.BEFORE, tree=tree, key=key)
    apart = entry.reentry.not_within
    if past and apart and max(run.entered_at for run in past) > now - apart:
        return _refused(Refusal.TOO_SOON, tree=tree, key=key)
    ledger = LedgerEntry(outcome=Outcome.ENTERED, tree=tree)
    return EntryDecision(action=Action.ENTER, key=key, ledger=ledger)


def _against(run: PastRun, *, again: Again, tree: Json) -> EntryDecision:
    if again is Again.IGNORE:
        return _refused(Refusal.INSIDE, tree=tree, key=run.key)
    if again is Again.RESTART:
        ledger = LedgerEntry(outcome=Outcome.RESTARTED, tree=tree)
        return EntryDecision(action=Action.RESTART, key=run.key, run_id=run.run_id, ledger=ledger)
    ledger = LedgerEntry(outcome=Outcome.ENDED, reason=BY_MESSAGE, tree=tree)
    return EntryDecision(action=Action.END, key=run.key, run_id=run.run_id, ledger=ledger)


def _refused(refusal: Refusal, *, tree: Json = None, key: str = "") -> EntryDecision:
    ledger = LedgerEntry(outcome=Outcome.NOT_ENTERED, reason=refusal.value, tree=tree)
    return EntryDecision(action=Action.REFUSE, key=key, ledger=ledger)
