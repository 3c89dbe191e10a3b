"""What a journey's document consists of once it is read: steps, entry, goal.

A sequence is a tuple of steps. A step that divides people owns named sequences; people whose sequence
runs out go on below that step. Times are exact lengths. Texts with `{{ … }}` are templates, kept as
they were written.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum

from connectors.domain.message import MessageClass
from profiles.domain.facts import Json
from segments.domain.conditions import Condition, EventCount

Sequence = tuple["Step", ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """Stay for an exact length of time."""

    id: str
    name: str = ""
    length: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitUntil:
    """Stay until a condition holds, or at most for `timeout`."""

    id: str
    name: str = ""
    condition: Condition
    timeout: timedelta | None = None  # None: as long as it takes
    then: Sequence = ()
    otherwise: Sequence = ()  # for those whose time ran out


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One way out of a branch."""

    name: str
    condition: Condition
    steps: Sequence


@dataclass(frozen=True, slots=True, kw_only=True)
class Branch:
    """Take the first case whose condition holds, else `otherwise`."""

    id: str
    name: str = ""
    cases: tuple[Case, ...]
    otherwise: Sequence = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Send:
    """Send a message made from a stored template."""

    id: str
    name: str = ""
    channel: str
    template: str  # slug
    message_class: MessageClass
    connection: str = ""  # slug; "" is the channel's own way out
    fields: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Crm:
    """Have a CRM do something."""

    id: str
    name: str = ""
    connection: str  # slug
    action: str  # create_deal, create_task, ...
    fields: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """Tell another system."""

    id: str
    name: str = ""
    connection: str  # slug
    fields: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class SetTrait:
    """Write traits of the person."""

    id: str
    name: str = ""
    values: Mapping[str, Json]


@dataclass(frozen=True, slots=True, kw_only=True)
class Exit:
    """Leave the journey."""

    id: str
    name: str = ""
    reason: str = ""


Step = Wait | WaitUntil | Branch | Send | Crm | Webhook | SetTrait | Exit


class Policy(Enum):
    """Whether somebody who was in the journey may enter it again."""

    NEVER = "never"
    AFTER_EXIT = "after_exit"  # once the earlier run has ended
    ALWAYS = "always"


class Again(Enum):
    """What a further entry message does to a run that is still open."""

    IGNORE = "ignore"
    RESTART = "restart"  # the run begins anew with this message
    END = "end"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reentry:
    """The rules for entering more than once."""

    policy: Policy = Policy.AFTER_EXIT
    not_within: timedelta | None = None  # counted from the last entry
    again: Again = Again.IGNORE


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """Who enters, and when."""

    on: EventCount  # the name and `where` of the message that begins a run
    condition: Condition | None = None
    key: tuple[str, ...] = ()  # the way to it in the message: ("properties", "cart_id"); () without a key
    reentry: Reentry = field(default_factory=Reentry)


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """What the journey is for: reached, its steps run once and the run ends as converted."""

    condition: Condition
    steps: Sequence = ()
