"""Everything one transaction does to people."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from profiles.domain.arrival import Arrived
from profiles.domain.facts import Json
from profiles.domain.history import PersonState
from profiles.domain.identity import Merge
from profiles.store.people import Crowd


@dataclass(slots=True, kw_only=True)
class TraitEntry:
    """A line of trait history."""

    person: int
    key: str
    at: datetime
    arrival: int
    value: Json
    source_id: int | None
    identity_id: int | None
    origin: str = "message"


@dataclass(slots=True, kw_only=True)
class ConsentEntry:
    """A line of consent history."""

    person: int
    category: str
    at: datetime
    arrival: int
    is_granted: bool
    source_id: int | None
    identity_id: int | None
    origin: str = "message"


@dataclass(kw_only=True)
class Changes:
    """Everything one transaction does to people."""

    crowd: Crowd | None = None
    arrived: Sequence[Arrived] = ()
    states: dict[int, PersonState] = field(default_factory=dict)
    merges: list[tuple[Merge, Arrived]] = field(default_factory=list)
    traits: list[TraitEntry] = field(default_factory=list)
    consents: list[ConsentEntry] = field(default_factory=list)

    @cached_property
    def survivors(self) -> Mapping[int, int]:
        """Who each person that a merge took is at the end of the batch."""
        final: dict[int, int] = {}
        for merge, _ in reversed(self.merges):
            final[merge.old] = final.get(merge.new, merge.new)
        return final

    def survivor(self, person: int) -> int:
        """Who this person is at the end of the batch."""
        return self.survivors.get(person, person)
