"""What the form of a template sends: one language at a time, laid over the content it began with."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from django.utils.translation import gettext as _

from connectors.domain.template import LANGUAGE, TEXTS, Content, Wording

LONGEST_BODY: Final = 500_000
LONGEST_LINE: Final = 300
LONGEST_NAME: Final = 120
MOST_DEFAULTS: Final = 200
_ROOTS: Final = ("person.", "event.", "entry.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A form as it was filled in."""

    name: str
    content: Content
    language: str  # of the translation that is written; "" for the template's own
    faults: Mapping[str, str] = field(default_factory=dict)  # field -> what is wrong with it
    defaults: str = ""  # as they were typed

    @property
    def shown_language(self) -> str:
        """The language that is written, which a preview shows whatever the person reads."""
        return self.language or self.content.language

    @property
    def wording(self) -> Wording:
        """The texts in the language that is written."""
        if self.language:
            return self.content.translations.get(self.language, Wording())
        said = self.content
        return Wording(subject=said.subject, preheader=said.preheader, body=said.body)


def written_from(content: Content, *, name: str, language: str = "") -> Written:
    """The form as it is opened."""
    lines = "\n".join(f"{path} = {default}" for path, default in content.defaults.items())
    return Written(name=name, content=content, language=language, defaults=lines)


def written_in(data: Mapping[str, str], *, base: Content) -> Written:
    """Read a form that was sent.

    Args:
        base: what the texts in other languages are taken from.
    """
    faults: dict[str, str] = {}
    language = data.get("lang", "")
    if language and not LANGUAGE.fullmatch(language):
        faults["lang"], language = _("Write a language like de, or de-AT."), ""
    texts = Wording(**{name: _text(data, name) for name in TEXTS})
    own = _line(data, "language", most=35) or base.language
    if not LANGUAGE.fullmatch(own):
        faults["language"] = _("Write a language like de, or de-AT.")
    content = replace(
        base,
        sender=_line(data, "sender", most=200),
        reply_to=_line(data, "reply_to", most=200),
        layout=_line(data, "layout", most=80),
        topic=_line(data, "topic", most=80),
        language=own,
    )
    if language:
        content = replace(content, translations={**base.translations, language: texts})
    else:
        content = replace(content, subject=texts.subject, preheader=texts.preheader, body=texts.body)
    lines = data.get("defaults", "")[:LONGEST_BODY]
    if (defaults := read_defaults(lines)) is None:
        faults["defaults"] = _("Write one a line, for example: person.firstName = there")
    else:
        content = replace(content, defaults=defaults)
    name = _line(data, "name", most=LONGEST_NAME)
    if not name:
        faults["name"] = _("Give it a name.")
    return Written(name=name, content=content, language=language, faults=faults, defaults=lines)


def without_language(content: Content, language: str) -> Content:
    """The content without one of its translations."""
    kept = {name: texts for name, texts in content.translations.items() if name != language}
    return replace(content, translations=kept)


def read_defaults(text: str) -> dict[str, str] | None:
    """Read lines of `person.firstName = there`; None where one is none."""
    found: dict[str, str] = {}
    for line in filter(None, map(str.strip, text.splitlines())):
        path, is_there, default = line.partition("=")
        path = path.strip()
        if not is_there or not path.startswith(_ROOTS) or not all(path.split(".")):
            return None
        found[path] = default.strip()
    return found if len(found) <= MOST_DEFAULTS else None


def _text(data: Mapping[str, str], name: str) -> str:
    if name != "body":
        return _line(data, name, most=LONGEST_LINE)
    return data.get(name, "")[:LONGEST_BODY].replace("\r\n", "\n")


def _line(data: Mapping[str, str], name: str, *, most: int) -> str:
    return " ".join(data.get(name, "").split())[:most]
