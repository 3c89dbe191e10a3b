"""Form fields for the values of journeys: lengths, counts, windows, lists, numbers, yes and no.

Each gives what the document holds, and has changed only if that means something else.
"""

from datetime import timedelta
from decimal import Decimal
from typing import Any, Final

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from journeys.domain.schedule import Unit, exact_length, in_largest_unit, written
from profiles.domain.facts import Json
from segments.domain.conditions import CountOperator

MOST = 1_000_000  # of anything that is counted

_UNITS: Final = [
    (Unit.SECONDS.name, gettext_lazy("seconds")),
    (Unit.MINUTES.name, gettext_lazy("minutes")),
    (Unit.HOURS.name, gettext_lazy("hours")),
    (Unit.DAYS.name, gettext_lazy("days")),
    (Unit.WEEKS.name, gettext_lazy("weeks")),
]
_COUNTS: Final = [
    (CountOperator.AT_LEAST.value, gettext_lazy("at least")),
    (CountOperator.EXACTLY.value, gettext_lazy("exactly")),
    (CountOperator.AT_MOST.value, gettext_lazy("at most")),
]
_ONCE: Final = {"op": CountOperator.AT_LEAST.value, "value": 1}  # what a condition without a count means
EVER: Final = "ever"
SINCE: Final = "since"
_LENGTHS: Final = ("last", "before_last")
_WINDOWS: Final = [
    (EVER, gettext_lazy("at any time")),
    ("last", gettext_lazy("in the last")),
    ("before_last", gettext_lazy("more than … ago")),
    (SINCE, gettext_lazy("since entering the journey")),
]
_YES_NO: Final = [("true", gettext_lazy("yes")), ("false", gettext_lazy("no"))]


class _PartsWidget(forms.MultiWidget):
    """Several inputs for one value: the field's label belongs to the first, the others name themselves."""

    use_fieldset = False

    def id_for_label(self, id_: str) -> str:
        return f"{id_}_0" if id_ else ""


class _LengthWidget(_PartsWidget):
    def __init__(self) -> None:
        amount = forms.NumberInput(attrs={"min": 1, "max": MOST, "inputmode": "numeric", "class": "amount"})
        unit = forms.Select(choices=_UNITS, attrs={"aria-label": gettext_lazy("Unit")})
        super().__init__([amount, unit])

    def decompress(self, value: Json) -> list[Any]:
        length = exact_length(value) if isinstance(value, str) else None
        if length is None:
            return [None, Unit.DAYS.name]
        amount, unit = in_largest_unit(length)
        return [amount, unit.name]


class LengthField(forms.MultiValueField):
    """A length of time as number and unit; gives ISO 8601 text."""

    widget = _LengthWidget

    def __init__(self, *, label: str) -> None:
        amount = forms.IntegerField(min_value=1, max_value=MOST)
        super().__init__([amount, forms.ChoiceField(choices=_UNITS)], label=label, require_all_fields=True)

    def compress(self, values: list[Any]) -> str:
        amount, unit = values
        return written(amount, Unit[unit])

    def has_changed(self, initial: Json, data: Any) -> bool:
        """Compare lengths, not how they are written: 24 hours are one day."""
        try:
            return exact_length(self.clean(data)) != exact_length(initial or "")
        except forms.ValidationError:
            return True


class _CountWidget(_PartsWidget):
    def __init__(self) -> None:
        number = forms.NumberInput(
            attrs={
                "min": 0,
                "max": MOST,
                "inputmode": "numeric",
                "class": "amount",
                "aria-label": gettext_lazy("Times"),
            }
        )
        super().__init__([forms.Select(choices=_COUNTS), number])

    def decompress(self, value: Json) -> list[Any]:
        count = value or _ONCE
        return [count["op"], count["value"]]


class CountField(forms.MultiValueField):
    """How often; gives {"op", "value"}."""

    widget = _CountWidget

    def __init__(self, *, label: str) -> None:
        number = forms.IntegerField(min_value=0, max_value=MOST)
        super().__init__([forms.ChoiceField(choices=_COUNTS), number], label=label, require_all_fields=True)

    def compress(self, values: list[Any]) -> dict[str, Json]:
        op, number = values
        return {"op": op, "value": number}

    def has_changed(self, initial: Json, data: Any) -> bool:
        try:
            return bool(self.clean(data) != (initial or _ONCE))
        except forms.ValidationError:
            return True


class _WindowWidget(_PartsWidget):
    def __init__(self) -> None:
        amount = forms.NumberInput(
            attrs={
                "min": 1,
                "max": MOST,
                "inputmode": "numeric",
                "class": "amount",
                "aria-label": gettext_lazy("How long"),
            }
        )
        unit = forms.Select(choices=_UNITS, attrs={"aria-label": gettext_lazy("Unit")})
        super().__init__([forms.Select(choices=_WINDOWS), amount, unit])

    def decompress(self, value: Json) -> list[Any]:
        during = value or {}
        for kind in _LENGTHS:
            if kind in during:
                return [kind, *_LengthWidget().decompress(during[kind])]
        return [SINCE if SINCE in during else EVER, None, Unit.DAYS.name]


class WindowField(forms.MultiValueField):
    """When; gives what `during` holds, None for ever."""

    widget = _WindowWidget

    def __init__(self, *, label: str) -> None:
        amount = forms.IntegerField(min_value=1, max_value=MOST, required=False)
        fields = [
            forms.ChoiceField(choices=_WINDOWS),
            amount,
            forms.ChoiceField(choices=_UNITS, required=False),
        ]
        super().__init__(fields, label=label, require_all_fields=False, required=False)

    def compress(self, values: list[Any]) -> dict[str, Json] | None:
        kind, amount, unit = values or (EVER, None, "")
        if kind == EVER:
            return None
        if kind == SINCE:
            return {SINCE: "entry"}
        if amount is None or not unit:
            raise forms.ValidationError(_("Say how long."))
        return {kind: written(amount, Unit[unit])}

    def has_changed(self, initial: Json, data: Any) -> bool:
        try:
            return _meant(self.clean(data)) != _meant(initial)
        except forms.ValidationError:
            return True


def _meant(during: Json) -> tuple[str, timedelta | None]:
    """What a window means, however its length is written."""
    for kind in _LENGTHS:
        if during and kind in during:
            return kind, exact_length(during[kind])
    return (SINCE if during else EVER), None


class LinesField(forms.CharField):
    """A list with one value a line; numbers stay numbers where all of them were."""

    widget = forms.Textarea(attrs={"rows": 4})

    def __init__(self, *, label: str, is_numbers: bool) -> None:
        super().__init__(label=label, help_text=_("One value on each line."))
        self.is_numbers = is_numbers

    def prepare_value(self, value: Json) -> str:
        return value if isinstance(value, str) else "\n".join(map(str, value or []))

    def clean(self, value: Any) -> list[Json]:
        lines = [line.strip() for line in str(super().clean(value)).splitlines() if line.strip()]
        return [_number(line) for line in lines] if self.is_numbers else list(lines)

    def has_changed(self, initial: Json, data: Any) -> bool:
        try:
            return bool(self.clean(data) != initial)
        except forms.ValidationError:
            return True


def _number(text: str) -> int | float:
    return _plain_number(forms.DecimalField().clean(text))


def _plain_number(value: Decimal) -> int | float:
    return int(value) if value == value.to_integral_value() else float(value)


class NumberField(forms.DecimalField):
    """A number as JSON writes it."""

    def clean(self, value: Any) -> int | float:
        return _plain_number(super().clean(value))

    def has_changed(self, initial: Json, data: Any) -> bool:
        try:
            return bool(self.clean(data) != initial)
        except forms.ValidationError:
            return True


class YesNoField(forms.TypedChoiceField):
    """True or false."""

    def __init__(self, *, label: str) -> None:
        super().__init__(label=label, choices=_YES_NO, coerce=lambda text: text == "true")

    def prepare_value(self, value: Json) -> str:
        return value if isinstance(value, str) else str(bool(value)).lower()

    def has_changed(self, initial: Json, data: Any) -> bool:
        return str(data) != str(bool(initial)).lower()
