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
            for key in ("then", "else", "steps"):
                yield from _steps(step.get(key), f"{here}.{key}")
            for way in (*_ways(step, "cases", here), *_ways(step, "variants", here)):
                yield from _steps(way.part.get("steps"), f"{way.path}.steps")


def _ways(step: Document, key: str, path: str) -> Iterator[Written]:
    """The cases of a branch, or the variants of a split."""
    ways = step.get(key)
    if isinstance(ways, list):
        for number, way in enumerate(ways):
            if isinstance(way, Mapping):
                yield Written(path=f"{path}.{key}[{number}]", part=way)


def step_in(document: Json, step_id: str) -> Written | None:
    """The step with this id."""
    return next((written for written in steps_in(document) if written.part.get("id") == step_id), None)


def conditions_of(step: Written) -> Iterator[tuple[str, Json]]:
    """The conditions that a step asks itself, with their places."""
    if "if" in step.part:
        yield f"{step.path}.if", step.part["if"]
    if "until" in step.part and step.part.get("kind") == "repeat":
        yield f"{step.path}.until", step.part["until"]
    for case in _ways(step.part, "cases", step.path):
        if "if" in case.part:
            yield f"{case.path}.if", case.part["if"]
