"""What the panel asks of each part: of every kind of step, and of what stands around the steps."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.utils import translation
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from connectors.domain.message import MessageClass
from journeys.domain.describe import policy_label
from journeys.domain.nodes import Again, Crossing, Listing, NoDate, Policy, Present
from journeys.domain.outline import ENTRY, Document
from journeys.domain.settings import COMPANY_ZONE, PERSON_ZONE
from journeys.forms.inputs import DAY_NAMES, Choices, Input, InputKind, Place
from profiles.domain.facts import Json

_CLASSES: Final = [
    (MessageClass.MARKETING.value, gettext_lazy("Marketing: only with consent")),
    (MessageClass.SERVICE.value, gettext_lazy("Service: about something they have or did")),
    (MessageClass.TRANSACTIONAL.value, gettext_lazy("Transactional: they wait for it")),
]
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
_LISTINGS: Final = [
    (Listing.ADD.value, gettext_lazy("Add them to it")),
    (Listing.REMOVE.value, gettext_lazy("Take them off it")),
]
_NO_DATE: Final = [
    (NoDate.GO_ON.value, gettext_lazy("They go on at once")),
    (NoDate.EXIT.value, gettext_lazy("They leave the journey")),
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What inputs offer to choose from: slugs and names."""

    templates: Choices = ()
    segments: Choices = ()
    connections: Choices = ()
    webhooks: Choices = ()
    journeys: Choices = ()
    zones: Iterable[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """Inputs that belong together, and what can be done to all of them."""

    inputs: Sequence[Input] = ()
    title: str | Promise = ""
    note: str | Promise = ""
    add: tuple[str, str] | None = None  # command and label of the button below
    remove: tuple[str, str] | None = None  # of the button beside the title
    remove_way: int | None = None  # the number of the case or variant that the section is about
    is_way_adder: bool = False


def shape_of(part: str, content: Json) -> tuple[str, Choices]:
    """Which form of a wait or an entry this is, and the others; "" where there is only one."""
    if not isinstance(content, Mapping):
        return "", ()
    if part == ENTRY:
        on = content.get("on")
        keys = on if isinstance(on, Mapping) else {}
        shapes = ("schedule", "date", "segment", "api")
        return next((shape for shape in shapes if shape in keys), "event"), ENTRY_SHAPES
    return (_wait_shape(content), WAIT_SHAPES) if content.get("kind") == "wait" else ("", ())


def _wait_shape(content: Document) -> str:
    if "until_date" in content:
        return "wait_date"
    until = content.get("until")
    if isinstance(until, Mapping):
        return "wait_at" if "at" in until else "wait_clock"
    return "wait"


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
            own = _STEPS.get(str(document.get("kind")))
            found = own(document, known) if own else []
            return [Section(inputs=[name]), *found]


def _choice(place: Place, label: str, choices: Choices, *, missing: str = "", default: str = "") -> Input:
    if missing:
        choices = [("", missing), *choices]
    return Input(
        place=place,
        kind=InputKind.CHOICE,
        label=label,
        choices=choices,
        default=default,
        missing=missing,
    )


def _rule(place: Place, label: str) -> Input:
    return Input(place=place, kind=InputKind.CONDITION, label=label, missing=_("Say what must hold."))


def _length(place: Place, label: str, *, missing: str = "", hint: str = "") -> Input:
    return Input(place=place, kind=InputKind.LENGTH, label=label, missing=missing, hint=hint)


def _time(place: Place, label: str) -> Input:
    return Input(place=place, kind=InputKind.TIME, label=label)


def _days(place: Place) -> Input:
    return Input(
        place=place,
        kind=InputKind.MANY,
        label=_("On these days"),
        choices=DAY_NAMES,
        hint=_("None ticked means every day"),
    )


def _date_inputs(place: Place, *, trait: str) -> list[Input]:
    return [
        Input(
            place=(*place, trait),
            label=_("Trait that holds the date"),
            offers="traits",
            missing=_("Choose the trait that holds the date."),
        ),
        Input(place=(*place, "offset"), kind=InputKind.OFFSET, label=_("When")),
        _time((*place, "at"), _("At this time of day")),
    ]


# -- steps ---------------------------------------------------------------------------------------------


def _wait(content: Document, known: Known) -> list[Section]:
    match _wait_shape(content):
        case "wait":
            inputs = [_length(("for",), _("Go on after"), missing=_("Say how long."))]
        case "wait_at":
            inputs = [_time(("until", "at"), _("Go on at")), _days(("until", "days"))]
        case "wait_clock":
            inputs = [
                _time(("until", "from"), _("Go on from")),
                _time(("until", "to"), _("Until before")),
                _days(("until", "days")),
            ]
        case _:
            otherwise = _choice(
                ("until_date", "otherwise"),
                _("Where the date is over or missing"),
                _NO_DATE,
                default=NoDate.GO_ON.value,
            )
            inputs = [*_date_inputs(("until_date",), trait="trait"), otherwise]
    return [Section(inputs=inputs)]


def _wait_until(content: Document, known: Known) -> list[Section]:
    most = _length(("timeout",), _("Wait at most"), hint=_("Empty: as long as it takes"))
    return [Section(inputs=[_rule(("if",), _("Until this holds"))]), Section(inputs=[most])]


def _listed(content: Document, key: str) -> list[Json]:
    found = content.get(key)
    return found if isinstance(found, list) else []


def _branch(content: Document, known: Known) -> list[Section]:
    cases = _listed(content, "cases")
    found = [
        Section(
            title=_("Case %(number)s") % {"number": number + 1},
            inputs=[
                Input(place=("cases", number, "name"), label=_("Name of the case")),
                _rule(("cases", number, "if"), _("People go this way when")),
            ],
            remove_way=number if len(cases) > 1 else None,
        )
        for number in range(len(cases))
    ]
    note = _("The first case that holds is taken. Everyone else goes the last way.")
    return [*found, Section(note=note, is_way_adder=True)]


def _split(content: Document, known: Known) -> list[Section]:
    variants = _listed(content, "variants")
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
    until = _optional("until", content, _rule(("until",), _("Or until this holds")), _("Stop early when…"))
    return [Section(inputs=[times]), until]


def _optional(key: str, content: Document, it: Input, label: str) -> Section:
    """A part that is there or not, with the button that changes it."""
    if key not in content:
        return Section(add=(f"add:{key}", label))
    return Section(inputs=[it], title=it.label, remove=(f"remove:{key}", _("Take this out")))


def _send(content: Document, known: Known) -> list[Section]:
    inputs = [
        _choice(("template",), _("Template"), known.templates, missing=_("Choose a template")),
        _choice(("class",), _("Kind of message"), _CLASSES, default=MessageClass.MARKETING.value),
    ]
    if content.get("connection"):
        inputs.append(
            _choice(("connection",), _("Sent through"), [("", _("The usual way")), *known.connections])
        )
    more = [_pairs(("fields",), _("Fields"))] if content.get("fields") else []
    return [Section(inputs=[*inputs, *more])]


def _pairs(place: Place, label: str, *, hint: str = "", key: str = "", missing: str = "") -> Input:
    return Input(
        place=place,
        kind=InputKind.PAIRS,
        label=label,
        hint=hint or _("Values may hold {{ person.… }} and {{ event.… }}"),
        names=(key or _("Field"), _("Value")),
        missing=missing,
    )


def _crm(content: Document, known: Known) -> list[Section]:
    action = Input(
        place=("action",), label=_("Action"), offers="actions", missing=_("Say what the CRM is to do.")
    )
    missing = _("Choose a connection")
    inputs = [
        _choice(("connection",), _("CRM"), known.connections, missing=missing),
        action,
        _pairs(("fields",), _("Fields")),
    ]
    return [Section(inputs=inputs)]


def _webhook(content: Document, known: Known) -> list[Section]:
    where = _choice(("connection",), _("Webhook"), known.webhooks, missing=_("Choose a connection"))
    return [Section(inputs=[where, _pairs(("fields",), _("What is told"))])]


def _set_trait(content: Document, known: Known) -> list[Section]:
    missing = _("Name a trait and its new value.")
    return [Section(inputs=[_pairs(("set",), _("Traits"), key=_("Trait"), missing=missing)])]


def _list(content: Document, known: Known) -> list[Section]:
    inputs = [
        _choice(("list",), _("List"), known.segments, missing=_("Choose a list")),
        _choice(("change",), _("What to do"), _LISTINGS, default=Listing.ADD.value),
    ]
    return [Section(inputs=inputs)]


def _go_to_journey(content: Document, known: Known) -> list[Section]:
    return [
        Section(
            inputs=[_choice(("journey",), _("Journey"), known.journeys, missing=_("Choose a journey"))],
            note=_("They leave this journey and are asked into that one."),
        )
    ]


def _exit(content: Document, known: Known) -> list[Section]:
    return [Section(inputs=[Input(place=("reason",), label=_("Reason"), hint=_("Kept with the run"))])]


_STEPS: Final[Mapping[str, Callable[[Document, Known], list[Section]]]] = {
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


# -- around the steps ----------------------------------------------------------------------------------


def _entry(content: Document, known: Known) -> list[Section]:
    shape, _shapes = shape_of(ENTRY, content)
    only = _optional("if", content, _rule(("if",), _("Only if")), _("Only if…"))
    return [Section(inputs=_trigger(shape, known)), only, _again(shape, content)]


def _trigger(shape: str, known: Known) -> list[Input]:
    segment = _choice(("on", "segment"), _("Segment"), known.segments, missing=_("Choose a segment"))
    match shape:
        case "event":
            missing = _("Choose the event that begins it.")
            return [Input(place=("on",), kind=InputKind.TRIGGER, label=_("Event"), missing=missing)]
        case "segment":
            change = _choice(("on", "change"), _("When somebody"), _CROSSINGS, default=Crossing.ENTERED.value)
            return [segment, change]
        case "date":
            every = _choice(("on", "every"), _("How often"), _EVERY)
            return [*_date_inputs(("on",), trait="date"), every]
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
        _choice(("reentry", "policy"), _("May be entered"), policies, default=Policy.AFTER_EXIT.value),
        _length(("reentry", "not_within"), _("Not again within"), hint=_("Empty: at any time")),
    ]
    if shape in ("event", "api"):
        key = Input(
            place=("key",),
            label=_("One run for each"),
            offers="keys",
            hint=_("A field of the message, such as properties.cart_id; empty: one run a person"),
        )
        again = _choice(
            ("reentry", "again"),
            _("The event comes again while somebody is inside"),
            _AGAIN,
            default=Again.IGNORE.value,
        )
        inputs = [key, *inputs, again]
    if shape in ("event", "segment"):
        inputs.append(_choice(("present",), _("When it is published"), _PRESENT, default=Present.NEW.value))
    return Section(title=_("Entering again"), inputs=inputs)


def _goal(content: Document) -> list[Section]:
    place: Place = ("if",)
    note = _(
        "Whoever gets there leaves as converted, in the middle of any wait. Steps of the goal run first."
    )
    return [Section(inputs=[_rule(place, _("Reached when"))], note=note)]


def _settings(content: Document, known: Known) -> list[Section]:
    zone = content.get("time_zone")
    own = [(str(zone), str(zone))] if zone and zone not in (PERSON_ZONE, COMPANY_ZONE) else []
    others = [(name, name) for name in known.zones if [(name, name)] != own]
    zones = _choice(("time_zone",), _("Time zone"), [*_ZONES, *own, *others], default=PERSON_ZONE)
    return [Section(inputs=[zones]), _quiet_hours(content), *_caps(content), _throttle(content)]


def _quiet_hours(content: Document) -> Section:
    if "quiet_hours" not in content:
        return Section(add=("add:quiet_hours", _("Quiet hours…")))
    at = "quiet_hours"
    inputs = [
        _time((at, "from"), _("From")),
        _time((at, "to"), _("To")),
        _days((at, "days")),
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
    caps = _listed(content, "caps")
    found = [
        Section(
            title=_("Frequency cap"),
            inputs=[
                _choice(("caps", number, "class"), _("Kind of message"), _CLASS_NAMES, default="marketing"),
                Input(
                    place=("caps", number, "most"),
                    kind=InputKind.NUMBER,
                    label=_("At most"),
                    missing=_("Say how many."),
                ),
                _length(("caps", number, "per"), _("Within"), missing=_("Say how long.")),
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
        _length(("throttle", "per"), _("Within"), missing=_("Say how long.")),
    ]
    return Section(title=_("Throttle"), inputs=inputs, remove=("remove:throttle", _("Take the throttle out")))


FRESH: Final[Mapping[str, Callable[[], Any]]] = {
    "if": dict,
    "until": dict,
    "quiet_hours": lambda: {"from": "21:00", "to": "08:00"},
    "caps": lambda: {"class": "marketing", "most": 2, "per": "P7D"},
    "throttle": lambda: {"most": 1000, "per": "PT1H"},
}
