"""Which action of a connection a message becomes, once the gate let it pass."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Json = Any

MOST_ACTIONS = 50


class FeedError(Exception):
    """What becomes of messages cannot be read; `message` says why."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedAction:
    """What messages of a name become."""

    event: str  # a name, a beginning of names that ends in *, or "" for any
    action: str
    fields: Mapping[str, Json] = field(default_factory=dict)  # templates

    def fits(self, name: str) -> bool:
        """Tell whether a message of this name becomes this."""
        if not self.event or self.event.endswith("*"):
            return name.startswith(self.event.removesuffix("*"))
        return name == self.event


def read_actions(stored: Json) -> tuple[FeedAction, ...]:
    """Read stored actions.

    Raises:
        FeedError: they are not what is stored.
    """
    if not isinstance(stored, list) or len(stored) > MOST_ACTIONS:
        raise FeedError("a list of actions is needed")
    return tuple(_action(one) for one in stored)


def to_json(actions: Sequence[FeedAction]) -> Json:
    """Write actions as they are stored."""
    return [{"event": one.event, "action": one.action, "fields": dict(one.fields)} for one in actions]


def action_for(actions: Sequence[FeedAction], name: str) -> FeedAction | None:
    """Choose the first action that fits a message of this name."""
    return next((one for one in actions if one.fits(name)), None)


def _action(one: Json) -> FeedAction:
    if not isinstance(one, dict) or set(one) - {"event", "action", "fields"}:
        raise FeedError("an action has event, action and fields")
    event, action, fields = one.get("event", ""), one.get("action"), one.get("fields", {})
    if not isinstance(event, str) or not isinstance(action, str) or not action:
        raise FeedError("event and action are texts")
    if not isinstance(fields, dict):
        raise FeedError("fields are an object")
    return FeedAction(event=event.strip(), action=action, fields=fields)
