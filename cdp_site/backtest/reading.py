"""Read people as they were when a period begins, and all that happened to them in it."""

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from cdp_site.backtest import queries
from cdp_site.backtest.holders import MERGED, Joined, Link, holders_of
from cdp_site.backtest.past import ConsentSaid, Past, Period, TraitSaid
from cdp_site.backtest.queries import EventRow, PersonRow
from cdp_site.backtest.track import Track
from cdp_site.pipeline.rules import Rules, since
from connectors.queries import suppressions_of
from journeys.domain.settings import Sent
from journeys.live import LiveVersion
from profiles.domain.arrival import known_zone
from profiles.domain.exact import decode_json
from profiles.domain.identity import EMAIL
from segments.domain.conditions import Reads


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
    tracks: dict[int, Track] = field(default_factory=dict)  # by survivor

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
            self.tracks[survivor] = Track(
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
        causes: Mapping[tuple[int, str, datetime], str] | None = None
        for person, *said in queries.by_hand_rows(survivors, until=self.period.ends_at, by=by):
            if causes is None:
                causes = queries.list_causes(survivors, period=self.period)
            _origin, slug, _is_added, at, ended_at = said
            messages = [causes.get((person, slug, moment), "") for moment in (at, ended_at)]
            self.tracks[person].by_hand(*said, messages=messages)

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
        holders: dict[str, list[Track]] = defaultdict(list)  # an address may pass from one to another
        for track in self.tracks.values():
            for address in track.addresses():
                holders[address].append(track)
        for address, scope, at in suppressions_of(holders, channel=EMAIL):
            for track in holders[address]:
                track.closed(address, scope, at)


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
