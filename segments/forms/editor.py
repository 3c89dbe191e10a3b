"""The condition editor: one form for a condition, wherever a page needs one.

    editor = editor_for(condition, prefix="entry-", scope=JOURNEY)      # from a document
    editor = editor_sent(request.POST, prefix="entry-", scope=JOURNEY)  # from a browser, its command done
    render(…, {"editor": editor})         # {% include "segments/_condition.html" %}
    editor.written.document, .condition, .problems

All state is in the page. Several editors can stand on one page, each with a prefix of its own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from types import ModuleType
from typing import Final

from django.utils import translation
from django.utils.translation import gettext as _

from profiles import catalogue
from profiles.domain.identity import ANONYMOUS, EMAIL, PHONE, USER
from profiles.queries import identity_kinds
from segments.domain.conditions import ENGAGEMENT_EVENTS
from segments.domain.describe import describe
from segments.domain.values import Json
from segments.forms import offers
from segments.forms.editing import Done, History, opened, perform, take_kinds
from segments.forms.offers import Offers, Words, follow_types
from segments.forms.reading import read
from segments.forms.rows import Kind, Row, Sent, read_wire
from segments.forms.writing import Problem, Written, write
from segments.models import Segment

_UNDO: Final = "undo"
_REDO: Final = "redo"
_CATEGORIES: Final = ("email_marketing", "sms_marketing", "analytics", "personalization")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Where a condition stands, and what can be asked there."""

    kinds: Sequence[Kind]
    in_journey: bool = False  # there is a run: the message being processed, and the one that began it


_EVERYWHERE: Final = (
    Kind.EVENT,
    Kind.TRAIT,
    Kind.TOTAL,
    Kind.SEQUENCE,
    Kind.LAST,
    Kind.HAS_BEEN,
    Kind.SEGMENT,
    Kind.LIST,
    Kind.ENGAGEMENT,
    Kind.CONSENT,
    Kind.KNOWN,
    Kind.BUCKET,
)
SEGMENT: Final = Scope(kinds=(*_EVERYWHERE, Kind.RAW))
JOURNEY: Final = Scope(kinds=(*_EVERYWHERE, Kind.CONTEXT, Kind.RAW), in_journey=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """What stands below a row; no text for nothing."""

    text: str = ""
    tone: str = "need"  # err, need, caution

    @property
    def symbol(self) -> str:
        return {"err": "triangle-alert", "caution": "circle-alert"}.get(self.tone, "circle-dashed")


@dataclass(kw_only=True)
class ConditionEditor:
    """A condition as a page shows it to be changed."""

    root: Row
    scope: Scope
    prefix: str = ""
    history: History = field(default_factory=History)
    done: Done = field(default_factory=Done)
    is_strict: bool = False  # what is missing counts as wrong: somebody tried to use it

    @cached_property
    def written(self) -> Written:
        return write(self.root, in_journey=self.scope.in_journey)

    @cached_property
    def sentence(self) -> str:
        """The condition in words; "" while it is not complete."""
        condition = self.written.condition
        return describe(condition, translator=translation) if condition is not None else ""

    @cached_property
    def offers(self) -> Offers:
        parents = {child.id: row for row in self.root.walk() for child in row.children}
        return Offers(words=words_for(self.root), parents=parents)

    @cached_property
    def event_numbers(self) -> Mapping[str, int]:
        """A number for each event with known properties, to name its list of them by."""
        return {name: number for number, name in enumerate(self.offers.words.properties)}

    @property
    def choices(self) -> ModuleType:
        """The fixed words to choose from."""
        return offers

    @property
    def kinds(self) -> type[Kind]:
        return Kind

    @property
    def faults(self) -> Mapping[str, Problem]:
        """Row id -> what is wrong or missing there."""
        return self.written.problems

    def problem(self, row: Row) -> Problem | None:
        return self.written.problems.get(row.id)

    def note(self, row: Row) -> Note:
        """What is to be said below a row: what is wrong, or missing, or worth a second look."""
        if problem := self.problem(row):
            is_loud = self.is_strict or not problem.is_missing
            return Note(text=problem.text, tone="err" if is_loud else "need")
        if (event := row.get("event")) in self.offers.words.unsent:
            return Note(text=_("Nobody has sent “%(event)s” so far.") % {"event": event}, tone="caution")
        return Note()

    def steps_before(self, row: Row) -> list[tuple[str, int]]:
        """Id and number of the steps that a test of a sequence can compare with."""
        step = self.offers.parents.get(row.id)
        if step is None or step.kind is not Kind.STEP:
            return []
        steps = self.offers.parents[step.id].parts(Kind.STEP)
        return [(one.id, place + 1) for place, one in enumerate(steps[: steps.index(step)])]


def editor_for(
    condition: Json, *, scope: Scope = SEGMENT, prefix: str = "", root: Row | None = None
) -> ConditionEditor:
    """Open a condition, or the rows of an unfinished one."""
    shown = root or read(condition, in_journey=scope.in_journey)
    return ConditionEditor(root=shown, scope=scope, prefix=prefix, history=History().with_state(shown))


def editor_sent(data: Sent, *, scope: Scope = SEGMENT, prefix: str = "") -> ConditionEditor:
    """Read what a browser sent and do what its button says.

    Raises:
        BadForm: no form of ours sends that.
    """
    command = str(data.get(f"{prefix}do", ""))
    history = opened(str(data.get(f"{prefix}past", "")))
    before = history.root() if history.states else None
    root = read_wire(data, prefix=prefix)
    editor = ConditionEditor(
        root=root, scope=scope, prefix=prefix, is_strict=bool(data.get(f"{prefix}strict", ""))
    )
    take_kinds(root)
    follow_types(root, before, editor.offers)
    history = history.with_state(root)
    done = Done()
    if command in (_UNDO, _REDO):
        history = history.moved(-1 if command == _UNDO else 1)
        root = history.root()
    elif ":" in command:
        done = perform(root, command)
        history = history.with_state(root)
    return ConditionEditor(
        root=root, scope=scope, prefix=prefix, history=history, done=done, is_strict=editor.is_strict
    )


def words_for(root: Row) -> Words:
    """What is known of the events and traits that rows are about."""
    names = {row.get("event") for row in root.walk() if row.get("event")}
    return Words(
        events=catalogue.event_names(),
        traits=catalogue.traits(),
        properties=catalogue.properties_by_event(sorted(names)),
        segments=list(
            Segment.objects.exclude(state=Segment.State.ARCHIVED).order_by("name").values_list("slug", "name")
        ),
        categories=_CATEGORIES,
        identities=sorted({USER, EMAIL, PHONE, ANONYMOUS, *identity_kinds()}),
        unsent=catalogue.unsent(names - ENGAGEMENT_EVENTS),
    )
