"""Lengths of time as a number and a unit."""

import re
from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy

UNITS: Final[dict[str, Promise]] = {
    "minutes": gettext_lazy("minutes"),
    "hours": gettext_lazy("hours"),
    "days": gettext_lazy("days"),
    "weeks": gettext_lazy("weeks"),
    "months": gettext_lazy("months"),
    "years": gettext_lazy("years"),
    "seconds": gettext_lazy("seconds"),
}
EXACT_UNITS: Final = ("minutes", "hours", "days", "weeks", "seconds")  # where a month has no length
_ISO: Final = {
    "seconds": "PT{}S",
    "minutes": "PT{}M",
    "hours": "PT{}H",
    "days": "P{}D",
    "weeks": "P{}W",
    "months": "P{}M",
    "years": "P{}Y",
}
_ONE: Final = re.compile(r"P(?:(T)?)([0-9]{1,9})([SMHDWY])")
_LETTERS: Final = {
    ("T", "S"): "seconds",
    ("T", "M"): "minutes",
    ("T", "H"): "hours",
    ("", "D"): "days",
    ("", "W"): "weeks",
    ("", "M"): "months",
    ("", "Y"): "years",
}


def written(amount: str, unit: str) -> str | None:
    """ISO 8601 text; None where the amount is no whole number above zero."""
    amount = amount.strip()
    if not (amount.isascii() and amount.isdigit()) or not 0 < len(amount) < 10 or int(amount) == 0:
        return None
    return _ISO[unit].format(int(amount)) if unit in _ISO else None


def read(text: object) -> tuple[str, str] | None:
    """Amount and unit of ISO 8601 text with one unit."""
    match = _ONE.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        return None
    unit = _LETTERS.get((match[1] or "", match[3]))
    return (str(int(match[2])), unit) if unit else None
