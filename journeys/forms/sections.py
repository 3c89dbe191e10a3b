"""What the panel asks of each part: of every kind of step, and of what stands around the steps."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from connectors.domain.message import MessageClass
from journeys.domain.describe import policy_label
from journeys.domain.nodes import Again, Crossing, Policy, Present
from journeys.domain.outline import ENTRY, Document
from journeys.domain.settings import COMPANY_ZONE, PERSON_ZONE
from journeys.forms.inputs import Choices, Input, InputKind
from journeys.forms.section import (
    Known,
    Section,
    choice,
    date_inputs,
    days_input,
    length_input,
    listed,
    optional,
    rule,
    time_input,
)
from journeys.forms.step_sections import STEPS, wait_shape
from profiles.domain.facts import Json

_CLASS_NAMES: Final = [
    (MessageClass.MARKETING.value, gettext_lazy("Marketing")),
    (MessageClass.SERVICE.value, gettext_lazy("Service")),
    (MessageClass.TRANSACTIONAL.value, gettext_lazy("Transactional")),
]
_AGAIN: Final = [
    (Again.IGNORE.value, gettext_lazy("Nothing changes")),
    (Again.RESTART.value, gettext_lazy("They begin anew")),
    (Again.END.value, gettext_lazy("They leave")),
]
_PRESENT: Final = [
    (Present.NEW.value, gettext_lazy("Only those to whom it happens from then on")),
    (Present.PRESENT.value, gettext_lazy("Only those of whom it holds already")),
    (Present.BOTH.value, gettext_lazy("Both")),
]
_CROSSINGS: Final = [
    (Crossing.ENTERED.value, gettext_lazy("enters it")),
    (Crossing.LEFT.value, gettext_lazy("leaves it")),
]
_EVERY: Final = [
    ("", gettext_lazy("once, on that date")),
    ("year", gettext_lazy("every year on that day")),
]
_ZONES: Final = [
    (PERSON_ZONE, gettext_lazy("The person's own, else the company's")),
    (COMPANY_ZONE, gettext_lazy("The company's")),
]

WAIT_SHAPES: Final = [
    ("wait", gettext_lazy("a length of time")),
    ("wait_clock", gettext_lazy("a time window")),
    ("wait_at", gettext_lazy("a time of day")),
    ("wait_date", gettext_lazy("a date of the person")),
]
ENTRY_SHAPES: Final = [
    ("event", gettext_lazy("Something happens")),
    ("segment", gettext_lazy("Somebody enters or leaves a segment")),
    ("date", gettext_lazy("A date of the person comes")),
    ("schedule", gettext_lazy("A timetable, for all of a segment")),
    ("api", gettext_lazy("Another system names people")),
]


def shape_of(part: str, content: Json) -> tuple[str, Choices]:
    """Which form of a wait or an entry this is, and the others; "" where there is only one."""
    if not isinstance(content, Mapping):
        return "", ()
    if part == ENTRY:
        on = content.get("on")
        keys = on if isinstance(on, Mapping) else {}
        shapes = ("schedule", "date", "segment", "api")
        return next((shape for shape in shapes if shape in keys), "event"), ENTRY_SHAPES
    return (wait_shape(content), WAIT_SHAPES) if content.get("kind") == "wait" else ("", ())


def sections_of(part: str, content: Json, *, known: Known) -> list[Section]:
    """What the panel asks of a part."""
    document = content if isinstance(content, Mapping) else {}
    match part:
        case "@entry":
            return _entry(document, known)
        case "@goal":
            return _goal(document)
        case "@exit":
            return [Section(inputs=[Input(place=(), kind=InputKind.CONDITION, label=_("They leave when"))])]
        case "@settings":
            return _settings(document, known)
        case _:
            name = Input(place=("name",), label=_("Name"))
            own = STEPS.get(str(document.get("kind")))
            found = own(document, known) if own else []
            return [Section(inputs=[name]), *found]


def _entry(content: Document, known: Known) -> list[Section]:
    shape, _shapes = shape_of(ENTRY, content)
    only = optional("if", content, rule(("if",), _("Only if")), _("Only if…"))
    return [Section(inputs=_trigger(shape, known)), only, _again(shape, content)]


def _trigger(shape: str, known: Known) -> list[Input]:
    segment = choice(("on", "segment"), _("Segment"), known.segments, missing=_("Choose a segment"))
    match shape:
        case "event":
            missing = _("Choose the event that begins it.")
            return [Input(place=("on",), kind=InputKind.TRIGGER, label=_("Event"), missing=missing)]
        case "segment":
            change = choice(("on", "change"), _("When somebody"), _CROSSINGS, default=Crossing.ENTERED.value)
            return [segment, change]
        case "date":
            every = choice(("on", "every"), _("How often"), _EVERY)
            return [*date_inputs(("on",), trait="date"), every]
        case "schedule":
            cron = Input(
                place=("on", "schedule"),
                label=_("Timetable"),
                hint=_("Minute, hour, day, month, weekday: 0 9 * * MON is Mondays at nine"),
                missing=_("Give the times."),
            )
            return [cron, segment]
        case _:
            return []


def _again(shape: str, content: Document) -> Section:
    policies = [(policy.value, policy_label(policy, translator=translation)) for policy in Policy]
    inputs = [
        choice(("reentry", "policy"), _("May be entered"), policies, default=Policy.AFTER_EXIT.value),
        length_input(("reentry", "not_within"), _("Not again within"), hint=_("Empty: at any time")),
    ]
    if shape in ("event", "api"):
        key = Input(
            place=("key",),
            label=_("One run for each"),
            offers="keys",
            hint=_("A field of the message, such as properties.cart_id; empty: one run a person"),
        )
        again = choice(
            ("reentry", "again"),
            _("The event comes again while somebody is inside"),
            _AGAIN,
            default=Again.IGNORE.value,
        )
        inputs = [key, *inputs, again]
    if shape in ("event", "segment"):
        inputs.append(choice(("present",), _("When it is published"), _PRESENT, default=Present.NEW.value))
    return Section(title=_("Entering again"), inputs=inputs)


def _goal(content: Document) -> list[Section]:
    note = _("Whoever gets there leaves as converted, in the middle of any wait.")
    return [Section(inputs=[rule(("if",), _("Reached when"))], note=note)]


def _settings(content: Document, known: Known) -> list[Section]:
    zone = content.get("time_zone")
    own = [(str(zone), str(zone))] if zone and zone not in (PERSON_ZONE, COMPANY_ZONE) else []
    others = [(name, name) for name in known.zones if [(name, name)] != own]
    zones = choice(("time_zone",), _("Time zone"), [*_ZONES, *own, *others], default=PERSON_ZONE)
    return [Section(inputs=[zones]), _quiet_hours(content), *_caps(content), _throttle(content)]


def _quiet_hours(content: Document) -> Section:
    if "quiet_hours" not in content:
        return Section(add=("add:quiet_hours", _("Quiet hours…")))
    at = "quiet_hours"
    inputs = [
        time_input((at, "from"), _("From")),
        time_input((at, "to"), _("To")),
        days_input((at, "days")),
        Input(
            place=(at, "classes"),
            kind=InputKind.MANY,
            label=_("Kinds of message that wait"),
            choices=_CLASS_NAMES,
            default=MessageClass.MARKETING.value,
        ),
    ]
    return Section(
        title=_("Quiet hours"), inputs=inputs, remove=("remove:quiet_hours", _("Take the quiet hours out"))
    )


def _caps(content: Document) -> list[Section]:
    caps = listed(content, "caps")
    found = [
        Section(
            title=_("Frequency cap"),
            inputs=[
                choice(("caps", number, "class"), _("Kind of message"), _CLASS_NAMES, default="marketing"),
                Input(
                    place=("caps", number, "most"),
                    kind=InputKind.NUMBER,
                    label=_("At most"),
                    missing=_("Say how many."),
                ),
                length_input(("caps", number, "per"), _("Within"), missing=_("Say how long.")),
            ],
            remove=(f"remove:caps.{number}", _("Take this cap out")),
        )
        for number in range(len(caps))
    ]
    return [*found, Section(add=("add:caps", _("Frequency cap…")))]


def _throttle(content: Document) -> Section:
    if "throttle" not in content:
        return Section(add=("add:throttle", _("Send no faster than…")))
    inputs = [
        Input(
            place=("throttle", "most"),
            kind=InputKind.NUMBER,
            label=_("At most so many messages"),
            missing=_("Say how many."),
        ),
        length_input(("throttle", "per"), _("Within"), missing=_("Say how long.")),
    ]
    return Section(title=_("Throttle"), inputs=inputs, remove=("remove:throttle", _("Take the throttle out")))


FRESH: Final[Mapping[str, Callable[[], Any]]] = {
    "if": dict,
    "until": dict,
    "quiet_hours": lambda: {"from": "21:00", "to": "08:00"},
    "caps": lambda: {"class": "marketing", "most": 2, "per": "P7D"},
    "throttle": lambda: {"most": 1000, "per": "PT1H"},
}
