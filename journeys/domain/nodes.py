"""What a journey's document consists of once it is read: steps, entry, goal.

A sequence is a tuple of steps. A step that divides people owns named sequences; people whose sequence
runs out go on below that step, or, in a repeat, come back to it. Times are exact lengths. Texts with
`{{ … }}` are templates, kept as they were written.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from enum import Enum

from connectors.domain.message import MessageClass
from journeys.domain.clock import DateRule, TimeOfDay, Window
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
class WaitClock:
    """Stay until clocks show a time, or a time in a window."""

    id: str
    name: str = ""
    until: TimeOfDay | Window


class NoDate(Enum):
    """What becomes of somebody whose date is over, or who has none."""

    GO_ON = "go_on"
    EXIT = "exit"


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitDate:
    """Stay until a moment counted from a date that a trait holds, wherever the date moves meanwhile."""

    id: str
    name: str = ""
    path: tuple[str, ...]  # of the trait
    rule: DateRule
    otherwise: NoDate = NoDate.GO_ON


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
class Variant:
    """One way out of a split."""

    name: str
    share: Decimal  # per cent
    steps: Sequence


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """Take the variant that the person's hash falls into; who is held out goes on below."""

    id: str
    name: str = ""
    salt: str
    variants: tuple[Variant, ...]
    hold_out: Decimal = Decimal(0)  # per cent


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeat:
    """Go through steps several times, as long as a condition does not hold."""

    id: str
    name: str = ""
    times: int
    until: Condition | None = None
    steps: Sequence


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


class Listing(Enum):
    """What is done to a list."""

    ADD = "add"
    REMOVE = "remove"


@dataclass(frozen=True, slots=True, kw_only=True)
class ListChange:
    """Add the person to a list by hand, or take them off it."""

    id: str
    name: str = ""
    list: str  # slug
    change: Listing


@dataclass(frozen=True, slots=True, kw_only=True)
class GoToJourney:
    """Leave this journey for another."""

    id: str
    name: str = ""
    journey: str  # slug


@dataclass(frozen=True, slots=True, kw_only=True)
class Exit:
    """Leave the journey."""

    id: str
    name: str = ""
    reason: str = ""


Dividing = WaitUntil | Branch | Split | Repeat
Acting = Send | Crm | Webhook | SetTrait | ListChange
Step = Wait | WaitClock | WaitDate | Dividing | Acting | GoToJourney | Exit


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


class Crossing(Enum):
    """Which way somebody crosses the edge of a segment."""

    ENTERED = "entered"
    LEFT = "left"


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentEntry:
    """Whoever enters or leaves a segment."""

    segment: str  # slug
    change: Crossing


@dataclass(frozen=True, slots=True, kw_only=True)
class DateEntry:
    """Whoever's date comes."""

    path: tuple[str, ...]  # of the trait
    rule: DateRule


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleEntry:
    """All members of a segment, at the times of a timetable."""

    cron: str
    segment: str  # slug


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiEntry:
    """Whom another system names."""


# An event: the name and `where` of the message that begins a run.
Trigger = EventCount | SegmentEntry | DateEntry | ScheduleEntry | ApiEntry


class Present(Enum):
    """Whether those enter who are what the journey waits for when it is published."""

    NEW = "new"
    PRESENT = "present"
    BOTH = "both"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """Who enters, and when."""

    on: Trigger
    present: Present = Present.NEW
    condition: Condition | None = None
    key: tuple[str, ...] = ()  # the way to it in the message: ("properties", "cart_id"); () without a key
    reentry: Reentry = field(default_factory=Reentry)


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """What the journey is for: reached, its steps run once and the run ends as converted."""

    condition: Condition
    steps: Sequence = ()
