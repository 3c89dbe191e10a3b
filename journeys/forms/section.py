"""What sections of the panel are made of: inputs that several parts ask for."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext as _

from journeys.domain.outline import Document
from journeys.forms.inputs import DAY_NAMES, Choices, Input, InputKind, Place
from profiles.domain.facts import Json


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
    moves: Sequence[int] = ()  # by how much that case can go up or down: -1, 1
    is_way_adder: bool = False


def choice(place: Place, label: str, choices: Choices, *, missing: str = "", default: str = "") -> Input:
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


def rule(place: Place, label: str) -> Input:
    return Input(place=place, kind=InputKind.CONDITION, label=label, missing=_("Say what must hold."))


def length_input(place: Place, label: str, *, missing: str = "", hint: str = "") -> Input:
    return Input(place=place, kind=InputKind.LENGTH, label=label, missing=missing, hint=hint)


def time_input(place: Place, label: str) -> Input:
    return Input(place=place, kind=InputKind.TIME, label=label)


def days_input(place: Place) -> Input:
    return Input(
        place=place,
        kind=InputKind.MANY,
        label=_("On these days"),
        choices=DAY_NAMES,
        hint=_("None ticked means every day"),
    )


def date_inputs(place: Place, *, trait: str) -> list[Input]:
    return [
        Input(
            place=(*place, trait),
            label=_("Trait that holds the date"),
            offers="traits",
            missing=_("Choose the trait that holds the date."),
        ),
        Input(place=(*place, "offset"), kind=InputKind.OFFSET, label=_("When")),
        time_input((*place, "at"), _("At this time of day")),
    ]


def listed(content: Document, key: str) -> list[Json]:
    found = content.get(key)
    return found if isinstance(found, list) else []


def optional(key: str, content: Document, it: Input, label: str) -> Section:
    """A part that is there or not, with the button that changes it."""
    if key not in content:
        return Section(add=(f"add:{key}", label))
    return Section(inputs=[it], title=it.label, remove=(f"remove:{key}", _("Take this out")))


def pairs_input(place: Place, label: str, *, hint: str = "", key: str = "", missing: str = "") -> Input:
    return Input(
        place=place,
        kind=InputKind.PAIRS,
        label=label,
        hint=hint or _("Values may hold {{ person.… }} and {{ event.… }}"),
        names=(key or _("Field"), _("Value")),
        missing=missing,
    )
