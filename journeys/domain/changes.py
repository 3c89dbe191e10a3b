"""What a draft changes of what is live: the steps that are new, gone, different or elsewhere."""

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from enum import Enum

from journeys.domain.definition import Definition, sequences_of
from journeys.domain.nodes import Branch, Repeat, Sequence, Split, Step, WaitUntil
from journeys.domain.settings import Settings


class ChangeKind(Enum):
    """How a part differs."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"
    MOVED = "moved"


class Part(Enum):
    """What of a journey a change is about."""

    STEP = "step"
    ENTRY = "entry"
    GOAL = "goal"
    EXIT = "exit_when"
    SETTINGS = "settings"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One difference."""

    part: Part
    kind: ChangeKind
    before: Step | None = None  # of steps
    after: Step | None = None

    @property
    def step_id(self) -> str:
        step = self.after or self.before
        return step.id if step else ""


def changes_between(live: Definition, draft: Definition) -> list[Change]:
    """All differences, in the order of the draft; steps that are gone come last."""
    return [*_around(live, draft), *_steps(live, draft)]


def _around(live: Definition, draft: Definition) -> Iterator[Change]:
    for part, before, after in (
        (Part.ENTRY, live.entry, draft.entry),
        (Part.GOAL, live.goal, draft.goal),
        (Part.EXIT, live.exit_when, draft.exit_when),
        (Part.SETTINGS, _unless_plain(live.settings), _unless_plain(draft.settings)),
    ):
        if before != after:
            kind = (
                ChangeKind.ADDED
                if before is None
                else ChangeKind.REMOVED
                if after is None
                else ChangeKind.CHANGED
            )
            yield Change(part=part, kind=kind)


def _unless_plain(settings: Settings) -> Settings | None:
    return None if settings == Settings() else settings


def _steps(live: Definition, draft: Definition) -> Iterator[Change]:
    before = {step.id: step for step in live.walk()}
    after = {step.id: step for step in draft.walk()}
    moved = _moved(live.steps, draft.steps, both=before.keys() & after.keys())
    for step_id, step in after.items():
        old = before.get(step_id)
        if old is None:
            yield Change(part=Part.STEP, kind=ChangeKind.ADDED, after=step)
        elif alone(old) != alone(step):
            yield Change(part=Part.STEP, kind=ChangeKind.CHANGED, before=old, after=step)
        elif step_id in moved:
            yield Change(part=Part.STEP, kind=ChangeKind.MOVED, before=old, after=step)
    for step_id, old in before.items():
        if step_id not in after:
            yield Change(part=Part.STEP, kind=ChangeKind.REMOVED, before=old)


def _moved(live: Sequence, draft: Sequence, *, both: AbstractSet[str]) -> set[str]:
    """Which steps stand in another sequence, or in another order among those that stayed."""
    before, after = _standing(live, both=both), _standing(draft, both=both)
    return {step_id for step_id in both if before[step_id] != after[step_id]}


def _standing(steps: Sequence, *, both: AbstractSet[str], owner: str = "") -> dict[str, tuple[str, int]]:
    """The sequence each step stands in, and its number among the steps that both journeys have."""
    standing: dict[str, tuple[str, int]] = {}
    known = [step for step in steps if step.id in both]
    standing |= {step.id: (owner, number) for number, step in enumerate(known)}
    for step in steps:
        for number, sequence in enumerate(sequences_of(step)):
            standing |= _standing(sequence, both=both, owner=f"{step.id}/{number}")
    return standing


def alone(step: Step) -> Step:
    """The step without the steps it owns."""
    match step:
        case WaitUntil():
            return replace(step, then=(), otherwise=())
        case Branch():
            cases = tuple(replace(case, steps=()) for case in step.cases)
            return replace(step, cases=cases, otherwise=())
        case Split():
            return replace(step, variants=tuple(replace(variant, steps=()) for variant in step.variants))
        case Repeat():
            return replace(step, steps=())
        case _:
            return step
