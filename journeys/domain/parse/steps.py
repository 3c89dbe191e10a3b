"""Sequences and steps: one reader per kind of step."""

from collections.abc import Callable, Mapping

from connectors.domain.message import MessageClass
from journeys.domain.nodes import (
    Branch,
    Case,
    Crm,
    Exit,
    Send,
    Sequence,
    SetTrait,
    Step,
    Wait,
    WaitUntil,
    Webhook,
)
from journeys.domain.parse.keys import Document, Reader, below
from profiles.domain.facts import Json
from segments.domain.phrases import gettext_noop

MOST_LEVELS = 12  # of sequences inside each other
CHANNELS = ("email",)

_TRAIT_KEY_LENGTH = 200


def read_sequence(reader: Reader, value: Json, path: str, *, level: int = 0) -> Sequence:
    """A list of steps, none of which stands where nobody can come."""
    if not isinstance(value, list):
        reader.fault(path, gettext_noop("must be a list of steps"))
        return ()
    if level > MOST_LEVELS:
        reader.fault(path, gettext_noop("must be at most {most} levels deep"), {"most": MOST_LEVELS})
        return ()
    places = [f"{path}[{number}]" for number in range(len(value))]
    steps = [_step(reader, item, place, level=level) for item, place in zip(value, places, strict=True)]
    end = next((number for number, step in enumerate(steps) if step and always_ends(step)), None)
    if end is not None and end + 1 < len(steps):
        reader.fault(places[end + 1], gettext_noop("can never run: everybody has left the journey before it"))
    return tuple(step for step in steps if step is not None)


def _step(reader: Reader, value: Json, path: str, *, level: int) -> Step | None:
    if not isinstance(value, Mapping):
        reader.fault(path, gettext_noop("must be an object"))
        return None
    kind = str(value.get("kind"))
    if kind in _LATER_KINDS:
        reader.fault(below(path, "kind"), gettext_noop("the kind “{kind}” cannot be run yet"), {"kind": kind})
        return None
    read = KINDS.get(kind)
    if read is None:
        names = ", ".join(KINDS)
        reader.fault(below(path, "kind"), gettext_noop("must be one of {choices}"), {"choices": names})
        return None
    return read(reader, value, path, level)


def always_ends(step: Step) -> bool:
    """Whether nobody goes on below this step."""
    match step:
        case Exit():
            return True
        case WaitUntil():
            return _ends(step.then) and (step.timeout is None or _ends(step.otherwise))
        case Branch():
            return _ends(step.otherwise) and all(_ends(case.steps) for case in step.cases)
        case _:
            return False


def _ends(steps: Sequence) -> bool:
    return bool(steps) and always_ends(steps[-1])


_OWN = ("id", "kind", "name")


def _wait(reader: Reader, value: Document, path: str, level: int) -> Wait | None:
    reader.object(value, path, known=(*_OWN, "for", "until", "until_date"))
    for key in ("until", "until_date"):
        if key in value:
            reader.fault(
                below(path, key), gettext_noop("a wait with “{key}” cannot be run yet"), {"key": key}
            )
            return None
    length = reader.length(value, "for", path)
    step_id, name = reader.id(value, path), reader.name(value, path)
    return Wait(id=step_id, name=name, length=length) if length else None


def _wait_until(reader: Reader, value: Document, path: str, level: int) -> WaitUntil | None:
    reader.object(value, path, known=(*_OWN, "if", "timeout", "then", "else"))
    timeout = reader.length(value, "timeout", path, required=False)
    if "else" in value and "timeout" not in value:
        reader.fault(
            below(path, "else"), gettext_noop("can never run: without a timeout nobody's time runs out")
        )
    step_id, name = reader.id(value, path), reader.name(value, path)
    condition = reader.condition(value.get("if"), below(path, "if"))
    then = read_sequence(reader, value.get("then", []), below(path, "then"), level=level + 1)
    otherwise = read_sequence(reader, value.get("else", []), below(path, "else"), level=level + 1)
    if condition is None:
        return None
    return WaitUntil(
        id=step_id, name=name, condition=condition, timeout=timeout, then=then, otherwise=otherwise
    )


def _branch(reader: Reader, value: Document, path: str, level: int) -> Branch | None:
    reader.object(value, path, known=(*_OWN, "cases", "else"))
    step_id, name = reader.id(value, path), reader.name(value, path)
    cases = _cases(reader, value.get("cases"), below(path, "cases"), level)
    otherwise = read_sequence(reader, value.get("else", []), below(path, "else"), level=level + 1)
    return Branch(id=step_id, name=name, cases=cases, otherwise=otherwise)


def _cases(reader: Reader, value: Json, path: str, level: int) -> tuple[Case, ...]:
    if not isinstance(value, list) or not value:
        reader.fault(path, gettext_noop("must be a list of at least one case"))
        return ()
    cases = [_case(reader, item, f"{path}[{number}]", number, level) for number, item in enumerate(value)]
    names = [case.name for case in cases if case]
    for number, name in enumerate(names):
        if name in names[:number]:
            reader.fault(f"{path}[{number}].name", gettext_noop("another case has this name"))
    return tuple(case for case in cases if case)


def _case(reader: Reader, value: Json, path: str, number: int, level: int) -> Case | None:
    document = reader.object(value, path, known=("name", "if", "steps"))
    if document is None:
        return None
    name = reader.name(document, path) or f"case {number + 1}"
    if name == "else":
        reader.fault(below(path, "name"), gettext_noop("“else” is the name of the way for everybody else"))
    condition = reader.condition(document.get("if"), below(path, "if"))
    steps = read_sequence(reader, document.get("steps", []), below(path, "steps"), level=level + 1)
    return Case(name=name, condition=condition, steps=steps) if condition else None


def _send(reader: Reader, value: Document, path: str, level: int) -> Send:
    reader.object(value, path, known=(*_OWN, "channel", "template", "class", "connection", "fields"))
    channel = reader.text(value, "channel", path)
    if channel and channel not in CHANNELS:
        reader.fault(
            below(path, "channel"), gettext_noop("must be one of {choices}"), {"choices": ", ".join(CHANNELS)}
        )
    return Send(
        id=reader.id(value, path),
        name=reader.name(value, path),
        channel=channel,
        template=reader.text(value, "template", path, most=80),
        message_class=reader.choice(value, "class", path, default=MessageClass.MARKETING),
        connection=reader.text(value, "connection", path, required=False, most=80),
        fields=reader.mapping(value, "fields", path),
    )


def _crm(reader: Reader, value: Document, path: str, level: int) -> Crm:
    reader.object(value, path, known=(*_OWN, "connection", "action", "fields"))
    return Crm(
        id=reader.id(value, path),
        name=reader.name(value, path),
        connection=reader.text(value, "connection", path, most=80),
        action=reader.text(value, "action", path, most=60),
        fields=reader.mapping(value, "fields", path),
    )


def _webhook(reader: Reader, value: Document, path: str, level: int) -> Webhook:
    reader.object(value, path, known=(*_OWN, "connection", "fields"))
    return Webhook(
        id=reader.id(value, path),
        name=reader.name(value, path),
        connection=reader.text(value, "connection", path, most=80),
        fields=reader.mapping(value, "fields", path),
    )


def _set_trait(reader: Reader, value: Document, path: str, level: int) -> SetTrait:
    reader.object(value, path, known=(*_OWN, "set"))
    values = reader.mapping(value, "set", path)
    if not values and isinstance(value.get("set", {}), Mapping):
        reader.fault(below(path, "set"), gettext_noop("must name at least one trait"))
    for key in values:
        if not str(key).strip() or len(str(key)) > _TRAIT_KEY_LENGTH:
            reader.fault(below(path, "set"), gettext_noop("a trait's name has 1 to 200 characters"))
    return SetTrait(id=reader.id(value, path), name=reader.name(value, path), values=values)


def _exit(reader: Reader, value: Document, path: str, level: int) -> Exit:
    reader.object(value, path, known=(*_OWN, "reason"))
    return Exit(
        id=reader.id(value, path),
        name=reader.name(value, path),
        reason=reader.text(value, "reason", path, required=False, most=200),
    )


KINDS: Mapping[str, Callable[[Reader, Document, str, int], Step | None]] = {
    "wait": _wait,
    "wait_until": _wait_until,
    "branch": _branch,
    "send": _send,
    "crm": _crm,
    "webhook": _webhook,
    "set_trait": _set_trait,
    "exit": _exit,
}
_LATER_KINDS = frozenset({"split", "repeat", "go_to_journey", "list"})
