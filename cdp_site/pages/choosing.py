"""Whom a form means: somebody typed a customer number, an address or a person's public id."""

from uuid import UUID

from profiles.domain.identity import ANONYMOUS, EMAIL, PHONE, USER
from profiles.models import Person
from profiles.queries import person_by_identity, person_of


def person_named(text: str) -> Person | None:
    """Find the person, by whatever of it names one."""
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
