"""A document as it was written: where its steps and conditions stand.

Unlike `Definition`, an outline can be had of any document, sound or not: pages show drafts in the making.
A place is the same path that faults carry.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from profiles.domain.facts import Json

Document = Mapping[str, Json]


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A part of a document with its place."""

    path: str
    part: Document


def steps_in(document: Json) -> Iterator[Written]:
    """Every step, the goal's own included, in the order of the document."""
    if not isinstance(document, Mapping):
        return
    yield from _steps(document.get("steps"), "steps")
    goal = document.get("goal")
    if isinstance(goal, Mapping):
        yield from _steps(goal.get("steps"), "goal.steps")


def _steps(value: Json, path: str) -> Iterator[Written]:
    if not isinstance(value, list):
        return
    for number, step in enumerate(value):
        if isinstance(step, Mapping):
            here = f"{path}[{number}]"
            yield Written(path=here, part=step)
            for key in ("then", "else"):
                yield from _steps(step.get(key), f"{here}.{key}")
            for case in _cases(step, here):
                yield from _steps(case.part.get("steps"), f"{case.path}.steps")


def _cases(step: Document, path: str) -> Iterator[Written]:
    cases = step.get("cases")
    if isinstance(cases, list):
        for number, case in enumerate(cases):
            if isinstance(case, Mapping):
                yield Written(path=f"{path}.cases[{number}]", part=case)


def step_in(document: Json, step_id: str) -> Written | None:
    """The step with this id."""
    return next((written for written in steps_in(document) if written.part.get("id") == step_id), None)


def conditions_of(step: Written) -> Iterator[tuple[str, Json]]:
    """The conditions that a step asks itself, with their places."""
    if "if" in step.part:
        yield f"{step.path}.if", step.part["if"]
    for case in _cases(step.part, step.path):
        if "if" in case.part:
            yield f"{case.path}.if", case.part["if"]
