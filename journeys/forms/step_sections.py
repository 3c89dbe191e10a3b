"""What the panel asks of each kind of step."""

from collections.abc import Callable, Mapping
from typing import Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from connectors.domain.message import MessageClass
from journeys.domain.nodes import Listing, NoDate
from journeys.domain.outline import Document
from journeys.forms.inputs import Input, InputKind
from journeys.forms.section import (
    Known,
    Section,
    choice,
    date_inputs,
    days_input,
    length_input,
    listed,
    optional,
    pairs_input,
    rule,
    time_input,
)

_CLASSES: Final = [
    (MessageClass.MARKETING.value, gettext_lazy("Marketing: only with consent")),
    (MessageClass.SERVICE.value, gettext_lazy("Service: about something they have or did")),
    (MessageClass.TRANSACTIONAL.value, gettext_lazy("Transactional: they wait for it")),
]
_LISTINGS: Final = [
    (Listing.ADD.value, gettext_lazy("Add them to it")),
    (Listing.REMOVE.value, gettext_lazy("Take them off it")),
]
_NO_DATE: Final = [
    (NoDate.GO_ON.value, gettext_lazy("They go on at once")),
    (NoDate.EXIT.value, gettext_lazy("They leave the journey")),
]


def wait_shape(content: Document) -> str:
    if "until_date" in content:
        return "wait_date"
    until = content.get("until")
    if isinstance(until, Mapping):
        return "wait_at" if "at" in until else "wait_clock"
    return "wait"


def _wait(content: Document, known: Known) -> list[Section]:
    match wait_shape(content):
        case "wait":
            inputs = [length_input(("for",), _("Go on after"), missing=_("Say how long."))]
        case "wait_at":
            inputs = [time_input(("until", "at"), _("Go on at")), days_input(("until", "days"))]
        case "wait_clock":
            inputs = [
                time_input(("until", "from"), _("Go on from")),
                time_input(("until", "to"), _("Until before")),
                days_input(("until", "days")),
            ]
        case _:
            otherwise = choice(
                ("until_date", "otherwise"),
                _("Where the date is over or missing"),
                _NO_DATE,
                default=NoDate.GO_ON.value,
            )
            inputs = [*date_inputs(("until_date",), trait="trait"), otherwise]
    return [Section(inputs=inputs)]


def _wait_until(content: Document, known: Known) -> list[Section]:
    most = length_input(("timeout",), _("Wait at most"), hint=_("Empty: as long as it takes"))
    return [Section(inputs=[rule(("if",), _("Until this holds"))]), Section(inputs=[most])]


def _branch(content: Document, known: Known) -> list[Section]:
    cases = listed(content, "cases")
    found = [
        Section(
            title=_("Case %(number)s") % {"number": number + 1},
            inputs=[
                Input(place=("cases", number, "name"), label=_("Name of the case")),
                rule(("cases", number, "if"), _("People go this way when")),
            ],
            remove_way=number if len(cases) > 1 else None,
            moves=[by for by in (-1, 1) if 0 <= number + by < len(cases)],
        )
        for number in range(len(cases))
    ]
    note = _("The first case that holds is taken. Everyone else goes the last way.")
    return [*found, Section(note=note, is_way_adder=True)]


def _split(content: Document, known: Known) -> list[Section]:
    variants = listed(content, "variants")
    found = [
        Section(
            title=_("Variant %(number)s") % {"number": number + 1},
            inputs=[
                Input(place=("variants", number, "name"), label=_("Name")),
                Input(
                    place=("variants", number, "share"),
                    kind=InputKind.NUMBER,
                    label=_("Share in per cent"),
                    missing=_("Say how many per cent."),
                ),
            ],
            remove_way=number if len(variants) > 1 else None,
        )
        for number in range(len(variants))
    ]
    held_out = Input(
        place=("hold_out",),
        kind=InputKind.NUMBER,
        label=_("Held out, in per cent"),
        hint=_("They take none of the ways: what the variants are measured against"),
    )
    salt = Input(
        place=("salt",),
        label=_("Name of the draw"),
        hint=_("Everybody keeps their way for as long as this stays the same"),
        missing=_("Give the draw a name."),
    )
    return [*found, Section(is_way_adder=True), Section(inputs=[held_out, salt])]


def _repeat(content: Document, known: Known) -> list[Section]:
    times = Input(
        place=("times",),
        kind=InputKind.NUMBER,
        label=_("At most so many times"),
        missing=_("Say how many times."),
    )
    until = optional("until", content, rule(("until",), _("Or until this holds")), _("Stop early when…"))
    return [Section(inputs=[times]), until]


def _send(content: Document, known: Known) -> list[Section]:
    inputs = [
        choice(("template",), _("Template"), known.templates, missing=_("Choose a template")),
        choice(("class",), _("Kind of message"), _CLASSES, default=MessageClass.MARKETING.value),
    ]
    if content.get("connection"):
        inputs.append(
            choice(("connection",), _("Sent through"), [("", _("The usual way")), *known.connections])
        )
    more = [pairs_input(("fields",), _("Fields"))] if content.get("fields") else []
    return [Section(inputs=[*inputs, *more])]


def _crm(content: Document, known: Known) -> list[Section]:
    action = Input(
        place=("action",), label=_("Action"), offers="actions", missing=_("Say what the CRM is to do.")
    )
    missing = _("Choose a connection")
    inputs = [
        choice(("connection",), _("CRM"), known.connections, missing=missing),
        action,
        pairs_input(("fields",), _("Fields")),
    ]
    return [Section(inputs=inputs)]


def _webhook(content: Document, known: Known) -> list[Section]:
    where = choice(("connection",), _("Webhook"), known.webhooks, missing=_("Choose a connection"))
    return [Section(inputs=[where, pairs_input(("fields",), _("What is told"))])]


def _set_trait(content: Document, known: Known) -> list[Section]:
    missing = _("Name a trait and its new value.")
    return [Section(inputs=[pairs_input(("set",), _("Traits"), key=_("Trait"), missing=missing)])]


def _list(content: Document, known: Known) -> list[Section]:
    inputs = [
        choice(("list",), _("List"), known.segments, missing=_("Choose a list")),
        choice(("change",), _("What to do"), _LISTINGS, default=Listing.ADD.value),
    ]
    return [Section(inputs=inputs)]


def _go_to_journey(content: Document, known: Known) -> list[Section]:
    return [
        Section(
            inputs=[choice(("journey",), _("Journey"), known.journeys, missing=_("Choose a journey"))],
            note=_("They leave this journey and are asked into that one."),
        )
    ]


def _exit(content: Document, known: Known) -> list[Section]:
    return [Section(inputs=[Input(place=("reason",), label=_("Reason"), hint=_("Kept with the run"))])]


STEPS: Final[Mapping[str, Callable[[Document, Known], list[Section]]]] = {
    "wait": _wait,
    "wait_until": _wait_until,
    "branch": _branch,
    "split": _split,
    "repeat": _repeat,
    "send": _send,
    "crm": _crm,
    "webhook": _webhook,
    "set_trait": _set_trait,
    "list": _list,
    "go_to_journey": _go_to_journey,
    "exit": _exit,
}
