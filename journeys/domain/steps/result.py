"""What a step is given, and what it comes to."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import msgspec

from journeys.domain import nodes
from journeys.domain.decision import LedgerEntry, ListWrite, Outcome, Outgoing, TraitWrite
from journeys.domain.settings import Company, Place, Sent, Settings, at_once, zone_of
from profiles.domain.facts import Facts, Json

# Renders a template, or what holds templates, for the person at that moment; plain values come back as
# they are.
Render = Callable[[Json, Facts], Json]
# Says in a word why a message must not be queued; "" lets it pass.
Refuse = Callable[[Outgoing], str]


def refuse_nothing(message: Outgoing) -> str:
    """Let every message pass."""
    return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """By what means a run acts, and what holds for its person beside the facts."""

    render: Render  # of what set_trait writes; later steps of the same decision see the outcome
    refuse: Refuse = refuse_nothing  # consent to marketing is asked before, from the facts
    company: Company = field(default_factory=Company)
    # What time it is while this is decided, which may be later than the moment it is decided for; quiet
    # hours, caps and throttle go by it. None: the same.
    clock: datetime | None = None
    sent: Sequence[Sent] = ()  # to the person, as far back as the longest cap
    place: Place = at_once


@dataclass(slots=True, kw_only=True)
class Moment:
    """When and for whom a step is asked; the engine moves it on from step to step, the steps only read."""

    facts: Facts
    now: datetime
    visit: int
    rounds: Mapping[str, int]
    settings: Settings
    means: Means
    decided: list[Outgoing] = field(default_factory=list)  # in the same decision, before this step

    @property
    def zone(self) -> str:
        """Where the clock hangs that the journey goes by."""
        return zone_of(self.settings, person=self.facts.zone, company=self.means.company)

    @property
    def clock(self) -> datetime:
        """The time at which a message would leave."""
        return max(self.now, self.means.clock or self.now)


class GoOn(msgspec.Struct, frozen=True, kw_only=True):
    """The person goes into a sequence of the step, or, where it is empty, on below the step."""

    into: nodes.Sequence = ()


class Stay(msgspec.Struct, frozen=True, kw_only=True):
    """The person waits here; `due_at` None: only a message can change that."""

    due_at: datetime | None = None
    has_place: bool = False  # the throttle keeps a place for the message


class Leave(msgspec.Struct, frozen=True, kw_only=True):
    """The person leaves the journey."""

    outcome: Outcome = Outcome.EXITED
    reason: str = ""
    goes_to: str = ""  # the slug of another journey


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What one step came to."""

    way: GoOn | Stay | Leave
    ledger: tuple[LedgerEntry, ...] = ()
    messages: tuple[Outgoing, ...] = ()
    trait_writes: tuple[TraitWrite, ...] = ()
    list_writes: tuple[ListWrite, ...] = ()
    round: int | None = None  # of a repeat: which one begins, 0 once it is over


def went_on(step_id: str, outcome: Outcome, *, reason: str = "", tree: Json = None) -> Result:
    """The person goes on below the step."""
    entry = LedgerEntry(step=step_id, outcome=outcome, reason=reason, tree=tree)
    return Result(way=GoOn(), ledger=(entry,))


def left(step_id: str, outcome: Outcome, *, reason: str, goes_to: str = "") -> Result:
    """The person leaves the journey at the step."""
    entry = LedgerEntry(step=step_id, outcome=outcome, reason=reason)
    return Result(way=Leave(outcome=outcome, reason=reason, goes_to=goes_to), ledger=(entry,))
