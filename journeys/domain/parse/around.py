"""What stands around the steps: who enters, and the goal."""

from collections.abc import Callable, Mapping
from typing import Final

from cronsim import CronSimError

from journeys.domain.clock import next_in_timetable
from journeys.domain.nodes import (
    Acting,
    Again,
    ApiEntry,
    Crossing,
    DateEntry,
    Entry,
    Goal,
    Policy,
    Present,
    Reentry,
    ScheduleEntry,
    SegmentEntry,
    Trigger,
)
from journeys.domain.parse.keys import Document, Reader, below
from journeys.domain.parse.steps import read_sequence
from journeys.domain.parse.times import read_date_rule, read_trait_path
from profiles.domain.facts import Json
from segments.domain.conditions import Condition, EventCount, reads
from segments.domain.phrases import gettext_noop
from segments.domain.values import EPOCH


def read_entry(reader: Reader, value: Json) -> Entry | None:
    """Read `entry`; None if it is unusable."""
    document = reader.object(value, "entry", known=("on", "if", "key", "present", "reentry"))
    if document is None:
        return None
    on = _trigger(reader, document.get("on"))
    condition = reader.condition(document["if"], "entry.if") if "if" in document else None
    present = reader.choice(document, "present", "entry", default=Present.NEW)
    if present is not Present.NEW and on is not None and not _may_be_present(on, condition):
        message = gettext_noop(
            "only those in a segment, or whom an “if” without the entry's own message picks, can be present"
        )
        reader.fault("entry.present", message)
    key = _entry_key(reader, document)
    if key and on is not None and not isinstance(on, EventCount | ApiEntry):
        reader.fault(
            "entry.key", gettext_noop("only an event and the API bring something to tell runs apart")
        )
    reentry = _reentry(reader, document.get("reentry", {}))
    return Entry(on=on, present=present, condition=condition, key=key, reentry=reentry) if on else None


def _may_be_present(on: Trigger, condition: Condition | None) -> bool:
    """Whether it can be said of anybody, without a message, that they are what the entry waits for."""
    if isinstance(on, SegmentEntry):
        return on.change is Crossing.ENTERED
    if not isinstance(on, EventCount) or condition is None:
        return False
    needed = reads(condition)
    return not (needed.needs_entry or needed.needs_context)


def _trigger(reader: Reader, value: Json) -> Trigger | None:
    if not isinstance(value, Mapping):
        reader.object(value, "entry.on", known=())
        return None
    # A timetable names a segment too, so its own key comes first.
    kind = next((key for key in _TRIGGERS if key in value), "event")
    return _TRIGGERS[kind](reader, value)


def _event(reader: Reader, value: Document) -> EventCount | None:
    document = reader.object(value, "entry.on", known=("event", "where")) or {}
    on = reader.condition({"event": document.get("event"), "where": document.get("where", [])}, "entry.on")
    return on if isinstance(on, EventCount) else None


def _segment(reader: Reader, value: Document) -> SegmentEntry:
    reader.object(value, "entry.on", known=("segment", "change"))
    return SegmentEntry(
        segment=reader.text(value, "segment", "entry.on", most=80),
        change=reader.choice(value, "change", "entry.on", default=Crossing.ENTERED),
    )


def _date(reader: Reader, value: Document) -> DateEntry:
    reader.object(value, "entry.on", known=("date", "offset", "at", "every"))
    path = read_trait_path(reader, value, "date", "entry.on")
    return DateEntry(path=path, rule=read_date_rule(reader, value, "entry.on"))


def _schedule(reader: Reader, value: Document) -> ScheduleEntry:
    reader.object(value, "entry.on", known=("schedule", "segment"))
    cron = reader.text(value, "schedule", "entry.on", most=100)
    if cron and not _is_timetable(cron):
        message = gettext_noop("must be a cron expression of five parts, such as 0 9 * * MON")
        reader.fault(below("entry.on", "schedule"), message)
    return ScheduleEntry(cron=cron, segment=reader.text(value, "segment", "entry.on", most=80))


def _is_timetable(cron: str) -> bool:
    """Five parts, for nothing is sent by the second, that name a time which comes."""
    try:
        return len(cron.split()) == 5 and next_in_timetable(cron, EPOCH, zone="UTC") is not None
    except CronSimError:
        return False


def _api(reader: Reader, value: Document) -> ApiEntry:
    reader.object(value, "entry.on", known=("api",))
    if value.get("api") is not True:
        reader.fault("entry.on.api", gettext_noop("must be true"))
    return ApiEntry()


_TRIGGERS: Final[Mapping[str, Callable[[Reader, Document], Trigger | None]]] = {
    "event": _event,
    "date": _date,
    "schedule": _schedule,
    "segment": _segment,
    "api": _api,
}


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
        if not isinstance(step, Acting):
            reader.fault(
                f"goal.steps[{number}].kind", gettext_noop("a goal's steps can only act, not wait or divide")
            )
    return Goal(condition=condition, steps=steps) if condition else None
