"""A journey as a program: what was published, ready to be asked and walked.

A definition is read once from its document and never changes. It knows every step by its id and where
people go from it: on in the same sequence, below the step that owns the sequence, or out at the end.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from enum import Enum
from functools import reduce
from itertools import zip_longest

from journeys.domain.nodes import (
    Branch,
    DateEntry,
    Entry,
    Goal,
    GoToJourney,
    Repeat,
    ScheduleEntry,
    SegmentEntry,
    Sequence,
    Split,
    Step,
    WaitDate,
    WaitUntil,
)
from journeys.domain.parse import (
    Fault,
    JourneyError,
    Reader,
    read_entry,
    read_goal,
    read_sequence,
    read_settings,
)
from journeys.domain.parse.storing import require, unstorable
from journeys.domain.settings import Settings
from profiles.domain.facts import Json
from segments.domain.conditions import Condition, EventCount, Reads, TraitTest, reads
from segments.domain.operators import Comparison, Operator
from segments.domain.phrases import gettext_noop
from segments.domain.values import Length

LANGUAGE = 1

__all__ = ["Definition", "Fault", "JourneyError", "Place", "Role", "parse_journey"]


class Role(Enum):
    """What a condition of a journey decides."""

    TRIGGER = "trigger"  # which messages begin a run: a name and tests on that message alone
    FILTER = "filter"  # who enters
    GOAL = "goal"
    EXIT = "exit"
    WAIT = "wait"  # whether a wait_until is over
    CASE = "case"  # which way a branch takes
    ROUND = "round"  # whether a repeat is over


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where in a journey a condition stands."""

    role: Role
    step: str = ""  # id, for waits and cases
    case: str = ""  # the case's name


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """One journey, read and found sound."""

    entry: Entry
    steps: Sequence
    goal: Goal | None
    exit_when: Condition | None
    settings: Settings
    reads: Reads  # of everything together; an event's own tests look at its message alone
    goal_steps: frozenset[str]  # ids
    _steps: Mapping[str, Step] = field(repr=False)
    _after: Mapping[str, str | None] = field(repr=False)

    @property
    def first(self) -> Step:
        """The step people begin with."""
        return self.steps[0]

    def step(self, step_id: str) -> Step:
        """The step with this id, a goal's own steps included. Raises KeyError."""
        return self._steps[step_id]

    def after(self, step_id: str) -> Step | None:
        """Where people go from a step once it, and what it owns, is done. None: out at the end."""
        following = self._after[step_id]
        return None if following is None else self._steps[following]

    def next_id(self, step_id: str) -> str | None:
        """The id of `after`."""
        return self._after[step_id]

    def asked_at(self, step_id: str) -> Iterator[Condition]:
        """What is asked of a run that waits at a step: the goal, the exit rule, and what the wait is for."""
        if step_id in self.goal_steps:  # reached, and held there
            return
        if self.goal:
            yield self.goal.condition
        if self.exit_when:
            yield self.exit_when
        step = self._steps.get(step_id)
        if isinstance(step, WaitUntil):
            yield step.condition

    def watched_dates(self) -> Iterator[Condition]:
        """Of each wait for a date, a condition that a change of its trait or of the zone may answer anew."""
        for step in self.walk():
            if isinstance(step, WaitDate):
                yield date_condition(step.path)

    def journeys(self) -> frozenset[str]:
        """The slugs of the journeys that people go on to."""
        return frozenset(step.journey for step in self.walk() if isinstance(step, GoToJourney))

    def walk(self) -> Iterator[Step]:
        """All steps people pass through, in the order of the document."""
        return _walk(self.steps)

    def conditions(self) -> Iterator[tuple[Place, Condition]]:
        """Every condition with its place."""
        return _conditions(self.entry, self.goal, self.exit_when, self.steps)


def parse_journey(document: Json) -> Definition:
    """Read a journey's document.

    Raises:
        JourneyError: with every fault found, each with its path.
    """
    require(unstorable(document, ""))
    reader = Reader()
    known = ("language", "entry", "goal", "exit_when", "settings", "steps")
    parts = reader.object(document, "", known=known)
    if parts is None:
        raise JourneyError(reader.faults)
    if parts.get("language", LANGUAGE) != LANGUAGE or isinstance(parts.get("language"), bool):
        reader.fault("language", gettext_noop("must be {language}"), {"language": LANGUAGE})
    entry = read_entry(reader, parts.get("entry"))
    goal = read_goal(reader, parts["goal"]) if "goal" in parts else None
    exit_when = reader.condition(parts["exit_when"], "exit_when") if "exit_when" in parts else None
    settings = read_settings(reader, parts.get("settings", {}))
    steps = read_sequence(reader, parts.get("steps"), "steps")
    if parts.get("steps") == []:
        reader.fault("steps", gettext_noop("must have at least one step"))
    if reader.faults or entry is None:
        raise JourneyError(reader.faults)
    return _definition(entry=entry, goal=goal, exit_when=exit_when, settings=settings, steps=steps)


def _definition(
    *,
    entry: Entry,
    goal: Goal | None,
    exit_when: Condition | None,
    settings: Settings,
    steps: Sequence,
) -> Definition:
    goal_steps = goal.steps if goal else ()
    return Definition(
        entry=entry,
        steps=steps,
        goal=goal,
        exit_when=exit_when,
        settings=settings,
        reads=reduce(Reads.__or__, _reads(entry, goal, exit_when, steps), Reads()),
        _steps={step.id: step for step in (*_walk(steps), *goal_steps)},
        goal_steps=frozenset(step.id for step in goal_steps),
        _after=dict([*_followers(steps, None), *_followers(goal_steps, None)]),
    )


def date_condition(path: tuple[str, ...]) -> Condition:
    """A condition that any change of a date, and of the zone it is read in, may answer anew."""
    passing = Comparison(op=Operator.MORE_THAN_AHEAD, value=Length(days=1))
    return TraitTest(path=path, comparison=passing)


def _reads(entry: Entry, goal: Goal | None, exit_when: Condition | None, steps: Sequence) -> Iterator[Reads]:
    match entry.on:
        case SegmentEntry(segment=slug) | ScheduleEntry(segment=slug):
            yield Reads(segments=frozenset({slug}))
        case DateEntry(path=path):
            yield reads(date_condition(path))
    for step in _walk(steps):
        if isinstance(step, WaitDate):
            yield reads(date_condition(step.path))
    for place, condition in _conditions(entry, goal, exit_when, steps):
        needed = reads(condition)
        if place.role is Role.TRIGGER:
            needed = replace(needed, event_names=frozenset(), window=timedelta())
        yield needed


def sequences_of(step: Step) -> tuple[Sequence, ...]:
    """The sequences a step owns."""
    match step:
        case WaitUntil():
            return (step.then, step.otherwise)
        case Branch():
            return (*(case.steps for case in step.cases), step.otherwise)
        case Split():
            return tuple(variant.steps for variant in step.variants)
        case Repeat():
            return (step.steps,)
        case _:
            return ()


def _walk(steps: Sequence) -> Iterator[Step]:
    for step in steps:
        yield step
        for sequence in sequences_of(step):
            yield from _walk(sequence)


def _followers(steps: Sequence, below: str | None) -> Iterator[tuple[str, str | None]]:
    """Which step comes after each; `below` is the one under the step that owns this sequence.

    In a repeat people come back to it, and it decides whether they go on.
    """
    for step, following in zip_longest(steps, steps[1:]):
        after = following.id if following else below
        yield step.id, after
        for sequence in sequences_of(step):
            yield from _followers(sequence, step.id if isinstance(step, Repeat) else after)


def _conditions(
    entry: Entry, goal: Goal | None, exit_when: Condition | None, steps: Sequence
) -> Iterator[tuple[Place, Condition]]:
    if isinstance(entry.on, EventCount):
        yield Place(role=Role.TRIGGER), entry.on
    if entry.condition:
        yield Place(role=Role.FILTER), entry.condition
    if goal:
        yield Place(role=Role.GOAL), goal.condition
    if exit_when:
        yield Place(role=Role.EXIT), exit_when
    for step in _walk(steps):
        if isinstance(step, WaitUntil):
            yield Place(role=Role.WAIT, step=step.id), step.condition
        elif isinstance(step, Branch):
            for case in step.cases:
                yield Place(role=Role.CASE, step=step.id, case=case.name), case.condition
        elif isinstance(step, Repeat) and step.until:
            yield Place(role=Role.ROUND, step=step.id), step.until
