"""A document as it was written: where its steps, sequences and conditions stand.

Unlike `Definition`, an outline can be had of any document, sound or not: pages show drafts in the making.
A place is the same path that faults carry.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from profiles.domain.facts import Json

Document = Mapping[str, Json]

# What stands for a part where a step has its id; no id begins like this.
ENTRY = "@entry"
GOAL = "@goal"
EXIT = "@exit"
SETTINGS = "@settings"
KEYS = {ENTRY: "entry", GOAL: "goal", EXIT: "exit_when", SETTINGS: "settings"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A part of a document with its place."""

    path: str
    part: Document


def steps_in(document: Json) -> Iterator[Written]:
    """Every step, the goal's own included, in the order of the document."""
    if not isinstance(document, Mapping):
        return
    yield from steps_of(document.get("steps"), "steps")
    goal = document.get("goal")
    if isinstance(goal, Mapping):
        yield from steps_of(goal.get("steps"), "goal.steps")


def steps_of(sequence: Json, path: str) -> Iterator[Written]:
    """Every step of a sequence, with those inside of it."""
    if not isinstance(sequence, list):
        return
    for number, step in enumerate(sequence):
        if isinstance(step, Mapping):
            here = f"{path}[{number}]"
            yield Written(path=here, part=step)
            for key in ("then", "else", "steps"):
                yield from steps_of(step.get(key), f"{here}.{key}")
            for way in (*_ways(step, "cases", here), *_ways(step, "variants", here)):
                yield from steps_of(way.part.get("steps"), f"{way.path}.steps")


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


def part_at(document: Document, part: str) -> tuple[str, Json] | None:
    """The path and the content of a part: ENTRY, GOAL, EXIT, SETTINGS, or a step by its id."""
    if key := KEYS.get(part):
        return (key, document[key]) if key in document else None
    written = step_in(document, part)
    return (written.path, written.part) if written else None


def own(content: Json) -> Json:
    """A part without the steps below it, which are parts of their own."""
    if not isinstance(content, Mapping):
        return content
    alone = {key: value for key, value in content.items() if key not in ("then", "else", "steps")}
    for key in ("cases", "variants"):
        if isinstance(content.get(key), list):
            alone[key] = [own(way) for way in content[key]]
    return alone


def owner_of(document: Document, path: str) -> tuple[str, str]:
    """The part that a path leads into ("" for none), and the way from there."""
    owner, rest = "", path
    for step in steps_in(document):  # the innermost comes last
        if (inside := _below(path, step.path)) is not None and isinstance(step.part.get("id"), str):
            owner, rest = step.part["id"], inside
    for part, key in KEYS.items():
        if not owner and (inside := _below(path, key)) is not None:
            owner, rest = part, inside
    return owner, rest


def _below(path: str, top: str) -> str | None:
    if path == top:
        return ""
    return path.removeprefix(top).removeprefix(".") if path.startswith((f"{top}.", f"{top}[")) else None
