"""The form of a computed trait: its name and key, what is made of which property, and of which events.

The events are one row of a condition's form, with its tests and its window, so that both are written alike.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

from django.utils import translation
from django.utils.functional import Promise
from django.utils.text import slugify
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from profiles.domain.naming import OWN_TRAITS
from segments.domain.computed import WITHOUT_PROPERTY, Compute, Definition, computed_json, parse_computed
from segments.domain.describe import describe_computed
from segments.domain.parse import ConditionError
from segments.domain.values import Json
from segments.forms.editing import perform
from segments.forms.editor import ConditionEditor, editor_for, editor_sent
from segments.forms.reading import read
from segments.forms.rows import BadForm, Kind, Row, Sent
from segments.services.computing import Holder, KeyTaken

LONGEST_NAME: Final = 120
LONGEST_KEY: Final = 200
_KEY: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_PARTS_OF_EVENTS: Final = ("event", "where", "during")
KINDS: Final[Mapping[Compute, tuple[Promise, Promise]]] = {  # in a word, and an example
    Compute.COUNT: (gettext_lazy("How often"), gettext_lazy("For example 7: orders in the last year.")),
    Compute.SUM: (gettext_lazy("Sum"), gettext_lazy("For example 1,250.40: what all orders came to.")),
    Compute.AVERAGE: (gettext_lazy("Average"), gettext_lazy("For example 62.50: what an order comes to.")),
    Compute.MIN: (gettext_lazy("Smallest number"), gettext_lazy("For example 2: the worst rating given.")),
    Compute.MAX: (gettext_lazy("Greatest number"), gettext_lazy("For example 899: the dearest order.")),
    Compute.DISTINCT: (
        gettext_lazy("Number of different values"),
        gettext_lazy("For example 4: different categories looked at."),
    ),
    Compute.FIRST: (
        gettext_lazy("First value"),
        gettext_lazy("For example “newsletter”: the campaign of the first visit."),
    ),
    Compute.LAST: (
        gettext_lazy("Last value"),
        gettext_lazy("For example “Tents”: the category looked at last."),
    ),
    Compute.MOST_FREQUENT: (
        gettext_lazy("Most frequent value"),
        gettext_lazy("For example “Boots”: the category looked at most."),
    ),
    Compute.DAYS_SINCE: (
        gettext_lazy("Days since the last time"),
        gettext_lazy("For example 45: days since the last order, counted on the person's own calendar."),
    ),
    Compute.RFM: (
        gettext_lazy("How lately, how often, for how much"),
        gettext_lazy(
            "For example 543: among the latest fifth of all customers, in the next but one by number"
            " of orders, in the middle by money. Fifths are found anew each night."
        ),
    ),
}


@dataclass(kw_only=True)
class ComputedForm:
    """A computed trait as a page shows it to be changed."""

    editor: ConditionEditor  # one group that holds the one row of the events
    name: str = ""
    key: str = ""
    suggested: str = ""  # the key that the page suggested last
    compute: str = Compute.COUNT.value
    path: str = ""  # of the property
    is_new: bool = True
    is_strict: bool = False  # what is missing counts as wrong: somebody tried to save
    refused: dict[str, str] = field(default_factory=dict)  # field -> what saving found wrong with it

    @property
    def row(self) -> Row:
        """The row of the events."""
        return self.editor.root.children[0]

    @property
    def kinds(self) -> Mapping[Compute, tuple[Promise, Promise]]:
        return KINDS

    @property
    def example(self) -> str:
        return str(KINDS[Compute(self.compute)][1])

    @property
    def has_property(self) -> bool:
        return Compute(self.compute) not in WITHOUT_PROPERTY

    @property
    def document(self) -> dict[str, Json]:
        """The definition as it is stored, as far as it is filled in."""
        parts = self.editor.written.document["all"]
        document = {"compute": self.compute} | (parts[0] if parts else {})
        return document | ({"property": self.path.strip()} if self.has_property else {})

    @cached_property
    def _read(self) -> Definition | ConditionError | None:
        if self.editor.faults or (self.has_property and not self.path.strip()):
            return None
        try:
            return parse_computed(self.document)
        except ConditionError as error:
            return error

    @property
    def definition(self) -> Definition | None:
        """None while anything is wrong or missing."""
        return self._read if isinstance(self._read, Definition) else None

    @property
    def sentence(self) -> str:
        return describe_computed(self.definition, translator=translation) if self.definition else ""

    @property
    def faults(self) -> Mapping[str, str]:
        """Field -> what is wrong there: `name`, `key`, `property`; `events` for all that is no row's own."""
        found = dict(self.refused)
        if self.is_strict:
            found |= self._missing()
        if isinstance(self._read, ConditionError):
            place = "property" if self._read.path == "property" else "events"
            said = self._read.phrase.said(translation)
            found.setdefault(place, said[:1].upper() + said[1:])
        return found

    @property
    def is_sound(self) -> bool:
        return self.definition is not None and not self.refused and not self._missing()

    def _missing(self) -> dict[str, str]:
        found = {}
        if not self.name.strip():
            found["name"] = _("Give the trait a name.")
        if not _KEY.fullmatch(self.key):
            found["key"] = _("Letters, digits and underscores only, with a letter first.")
        elif self.is_new and self.key in OWN_TRAITS:
            found["key"] = refusal_of(KeyTaken(self.key, by=Holder.WAYFARE))
        if self.has_property and not self.path.strip():
            found["property"] = _("Choose a property.")
        return found

    @property
    def is_overwriting(self) -> bool:
        """Whether sources sent a trait of this key, as far as is known without reading everybody."""
        return self.is_new and any(line.path == self.key for line in self.editor.offers.words.traits)


def refusal_of(taken: KeyTaken) -> str:
    """Say why a new trait cannot have a key."""
    match taken.by:
        case Holder.COMPUTED:
            return _("Another computed trait has this key.")
        case Holder.PEOPLE:
            return _(
                "People already have a trait of this key, sent by a source or set by a journey;"
                " choose another."
            )
        case Holder.WAYFARE:
            return _("People are named, found or written to by a trait of this key; choose another.")


def computed_new() -> ComputedForm:
    """An empty form."""
    root = read({"all": []})
    perform(root, f"add:{root.id}:{Kind.EVENT}")
    return ComputedForm(editor=editor_for({}, root=root))


def computed_for(definition: Mapping[str, Any], *, key: str, name: str) -> ComputedForm:
    """Open a computed trait."""
    stored = computed_json(parse_computed(dict(definition)))
    events = {part: stored[part] for part in _PARTS_OF_EVENTS if part in stored}
    return ComputedForm(
        editor=editor_for({"all": [events]}),
        name=name,
        key=key,
        compute=stored["compute"],
        path=stored.get("property", ""),
        is_new=False,
    )


def computed_sent(data: Sent, *, key: str = "") -> ComputedForm:
    """Read what a browser sent and do what its button says.

    Args:
        key: of the trait that is changed; "" for a new one.

    Raises:
        BadForm: no form of ours sends that.
    """
    compute = str(data.get("compute", ""))
    editor = editor_sent(data)
    if compute not in list(Compute) or not _holds_events(editor.root.children):
        raise BadForm("no computed trait")
    form = ComputedForm(
        editor=editor,
        name=str(data.get("name", ""))[:LONGEST_NAME],
        key=key or str(data.get("key", "")).strip()[:LONGEST_KEY],
        suggested=str(data.get("suggested", "")),
        compute=compute,
        path=str(data.get("property", ""))[:LONGEST_KEY],
        is_new=not key,
    )
    if form.is_new and form.key == form.suggested:  # nobody wrote a key of their own
        form.key = form.suggested = key_after(form.name)
    return form


def _holds_events(rows: Sequence[Row]) -> bool:
    return len(rows) == 1 and rows[0].kind in (Kind.EVENT, Kind.RAW)


def key_after(name: str) -> str:
    """A key after a name; "" where the name has no letters that keys are made of."""
    key = slugify(name).replace("-", "_").lstrip("0123456789_")
    return key[:LONGEST_KEY].rstrip("_")
