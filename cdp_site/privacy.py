"""How each table treats personal data: declared on the model, enforced by a test.

Every model of ours carries `personal_data = PersonalData(...)` or `personal_data = NOT_PERSONAL`.
`cdp_site.people` reads the declarations to erase and export a person; retention reads `retain`.
"""

from dataclasses import dataclass
from enum import Enum


class Erase(Enum):
    """What erasing a person does to their rows of a table."""

    DELETE = "delete"  # the rows go
    SCRUB = "scrub"  # the rows stay for the books; the personal columns are emptied
    EXPIRE = "expire"  # not keyed by person: short-lived, gone by `retain`; erasure searches it by identity
    NONE = "none"  # holds no personal data


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonalData:
    """One table's treatment of personal data."""

    erase: Erase
    person: str | None  # the column holding the person's id; None where rows are not keyed by person
    export: bool  # whether rows belong in a person's export
    retain: str  # how long rows live, in words: "as the person", "8 days", a setting's name
    columns: tuple[str, ...] = ()  # every json, bytes and free-text column that can hold personal data
    impersonal: tuple[str, ...] = ()  # json or bytes columns that never do


NOT_PERSONAL = PersonalData(erase=Erase.NONE, person=None, export=False, retain="as long as in use")


def not_personal(*columns: str) -> PersonalData:
    """Declare a table without personal data whose json or bytes `columns` hold configuration only."""
    return PersonalData(
        erase=Erase.NONE, person=None, export=False, retain="as long as in use", impersonal=columns
    )
