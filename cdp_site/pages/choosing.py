"""Whom a form means: somebody typed a customer number, an address or a name, or chose a person."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from profiles.domain.identity import ANONYMOUS, EMAIL, PHONE, USER
from profiles.models import Person
from profiles.queries import PersonLine, people_found, person_by_identity, person_of

MOST_SHOWN = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Meant:
    """Whom a text names; several where it may mean one or another of them."""

    person: Person | None = None
    several: Sequence[PersonLine] = ()


def person_meant(text: str) -> Meant:
    """Find the person whom a text names in full, or else the only one whom its words find."""
    named = _person_named(text)
    if named is not None:
        return Meant(person=named)
    found = people_found(text, limit=MOST_SHOWN)
    return Meant(person=person_of(found[0].uuid)) if len(found) == 1 else Meant(several=found)


def _person_named(text: str) -> Person | None:
    text = text.strip()
    if not text or len(text) > 512:
        return None
    try:
        return person_of(UUID(text))
    except ValueError:
        pass
    for kind in (USER, EMAIL, PHONE, ANONYMOUS):
        if (found := person_by_identity(kind, text)) is not None:
            return found
    return None
