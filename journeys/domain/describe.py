"""Steps in words: what a card says, and what a change comes to.

Pass `django.utils.translation` as the translator to hear it in the reader's language; without one it is
English.
"""

from collections.abc import Mapping
from datetime import timedelta
from functools import reduce
from typing import Final, assert_never

from journeys.domain.nodes import (
    Branch,
    Crm,
    Entry,
    Exit,
    Policy,
    Send,
    SetTrait,
    Step,
    Wait,
    WaitUntil,
    Webhook,
)
from journeys.domain.schedule import Unit, in_largest_unit
from segments.domain.conditions import AllOf, TraitTest
from segments.domain.describe import describe
from segments.domain.phrases import ENGLISH, Translator, gettext_noop

EVERYBODY: Final = AllOf(of=())

KIND_LABELS: Final[Mapping[type[Step], str]] = {
    Wait: gettext_noop("Wait"),
    WaitUntil: gettext_noop("Wait until something happens"),
    Branch: gettext_noop("Branch"),
    Send: gettext_noop("Send a message"),
    Crm: gettext_noop("CRM action"),
    Webhook: gettext_noop("Webhook"),
    SetTrait: gettext_noop("Set a trait"),
    Exit: gettext_noop("Exit"),
}
_ACTIONS: Final[Mapping[str, str]] = {
    "create_deal": gettext_noop("Create a deal"),
    "create_task": gettext_noop("Create a task"),
    "upsert_contact": gettext_noop("Create or update the contact"),
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
    told = _trigger(entry, translator)
    if entry.condition is None or entry.condition == EVERYBODY:
        return told
    both = translator.gettext(gettext_noop("{trigger}, if: {condition}"))
    return both.format(trigger=told, condition=describe(entry.condition, translator=translator))


def _trigger(entry: Entry, translator: Translator) -> str:
    if not entry.on.where:
        return translator.gettext(gettext_noop("When “{event}” happens")).format(event=entry.on.name)
    tests = [
        describe(TraitTest(path=test.path, comparison=test.comparison), translator=translator)
        for test in entry.on.where
    ]
    pair = translator.gettext("{first} and {second}")
    joined = reduce(lambda first, second: pair.format(first=first, second=second), tests)
    return translator.gettext(gettext_noop("When “{event}” happens with {tests}")).format(
        event=entry.on.name, tests=joined
    )


def _first_word_large(text: str) -> str:
    return text[:1].upper() + text[1:]


def summary(
    step: Step, *, templates: Mapping[str, str] | None = None, translator: Translator = ENGLISH
) -> str:
    """What a step does, in a sentence.

    Args:
        templates: names of templates by slug.
    """
    say = translator.gettext
    match step:
        case Wait():
            return say(gettext_noop("Go on after {length}")).format(
                length=length_in_words(step.length, translator=translator)
            )
        case WaitUntil():
            return _wait_until(step, translator)
        case Branch():
            return _branch(step, translator)
        case Send():
            return (templates or {}).get(step.template, step.template)
        case Crm():
            return say(gettext_noop("{action} in {connection}")).format(
                action=action_label(step.action, translator=translator), connection=step.connection
            )
        case Webhook():
            return say(gettext_noop("Tell {connection}")).format(connection=step.connection)
        case SetTrait():
            return ", ".join(f"{key} = {value}" for key, value in step.values.items())
        case Exit():
            return step.reason or say(gettext_noop("People leave here"))
        case _:
            assert_never(step)


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
