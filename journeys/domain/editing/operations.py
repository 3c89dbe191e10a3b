"""The operations: insert, move, duplicate, copy, remove, change a part, add and remove ways."""

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from journeys.domain.editing.fresh import fresh_step
from journeys.domain.editing.spots import MAIN, OF_GOAL, NotThere, Spot, kept_ways, sequence_at, spot_of
from journeys.domain.outline import (
    EXIT,
    GOAL,
    KEYS,
    SETTINGS,
    Document,
    part_at,
    step_in,
    steps_in,
    steps_of,
)
from journeys.domain.parse.storing import is_id
from profiles.domain.facts import Json

NewId = Callable[[str], str]  # kind of step -> an id that no step ever had
_OWNED = ("then", "else", "steps", "cases", "variants")


@dataclass(frozen=True, slots=True, kw_only=True)
class Edited:
    """What an operation came to."""

    document: dict[str, Any]
    part: str = ""  # what to go on with: a step's id, or a part around them


def _copied(document: Document) -> dict[str, Any]:
    return copy.deepcopy(dict(document))


def insert(document: Document, kind: str, *, at: Spot, new_id: NewId) -> Edited:
    """Put a new step of a kind of the palette somewhere. Raises NotThere."""
    result = _copied(document)
    step = fresh_step(kind, step_id=new_id(kind))
    _place(result, step, at=at)
    return Edited(document=result, part=step["id"])


def _place(document: dict[str, Any], step: dict[str, Any], *, at: Spot) -> None:
    steps = sequence_at(document, at.sequence)
    steps.insert(min(at.index, len(steps)), step)


def move(document: Document, step_id: str, *, to: Spot) -> Edited:
    """Put a step somewhere else; `to` counts places as they are before. Raises NotThere.

    A step cannot go into itself.
    """
    result = _copied(document)
    source = spot_of(result, step_id)
    steps = sequence_at(result, source.sequence)
    step = steps[source.index]
    target = sequence_at(result, to.sequence)
    inside = {each.part.get("id") for each in steps_of([step], "")}
    if to.sequence.partition("/")[0] in inside and to.sequence not in (MAIN, OF_GOAL):
        raise NotThere(str(to))
    index = min(to.index, len(target))
    del steps[source.index]
    target.insert(index - (target is steps and source.index < index), step)
    return Edited(document=result, part=step_id)


def nudge(document: Document, step_id: str, *, by: int) -> Edited:
    """Move a step up or down within its sequence; at the end of it the document stays. Raises NotThere."""
    here = spot_of(document, step_id)
    last = len(sequence_at(_copied(document), here.sequence)) - 1
    index = max(0, min(last, here.index + by))
    after = index + (index > here.index)
    return move(document, step_id, to=Spot(sequence=here.sequence, index=after))


def duplicate(document: Document, step_id: str, *, new_id: NewId) -> Edited:
    """Put a copy of a step, with all inside of it, right below it. Raises NotThere."""
    here = spot_of(document, step_id)
    below = Spot(sequence=here.sequence, index=here.index + 1)
    return copy_to(document, step_id, source=document, to=below, new_id=new_id)


def copy_to(document: Document, step_id: str, *, source: Document, to: Spot, new_id: NewId) -> Edited:
    """Put a copy of a step of a document somewhere in this one. Raises NotThere."""
    found = step_in(source, step_id)
    if found is None:
        raise NotThere(step_id)
    result, twin = _copied(document), _copied(found.part)
    for each in steps_of([twin], ""):
        _rename(each.part, new_id)
    _place(result, twin, at=to)
    return Edited(document=result, part=twin["id"])


def _rename(step: Any, new_id: NewId) -> None:
    step["id"] = new_id(str(step.get("kind")))
    if step.get("kind") == "split":
        step["salt"] = step["id"]  # a draw of its own: else both splits send the same people the same way


def remove(document: Document, part: str, *, keep: str = "") -> Edited:
    """Take a step, the goal, the exit rule or the settings out. Raises NotThere.

    Args:
        keep: the way of the step whose steps stay in its place; "" for none.
    """
    result = _copied(document)
    if part in KEYS:
        if part not in (GOAL, EXIT, SETTINGS) or KEYS[part] not in result:
            raise NotThere(part)
        del result[KEYS[part]]
        return Edited(document=result)
    here = spot_of(result, part)
    steps = sequence_at(result, here.sequence)
    ways = {way.key: way.steps for way in kept_ways(steps[here.index])}
    if keep and keep not in ways:
        raise NotThere(keep)
    steps[here.index : here.index + 1] = ways[keep] if keep else []
    above = steps[here.index - 1] if here.index else {"id": here.sequence.partition("/")[0]}
    return Edited(document=result, part=str(above.get("id", "")) if isinstance(above, Mapping) else "")


def put(document: Document, part: str, content: Json) -> Edited:
    """Write what a part holds itself; the steps that it owns stay as they are. Raises NotThere.

    A way of the new content keeps the steps of the way at its place.
    """
    result = _copied(document)
    found = part_at(result, part)
    if found is None:
        if part not in KEYS:
            raise NotThere(part)
        result[KEYS[part]] = copy.deepcopy(content)
    elif isinstance(found[1], Mapping) and isinstance(content, Mapping):
        _put(found[1], content)
    else:
        result[KEYS[part]] = copy.deepcopy(content)
    return Edited(document=result, part=part)


def _put(target: Any, content: Document) -> None:
    for key in [key for key in target if key not in _OWNED and key not in content]:
        del target[key]
    for key, value in content.items():
        if key in ("cases", "variants") and isinstance(value, list):
            target[key] = [
                {**copy.deepcopy(way), "steps": _steps_at(target.get(key), number)}
                for number, way in enumerate(value)
            ]
        else:
            target[key] = copy.deepcopy(value)
    if target.get("kind") == "wait_until" and "timeout" not in target and not target.get("else"):
        target.pop("else", None)  # without a time-out there is no such way


def _steps_at(ways: Json, number: int) -> Json:
    kept = isinstance(ways, list) and number < len(ways) and isinstance(ways[number], Mapping)
    return ways[number].get("steps", []) if kept else []


def add_part(document: Document, part: str) -> Edited:
    """Give the journey a goal or an exit rule that is yet to be filled in. Raises NotThere."""
    if part not in (GOAL, EXIT) or KEYS[part] in document:
        raise NotThere(part)
    empty: dict[str, Any] = {"if": {}, "steps": []} if part == GOAL else {}
    return put(document, part, empty)


def add_way(document: Document, step_id: str) -> Edited:
    """Give a branch one more case, or a split one more variant of the same share. Raises NotThere."""
    result = _copied(document)
    step, key = _ways_in(result, step_id)
    ways = step[key]
    if key == "cases":
        ways.append({"steps": []})
        return Edited(document=result, part=step_id)
    names = {way.get("name") for way in ways}
    letters = (chr(ord("A") + number) for number in range(26))
    name = next((letter for letter in letters if letter not in names), f"{len(ways) + 1}")
    ways.append({"name": name, "share": 0, "steps": []})
    _share_out(step)
    return Edited(document=result, part=step_id)


def remove_way(document: Document, step_id: str, number: int) -> Edited:
    """Take a case or a variant out, with its steps; one always stays. Raises NotThere."""
    result = _copied(document)
    step, key = _ways_in(result, step_id)
    if not 0 <= number < len(step[key]) or len(step[key]) == 1:
        raise NotThere(f"{step_id}/{key}/{number}")
    del step[key][number]
    if key == "variants":
        _share_out(step)
    return Edited(document=result, part=step_id)


def nudge_case(document: Document, step_id: str, number: int, *, by: int) -> Edited:
    """Have a case of a branch asked sooner or later than others; at the end it stays. Raises NotThere.

    Variants stay where they are: their order says who draws which.
    """
    result = _copied(document)
    step, key = _ways_in(result, step_id)
    ways = step[key]
    if key != "cases" or not 0 <= number < len(ways):
        raise NotThere(f"{step_id}/{key}/{number}")
    ways.insert(max(0, min(len(ways) - 1, number + by)), ways.pop(number))
    return Edited(document=result, part=step_id)


def _ways_in(document: dict[str, Any], step_id: str) -> tuple[Any, str]:
    found = step_in(document, step_id)
    key = {"branch": "cases", "split": "variants"}.get(str(found.part.get("kind"))) if found else None
    if found is None or key is None or not isinstance(found.part.get(key), list):
        raise NotThere(step_id)
    return found.part, key


def _share_out(split: Any) -> None:
    """Share evenly what is not held out; the first take what does not divide."""
    held_out = split.get("hold_out", 0)
    is_share = isinstance(held_out, int | float) and 0 <= held_out <= 100
    whole = 100 - (held_out if is_share else 0)
    parts = 1 if whole == int(whole) else 100  # whole percents where they do, hundredths of them else
    each, rest = divmod(round(whole * parts), len(split["variants"]))
    for number, way in enumerate(split["variants"]):
        share = each + (number < rest)
        way["share"] = share if parts == 1 else share / parts


def copied_journey(document: Document, *, salt: Callable[[str], str]) -> dict[str, Any]:
    """The document for a journey of its own: each split draws anew.

    Else whoever one journey holds out would be held out by both.
    """
    result = _copied(document)
    for step in steps_in(result):
        target: Any = step.part
        if target.get("kind") == "split":
            target["salt"] = salt(str(target.get("id")))
    return result


def with_ids(document: Document, *, new_id: NewId) -> dict[str, Any]:
    """The document with an id for each step that has none that a step can have, or another's."""
    result = _copied(document)
    known: set[str] = set()
    for step in steps_in(result):
        target: Any = step.part
        if not is_id(target.get("id")) or target["id"] in known:
            target["id"] = new_id(str(target.get("kind")))
        known.add(target["id"])
    return result
