"""What to call a person: the best name their traits and identities give."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from profiles.domain.facts import Json
from profiles.domain.identity import ANONYMOUS, EMAIL, PHONE, USER, Key

_FULL = ("name", "fullName", "full_name")
_FIRST = ("firstName", "first_name")
_LAST = ("lastName", "last_name")
_WRITTEN = ("email", "phone", "company", "address", "timezone", "locale")
# The traits that people are named by, found by, written to at, and whose clock and language they follow.
OWN_TRAITS = frozenset((*_FULL, *_FIRST, *_LAST, *_WRITTEN, "id", "user_id", "userId"))
_ORDER = (EMAIL, USER, PHONE)  # external systems follow, devices come last
SHORTENED_TO = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Naming:
    """How a person is shown: a name, and the identifier that tells namesakes apart."""

    name: str  # "" where nothing but devices is known: the page finds words for it
    identifier: str  # "" where it would repeat the name


def naming_of(*, traits: Mapping[str, Json], identities: Sequence[Key]) -> Naming:
    """Choose a person's name: written out, first and last, else the strongest identifier."""
    identifier = main_identifier(identities)
    name = _first_text(traits, _FULL) or " ".join(
        part for part in (_first_text(traits, _FIRST), _first_text(traits, _LAST)) if part
    )
    if name:
        return Naming(name=name, identifier=identifier)
    known = [value for kind, value in identities if kind != ANONYMOUS]
    return Naming(name=identifier, identifier="") if known else Naming(name="", identifier=identifier)


def main_identifier(identities: Sequence[Key]) -> str:
    """Choose the identifier that people know somebody by; a device's id is shortened."""
    ordered = sorted(identities, key=_rank)
    if not ordered:
        return ""
    kind, value = ordered[0]
    return value if kind != ANONYMOUS else shortened(value)


def shortened(value: str) -> str:
    """Cut a long technical id to what is enough to recognise it."""
    return value if len(value) <= SHORTENED_TO + 1 else f"{value[:SHORTENED_TO]}…"


def _rank(key: Key) -> tuple[int, str]:
    kind, value = key
    if kind == ANONYMOUS:
        return (len(_ORDER) + 1, value)
    return (_ORDER.index(kind) if kind in _ORDER else len(_ORDER), value)


def _first_text(traits: Mapping[str, Json], keys: Sequence[str]) -> str:
    found = (traits.get(key) for key in keys)
    return next((text.strip() for text in found if isinstance(text, str) and text.strip()), "")
