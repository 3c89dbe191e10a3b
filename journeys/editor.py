"""What somebody does on the page of a journey: see it, change a part of its draft.

Several people may edit one draft. A form carries the part as its reader saw it: only values that the
reader changed are written, into the draft as it is by then. Where somebody else changed the same part
meanwhile, nothing is written; the form comes back with both.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.core import signing
from django.forms import MultiWidget, Widget
from django.utils import translation
from django.utils.translation import gettext as _

from connectors.models import Template
from journeys.canvas import Canvas, Painter, marks_of
from journeys.domain.definition import Definition, Fault, JourneyError, parse_journey
from journeys.domain.describe import kind_label
from journeys.domain.editing import ENTRY, EXIT, GOAL, changed, dotted, own, part_at, sections_of
from journeys.forms import Known, PartForm
from journeys.models import Journey
from journeys.queries import NO_NUMBERS, JourneyNumbers, numbers_of
from journeys.services import faults_of
from profiles.domain.facts import Json
from profiles.models import EventName
from segments.models import Segment

NUMBERS_DAYS = 30
MOST_NAMES = 300
_SALT = "journeys.editor"


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A journey as its page shows it."""

    journey: Journey
    definition: Definition | None  # of the draft, or of what is live where the draft is unsound
    is_draft_shown: bool
    canvas: Canvas | None
    numbers: JourneyNumbers
    faults: Sequence[Fault]
    is_changed: bool  # the draft differs from what is live


def view_of(journey: Journey, *, now: datetime) -> View:
    """Gather what the page of a journey shows."""
    live = _sound(journey.live_version.document) if journey.live_version else None
    draft = _sound(journey.draft)
    shown = draft or live
    numbers = numbers_of(journey, since=now - timedelta(days=NUMBERS_DAYS)) if live else NO_NUMBERS
    painter = Painter(
        numbers=numbers,
        templates=dict(Template.objects.values_list("slug", "name")),
        marks=marks_of(live, draft) if draft else {},
    )
    return View(
        journey=journey,
        definition=shown,
        is_draft_shown=draft is not None,
        canvas=painter.canvas(shown) if shown else None,
        numbers=numbers,
        faults=faults_of(journey.draft),
        is_changed=journey.live_version is not None and journey.live_version.document != journey.draft,
    )


def _sound(document: Mapping[str, Json]) -> Definition | None:
    try:
        return parse_journey(document)
    except JourneyError:
        return None


def known_things() -> Known:
    """What forms offer to choose from."""
    return Known(
        templates=list(Template.objects.order_by("name").values_list("slug", "name")),
        segments=list(Segment.objects.order_by("name").values_list("slug", "name")),
        events=list(EventName.objects.order_by("name").values_list("name", flat=True)[:MOST_NAMES]),
    )


def form_of(journey: Journey, part: str, *, known: Known) -> PartForm | None:
    """The form of a part as the draft has it; None where it has no such part, or is no sound journey."""
    if _sound(journey.draft) is None:
        return None
    found = part_at(journey.draft, part)
    if found is None:
        return None
    return _form(part, own(found[1]), journey=journey, known=known)


def _form(
    part: str, content: Json, *, journey: Journey, known: Known, data: Mapping[str, Any] | None = None
) -> PartForm:
    return PartForm(
        sections_of(part, content),
        known=known,
        seen=signing.dumps(content, salt=_SALT, compress=True),
        revision=journey.draft_revision,
        data=data,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """What became of a form that was sent."""

    form: PartForm
    document: Mapping[str, Json] | None = None  # to be saved; None: the form goes back to its reader
    is_clash: bool = False  # somebody else changed this part meanwhile
    theirs: Mapping[str, str] = field(default_factory=dict)  # field -> what they set it to, in words


class PartGone(Exception):
    """The draft has no such part any more."""


class Unreadable(Exception):
    """What was sent is not a form of ours."""


def edit_of(journey: Journey, part: str, *, data: Mapping[str, Any], known: Known) -> Edit:
    """Work out what a sent form changes in the draft as it is now.

    Raises:
        PartGone: the step was removed meanwhile.
        Unreadable: the form does not say what its reader saw.
    """
    found = part_at(journey.draft, part)
    if found is None:
        raise PartGone(part)
    path, content = found[0], own(found[1])
    seen = _seen(data)
    form = _form(part, seen, journey=journey, known=known, data=data)
    if not form.is_valid():
        return Edit(form=form)
    if seen != content:
        return _clash(form, part, content, journey=journey, known=known)
    document = changed(journey.draft, part, form.changed_values())
    return _checked(form, journey, document, path=path)


def _seen(data: Mapping[str, Any]) -> Json:
    try:
        return signing.loads(data.get("seen", ""), salt=_SALT)
    except signing.BadSignature as error:
        raise Unreadable from error


def _checked(form: PartForm, journey: Journey, document: Mapping[str, Json], *, path: str) -> Edit:
    """Let the draft be saved unless that makes it faulty; each new fault goes under its field."""
    known = _faults(journey.draft)
    new = [fault for fault in _faults(document) if fault not in known]
    for fault in new:
        form.add_error(_field_at(form, fault.path, path=path), fault.message.said(translation))
    return Edit(form=form, document=None if new else document)


def _faults(document: Mapping[str, Json]) -> Sequence[Fault]:
    try:
        parse_journey(document)
    except JourneyError as error:
        return error.faults
    return ()


def _field_at(form: PartForm, fault: str, *, path: str) -> str | None:
    """The field that holds the place of a fault."""
    for name, editable in form.editables.items():
        place = dotted(path, editable.place)
        if fault == place or fault.startswith((f"{place}.", f"{place}[")):
            return name
    return None


def _clash(form: PartForm, part: str, content: Json, *, journey: Journey, known: Known) -> Edit:
    """Put what the reader changed over the part as somebody else left it."""
    theirs = _form(part, content, journey=journey, known=known)
    values: dict[str, Any] = {"seen": theirs["seen"].value(), "revision": journey.draft_revision}
    for name in theirs.editables:
        source = form if name in form.editables and name in form.changed_data else theirs
        values |= _as_sent(source, name)
    both = {
        name: in_words(theirs, name)
        for name, editable in theirs.editables.items()
        if name in form.changed_data and form.editables[name].value != editable.value
    }
    merged = _form(part, content, journey=journey, known=known, data=values)
    return Edit(form=merged, is_clash=True, theirs=both)


def _as_sent(form: PartForm, name: str) -> dict[str, Any]:
    """A field's value as a browser would send it."""
    bound = form[name]
    value, widget = bound.value(), bound.field.widget
    if not isinstance(widget, MultiWidget):
        return {name: value}
    parts = value if isinstance(value, list) else widget.decompress(value)
    return {f"{name}_{number}": part for number, part in enumerate(parts or ())}


def in_words(form: PartForm, name: str) -> str:
    """What a field shows, as text: choices by their labels, the parts of a compound field in a row."""
    widget = form[name].field.widget
    inner = widget.widgets if isinstance(widget, MultiWidget) else [widget]
    values = _as_sent(form, name).values()
    return " ".join(_label(part, value) for part, value in zip(inner, values, strict=True)).strip()


def _label(widget: Widget, value: Any) -> str:
    if value is None:
        return ""
    labels = dict(getattr(widget, "choices", ()))
    return str(labels.get(value, value))


def heading_of(view: View, part: str) -> str:
    """What kind of part the panel is about."""
    around = {ENTRY: _("Entry"), GOAL: _("Goal"), EXIT: _("Exit rule")}
    if part in around or view.definition is None:
        return around.get(part, "")
    return kind_label(view.definition.step(part), translator=translation)
