"""One person moving forward in time: what the drain knows before, and after each message of a batch.

The store reads a person once per batch; each message is applied in order of arrival, and rules are asked
between them, so that no rule sees a later message. Trait and consent values go by event time: an older
message never overwrites a newer value.
"""

from bisect import insort
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from uuid import UUID

from profiles.domain.arrival import known_zone
from profiles.domain.exact import is_same_json
from profiles.domain.facts import Event, Facts, Json, Stay, TraitChange
from profiles.domain.identity import EMAIL, Key

_ORDER = attrgetter("order")
_PLACE = attrgetter("at", "arrival")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(slots=True, kw_only=True)
class PersonState:
    """The mutable counterpart of `Facts`; belongs to one batch and one person."""

    person_id: int
    uuid: UUID
    first_seen_at: datetime
    last_seen_at: datetime
    traits: dict[str, Json] = field(default_factory=dict)
    trait_times: dict[str, int] = field(default_factory=dict)  # microseconds since 1970
    consent: dict[str, bool] = field(default_factory=dict)
    consent_times: dict[str, int] = field(default_factory=dict)
    time_zone: str = ""
    locale: str = ""
    keys: frozenset[Key] = frozenset()  # identities held
    stays: dict[str, list[Stay]] = field(default_factory=dict)
    lists: dict[str, list[Stay]] = field(default_factory=dict)  # segment slug -> when added by hand
    # Of the keys that rules ask about; those alone are kept, oldest first.
    trait_history: dict[str, list[TraitChange]] = field(default_factory=dict)
    events: dict[str, list[Event]] = field(default_factory=dict)
    is_new: bool = False
    has_values: bool = False  # traits and consent were read
    is_seen: bool = False  # first or last sight, zone or locale need writing
    is_changed: bool = False  # traits or consent, and with them a zone

    @property
    def email(self) -> str:
        """The address to write to: the email trait where it is theirs, else any email identity."""
        held = sorted(value for kind, value in self.keys if kind == EMAIL)
        named = str(self.traits.get("email") or "").strip().lower()
        return named if named in held else (held[0] if held else "")

    def see(self, at: datetime) -> None:
        """Widen the time between first and last sight."""
        self.first_seen_at = min(self.first_seen_at, at)
        self.last_seen_at = max(self.last_seen_at, at)
        self.is_seen = True

    def set_trait(self, key: str, value: Json, *, micros: int, arrival: int = 0) -> tuple[bool, Json]:
        """Take one trait, None to remove it.

        Returns:
            Whether the history gains an entry, and the value before. An entry older than the value
            in force belongs to the history but changes nothing now.
        """
        before = self.traits.get(key)
        if micros < self.trait_times.get(key, micros):
            self._remember(key, value, micros=micros, arrival=arrival)
            return True, before
        self.trait_times[key] = micros
        self.is_changed = True
        if is_same_json(before, value):
            return False, before
        self._remember(key, value, micros=micros, arrival=arrival)
        if value is None:
            self.traits.pop(key, None)
        else:
            self.traits[key] = value
        if key == "timezone":
            self.time_zone = known_zone(str(value or "")) or self.time_zone
        return True, before

    def _remember(self, key: str, value: Json, *, micros: int, arrival: int) -> None:
        if key in self.trait_history:
            change = TraitChange(at=_EPOCH + timedelta(microseconds=micros), arrival=arrival, value=value)
            insort(self.trait_history[key], change, key=_PLACE)

    def set_consent(self, category: str, is_granted: bool, *, micros: int) -> bool:
        """Take one consent category; tell whether the history gains an entry."""
        if micros < self.consent_times.get(category, micros):
            return True
        self.consent_times[category] = micros
        self.is_changed = True
        if self.consent.get(category) is is_granted:
            return False
        self.consent[category] = is_granted
        return True

    def add_event(self, event: Event) -> None:
        """Place an event into the history where its time belongs."""
        insort(self.events.setdefault(event.name, []), event, key=_ORDER)

    def absorb(self, other: "PersonState") -> None:
        """Take over everything of a person merged into this one; the newest value of each key wins."""
        self.first_seen_at = min(self.first_seen_at, other.first_seen_at)
        self.last_seen_at = max(self.last_seen_at, other.last_seen_at)
        for key, micros in other.trait_times.items():
            if micros > self.trait_times.get(key, -1):
                self.set_trait(key, other.traits.get(key), micros=micros)
        for category, micros in other.consent_times.items():
            if micros > self.consent_times.get(category, -1) and category in other.consent:
                self.set_consent(category, other.consent[category], micros=micros)
        for name, events in other.events.items():
            self.events[name] = sorted([*self.events.get(name, ()), *events], key=_ORDER)
        for slug, stays in other.stays.items():
            self.stays[slug] = merged_stays([*self.stays.get(slug, ()), *stays])
        for slug, stays in other.lists.items():
            self.lists[slug] = merged_stays([*self.lists.get(slug, ()), *stays])
        for key, changes in other.trait_history.items():
            self.trait_history[key] = sorted([*self.trait_history.get(key, ()), *changes], key=_PLACE)
        self.keys |= other.keys
        self.time_zone = self.time_zone or other.time_zone
        self.locale = self.locale or other.locale
        self.is_changed = True

    def facts(self, *, company_zone: str, event: Event | None = None, entry: Event | None = None) -> Facts:
        """Show the person as rules see them now. The view shares this state: use it before moving on."""
        return Facts(
            person_id=self.person_id,
            uuid=self.uuid,
            zone=self.time_zone or company_zone,
            traits=self.traits,
            consent=self.consent,
            identities=frozenset(kind for kind, _ in self.keys),
            stays=self.stays,
            lists=self.lists,
            trait_history=self.trait_history,
            events_of=self.events_of,
            event=event,
            entry=entry,
        )

    def events_of(self, name: str) -> Sequence[Event]:
        """Give the events of a name in order; a name ending in `*` means all names beginning so."""
        if not name.endswith("*"):
            return self.events.get(name, ())
        start = name[:-1]
        names = [known for known in self.events if known.startswith(start)]
        return sorted((event for known in names for event in self.events[known]), key=_ORDER)


def merged_stays(stays: Iterable[Stay]) -> list[Stay]:
    """Order stays of two persons that became one; of two open ones the earlier stays open."""
    ordered = sorted(stays, key=attrgetter("entered_at"))
    open_stays = [stay for stay in ordered if stay.left_at is None]
    closed = [stay for stay in ordered if stay.left_at is not None]
    return closed + open_stays[:1]
