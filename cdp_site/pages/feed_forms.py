"""The form of a feed: its gate in the editor of conditions, and what messages become."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.utils.translation import gettext as _

from connectors.domain.feed import FeedAction
from connectors.domain.message import ChannelKind, Json
from connectors.domain.vendor import Action
from connectors.models import Connection, Feed
from connectors.rendering import RenderError, shared_renderer
from segments.domain.conditions import Condition, reads
from segments.forms import ConditionEditor, Scope, editor_for, editor_sent
from segments.forms.rows import Kind

GATE: Final = Scope(
    kinds=(
        Kind.EVENT,
        Kind.CONSENT,
        Kind.TRAIT,
        Kind.SEGMENT,
        Kind.LIST,
        Kind.HAS_BEEN,
        Kind.KNOWN,
        Kind.BUCKET,
        Kind.CONTEXT,
        Kind.RAW,
    ),
    in_journey=True,
)
_SPARE: Final = 2  # empty rows to write a further action into
_MARKETING: Final = "email_marketing"
# What sales want to see: no clicks, no views.
PROPOSED: Final[Json] = {
    "any": [
        {"event": "Product Added"},
        {"event": "Checkout Started"},
        {"event": "Order *"},
        {"event": "Product Reviewed", "where": [{"property": "rating", "op": "at_most", "value": 2}]},
        {"consent": _MARKETING, "is": "granted"},
        {"consent": _MARKETING, "is": "denied"},
    ]
}
_PROPOSED_ACTIONS: Final = (
    FeedAction(
        event="Order Completed",
        action=Action.CREATE_DEAL,
        fields={
            "title": "{{ event.name }} {{ event.properties.order_id|default('') }}",
            "amount": "{{ event.properties.revenue|default(0) }}",
        },
    ),
    FeedAction(event="", action=Action.ADD_NOTE, fields={"body": "{{ event.name }}"}),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionRow:
    """One row of what messages become."""

    event: str = ""
    action: str = ""
    fields: str = ""  # a line each: name = template

    def read(self) -> FeedAction:
        lines = [line.partition("=") for line in self.fields.splitlines() if line.strip()]
        fields = {name.strip(): value.strip() for name, _equals, value in lines if name.strip()}
        return FeedAction(event=self.event.strip(), action=self.action, fields=fields)


@dataclass(slots=True, kw_only=True)
class FeedForm:
    """A feed as a page shows it."""

    editor: ConditionEditor
    rows: list[ActionRow]
    is_active: bool
    error: str = ""

    @property
    def actions(self) -> list[FeedAction]:
        return [row.read() for row in self.rows if row.action]

    @property
    def shown_rows(self) -> Sequence[ActionRow]:
        return [*self.rows, *[ActionRow()] * _SPARE]


def form_of(connection: Connection, *, kind: ChannelKind) -> FeedForm:
    """The form of a connection's feed; a new one proposes what most want."""
    feed = Feed.objects.filter(connection=connection).first()
    if feed is None:
        actions = [one for one in _PROPOSED_ACTIONS if one.action in kind.actions]
        return FeedForm(editor=editor_for(PROPOSED, scope=GATE), rows=_rows(actions), is_active=True)
    stored = [FeedAction(**one) for one in feed.actions]
    return FeedForm(
        editor=editor_for(feed.condition["if"], scope=GATE), rows=_rows(stored), is_active=feed.is_active
    )


def form_sent(data: Any) -> FeedForm:
    """Read what a browser sent.

    Raises:
        BadForm: no form of ours sends that.
    """
    names = [data.getlist(f"act-{name}") for name in ("event", "action", "fields")]
    rows = [
        ActionRow(event=event, action=action, fields=fields)
        for event, action, fields in zip(*names, strict=False)
        if action
    ]
    return FeedForm(
        editor=editor_sent(data, scope=GATE), rows=rows, is_active=bool(data.get("is_active", ""))
    )


def fault_of_form(form: FeedForm, *, kind: ChannelKind) -> str:
    """Say in a sentence why a form cannot be saved; "" if it can."""
    condition = form.editor.written.condition
    if condition is None:
        return _("Fill in what is missing in the gate first.")
    return fault_of(condition, form.actions, kind=kind)


def fault_of(gate: Condition, actions: Sequence[FeedAction], *, kind: ChannelKind) -> str:
    """Say in a sentence why a feed cannot be; "" if it can."""
    if reads(gate).needs_entry:
        return _("There is no journey here: the gate cannot ask about what began it.")
    if not actions:
        return _("Say what at least some messages become.")
    if any(one.action not in kind.actions for one in actions):
        return _("This system cannot do one of these actions.")
    for one in actions:
        try:
            shared_renderer().read({name: str(value) for name, value in one.fields.items()})
        except RenderError as error:
            return _("The field “%(field)s” cannot be read: %(why)s") % {
                "field": error.name,
                "why": str(error),
            }
    return ""


def _rows(actions: Sequence[FeedAction]) -> list[ActionRow]:
    return [
        ActionRow(
            event=one.event,
            action=one.action,
            fields="\n".join(f"{name} = {value}" for name, value in one.fields.items()),
        )
        for one in actions
    ]
