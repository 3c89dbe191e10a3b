"""What a template says, in each of its languages, and what a mail to one person is made from.

A template is a mail, a layout (what stands around the body of mails) or a block (a piece that mails and
layouts include by its name). The texts of all three are filled in with what is known of the person; a
default stands in for what is missing, null or empty.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from connectors.domain.message import Json, MailSource

LANGUAGE: Final = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*")
PERSON: Final = "person"
_TRAITS: Final = "traits"
TEXTS: Final = ("subject", "preheader", "body")
PLAIN: Final = ("sender", "reply_to", "layout", "topic", "language")
_MOST_PARTS: Final = 100  # that one mail is made of


class TemplateKind(StrEnum):
    MAIL = "mail"
    LAYOUT = "layout"
    BLOCK = "block"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wording:
    """The texts in one language; "" is said in the template's own."""

    subject: str = ""
    preheader: str = ""
    body: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """All that a template says."""

    subject: str = ""
    preheader: str = ""
    body: str = ""
    sender: str = ""  # "" for the connection's
    reply_to: str = ""
    layout: str = ""  # slug
    topic: str = ""  # slug of what marketing by this mail is about
    language: str = "en"  # of the texts above
    translations: Mapping[str, Wording] = field(default_factory=dict)  # language -> texts
    defaults: Mapping[str, str] = field(default_factory=dict)  # person.firstName -> what to write without it
    parts: tuple[str, ...] = ()  # slugs of the blocks that its texts include; found when it is checked


def content_of(raw: Mapping[str, Json]) -> Content:
    """Read what `to_json` wrote."""
    known = {name: raw[name] for name in (*TEXTS, *PLAIN) if name in raw}
    return Content(
        **known,
        translations={language: Wording(**texts) for language, texts in raw.get("translations", {}).items()},
        defaults=raw.get("defaults", {}),
        parts=tuple(raw.get("parts", ())),
    )


def to_json(content: Content) -> dict[str, Json]:
    """Write content down; the same content always gives the same JSON."""
    return {
        **{name: getattr(content, name) for name in (*TEXTS, *PLAIN)},
        "translations": {
            language: {name: getattr(wording, name) for name in TEXTS}
            for language, wording in sorted(content.translations.items())
        },
        "defaults": dict(sorted(content.defaults.items())),
        "parts": sorted(content.parts),
    }


def texts_of(content: Content) -> dict[str, str]:
    """All texts by name: subject, body, translations.de.subject; those that are empty left out."""
    named = {name: getattr(content, name) for name in TEXTS}
    for language, wording in content.translations.items():
        named |= {f"translations.{language}.{name}": getattr(wording, name) for name in TEXTS}
    return {name: text for name, text in named.items() if text}


def wording_in(content: Content, locale: str) -> tuple[str, Wording]:
    """The texts for somebody who reads `locale` (de-AT, de_AT), and the language they are in.

    The nearest there is: the very locale, its language, another country's way of it, the template's own.
    """
    own = Wording(subject=content.subject, preheader=content.preheader, body=content.body)
    found = nearest_language(locale, offered=(content.language, *content.translations))
    if found == content.language or found not in content.translations:
        return content.language, own
    said = content.translations[found]
    return found, Wording(**{name: getattr(said, name) or getattr(own, name) for name in TEXTS})


def nearest_language(locale: str, *, offered: Iterable[str]) -> str:
    """The language on offer that is nearest to a locale; "" for none."""
    wanted = locale.replace("_", "-").casefold()
    language = wanted.partition("-")[0]
    by_case = {one.casefold(): one for one in offered}
    alike = [one for one in by_case if one.partition("-")[0] == language]
    return by_case.get(wanted) or by_case.get(language) or (by_case[alike[0]] if language and alike else "")


def source_of(content: Content, *, locale: str, parts: Mapping[str, Content], version: int = 0) -> MailSource:
    """What a mail is made from for somebody who reads `locale`.

    Args:
        parts: layouts and blocks by slug; those that are not used are left out.
    """
    _language, wording = wording_in(content, locale)
    used = {slug: wording_in(parts[slug], locale)[1].body for slug in used_parts(content, parts=parts)}
    return MailSource(
        subject=wording.subject,
        preheader=wording.preheader,
        body=wording.body,
        sender=content.sender,
        reply_to=content.reply_to,
        layout=content.layout,
        parts=used,
        version=version,
    )


def used_parts(content: Content, *, parts: Mapping[str, Content]) -> list[str]:
    """The layout and the blocks of a mail, and what they include in turn; each once."""
    waiting = [slug for slug in (content.layout, *content.parts) if slug]
    found: list[str] = []
    while waiting and len(found) < _MOST_PARTS:
        slug = waiting.pop()
        if slug in parts and slug not in found:
            found.append(slug)
            waiting.extend(parts[slug].parts)
    return found


def defaults_of(content: Content, *, parts: Mapping[str, Content]) -> dict[str, str]:
    """What stands in for what is missing: the mail's own word counts before those of its parts."""
    found: dict[str, str] = {}
    for slug in used_parts(content, parts=parts):
        found |= parts[slug].defaults
    return {**found, **content.defaults}


def with_defaults(variables: Mapping[str, Json], defaults: Mapping[str, str]) -> dict[str, Json]:
    """Variables in which each default stands where there is nothing, null or an empty text."""
    made: dict[str, Any] = dict(variables)
    for path, default in defaults.items():
        names = path.split(".")
        _put(made, names, default)
        if names[0] == PERSON:
            _put(made, [PERSON, _TRAITS, *names[1:]], default)
    return made


def _put(inside: dict[str, Any], names: list[str], default: str) -> None:
    """Put a default at its place; the mappings on the way are copied, for they are shared."""
    name, *rest = names
    known = inside.get(name)
    if not rest:
        inside[name] = default if known is None or known == "" else known
    elif known is None or isinstance(known, Mapping):
        inner = dict(known or {})
        _put(inner, rest, default)
        inside[name] = inner


def plain_path(path: Iterable[str]) -> str:
    """A path as people write it; `person.traits.city` is the same as `person.city`."""
    names = list(path)
    if names[:2] == [PERSON, _TRAITS] and len(names) > 2:
        del names[1]
    return ".".join(names)
