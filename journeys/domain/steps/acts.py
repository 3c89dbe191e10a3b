"""Steps that act: messages, traits, lists.

A message that may not leave now keeps the run where it is; when it is due, everything that could forbid it
is asked again.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Final, assert_never

import msgspec

from connectors.domain.consent import Refusal, consent_category
from connectors.domain.message import MessageClass
from journeys.domain.decision import (
    CAPPED,
    Hold,
    Kind,
    LedgerEntry,
    ListWrite,
    Outcome,
    Outgoing,
    TraitWrite,
)
from journeys.domain.nodes import Crm, ListChange, Listing, Send, SetTrait, Webhook
from journeys.domain.settings import Sent, is_capped, quiet_until
from journeys.domain.steps.result import GoOn, Moment, Result
from journeys.domain.steps.result import Stay as StayHere
from profiles.domain.facts import Facts, Json, Stay
from profiles.domain.facts import TraitChange as PastTrait
from segments.domain.conditions import ConsentIs, ConsentState
from segments.domain.evaluate import consent_state, evaluate

_MOST_NIGHTS: Final = 16  # quiet hours of journey and company that lead from one into the other


def message(step: Send | Crm | Webhook, moment: Moment, *, has_place: bool = False) -> Result:
    """Decide a message: consent, suppression, quiet hours, caps, throttle, in this order.

    Args:
        has_place: the throttle has kept a place for it.
    """
    outgoing = _outgoing(step, visit=moment.visit)
    refused = _consent_missing(outgoing, moment) or _not_sent(step.id, moment.means.refuse(outgoing))
    if refused is None and isinstance(step, Send):
        if (until := _quiet_until(outgoing, moment)) is not None:
            return _held(step.id, Hold.QUIET_HOURS, until)
        refused = _not_sent(step.id, CAPPED if _is_capped(outgoing, moment) else "")
    if refused is not None:
        return Result(way=GoOn(), ledger=(refused,))
    if not has_place and (at := _place(outgoing, moment)) > moment.clock:
        return _held(step.id, Hold.THROTTLE, at)
    queued = LedgerEntry(step=step.id, outcome=Outcome.QUEUED)
    return Result(way=GoOn(), ledger=(queued,), messages=(outgoing,))


def _held(step_id: str, hold: Hold, until: datetime) -> Result:
    entry = LedgerEntry(step=step_id, outcome=Outcome.HELD, reason=hold.value)
    return Result(way=StayHere(due_at=until, has_place=hold is Hold.THROTTLE), ledger=(entry,))


def _not_sent(step_id: str, reason: str) -> LedgerEntry | None:
    return LedgerEntry(step=step_id, outcome=Outcome.NOT_SENT, reason=reason) if reason else None


def _quiet_until(outgoing: Outgoing, moment: Moment) -> datetime | None:
    """When neither the journey's nor the company's quiet hours hold the message back; None: now."""
    company = moment.means.company
    nights = ((moment.settings.quiet_hours, moment.zone), (company.quiet_hours, moment.facts.zone))
    at = moment.clock
    for _ in range(_MOST_NIGHTS):
        over = [quiet_until(hours, outgoing.message_class, at, zone=zone) for hours, zone in nights]
        later = max((each for each in over if each is not None), default=at)
        if later == at:
            break
        at = later
    return at if at > moment.clock else None


def _is_capped(outgoing: Outgoing, moment: Moment) -> bool:
    caps = (*moment.settings.caps, *moment.means.company.caps)
    if not caps:
        return False
    now = moment.clock
    decided = [
        Sent(at=now, message_class=one.message_class) for one in moment.decided if one.kind is Kind.SEND
    ]
    return is_capped(caps, outgoing.message_class, now, sent=[*moment.means.sent, *decided])


def _place(outgoing: Outgoing, moment: Moment) -> datetime:
    throttle = moment.settings.throttle
    if throttle is None:
        return moment.clock
    return moment.means.place(outgoing.channel, throttle, moment.clock)


def _outgoing(step: Send | Crm | Webhook, *, visit: int) -> Outgoing:
    match step:
        case Send():
            return Outgoing(
                step=step.id,
                visit=visit,
                kind=Kind.SEND,
                channel=step.channel,
                connection=step.connection,
                template=step.template,
                message_class=step.message_class.value,
                fields=step.fields,
            )
        case Crm():
            return Outgoing(
                step=step.id,
                visit=visit,
                kind=Kind.CRM,
                channel="crm",
                connection=step.connection,
                action=step.action,
                fields=step.fields,
            )
        case Webhook():
            return Outgoing(
                step=step.id,
                visit=visit,
                kind=Kind.WEBHOOK,
                channel="webhook",
                connection=step.connection,
                fields=step.fields,
            )
        case _:
            assert_never(step)


def _consent_missing(message: Outgoing, moment: Moment) -> LedgerEntry | None:
    """Marketing needs consent that was granted; not having been asked is a no."""
    if message.message_class != MessageClass.MARKETING:
        return None
    needed = ConsentIs(category=consent_category(message.channel), state=ConsentState.GRANTED)
    answer = evaluate(needed, moment.facts, moment.now)
    if answer.holds:
        return None
    is_unset = consent_state(moment.facts, needed.category) is ConsentState.UNSET
    refusal = Refusal.CONSENT_UNSET if is_unset else Refusal.CONSENT_DENIED
    tree = answer.reason.to_json()
    return LedgerEntry(step=message.step, outcome=Outcome.NOT_SENT, reason=refusal.value, tree=tree)


def set_trait(step: SetTrait, moment: Moment) -> Result:
    writes = tuple(
        TraitWrite(
            step=step.id,
            key=key,
            # Whoever renders may be in another process, which is far for what is plain.
            value=moment.means.render(value, moment.facts) if _is_template(value) else value,
        )
        for key, value in step.values.items()
    )
    names = ", ".join(step.values)
    entry = LedgerEntry(step=step.id, outcome=Outcome.TRAIT_SET, reason=names[:200])
    return Result(way=GoOn(), ledger=(entry,), trait_writes=writes)


def _is_template(value: Json) -> bool:
    match value:
        case str():
            return "{" in value
        case Mapping():
            return any(map(_is_template, value.values()))
        case list():
            return any(map(_is_template, value))
        case _:
            return False


def list_change(step: ListChange) -> Result:
    is_added = step.change is Listing.ADD
    outcome = Outcome.LISTED if is_added else Outcome.UNLISTED
    write = ListWrite(step=step.id, list=step.list, is_added=is_added)
    entry = LedgerEntry(step=step.id, outcome=outcome, reason=step.list)
    return Result(way=GoOn(), ledger=(entry,), list_writes=(write,))


def facts_after(facts: Facts, result: Result, *, now: datetime) -> Facts:
    """The person as the steps after this one see them."""
    if result.trait_writes:
        facts = _with_traits(facts, result.trait_writes, now=now)
    if result.list_writes:
        facts = _with_lists(facts, result.list_writes, now=now)
    return facts


def _with_traits(facts: Facts, writes: tuple[TraitWrite, ...], *, now: datetime) -> Facts:
    arrival = facts.event.arrival if facts.event else 0
    traits, history = dict(facts.traits), dict(facts.trait_history)
    for write in writes:
        traits[write.key] = write.value
        change = PastTrait(at=now, arrival=arrival, value=write.value)
        history[write.key] = (*history.get(write.key, ()), change)
    present = {key: value for key, value in traits.items() if value is not None}
    return msgspec.structs.replace(facts, traits=present, trait_history=history)


def _with_lists(facts: Facts, writes: tuple[ListWrite, ...], *, now: datetime) -> Facts:
    lists = dict(facts.lists)
    for write in writes:
        stays = lists.get(write.list, ())
        is_on = bool(stays) and stays[-1].left_at is None
        if write.is_added and not is_on:
            lists[write.list] = (*stays, Stay(entered_at=now))
        elif is_on and not write.is_added:
            lists[write.list] = (*stays[:-1], replace(stays[-1], left_at=now))
    return msgspec.structs.replace(facts, lists=lists)
