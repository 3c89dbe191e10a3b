"""Sentences that can be said in any language, without knowing which translation machinery runs.

A sentence is marked where it is written, with `gettext_noop("…")` or by calling `gettext` or `ngettext`
of a `Translator`; `makemessages` finds all three. Doors pass `django.utils.translation` as the translator;
whoever passes none speaks English.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from gettext import NullTranslations
from typing import Final, Protocol


class Translator(Protocol):
    """What `django.utils.translation` and the standard library's translations have in common."""

    def gettext(self, message: str, /) -> str: ...

    def ngettext(self, singular: str, plural: str, number: int, /) -> str: ...


ENGLISH: Final[Translator] = NullTranslations()


def gettext_noop(message: str) -> str:
    """Mark a sentence for translation; it is translated when it is said."""
    return message


@dataclass(frozen=True, slots=True)
class Phrase:
    """A sentence with named places, and what fills them."""

    message: str
    values: Mapping[str, str | int] = field(default_factory=dict)

    def said(self, translator: Translator = ENGLISH) -> str:
        return translator.gettext(self.message).format(**self.values)

    def __str__(self) -> str:
        return self.said()
