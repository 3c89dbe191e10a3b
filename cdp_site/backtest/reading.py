"""Read people as they were when a period begins, and all that happened to them in it."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import uuid4

from cdp_site.backtest import queries
from cdp_site.backtest.holders import MERGED, Holders, Joined, Link, holders_of
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
from cdp_site.pipeline.rules import Rules, since
from connectors.queries import suppressions_of
from journeys.domain.engine import PastRun
from journeys.domain.settings import Sent
from journeys.live import LiveVersion
from profiles.domain.arrival import Arrived, known_zone, micros_of, read_stored
from profiles.domain.exact import LazyObject, decode_json
from profiles.domain.facts import Event, Stay
from profiles.domain.history import PersonState
from profiles.domain.identity import EMAIL, Merge, Resolution
from segments.domain.conditions import Reads
from segments.live import ByHand


def read_pasts(
    people: Collection[int],
    *,
    rules: Rules,
    version: LiveVersion,
    period: Period,
    new_id: Callable[[], int],
) -> list[Past]:
    """Read customers by who they are today; those merged into others, or unknown, are left out.

    Args:
        new_id: gives ids for people who were never stored.
    """
    known: dict[int, list[PersonRow]] = defaultdict(list)
    for row in queries.person_rows(people):
        known[row.survivor].append(row)
    if not known:
        return []
    sheet = _Sheet(rules=rules, version=version, period=period, known=known, new_id=new_id)
    return sheet.read()


@dataclass(slots=True, kw_only=True)
class _Sheet:
    """The reading of some customers, table by table."""

    rules: Rules
    version: LiveVersion
    period: Period
    known: dict[int, list[PersonRow]]
    new_id: Callable[[], int]
    tracks: dict[int, "_Track"] = field(default_factory=dict)  # by survivor

    def read(self) -> list[Past]:
        survivors = list(self.known)
        everybody = [row.id for rows in self.known.values() for row in rows]
        survivor_of = {row.id: row.survivor for rows in self.known.values() for row in rows}
        links = _links_by_survivor(queries.links_of(everybody), survivor_of)
        merges: dict[int, list[Joined]] = defaultdict(list)
        for joined in queries.merges_of(everybody):
            merges[survivor_of[joined.old]].append(joined)
        events: dict[int, list[EventRow]] = defaultdict(list)
        for event in queries.events_within(everybody, period=self.period):
            events[event.survivor].append(event)
        for survivor, rows in self.known.items():
            self.tracks[survivor] = _Track(
                rows=rows,
                holders=holders_of(links[survivor], merges[survivor], new_id=self.new_id),
                events=events[survivor],
                period=self.period,
            )
        self._identities(survivors)
        self._seen(everybody, survivors)
        self._values(survivors)
        self._history(everybody)
        self._segments(survivors)
        self._limits(survivors)
        return [track.past() for _survivor, track in sorted(self.tracks.items())]

    def _identities(self, survivors: Sequence[int]) -> None:
        for person, kind, value in queries.unlinked_identities(survivors):
            self.tracks[person].hold(person, (kind, value))

    def _seen(self, everybody: Sequence[int], survivors: Sequence[int]) -> None:
        for (person, identity), at in queries.last_seen_before(everybody, period=self.period).items():
            if person in self.tracks:
                self.tracks[person].saw(identity, at)
        zoned = [row.id for rows in self.known.values() for row in rows if row.time_zone]
        if zoned:
            for person, zone in queries.zones_before(everybody, period=self.period).items():
                if person in self.tracks:
                    self.tracks[person].zone = known_zone(zone)

    def _values(self, survivors: Sequence[int]) -> None:
        own = queries.own_trait_writes(survivors, journey=self.version.journey_id, period=self.period)
        computed = {trait.key for trait in self.rules.computed.values()}
        for row in queries.trait_rows(survivors, until=self.period.ends_at):
            person, key, at, arrival, value, identity, origin = row
            is_decided_anew = (origin == "computed" and key in computed) or (person, at) in own
            self.tracks[person].trait(
                TraitSaid(
                    at=at,
                    arrival=arrival,
                    person=person,
                    key=key,
                    value=None if value is None else decode_json(value),
                ),
                identity=identity,
                by_message=origin == "message",
                is_kept=not is_decided_anew,
                with_history=key in self._needs.trait_histories,
            )
        for track in self.tracks.values():
            track.keep_histories(self._needs.trait_histories)
        for person, category, at, arrival, is_granted, identity, origin in queries.consent_rows(
            survivors, until=self.period.ends_at
        ):
            said = ConsentSaid(
                at=at, arrival=arrival, person=person, category=category, is_granted=is_granted
            )
            self.tracks[person].consent(said, identity=identity, by_message=origin == "message")

    @property
    def _needs(self) -> Reads:
        return self.rules.needs_of(self.rules.reads)

    def _history(self, everybody: Sequence[int]) -> None:
        needs = self._needs
        for row in queries.events_before(
            everybody,
            names=needs.event_names,
            period=self.period,
            since=since(needs, now=self.period.begins_at),
        ):
            if row.survivor in self.tracks:
                self.tracks[row.survivor].remember(row)

    def _segments(self, survivors: Sequence[int]) -> None:
        slugs = [segment.slug for segment in self.rules.segments.values()]
        if slugs:
            for row in queries.stay_rows(survivors, slugs=slugs, period=self.period):
                self.tracks[row[0]].stay(*row[1:])
        by = f"journey:{self.version.slug}"
        for row in queries.by_hand_rows(survivors, until=self.period.ends_at, by=by):
            self.tracks[row[0]].by_hand(*row[1:])

    def _limits(self, survivors: Sequence[int]) -> None:
        journey = self.version.journey_id
        for person, key, entered_at, ended_at in queries.run_rows(
            survivors, journey=journey, period=self.period
        ):
            self.tracks[person].run(key, entered_at, ended_at)
        cap = self.rules.longest_cap(self.rules.reads)
        if cap is not None:
            since_then = self.period.begins_at - cap
            for person, at, message_class in queries.sent_rows(
                survivors, journey=journey, since=since_then, period=self.period
            ):
                self.tracks[person].sent(Sent(at=at, message_class=message_class))
        addresses: dict[str, int] = {}
        for survivor, track in self.tracks.items():
            addresses |= dict.fromkeys(track.addresses(), survivor)
        for address, scope, at in suppressions_of(addresses, channel=EMAIL):
            self.tracks[addresses[address]].closed(address, scope, at)


def _links_by_survivor(links: Sequence[Link], survivor_of: Mapping[int, int]) -> dict[int, list[Link]]:
    """The links of each customer's identities; those to others too, who hold them before or after."""
    holders: dict[int, set[int]] = defaultdict(set)
    for link in links:
        if link.person in survivor_of:
            holders[link.identity_id].add(survivor_of[link.person])
    found: dict[int, list[Link]] = defaultdict(list)
    for link in links:
        for survivor in holders[link.identity_id]:
            if link.reason != MERGED or survivor_of.get(link.person) == survivor:
                found[survivor].append(link)
    return found


class _Track:
    """One customer in the making."""

    def __init__(
        self, *, rows: Sequence[PersonRow], holders: Holders, events: Sequence[EventRow], period: Period
    ) -> None:
        self.period = period
        self.holders = holders
        self.survivor = rows[0].survivor
        self.zone = ""
        self.moments = {event.arrival: event.moment for event in events}
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
        self, origin: int | None, slug: str, is_added: bool, at: datetime, ended_at: datetime | None
    ) -> None:
        person = self.now(origin if origin in self.states else self._at(at))
        self.hands[person][slug].append(ByHand(is_added=is_added, at=at, ended_at=ended_at))
        if is_added:
            stay = Stay(entered_at=at, left_at=ended_at)
            self.states[person].lists.setdefault(slug, []).append(stay)
        for moment in (at, ended_at):
            if moment is not None and self.period.begins_at <= moment < self.period.ends_at:
                self.happenings.append(ListSaid(at=moment, arrival=0, person=person, slug=slug))

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
            happenings=sorted(self.happenings, key=lambda one: (one.at, one.arrival)),
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
