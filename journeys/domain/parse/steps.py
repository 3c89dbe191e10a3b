"""Sequences and steps: one reader per kind of step."""

from collections.abc import Callable, Mapping
from decimal import Decimal

from connectors.domain.message import MessageClass
from journeys.domain.nodes import (
    Branch,
    Case,
    Crm,
    Exit,
    GoToJourney,
    ListChange,
    Listing,
    NoDate,
    Repeat,
    Send,
    Sequence,
    SetTrait,
    Split,
    Step,
    Variant,
    Wait,
    WaitClock,
    WaitDate,
    WaitUntil,
    Webhook,
)
from journeys.domain.parse.keys import Document, Reader, below
from journeys.domain.parse.times import read_date_rule, read_trait_path, read_until
from profiles.domain.facts import Json
from segments.domain.phrases import gettext_noop

MOST_LEVELS = 12  # of sequences inside each other
CHANNELS = ("email",)

_TRAIT_KEY_LENGTH = 200
_MOST_ROUNDS = 100


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


def read_step_alone(step: Mapping[str, Json]) -> Step | None:
    """Read one step without the steps it owns; None where what it says itself is not sound."""
    reader = Reader()
    found = _step(reader, {**step, "steps": []} if step.get("kind") == "repeat" else step, "", level=0)
    return found if not [fault for fault in reader.faults if fault.path != "steps"] else None


def _step(reader: Reader, value: Json, path: str, *, level: int) -> Step | None:
    if not isinstance(value, Mapping):
        reader.fault(path, gettext_noop("must be an object"))
        return None
    kind = str(value.get("kind"))
    read = KINDS.get(kind)
    if read is None:
        names = ", ".join(KINDS)
        reader.fault(below(path, "kind"), gettext_noop("must be one of {choices}"), {"choices": names})
        return None
    return read(reader, value, path, level)


def always_ends(step: Step) -> bool:
    """Whether nobody goes on below this step."""
    match step:
        case Exit() | GoToJourney():
            return True
        case Repeat():
            return step.until is None and _ends(step.steps)
        case Split():
            return not step.hold_out and all(_ends(variant.steps) for variant in step.variants)
        case WaitUntil():
            return _ends(step.then) and (step.timeout is None or _ends(step.otherwise))
        case Branch():
            return _ends(step.otherwise) and all(_ends(case.steps) for case in step.cases)
        case _:
            return False


def _ends(steps: Sequence) -> bool:
    return bool(steps) and always_ends(steps[-1])


_OWN = ("id", "kind", "name")


def _wait(reader: Reader, value: Document, path: str, level: int) -> Wait | WaitClock | WaitDate | None:
    reader.object(value, path, known=(*_OWN, "for", "until", "until_date"))
    step_id, name = reader.id(value, path), reader.name(value, path)
    forms = [key for key in ("for", "until", "until_date") if key in value]
    if len(forms) > 1:
        reader.fault(path, gettext_noop("must have only one of {choices}"), {"choices": ", ".join(forms)})
    match forms:
        case ["until"]:
            until = read_until(reader, value["until"], below(path, "until"))
            return WaitClock(id=step_id, name=name, until=until) if until else None
        case ["until_date"]:
            return _wait_date(reader, value["until_date"], below(path, "until_date"), step_id, name)
        case _:
            length = reader.length(value, "for", path)
            return Wait(id=step_id, name=name, length=length) if length else None


def _wait_date(reader: Reader, value: Json, path: str, step_id: str, name: str) -> WaitDate | None:
    document = reader.object(value, path, known=("trait", "offset", "at", "otherwise"))
    if document is None:
        return None
    return WaitDate(
        id=step_id,
        name=name,
        path=read_trait_path(reader, document, "trait", path),
        rule=read_date_rule(reader, document, path),
        otherwise=reader.choice(document, "otherwise", path, default=NoDate.GO_ON),
    )


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


def _split(reader: Reader, value: Document, path: str, level: int) -> Split:
    reader.object(value, path, known=(*_OWN, "salt", "variants", "hold_out"))
    step_id, name = reader.id(value, path), reader.name(value, path)
    variants = _variants(reader, value.get("variants"), below(path, "variants"), level)
    hold_out = _share(reader, value, "hold_out", path) if "hold_out" in value else Decimal(0)
    if sum(variant.share for variant in variants) + hold_out != 100:
        reader.fault(path, gettext_noop("the shares and what is held out must add up to 100"))
    salt = reader.text(value, "salt", path, most=80)
    return Split(id=step_id, name=name, salt=salt, variants=variants, hold_out=hold_out)


def _variants(reader: Reader, value: Json, path: str, level: int) -> tuple[Variant, ...]:
    if not isinstance(value, list) or not value:
        reader.fault(path, gettext_noop("must be a list of at least one variant"))
        return ()
    variants = [
        _variant(reader, item, f"{path}[{number}]", number, level) for number, item in enumerate(value)
    ]
    names = [variant.name for variant in variants if variant]
    for number, name in enumerate(names):
        if name in names[:number]:
            reader.fault(f"{path}[{number}].name", gettext_noop("another variant has this name"))
    return tuple(variant for variant in variants if variant)


def _variant(reader: Reader, value: Json, path: str, number: int, level: int) -> Variant | None:
    document = reader.object(value, path, known=("name", "share", "steps"))
    if document is None:
        return None
    name = reader.name(document, path) or f"variant {number + 1}"
    if name == "hold_out":
        reader.fault(below(path, "name"), gettext_noop("“hold_out” is the name of those who are held out"))
    steps = read_sequence(reader, document.get("steps", []), below(path, "steps"), level=level + 1)
    return Variant(name=name, share=_share(reader, document, "share", path), steps=steps)


def _share(reader: Reader, document: Document, key: str, path: str) -> Decimal:
    value = document.get(key)
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool) and 0 <= value <= 100:
        return Decimal(str(value))
    reader.fault(below(path, key), gettext_noop("must be a number of per cent from 0 to 100"))
    return Decimal(0)


def _repeat(reader: Reader, value: Document, path: str, level: int) -> Repeat:
    reader.object(value, path, known=(*_OWN, "times", "until", "steps"))
    step_id, name = reader.id(value, path), reader.name(value, path)
    times = reader.number(value, "times", path, least=1, most=_MOST_ROUNDS)
    until = reader.condition(value["until"], below(path, "until")) if "until" in value else None
    steps = read_sequence(reader, value.get("steps"), below(path, "steps"), level=level + 1)
    if value.get("steps") == []:
        reader.fault(below(path, "steps"), gettext_noop("must have at least one step"))
    return Repeat(id=step_id, name=name, times=times, until=until, steps=steps)


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


def _list(reader: Reader, value: Document, path: str, level: int) -> ListChange:
    reader.object(value, path, known=(*_OWN, "list", "change"))
    return ListChange(
        id=reader.id(value, path),
        name=reader.name(value, path),
        list=reader.text(value, "list", path, most=80),
        change=reader.choice(value, "change", path, default=Listing.ADD),
    )


def _go_to_journey(reader: Reader, value: Document, path: str, level: int) -> GoToJourney:
    reader.object(value, path, known=(*_OWN, "journey"))
    return GoToJourney(
        id=reader.id(value, path),
        name=reader.name(value, path),
        journey=reader.text(value, "journey", path, most=80),
    )


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
    "split": _split,
    "repeat": _repeat,
    "send": _send,
    "crm": _crm,
    "webhook": _webhook,
    "set_trait": _set_trait,
    "list": _list,
    "go_to_journey": _go_to_journey,
    "exit": _exit,
}
