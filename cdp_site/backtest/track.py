"""One customer in the making: what the store holds of them, put in its place in time."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import uuid4

from cdp_site.backtest.holders import Holders, Joined, Link
from cdp_site.backtest.past import (
    AddressClosed,
    ConsentSaid,
    Happening,
    ListSaid,
    MadeOne,
    MessageSent,
    Past,
    Period,
    TraitSaid,
)
from cdp_site.backtest.queries import EventRow, PersonRow
from journeys.domain.engine import PastRun
from journeys.domain.settings import Sent
from profiles.domain.arrival import Arrived, known_zone, micros_of, read_stored
from profiles.domain.exact import LazyObject
from profiles.domain.facts import Event, Stay
from profiles.domain.history import PersonState
from profiles.domain.identity import EMAIL, Merge, Resolution
from segments.live import ByHand


class Track:
    """One customer in the making."""

    def __init__(
        self, *, rows: Sequence[PersonRow], holders: Holders, events: Sequence[EventRow], period: Period
    ) -> None:
        self.period = period
        self.holders = holders
        self.survivor = rows[0].survivor
        self.zone = ""
        self.moments = {event.arrival: event.moment for event in events}
        self.arrivals = {event.message_id: event.arrival for event in events}
        self.states = {row.id: _state_of(row) for row in rows}
        for person in holders.unstored:
            self.states[person] = replace(_state_of(rows[0]), person_id=person, uuid=uuid4())
        self.happenings: list[Happening] = []
        self.hands: dict[int, dict[str, list[ByHand]]] = defaultdict(lambda: defaultdict(list))
        self.runs: dict[int, list[PastRun]] = defaultdict(list)
        self.sent_before: dict[int, list[Sent]] = defaultdict(list)
        self.closed_before: dict[str, set[str]] = defaultdict(set)
        self.became: dict[int, int] = {}  # merges of before the period
        self.merges: dict[int, list[Joined]] = defaultdict(list)  # by the message that made them
        self._lay_merges()
        self.present: set[int] = set()
        self.links: dict[int, list[Link]] = defaultdict(list)
        self._lay_links()
        self.events = events

    # -- who -----------------------------------------------------------------------------------------------

    def _lay_merges(self) -> None:
        for joined in self.holders.merges:
            if joined.arrival in self.moments:
                self.merges[joined.arrival].append(joined)
            elif joined.at >= self.period.ends_at:
                continue
            elif joined.arrival or joined.at < self.period.begins_at:
                self.became[joined.old] = joined.new  # before, or by a message that is not stored any more
            else:
                self.happenings.append(MadeOne(at=joined.at, arrival=0, person=joined.new, old=joined.old))

    def _lay_links(self) -> None:
        links = self.holders.links
        before = [
            link for link in links if link.arrival not in self.moments and link.at < self.period.ends_at
        ]
        begun = {link.person for link in before} | self.states.keys() - {link.person for link in links}
        self.present = {self.now(person) for person in begun & self.states.keys()}
        for link in links:
            if link.arrival in self.moments:
                self.links[link.arrival].append(link)
        for link in before:
            if self.holders.owner(link.identity_id, self._last_arrival) == link.person:
                self.hold(link.person, link.key)

    @property
    def _last_arrival(self) -> int:
        """The last message before the period, as far as the logs tell."""
        return min(self.moments, default=2**62) - 1

    def now(self, person: int) -> int:
        """Who a person is when the period begins."""
        while person in self.became:
            person = self.became[person]
        return person

    def whose(self, identity: int | None, arrival: int, *, otherwise: int) -> int:
        """Who somebody was when a message arrived, before any merge."""
        owner = self.holders.owner(identity, arrival) if identity and arrival else None
        found = owner if owner in self.states else otherwise
        assert found is not None
        return found

    def _at(self, moment: datetime) -> int:
        """Who stands for the customer where nothing says which of the persons that were merged since."""
        if self.survivor in self.present or moment >= self.period.begins_at or not self.present:
            return self.survivor
        return min(self.present)

    def hold(self, person: int, key: tuple[str, str]) -> None:
        state = self.states.get(self.now(person))
        if state is not None:
            state.keys |= {key}

    def saw(self, identity: int, at: datetime) -> None:
        person = self.now(self.whose(identity, self._last_arrival, otherwise=self._at(at)))
        self.states[person].see(at)

    # -- what they had ---------------------------------------------------------------------------------------

    def trait(
        self,
        said: TraitSaid,
        *,
        identity: int | None,
        by_message: bool,
        is_kept: bool,
        with_history: bool,
    ) -> None:
        if self._is_before(said, by_message=by_message):
            person = self.now(self.whose(identity, said.arrival, otherwise=self._at(said.at)))
            state = self.states[person]
            if with_history:
                state.trait_history.setdefault(said.key, [])
            state.set_trait(said.key, said.value, micros=micros_of(said.at), arrival=said.arrival)
        elif not by_message and is_kept and said.at < self.period.ends_at:
            self.happenings.append(said)

    def keep_histories(self, keys: Iterable[str]) -> None:
        for state in self.states.values():
            for key in keys:
                state.trait_history.setdefault(key, [])

    def consent(self, said: ConsentSaid, *, identity: int | None, by_message: bool) -> None:
        if self._is_before(said, by_message=by_message):
            person = self.now(self.whose(identity, said.arrival, otherwise=self._at(said.at)))
            self.states[person].set_consent(said.category, said.is_granted, micros=micros_of(said.at))
        elif not by_message and said.at < self.period.ends_at:
            self.happenings.append(said)

    def _is_before(self, said: TraitSaid | ConsentSaid, *, by_message: bool) -> bool:
        """Whether it was known when the period begins: what came late was not."""
        if by_message and said.arrival in self.moments:
            return False
        return said.at < self.period.begins_at or (by_message and said.arrival <= self._last_arrival)

    def remember(self, row: EventRow) -> None:
        otherwise = row.stored_under if row.stored_under in self.states else self._at(row.moment)
        person = self.now(self.whose(row.identity_id, row.arrival, otherwise=otherwise))
        self.states[person].events.setdefault(row.name, []).append(_event_of(row))

    def stay(self, origin: int | None, slug: str, entered_at: datetime, left_at: datetime | None) -> None:
        person = self.now(origin if origin in self.states else self._at(entered_at))
        if left_at is not None and left_at >= self.period.begins_at:
            left_at = None
        self.states[person].stays.setdefault(slug, []).append(Stay(entered_at=entered_at, left_at=left_at))

    def by_hand(
        self,
        origin: int | None,
        slug: str,
        is_added: bool,
        at: datetime,
        ended_at: datetime | None,
        *,
        messages: Sequence[str],
    ) -> None:
        """Take a word of somebody, or of a journey: that follows the message it was decided at."""
        begins_at, ends_at = self.period.begins_at, self.period.ends_at
        person = self.now(origin if origin in self.states else self._at(at))
        if at < begins_at:
            kept = ended_at if ended_at is not None and ended_at < begins_at else None
            self.hands[person][slug].append(ByHand(is_added=is_added, at=at, ended_at=kept))
            if is_added:
                self.states[person].lists.setdefault(slug, []).append(Stay(entered_at=at, left_at=kept))
        for moment, message, said in ((at, messages[0], is_added), (ended_at, messages[1], None)):
            if moment is not None and begins_at <= moment < ends_at:
                arrival = self.arrivals.get(message, 0)
                self.happenings.append(
                    ListSaid(at=moment, arrival=arrival, person=person, slug=slug, is_added=said)
                )

    # -- what holds them back --------------------------------------------------------------------------------

    def run(self, key: str, entered_at: datetime, ended_at: datetime | None) -> None:
        """Whoever was still inside when the period begins counts as having left by then."""
        ended_at = min(ended_at or self.period.begins_at, self.period.begins_at)
        past = PastRun(run_id=0, key=key, entered_at=entered_at, ended_at=ended_at)
        self.runs[self._at(entered_at)].append(past)

    def sent(self, sent: Sent) -> None:
        person = self._at(sent.at)
        if sent.at < self.period.begins_at:
            self.sent_before[person].append(sent)
        else:
            self.happenings.append(MessageSent(at=sent.at, arrival=0, person=person, sent=sent))

    def addresses(self) -> set[str]:
        keys = {key for state in self.states.values() for key in state.keys}
        keys |= {link.key for link in self.holders.links}
        return {value for kind, value in keys if kind == EMAIL}

    def closed(self, address: str, scope: str, at: datetime) -> None:
        if at < self.period.begins_at:
            self.closed_before[address].add(scope)
        elif at < self.period.ends_at:
            self.happenings.append(
                AddressClosed(at=at, arrival=0, person=self.survivor, address=address, scope=scope)
            )

    # -- altogether ------------------------------------------------------------------------------------------

    def past(self) -> Past:
        for person, state in self.states.items():
            state.is_new = person not in self.present
            state.has_values = True
            state.time_zone = known_zone(str(state.traits.get("timezone") or "")) or (
                self.zone if person in self.present else ""
            )
        return Past(
            survivor=self.survivor,
            period=self.period,
            states={person: state for person, state in self.states.items() if person not in self.became},
            present=frozenset(self.present - self.became.keys()),
            messages=[self._message(row) for row in self.events],
            happenings=sorted(self.happenings, key=lambda one: (one.at, one.arrival, not _is_end(one))),
            by_hand=self.hands,
            runs=self.runs,
            sent=self.sent_before,
            closed={address: frozenset(self.closed_before.get(address, ())) for address in self.addresses()},
            late=frozenset(row.arrival for row in self.events if row.is_history),
            unstored=len(self.holders.unstored),
        )

    def _message(self, row: EventRow) -> Arrived:
        item = read_stored(
            _event_of(row),
            properties=row.properties.encode(),
            context=row.context.encode(),
            source_id=row.source_id,
        )
        otherwise = row.stored_under if row.stored_under in self.states else self.survivor
        item.person = self.now(self.whose(row.identity_id, row.arrival, otherwise=otherwise))
        item.identity_id = row.identity_id
        links = self.links.get(row.arrival, ())
        item.resolution = Resolution(
            person=item.person,
            via=("", ""),
            links=tuple((link.key, link.reason) for link in links),
            merges=tuple(
                Merge(old=self.now(one.old), new=self.now(one.new), reason="", evidence=())
                for one in self.merges.get(row.arrival, ())
            ),
        )
        return item


def _is_end(one: Happening) -> bool:
    """Whether it takes back what another word, at the same moment, replaces."""
    return isinstance(one, ListSaid) and one.is_added is None


def _state_of(row: PersonRow) -> PersonState:
    """Somebody of whom nothing is known yet."""
    return PersonState(
        person_id=row.id, uuid=row.uuid, first_seen_at=row.first_seen_at, last_seen_at=row.first_seen_at
    )


def _event_of(row: EventRow) -> Event:
    properties: Any = LazyObject(row.properties)
    return Event(
        name=row.name,
        ts=row.ts,
        arrival=row.arrival,
        received_at=row.moment,
        message_id=row.message_id,
        properties=properties,
        context=LazyObject(row.context),
    )
