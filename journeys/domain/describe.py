"""Steps in words: what a card says, and what a change comes to.

Pass `django.utils.translation` as the translator to hear it in the reader's language; without one it is
English.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import time, timedelta
from functools import reduce
from typing import Final, assert_never

from journeys.domain.clock import EVERY_DAY, MIDNIGHT, DateRule, TimeOfDay, Window
from journeys.domain.nodes import (
    ApiEntry,
    Branch,
    Crm,
    Crossing,
    DateEntry,
    Entry,
    Exit,
    GoToJourney,
    ListChange,
    Listing,
    Policy,
    Repeat,
    ScheduleEntry,
    SegmentEntry,
    Send,
    SetTrait,
    Split,
    Step,
    Trigger,
    Wait,
    WaitClock,
    WaitDate,
    WaitUntil,
    Webhook,
)
from journeys.domain.schedule import Unit, in_largest_unit
from segments.domain.conditions import AllOf, EventCount, TraitTest
from segments.domain.describe import describe
from segments.domain.phrases import ENGLISH, Translator, gettext_noop
from segments.domain.values import Length

EVERYBODY: Final = AllOf(of=())

KIND_LABELS: Final[Mapping[type[Step], str]] = {
    Wait: gettext_noop("Wait"),
    WaitClock: gettext_noop("Wait for a time"),
    WaitDate: gettext_noop("Wait for a date"),
    WaitUntil: gettext_noop("Wait until something happens"),
    Branch: gettext_noop("Branch"),
    Split: gettext_noop("Split"),
    Repeat: gettext_noop("Repeat"),
    Send: gettext_noop("Send a message"),
    Crm: gettext_noop("CRM action"),
    Webhook: gettext_noop("Webhook"),
    SetTrait: gettext_noop("Set a trait"),
    ListChange: gettext_noop("Change a list"),
    GoToJourney: gettext_noop("Go to a journey"),
    Exit: gettext_noop("Exit"),
}
_ACTIONS: Final[Mapping[str, str]] = {
    "create_deal": gettext_noop("Create a deal"),
    "create_task": gettext_noop("Create a task"),
    "upsert_contact": gettext_noop("Create or update the contact"),
    "add_note": gettext_noop("Add a note"),
    "add_to_list": gettext_noop("Add to a list"),
    "update_field": gettext_noop("Change a field"),
}
_POLICIES: Final[Mapping[Policy, str]] = {
    Policy.NEVER: gettext_noop("Once only"),
    Policy.AFTER_EXIT: gettext_noop("Again after leaving"),
    Policy.ALWAYS: gettext_noop("Every time"),
}


def kind_label(step: Step, *, translator: Translator = ENGLISH) -> str:
    """What kind of step this is."""
    return translator.gettext(KIND_LABELS[type(step)])


def title(step: Step, *, translator: Translator = ENGLISH) -> str:
    """The step's name, or its kind where nobody named it."""
    return step.name or kind_label(step, translator=translator)


def action_label(action: str, *, translator: Translator = ENGLISH) -> str:
    """What a CRM is asked to do; an action of its own keeps its name."""
    return translator.gettext(_ACTIONS[action]) if action in _ACTIONS else action


def policy_label(policy: Policy, *, translator: Translator = ENGLISH) -> str:
    """How often somebody may enter."""
    return translator.gettext(_POLICIES[policy])


def length_in_words(length: timedelta, *, translator: Translator = ENGLISH) -> str:
    """A length of time as people say it."""
    amount, unit = in_largest_unit(length)
    match unit:
        case Unit.DAYS:
            said = translator.ngettext("{n} day", "{n} days", amount)
        case Unit.HOURS:
            said = translator.ngettext("{n} hour", "{n} hours", amount)
        case Unit.MINUTES:
            said = translator.ngettext("{n} minute", "{n} minutes", amount)
        case _:
            said = translator.ngettext("{n} second", "{n} seconds", amount)
    return said.format(n=amount)


def entry_summary(entry: Entry, *, translator: Translator = ENGLISH) -> str:
    """Who enters."""
    told = trigger_summary(entry.on, translator=translator)
    if entry.condition is None or entry.condition == EVERYBODY:
        return told
    both = translator.gettext(gettext_noop("{trigger}, if: {condition}"))
    return both.format(trigger=told, condition=describe(entry.condition, translator=translator))


def trigger_title(on: Trigger, *, translator: Translator = ENGLISH) -> str:
    """What a journey begins with, in a few words."""
    match on:
        case EventCount():
            return on.name
        case SegmentEntry() | ScheduleEntry():
            return on.segment
        case DateEntry():
            return ".".join(on.path)
        case ApiEntry():
            return translator.gettext(gettext_noop("By the API"))
        case _:
            assert_never(on)


def trigger_summary(on: Trigger, *, translator: Translator = ENGLISH) -> str:
    """What a journey begins with, in a sentence."""
    say = translator.gettext
    match on:
        case EventCount():
            return _event(on, translator)
        case SegmentEntry(change=Crossing.ENTERED):
            return say(gettext_noop("When somebody enters “{segment}”")).format(segment=on.segment)
        case SegmentEntry():
            return say(gettext_noop("When somebody leaves “{segment}”")).format(segment=on.segment)
        case DateEntry():
            return _date(on.path, on.rule, translator)
        case ScheduleEntry():
            told = say(gettext_noop("Everybody in “{segment}”, at the times of {timetable}"))
            return told.format(segment=on.segment, timetable=on.cron)
        case ApiEntry():
            return say(gettext_noop("When another system names somebody"))
        case _:
            assert_never(on)


def _event(on: EventCount, translator: Translator) -> str:
    if not on.where:
        return translator.gettext(gettext_noop("When “{event}” happens")).format(event=on.name)
    tests = [
        describe(TraitTest(path=test.path, comparison=test.comparison), translator=translator)
        for test in on.where
    ]
    pair = translator.gettext("{first} and {second}")
    joined = reduce(lambda first, second: pair.format(first=first, second=second), tests)
    return translator.gettext(gettext_noop("When “{event}” happens with {tests}")).format(
        event=on.name, tests=joined
    )


def _date(path: tuple[str, ...], rule: DateRule, translator: Translator) -> str:
    say = translator.gettext
    trait = ".".join(path)
    if rule.offset is None:
        told = say(gettext_noop("When the date in “{trait}” comes")).format(trait=trait)
    elif rule.is_before:
        told = say(gettext_noop("{length} before the date in “{trait}”")).format(
            length=_length(rule.offset, translator), trait=trait
        )
    else:
        told = say(gettext_noop("{length} after the date in “{trait}”")).format(
            length=_length(rule.offset, translator), trait=trait
        )
    if rule.at is not None:
        told = say(gettext_noop("{moment}, at {time}")).format(moment=told, time=_time(rule.at))
    return say(gettext_noop("{moment}, every year")).format(moment=told) if rule.is_yearly else told


def _length(length: Length, translator: Translator) -> str:
    """A length that may follow the calendar."""
    if not length.months:
        return length_in_words(length.exact(), translator=translator)
    months = translator.ngettext("{n} month", "{n} months", length.months).format(n=length.months)
    rest = replace(length, months=0)
    if rest == Length():
        return months
    pair = translator.gettext("{first} and {second}")
    return pair.format(first=months, second=length_in_words(rest.exact(), translator=translator))


def _time(at: time) -> str:
    return at.strftime("%H:%M")


_DAYS: Final = (
    gettext_noop("Monday"),
    gettext_noop("Tuesday"),
    gettext_noop("Wednesday"),
    gettext_noop("Thursday"),
    gettext_noop("Friday"),
    gettext_noop("Saturday"),
    gettext_noop("Sunday"),
)


def _days(days: Iterable[int], translator: Translator) -> str:
    return ", ".join(translator.gettext(_DAYS[day]) for day in sorted(days))


def window_in_words(until: TimeOfDay | Window, *, translator: Translator = ENGLISH) -> str:
    """A time of day, or from when to when, and on which days."""
    say = translator.gettext
    if isinstance(until, TimeOfDay):
        told = say(gettext_noop("at {time}")).format(time=_time(until.at))
    elif until.start == until.end == MIDNIGHT:
        return _days(until.days, translator)
    else:
        end = "24:00" if until.end == MIDNIGHT else _time(until.end)
        told = say(gettext_noop("from {start} to {end}")).format(start=_time(until.start), end=end)
    if until.days == EVERY_DAY:
        return told
    return say(gettext_noop("{time} on {days}")).format(time=told, days=_days(until.days, translator))


def _first_word_large(text: str) -> str:
    return text[:1].upper() + text[1:]


def summary(
    step: Step, *, templates: Mapping[str, str] | None = None, translator: Translator = ENGLISH
) -> str:
    """What a step does, in a sentence.

    Args:
        templates: names of templates by slug.
    """
    match step:
        case Wait() | WaitClock() | WaitDate():
            return _wait(step, translator)
        case WaitUntil():
            return _wait_until(step, translator)
        case Branch():
            return _branch(step, translator)
        case Split():
            return _split(step, translator)
        case Repeat():
            return _repeat(step, translator)
        case Send():
            return (templates or {}).get(step.template, step.template)
        case Exit():
            return step.reason or translator.gettext(gettext_noop("People leave here"))
        case _:
            return _act(step, translator)


def _act(step: Crm | Webhook | SetTrait | ListChange | GoToJourney, translator: Translator) -> str:
    say = translator.gettext
    match step:
        case Crm():
            return say(gettext_noop("{action} in {connection}")).format(
                action=action_label(step.action, translator=translator), connection=step.connection
            )
        case Webhook():
            return say(gettext_noop("Tell {connection}")).format(connection=step.connection)
        case SetTrait():
            pairs = ", ".join(f"{key} = {value}" for key, value in step.values.items())
            return say(gettext_noop("Set {traits}")).format(traits=pairs)
        case ListChange(change=Listing.ADD):
            return say(gettext_noop("Add to “{list}”")).format(list=step.list)
        case ListChange():
            return say(gettext_noop("Take off “{list}”")).format(list=step.list)
        case GoToJourney():
            return say(gettext_noop("Leave for “{journey}”")).format(journey=step.journey)
        case _:
            assert_never(step)


def _wait(step: Wait | WaitClock | WaitDate, translator: Translator) -> str:
    say = translator.gettext
    match step:
        case Wait():
            return say(gettext_noop("Go on after {length}")).format(
                length=length_in_words(step.length, translator=translator)
            )
        case WaitClock():
            return say(gettext_noop("Go on {time}")).format(
                time=window_in_words(step.until, translator=translator)
            )
        case WaitDate():
            return _date(step.path, step.rule, translator)
        case _:
            assert_never(step)


def _split(step: Split, translator: Translator) -> str:
    shares = [f"{variant.name} {variant.share:f} %" for variant in step.variants]
    if step.hold_out:
        held_out = translator.gettext(gettext_noop("held out {share} %"))
        shares.append(held_out.format(share=f"{step.hold_out:f}"))
    return ", ".join(shares)


def _repeat(step: Repeat, translator: Translator) -> str:
    told = translator.ngettext("{n} time", "{n} times", step.times).format(n=step.times)
    if step.until is None:
        return _first_word_large(told)
    both = translator.gettext(gettext_noop("At most {times}, until: {condition}"))
    return both.format(times=told, condition=describe(step.until, translator=translator))


def _wait_until(step: WaitUntil, translator: Translator) -> str:
    condition = describe(step.condition, translator=translator)
    if step.timeout is None:
        return translator.gettext(gettext_noop("Until: {condition}")).format(condition=condition)
    return translator.gettext(gettext_noop("Until: {condition}; at most {length}")).format(
        condition=condition, length=length_in_words(step.timeout, translator=translator)
    )


def _branch(step: Branch, translator: Translator) -> str:
    if len(step.cases) == 1:
        return _first_word_large(describe(step.cases[0].condition, translator=translator))
    return translator.gettext(gettext_noop("The first of {names} that holds")).format(
        names=", ".join(case.name for case in step.cases)
    )
