"""A back-test as it is shown: its numbers, and the stories of some people."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from uuid import UUID

from cdp_site.models import BackTest, BackTestDecision
from journeys.domain.tally import Tally
from journeys.models import Journey
from profiles.models import Person


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """What would have become of one person."""

    person: Person
    decisions: Sequence[BackTestDecision]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a back-test came to, so far."""

    row: BackTest
    tally: Tally
    stories: Sequence[Story] = ()
    journeys: Mapping[str, str] = field(default_factory=dict)  # names of those that clash, by slug

    @property
    def messages(self) -> int:
        """How many messages would have been sent."""
        return sum(counts.total() for counts in self.tally.sent.values())

    @property
    def days(self) -> list[date]:
        """The days of the period."""
        return [day for day, _ in _days(self.row, {})]

    @property
    def messages_a_day(self) -> list[tuple[date, int]]:
        """Messages of each day of the period, days without any included."""
        return _days(self.row, {day: counts.total() for day, counts in self.tally.sent.items()})

    @property
    def messages_a_second(self) -> float | None:
        """How fast stored messages were played."""
        return self.row.message_count / self.row.seconds if self.row.seconds else None


def report_of(row: BackTest, *, with_stories: bool = True) -> Report:
    """Read a back-test."""
    tally = Tally.from_json(row.tally)
    names = dict(Journey.objects.filter(slug__in=list(tally.clashes)).values_list("slug", "name"))
    return Report(
        row=row, tally=tally, journeys=names, stories=_stories(row, tally.stories()) if with_stories else ()
    )


def _stories(row: BackTest, chosen: Sequence[int]) -> list[Story]:
    people = Person.objects.current().in_bulk(chosen)  # whoever was erased since is in none
    found: dict[int, list[BackTestDecision]] = {}
    for line in BackTestDecision.objects.filter(backtest=row, person_id__in=list(people)).order_by("pk"):
        found.setdefault(line.person_id, []).append(line)
    return [Story(person=people[id_], decisions=found[id_]) for id_ in chosen if id_ in found]


def decisions_of(
    row: BackTest, *, after: int, limit: int
) -> tuple[list[tuple[BackTestDecision, UUID]], int | None]:
    """A page of a back-test's ledger with people's public ids, and where the next one begins."""
    lines = list(BackTestDecision.objects.filter(backtest=row, pk__gt=after).order_by("pk")[: limit + 1])
    shown = lines[:limit]
    uuids = dict(Person.objects.filter(pk__in={line.person_id for line in shown}).values_list("pk", "uuid"))
    pairs = [(line, uuids[line.person_id]) for line in shown if line.person_id in uuids]
    return pairs, shown[-1].pk if len(lines) > limit else None


def _days(row: BackTest, counts: Mapping[str, int]) -> list[tuple[date, int]]:
    day, last = row.begins_at.date(), row.ends_at.date()
    found = []
    while day <= last:
        found.append((day, counts.get(day.isoformat(), 0)))
        day += timedelta(days=1)
    return found
