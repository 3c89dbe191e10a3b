"""What holds messages back beside consent: what each person got lately, and places in throttles."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from django.db import connection

from connectors.queries import sent_lately
from journeys.domain.settings import LONGEST_DAYS, Sent, Throttle, first_period
from journeys.models import ThrottleUse
from profiles.arrays import bare

LONGEST_PERIOD: Final = timedelta(days=LONGEST_DAYS + 1)


@dataclass(slots=True)
class Limits:
    """The limits of one transaction."""

    _sent: dict[int, list[Sent]] = field(default_factory=lambda: defaultdict(list))
    _decided: dict[int, list[tuple[int, Sent]]] = field(default_factory=lambda: defaultdict(list))
    _places: dict[tuple[int, str], dict[datetime, int]] = field(default_factory=dict)
    _taken: dict[tuple[int, str, datetime], int] = field(default_factory=lambda: defaultdict(int))

    def load(self, people: Collection[int], *, since: datetime) -> None:
        """Read what these people got or may still get; they must be locked."""
        for person, at, message_class in sent_lately(people, since=since):
            self._sent[person].append(Sent(at=at, message_class=message_class))

    def got(self, person: int, sent: Iterable[Sent]) -> None:
        """Count what somebody got as if it had been read."""
        self._sent[person] += sent

    def sent_to(self, person: int) -> list[Sent]:
        """What left for the person, or may still leave."""
        return [*self._sent.get(person, ()), *(sent for _run, sent in self._decided.get(person, ()))]

    def add(self, person: int, *, run: int, sent: Sent) -> None:
        """Count a message that was decided."""
        self._decided[person].append((run, sent))

    def take_back(self, run: int) -> None:
        """Discount what a run decided in this transaction, for it is cancelled."""
        for person, decided in self._decided.items():
            self._decided[person] = [(other, sent) for other, sent in decided if other != run]

    def absorb(self, *, old: int, new: int) -> None:
        """Count for the survivor what a merged person got."""
        self._sent[new] += self._sent.pop(old, [])
        self._decided[new] += self._decided.pop(old, [])

    def place(self, journey: int, channel: str, throttle: Throttle, now: datetime) -> datetime:
        """Take the first free place; give when its period begins, or `now` if that has begun."""
        key = (journey, channel)
        if key not in self._places:
            self._places[key] = _lock_places(journey, channel, since=now - throttle.per)
        counts = self._places[key]
        begins_at = first_period(throttle, counts, now)
        counts[begins_at] = counts.get(begins_at, 0) + 1
        self._taken[journey, channel, begins_at] += 1
        return max(begins_at, now)

    def write(self) -> None:
        """Write the places that were taken."""
        if not self._taken:
            return
        rows = sorted(self._taken.items())
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO journeys_throttle (journey_id, channel, begins_at, count)"
                " SELECT * FROM unnest(%s::bigint[], %s::text[], %s::timestamptz[], %s::int[])"
                " ON CONFLICT (journey_id, channel, begins_at)"
                " DO UPDATE SET count = journeys_throttle.count + excluded.count",
                [
                    bare(journey for (journey, _, _), _ in rows),
                    [channel for (_, channel, _), _ in rows],
                    [begins_at for (_, _, begins_at), _ in rows],
                    bare(count for _, count in rows),
                ],
            )


def forget_old_places(*, now: datetime) -> int:
    """Delete the places of periods that are over, whatever their throttle."""
    deleted, _ = ThrottleUse.objects.filter(begins_at__lt=now - LONGEST_PERIOD).delete()
    return deleted


def _lock_places(journey: int, channel: str, *, since: datetime) -> dict[datetime, int]:
    """Read the places taken, and hold everybody else off this throttle until commit."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(7306, hashtext(%s))",
            [f"{journey}:{channel}"],
        )
        cursor.execute(
            "SELECT begins_at, count FROM journeys_throttle"
            " WHERE journey_id = %s AND channel = %s AND begins_at >= %s",
            [journey, channel, since],
        )
        return dict(cursor.fetchall())
