"""What stands around the steps: who enters, and the goal."""

from collections.abc import Mapping

from journeys.domain.nodes import Again, Crm, Entry, Goal, Policy, Reentry, Send, SetTrait, Webhook
from journeys.domain.parse.keys import Document, Reader
from journeys.domain.parse.steps import read_sequence
from profiles.domain.facts import Json
from segments.domain.conditions import EventCount
from segments.domain.phrases import gettext_noop


def read_entry(reader: Reader, value: Json) -> Entry | None:
    """Read `entry`; None if it is unusable."""
    document = reader.object(value, "entry", known=("on", "if", "key", "present", "reentry"))
    if document is None:
        return None
    on = _entry_event(reader, document.get("on"))
    condition = reader.condition(document["if"], "entry.if") if "if" in document else None
    if document.get("present", "new") != "new":
        reader.fault("entry.present", gettext_noop("only “new” can be run yet"))
    key = _entry_key(reader, document)
    reentry = _reentry(reader, document.get("reentry", {}))
    return Entry(on=on, condition=condition, key=key, reentry=reentry) if on else None


def _entry_event(reader: Reader, value: Json) -> EventCount | None:
    if isinstance(value, Mapping) and (later := [key for key in _LATER_ENTRIES if key in value]):
        reader.fault("entry.on", gettext_noop("an entry by “{kind}” cannot be run yet"), {"kind": later[0]})
        return None
    document = reader.object(value, "entry.on", known=("event", "where"))
    if document is None:
        return None
    on = reader.condition({"event": document.get("event"), "where": document.get("where", [])}, "entry.on")
    return on if isinstance(on, EventCount) else None


_LATER_ENTRIES = ("segment", "date", "schedule", "api")


def _entry_key(reader: Reader, document: Document) -> tuple[str, ...]:
    path = tuple(reader.text(document, "key", "entry", required=False).split("."))
    if path == ("",):
        return ()
    if path[0] not in ("properties", "context") or len(path) < 2 or not all(path):
        reader.fault(
            "entry.key", gettext_noop("must begin with “properties.” or “context.” and name a field")
        )
    return path


def _reentry(reader: Reader, value: Json) -> Reentry:
    path = "entry.reentry"
    document = reader.object(value, path, known=("policy", "not_within", "again"))
    if document is None:
        return Reentry()
    return Reentry(
        policy=reader.choice(document, "policy", path, default=Policy.AFTER_EXIT),
        not_within=reader.length(document, "not_within", path, required=False),
        again=reader.choice(document, "again", path, default=Again.IGNORE),
    )


def read_goal(reader: Reader, value: Json) -> Goal | None:
    """Read `goal`: a condition, or an object of a condition and steps that take no time."""
    if not isinstance(value, Mapping) or "if" not in value:
        condition = reader.condition(value, "goal")
        return Goal(condition=condition) if condition else None
    reader.object(value, "goal", known=("if", "steps"))
    condition = reader.condition(value["if"], "goal.if")
    steps = read_sequence(reader, value.get("steps", []), "goal.steps")
    for number, step in enumerate(steps):
        if not isinstance(step, Send | Crm | Webhook | SetTrait):
            reader.fault(
                f"goal.steps[{number}].kind", gettext_noop("a goal's steps can only act, not wait or divide")
            )
    return Goal(condition=condition, steps=steps) if condition else None
