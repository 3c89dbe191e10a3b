"""Does one chain of events match a sequence?

Without comparisons between steps, one pass from the latest event to the first is enough: of all chains that
go on from an event, the one whose next event is the earliest has the least to fear from a time limit or
from what must not be in between. Comparisons tie a chain together, so that others are tried as well.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from profiles.domain.facts import Event, Facts
from segments.domain.conditions import EventSequence, Ever, SequenceStep, Source, Test, name_fits
from segments.domain.evaluate.tests import passes
from segments.domain.evaluate.windows import in_window, order_of, window_takes
from segments.domain.operators import Moment, StepValue
from segments.domain.values import Json, number, value_at

Shared = tuple[type, Json] | None  # a value by its type; None: nothing that could be shared


def has_chain(sequence: EventSequence, facts: Facts, moment: Moment) -> bool:
    """Whether at least one chain exists."""
    events = _events(sequence, facts, moment)
    search = _Search(
        links=links_of(sequence.steps),
        events=events,
        places=[_places(sequence, step, events, facts, moment) for step in sequence.steps],
        now=moment.now,
    )
    if any(step.links for step in sequence.steps):
        return search.is_found(0, [])
    return search.is_found_in_one_pass()


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A step that happens, and what must not follow it."""

    place: int  # of the step in the sequence
    step: SequenceStep
    nots: tuple[tuple[int, SequenceStep], ...]  # up to the next step that happens


def links_of(steps: Sequence[SequenceStep]) -> list[Link]:
    """The steps that happen, in order."""
    positives = [place for place, step in enumerate(steps) if not step.is_not]
    ends = [*positives[1:], len(steps)]
    return [
        Link(
            place=place,
            step=steps[place],
            nots=tuple((other, steps[other]) for other in range(place + 1, end)),
        )
        for place, end in zip(positives, ends, strict=True)
    ]


def _events(sequence: EventSequence, facts: Facts, moment: Moment) -> list[Event]:
    """Everything that any step may match, in order, each event once."""
    names = {step.name for step in sequence.steps}
    found = {
        event.message_id: event
        for name in names
        for event in in_window(facts.events_of(name), Ever(), facts, moment)
    }
    current = facts.event
    if current is not None and any(name_fits(current.name, wanted=name) for name in names):
        found.setdefault(current.message_id, current)
    return sorted(found.values(), key=order_of)


def _places(
    sequence: EventSequence, step: SequenceStep, events: Sequence[Event], facts: Facts, moment: Moment
) -> list[int]:
    """Which events a step may match, comparisons with other steps aside."""
    return [
        place
        for place, event in enumerate(events)
        if name_fits(event.name, wanted=step.name)
        and (step.is_not or window_takes(sequence.during, event, facts, moment))
        and all(passes(test, event, facts=facts, moment=moment) for test in step.tests)
    ]


@dataclass(slots=True, kw_only=True)
class _Search:
    links: Sequence[Link]
    events: Sequence[Event]
    places: Sequence[list[int]]  # of each step, the events that it may match
    now: datetime
    _by_value: dict[int, dict[Shared, list[int]]] = field(default_factory=dict)

    def is_found_in_one_pass(self) -> bool:
        steps_at: dict[int, list[int]] = defaultdict(list)
        for step, places in enumerate(self.places):
            for at in places:
                steps_at[at].append(step)
        numbers = {link.place: number for number, link in enumerate(self.links)}
        nearest: dict[int, int] = {}  # step -> the earliest event after this one that goes on
        for at in sorted(steps_at, reverse=True):
            good = [
                step
                for step in steps_at[at]
                if step not in numbers or self._goes_on(numbers[step], at, nearest)
            ]
            if 0 in good:
                return True
            nearest.update(dict.fromkeys(good, at))
        return False

    def _goes_on(self, number: int, at: int, nearest: dict[int, int]) -> bool:
        """Whether a chain that has come to this event can be completed."""
        link = self.links[number]
        following: int | None = None
        if number + 1 < len(self.links):
            after = self.links[number + 1]
            following = nearest.get(after.place)
            if following is None or self._is_late(after.step, following, since=at):
                return False
        return all(self._is_absent(step, nearest.get(place), at, following) for place, step in link.nots)

    def _is_late(self, step: SequenceStep, at: int, *, since: int) -> bool:
        return step.within is not None and self.events[at].ts >= self._end(step.within.exact(), since)

    def _end(self, length: timedelta, since: int) -> datetime:
        return self.events[since].ts + length

    def _is_absent(self, step: SequenceStep, other: int | None, since: int, until: int | None) -> bool:
        """Whether what must not be was not, `other` being the first of its kind after the event `since`."""
        if step.within is None:
            return other is None or (until is not None and until < other)
        end = self._end(step.within.exact(), since)
        return self.now >= end and (other is None or self.events[other].ts >= end)

    def is_found(self, number: int, chosen: list[int]) -> bool:
        """Whether a chain goes on from the chosen events, by trying those that may follow."""
        if number == len(self.links):
            return self._is_undisturbed(chosen, None)
        step = self.links[number].step
        for at in self._after(self.links[number].place, step, chosen):
            if chosen and self._is_late(step, at, since=chosen[-1]):
                return False
            if chosen and not self._is_undisturbed(chosen, at):
                continue
            if self.is_found(number + 1, [*chosen, at]):
                return True
        return False

    def _is_undisturbed(self, chosen: list[int], until: int | None) -> bool:
        return all(
            self._is_absent(step, next(self._after(place, step, chosen), None), chosen[-1], until)
            for place, step in self.links[len(chosen) - 1].nots
        )

    def _after(self, place: int, step: SequenceStep, chosen: list[int]) -> Iterator[int]:
        """The events after the last chosen one that a step may match, comparisons included."""
        found = self.places[place]
        if step.links:
            found = self._sharing(place, step).get(self._wanted(step.links[0][1], chosen), [])
        for at in found[bisect_right(found, chosen[-1]) if chosen else 0 :]:
            if all(
                _shared(test, self.events[at]) == self._wanted(value, chosen) for test, value in step.links
            ):
                yield at

    def _sharing(self, place: int, step: SequenceStep) -> dict[Shared, list[int]]:
        """The events that a step may match, by what its first comparison looks at."""
        if place not in self._by_value:
            found: dict[Shared, list[int]] = defaultdict(list)
            for at in self.places[place]:
                if (shared := _shared(step.links[0][0], self.events[at])) is not None:
                    found[shared].append(at)
            self._by_value[place] = found
        return self._by_value[place]

    def _wanted(self, value: StepValue, chosen: list[int]) -> Shared:
        number = next(number for number, link in enumerate(self.links) if link.place == value.step)
        return by_type(value_at(self.events[chosen[number]].properties, value.path))


def _shared(test: Test, event: Event) -> Shared:
    return by_type(value_at(event.properties if test.source is Source.PROPERTY else event.context, test.path))


def by_type(value: Json) -> Shared:
    """A text, number, yes or no as something that is equal only to the same; None for anything else."""
    if isinstance(value, str | bool):
        return (type(value), value)
    return None if (exact := number(value)) is None else (Decimal, exact)
