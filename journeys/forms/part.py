"""The form of one part of a journey: a field for each editable value."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django import forms
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from connectors.domain.message import MessageClass
from journeys.domain.describe import policy_label
from journeys.domain.editing import Editable, Place, Section, ValueKind
from journeys.domain.nodes import Again, Policy
from journeys.forms.fields import CountField, LengthField, LinesField, NumberField, WindowField, YesNoField
from profiles.domain.facts import Json
from segments.domain.conditions import ConsentState, Standing
from segments.domain.describe import describe
from segments.domain.parse import ConditionError, parse_condition

Choices = Sequence[tuple[str, Any]]

_STANDINGS: Final = [
    (Standing.MEMBER.value, gettext_lazy("is in it")),
    (Standing.NOT_MEMBER.value, gettext_lazy("is not in it")),
    (Standing.LEFT.value, gettext_lazy("has left it")),
]
_CONSENTS: Final = [
    (ConsentState.GRANTED.value, gettext_lazy("was granted")),
    (ConsentState.DENIED.value, gettext_lazy("was denied")),
    (ConsentState.UNSET.value, gettext_lazy("was never asked")),
]
_CLASSES: Final = [
    (MessageClass.MARKETING.value, gettext_lazy("Marketing: only with consent")),
    (MessageClass.SERVICE.value, gettext_lazy("Service: about something they have or did")),
    (MessageClass.TRANSACTIONAL.value, gettext_lazy("Transactional: they wait for it")),
]
_AGAIN: Final = [
    (Again.IGNORE.value, gettext_lazy("Nothing changes")),
    (Again.RESTART.value, gettext_lazy("They begin anew")),
    (Again.END.value, gettext_lazy("They leave")),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What a form offers to choose from."""

    templates: Choices = ()  # slug, name
    segments: Choices = ()
    events: Sequence[str] = ()  # names seen so far


def _choice(choices: Choices, *, default: str = "") -> Callable[[Editable, str, Known], forms.Field]:
    def made(value: Editable, label: str, known: Known) -> forms.Field:
        return _choice_field(choices, value, label, default=default)

    return made


def _choice_field(choices: Choices, value: Editable, label: str, *, default: str = "") -> forms.Field:
    """A choice; what stands in the document can be kept even if it is not on offer."""
    current = value.value
    offered = list(choices)
    if isinstance(current, str) and current not in [slug for slug, _name in offered]:
        offered.append((current, current))
    return forms.ChoiceField(label=label, choices=offered, initial=current or default)


def _text(value: Editable, label: str, known: Known) -> forms.Field:
    return forms.CharField(label=label, required=value.is_required, max_length=2000, strip=False)


def _template_text(value: Editable, label: str, known: Known) -> forms.Field:
    widget = forms.Textarea(attrs={"rows": 2, "class": "short", "spellcheck": "false"})
    return forms.CharField(label=label, required=False, max_length=5000, strip=False, widget=widget)


def _event(value: Editable, label: str, known: Known) -> forms.Field:
    widget = forms.TextInput(attrs={"list": "event-names", "autocomplete": "off", "spellcheck": "false"})
    return forms.CharField(label=label, max_length=200, widget=widget)


def _lines(value: Editable, label: str, known: Known) -> forms.Field:
    return LinesField(label=label, is_numbers=all(isinstance(item, int | float) for item in value.value))


_FIELDS: Final[Mapping[ValueKind, Callable[[Editable, str, Known], forms.Field]]] = {
    ValueKind.TEXT: _text,
    ValueKind.TEMPLATE_TEXT: _template_text,
    ValueKind.NUMBER: lambda value, label, known: NumberField(label=label),
    ValueKind.YES_NO: lambda value, label, known: YesNoField(label=label),
    ValueKind.LINES: _lines,
    ValueKind.LENGTH: lambda value, label, known: LengthField(label=label),
    ValueKind.EVENT: _event,
    ValueKind.COUNT: lambda value, label, known: CountField(label=label),
    ValueKind.WINDOW: lambda value, label, known: WindowField(label=label),
    ValueKind.SEGMENT: lambda value, label, known: _choice_field(known.segments, value, label),
    ValueKind.STANDING: _choice(_STANDINGS),
    ValueKind.CONSENT: _choice(_CONSENTS),
    ValueKind.TEMPLATE: lambda value, label, known: _choice_field(known.templates, value, label),
    ValueKind.MESSAGE_CLASS: _choice(_CLASSES, default=MessageClass.MARKETING.value),
    ValueKind.POLICY: lambda value, label, known: _choice_field(
        [(policy.value, policy_label(policy, translator=translation)) for policy in Policy],
        value,
        label,
        default=Policy.AFTER_EXIT.value,
    ),
    ValueKind.AGAIN: _choice(_AGAIN, default=Again.IGNORE.value),
}
_COMPOUND: Final = frozenset({ValueKind.LENGTH, ValueKind.COUNT, ValueKind.WINDOW})


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownSection:
    """A section as the page shows it."""

    title: str
    joiner: str
    note: str
    fields: Sequence[tuple[forms.BoundField, str]]  # with the class of its layout


class PartForm(forms.Form):
    """Everything that can be changed of one part of a journey.

    `seen` is the part and `revision` the draft's number as its reader saw them: both come back with what
    was changed, so that nobody overwrites what somebody else did meanwhile.
    """

    seen = forms.CharField(widget=forms.HiddenInput)
    revision = forms.IntegerField(widget=forms.HiddenInput)

    def __init__(
        self,
        sections: Sequence[Section],
        *,
        known: Known,
        seen: str,
        revision: int,
        data: Mapping[str, Any] | None = None,
    ) -> None:
        initial = {"seen": seen, "revision": revision}
        super().__init__(data, auto_id="f-%s", initial=initial, use_required_attribute=False)
        self.sections = sections
        self.editables = {value.name: value for section in sections for value in section.values}
        for name, value in self.editables.items():
            field = _FIELDS[value.kind](value, value.label.said(translation), known)
            if field.initial is None:
                field.initial = value.value
            self.fields[name] = field

    def changed_values(self) -> dict[Place, Json]:
        """The values that differ from the document, by their place in the part."""
        return {
            self.editables[name].place: self._value(name)
            for name in self.changed_data
            if name in self.editables
        }

    def _value(self, name: str) -> Json:
        value, editable = self.cleaned_data[name], self.editables[name]
        return None if value == "" and not editable.is_required else value

    def shown(self) -> list[ShownSection]:
        """The sections with their fields."""
        return [self._shown(section) for section in self.sections]

    def _shown(self, section: Section) -> ShownSection:
        title = section.title.said(translation) if section.title else _in_words(section.condition)
        return ShownSection(
            title=title,
            joiner=section.joiner.said(translation) if section.joiner else "",
            note=section.note.said(translation) if section.note else "",
            fields=[
                (self[value.name], "pair" if value.kind in _COMPOUND else "") for value in section.values
            ],
        )


def _in_words(condition: Json) -> str:
    if condition is None:
        return ""
    try:
        told = describe(parse_condition(condition, allow_entry=True), translator=translation)
    except ConditionError:  # a draft in the making
        return _("A condition that is not complete")
    return told[:1].upper() + told[1:]
