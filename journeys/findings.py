"""What is wrong with a draft, and what is worth a second look: sentences at the parts they are about."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from django.utils import translation
from django.utils.translation import gettext as _

from journeys.domain.definition import Fault
from journeys.domain.editing import ENTRY, EXIT, GOAL, SETTINGS
from journeys.domain.outline import KEYS, Document, conditions_of, own, owner_of, part_at, steps_in
from journeys.forms import Input, Known, Place, goal_in_full, problem_of, sections_of, unfinished, value_at
from journeys.forms.inputs import InputKind
from journeys.services import faults_of
from profiles import catalogue
from profiles.domain.facts import Json
from segments.domain.conditions import ENGAGEMENT_EVENTS, Condition, reads
from segments.domain.parse import ConditionError, parse_condition

_NOTHING_KNOWN = Known()
_KEY = re.compile(r"[^.\[\]]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing to mend."""

    part: str  # "" where it belongs to none
    place: Place | None  # of the input in the part; None where no input holds it
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """All there is to say about a draft."""

    faults: Sequence[Finding]
    warnings: Sequence[Finding]

    def errors_of(self, part: str) -> dict[Place, str]:
        """What is wrong with a part, by the place of the input."""
        found: dict[Place, str] = {}
        for one in self.faults:
            if one.part == part and one.place is not None:
                found.setdefault(one.place, one.text)
        return found

    def texts_of(self, part: str) -> list[str]:
        """What is wrong with a part, each sentence once."""
        return list(dict.fromkeys(one.text for one in self.faults if one.part == part))

    def rest_of(self, part: str) -> list[str]:
        """What is wrong with a part that no input holds."""
        return [one.text for one in self.faults if one.part == part and one.place is None]

    def warnings_of(self, part: str) -> list[str]:
        """What of a part is worth a second look, each sentence once."""
        return list(dict.fromkeys(one.text for one in self.warnings if one.part == part))

    def rest_of_warnings(self, part: str) -> list[str]:
        """… that no input says itself."""
        return [one.text for one in self.warnings if one.part == part and one.place is None]

    @property
    def parts(self) -> list[str]:
        """The parts with something to fix, in the order of the document."""
        return list(dict.fromkeys(one.part for one in self.faults))


def findings_of(document: Document, *, company_has_caps: bool) -> Findings:
    """Look a draft over."""
    by_part: dict[str, list[tuple[str, Fault]]] = defaultdict(list)
    for fault in faults_of(document):
        part, rest = owner_of(document, fault.path)
        if not part and "slug" in fault.message.values:
            part = _part_naming(document, str(fault.message.values["slug"]))
        by_part[part].append((rest, fault))
    faults = [one for part, found in by_part.items() for one in _findings(document, part, found)]
    return Findings(faults=faults, warnings=list(warnings_in(document, company_has_caps=company_has_caps)))


def _part_naming(document: Document, slug: str) -> str:
    """The first part whose conditions ask about a segment or a list; "" for none."""
    parts = [(part, document[key]) for part, key in KEYS.items() if key in document]
    parts += [(str(step.part.get("id")), own(step.part)) for step in steps_in(document)]
    return next((part for part, content in parts if _names(content, slug)), "")


def _names(content: Json, slug: str) -> bool:
    if isinstance(content, Mapping):
        named = slug in (content.get("segment"), content.get("list"))
        return named or any(_names(value, slug) for value in content.values())
    return isinstance(content, list) and any(_names(value, slug) for value in content)


def _findings(document: Document, part: str, faults: Sequence[tuple[str, Fault]]) -> Iterator[Finding]:
    found = part_at(document, part)
    content = goal_in_full(part, found[1]) if found else None
    inputs = _inputs_by_path(part, content)
    for rest, fault in faults:
        if part == "@goal" and not rest.startswith(("if", "steps")):
            rest = f"if.{rest}" if rest else "if"
        path = next((path for path in inputs if _is_at(rest, path)), None)
        said = fault.message.said(translation)
        if path is None:
            yield Finding(part=part, place=None, text=_sentence(_around(rest, said)))
        else:
            yield Finding(part=part, place=inputs[path].place, text=_said(inputs[path], content, said))


def _around(rest: str, said: str) -> str:
    return _("Add a first step.") if rest == "steps" and said == _("must have at least one step") else said


def _inputs_by_path(part: str, content: Json) -> dict[str, Input]:
    """The inputs of a part by the path of what they hold, the innermost first."""
    inputs = [it for section in sections_of(part, content, known=_NOTHING_KNOWN) for it in section.inputs]
    by_path = {_dotted(it.place): it for it in inputs}
    return dict(sorted(by_path.items(), key=lambda one: -len(one[0])))


def _dotted(place: Place) -> str:
    path = ""
    for key in place:
        path += f"[{key}]" if isinstance(key, int) else f".{key}" if path else str(key)
    return path


def _is_at(rest: str, path: str) -> bool:
    return not path or rest == path or rest.startswith((f"{path}.", f"{path}["))


def _said(it: Input, content: Json, said: str) -> str:
    value = value_at(content, it.place)
    if it.kind is InputKind.TRIGGER and not value_at(value, ("event",)):
        return str(it.missing)
    if it.is_rule:
        is_begun = unfinished(value) is not None
        return (problem_of(value, it) if is_begun else "") or (
            str(it.missing) if is_begun or not value else _sentence(said)
        )
    if it.missing and (value is None or value in ("", {}, [])):
        text = str(it.missing)
        return text if text.endswith(".") else f"{text}."
    return _("%(input)s: %(fault)s") % {"input": it.label, "fault": said}


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + ("" if text.endswith(".") else ".")


# -- worth a second look -------------------------------------------------------------------------------


def warnings_in(document: Document, *, company_has_caps: bool) -> Iterator[Finding]:
    """What deserves a second look, and holds nobody up."""
    steps = list(steps_in(document))
    mails = [
        str(step.part.get("id"))
        for step in steps
        if step.part.get("kind") == "send" and step.part.get("class", "marketing") == "marketing"
    ]
    settings = document.get("settings")
    has_caps = company_has_caps or (isinstance(settings, Mapping) and bool(settings.get("caps")))
    if mails and not has_caps:
        text = _("No frequency cap: nothing limits how often one person is written to.")
        yield Finding(part=mails[0], place=None, text=text)
        yield Finding(part=SETTINGS, place=None, text=text)
    asked = [one for part, _place, one in _conditions(document) if part not in (GOAL, EXIT)]
    if mails and not any("email_marketing" in reads(one).consents for one in asked):
        text = _("Whoever has not agreed to marketing email is passed over here.")
        yield Finding(part=mails[0], place=None, text=text)
    for step in steps:
        if step.part.get("kind") == "wait_until" and "timeout" not in step.part:
            text = _("Without a longest time, some people wait here for ever.")
            yield Finding(part=str(step.part.get("id")), place=None, text=text)
    yield from _unsent(document)


def _unsent(document: Document) -> Iterator[Finding]:
    """Events that are asked about and that nobody sent: a slip of the pen, or a site not connected yet."""
    asked = [
        (part, place, reads(one).event_names - ENGAGEMENT_EVENTS)
        for part, place, one in _conditions(document)
    ]
    name = value_at(document, ("entry", "on", "event"))
    if isinstance(name, str) and name:
        asked.insert(0, (ENTRY, ("on",), frozenset({name})))
    unsent = catalogue.unsent({name for _part, _place, names in asked for name in names})
    for part, place, names in asked:
        for name in sorted(names & unsent):
            yield Finding(
                part=part, place=place, text=_("Nobody has sent “%(event)s” so far.") % {"event": name}
            )


def _conditions(document: Document) -> Iterator[tuple[str, Place, Condition]]:
    """The conditions of a draft that are complete, with their part and their place in it."""
    written = [*_around_steps(document)]
    for step in steps_in(document):
        for path, condition in conditions_of(step):
            place = tuple(int(key) if key.isdigit() else key for key in _KEY.findall(path[len(step.path) :]))
            written.append((str(step.part.get("id")), place, condition))
    for part, place, one in written:
        try:
            yield part, place, parse_condition(one, allow_entry=True)
        except ConditionError:
            continue


def _around_steps(document: Document) -> Iterator[tuple[str, Place, Json]]:
    if (only := value_at(document, ("entry", "if"))) is not None:
        yield ENTRY, ("if",), only
    if "goal" in document:
        yield GOAL, ("if",), value_at(goal_in_full(GOAL, document["goal"]), ("if",))
    if "exit_when" in document:
        yield EXIT, (), document["exit_when"]
