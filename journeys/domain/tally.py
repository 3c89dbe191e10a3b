"""What a back-test comes to, counted customer by customer. Pure; kept as JSON between portions of people.

Days are those of the company's calendar. A run reaches a step once, however often it comes back.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from journeys.domain.decision import RUN_OUTCOMES, Outcome
from profiles.domain.facts import Json

SAMPLES: Final = 20
NEAR: Final = timedelta(days=1)  # two messages so close to each other clash
_WAYS: Final = frozenset({Outcome.BRANCHED, Outcome.SPLIT})
_STARTS: Final = frozenset({Outcome.ENTERED, Outcome.RESTARTED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One line of a back-test's ledger."""

    run: int | None
    at: datetime
    step: str
    outcome: Outcome
    reason: str


@dataclass(slots=True, kw_only=True)
class Tally:
    """The counts so far."""

    people: int = 0  # who entered at least once
    entered: int = 0
    inside: int = 0  # when the period ends
    refused: Counter[str] = field(default_factory=Counter)  # by reason
    ended: Counter[str] = field(default_factory=Counter)  # by outcome
    held_back: Counter[str] = field(default_factory=Counter)  # messages that were not sent, by reason
    minutes: Counter[int] = field(default_factory=Counter)  # from entering to the end -> runs
    steps: dict[str, Counter[str]] = field(default_factory=dict)  # step -> day -> runs that reached it
    ways: dict[str, Counter[str]] = field(default_factory=dict)  # branch or split -> way -> runs
    sent: dict[str, Counter[str]] = field(default_factory=dict)  # day -> step -> messages
    clashes: Counter[str] = field(default_factory=Counter)  # journey -> people who got messages of both
    not_played: Counter[str] = field(default_factory=Counter)  # what could not be played as it was
    places: dict[str, Counter[str]] = field(default_factory=dict)  # taken in throttles: channel -> period
    samples: dict[str, list[int]] = field(default_factory=dict)  # how a story ends -> people

    def add(self, person: int, lines: Sequence[Told], *, zone: str) -> None:
        """Count what a customer's past came to; lines are in the order of deciding."""
        begun: dict[int, datetime] = {}
        reached: set[tuple[int | None, str]] = set()
        over: set[int] = set()
        for line in lines:
            day = line.at.astimezone(ZoneInfo(zone)).date().isoformat()
            if line.step and (line.run, line.step) not in reached:
                reached.add((line.run, line.step))
                self.steps.setdefault(line.step, Counter())[day] += 1
            if line.outcome in _WAYS:
                self.ways.setdefault(line.step, Counter())[line.reason] += 1
            if line.outcome in _STARTS and line.run is not None:
                begun[line.run] = line.at
            self._count(line, day=day)
            # A person leaves by a line of the run's own; of a goal's own steps nothing more is told.
            if line.outcome in RUN_OUTCOMES and line.run is not None and line.run not in over:
                over.add(line.run)
                self.ended[line.outcome.value] += 1
                if line.run in begun:
                    self.minutes[int((line.at - begun[line.run]) / timedelta(minutes=1))] += 1
        self.inside += len(begun.keys() - over)
        self.people += bool(begun)
        if lines:
            self._sample(person, lines)

    def _count(self, line: Told, *, day: str) -> None:
        match line.outcome:
            case Outcome.ENTERED:
                self.entered += 1
            case Outcome.NOT_ENTERED:
                self.refused[line.reason] += 1
            case Outcome.QUEUED:
                self.sent.setdefault(day, Counter())[line.step] += 1
            case Outcome.NOT_SENT:
                self.held_back[line.reason] += 1

    def _sample(self, person: int, lines: Sequence[Told]) -> None:
        last = lines[-1]
        kept = self.samples.setdefault(f"{last.outcome.value}:{last.step}", [])
        if len(kept) < SAMPLES and person not in kept:
            kept.append(person)

    def stories(self) -> list[int]:
        """Up to twenty people whose stories end in as many ways as there are."""
        chosen: list[int] = []
        for place in range(SAMPLES):
            for _end, people in sorted(self.samples.items()):
                if place < len(people) and len(chosen) < SAMPLES and people[place] not in chosen:
                    chosen.append(people[place])
        return chosen

    @property
    def goal_rate(self) -> float | None:
        """The share of the runs that reached the goal; None where nobody entered."""
        return self.ended[Outcome.CONVERTED.value] / self.entered if self.entered else None

    def minutes_of(self, share: float) -> int | None:
        """In how many minutes this share of the runs that ended had ended; None where none did."""
        wanted, seen = share * self.minutes.total(), 0
        for minutes, runs in sorted(self.minutes.items()):
            seen += runs
            if seen >= wanted:
                return minutes
        return None

    def to_json(self) -> dict[str, Json]:
        """The tally as it is stored."""
        return {
            "language": 1,
            "people": self.people,
            "entered": self.entered,
            "inside": self.inside,
            "refused": self.refused,
            "ended": self.ended,
            "held_back": self.held_back,
            "minutes": {str(minutes): runs for minutes, runs in self.minutes.items()},
            "steps": self.steps,
            "ways": self.ways,
            "sent": self.sent,
            "clashes": self.clashes,
            "not_played": self.not_played,
            "places": self.places,
            "samples": self.samples,
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Json]) -> "Tally":
        """Read what `to_json` wrote; of an empty document, the tally of nobody."""
        if not document:
            return cls()
        return cls(
            people=document["people"],
            entered=document["entered"],
            inside=document["inside"],
            refused=Counter(document["refused"]),
            ended=Counter(document["ended"]),
            held_back=Counter(document["held_back"]),
            minutes=Counter({int(minutes): runs for minutes, runs in document["minutes"].items()}),
            steps=_counters(document["steps"]),
            ways=_counters(document["ways"]),
            sent=_counters(document["sent"]),
            clashes=Counter(document["clashes"]),
            not_played=Counter(document["not_played"]),
            places=_counters(document["places"]),
            samples={end: list(people) for end, people in document["samples"].items()},
        )


def clashing(mine: Iterable[datetime], theirs: Iterable[tuple[str, datetime]]) -> set[str]:
    """The journeys that wrote to somebody within a day of one of these messages."""
    moments = list(mine)
    return {journey for journey, at in theirs if any(abs(at - moment) <= NEAR for moment in moments)}


def _counters(document: Mapping[str, Mapping[str, int]]) -> dict[str, Counter[str]]:
    return {name: Counter(counts) for name, counts in document.items()}
