"""What is known of the people of one transaction, and what has been decided about them so far."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from cdp_site.pipeline.rules import RuleId, Rules
from connectors.queries import suppressed_scopes, topics_of_templates
from connectors.services import NewDelivery
from journeys.domain.engine import LedgerEntry
from journeys.live import Entrant, Entrants, LedgerLine, Limits, LiveVersion, OpenRun, Runs
from profiles.domain.arrival import micros_of
from profiles.domain.facts import Event, Facts, Json
from profiles.domain.history import PersonState
from profiles.domain.identity import EMAIL
from profiles.store.changes import TraitEntry
from segments.live import Change, Dues, Manual, Of
from segments.network import Stimulus, TraitStimulus


@dataclass(slots=True)
class Desk:
    """The state of a transaction's decisions.

    Args:
        states: the people concerned, locked; the pipeline applies messages to them.
        traits: where trait history gathers; written by the store.
        clock: what time it is; quiet hours, caps and throttles go by it. None: that of each moment.
    """

    rules: Rules
    states: dict[int, PersonState]
    traits: list[TraitEntry]
    clock: datetime | None = None
    runs: Runs = field(init=False)
    dues: Dues = field(default_factory=Dues)
    computed_dues: Dues = field(default_factory=lambda: Dues(Of.COMPUTED))
    manual: Manual = field(default_factory=Manual)
    entrants: Entrants = field(default_factory=Entrants)
    limits: Limits = field(default_factory=Limits)
    suppressed: dict[str, frozenset[str]] = field(default_factory=dict)  # address -> scopes
    topics: Mapping[str, str] | None = None  # template -> what it is about; None: not looked up yet
    # person -> the event names, and beginnings of event names, that rules may ask them for
    watched: dict[int, tuple[frozenset[str], tuple[str, ...]]] = field(default_factory=dict)

    # Decided, to be written.
    memberships: list[Change] = field(default_factory=list)
    deliveries: list[NewDelivery] = field(default_factory=list)
    cancelled: list[tuple[int, str]] = field(default_factory=list)  # run, why
    taken_back: dict[int, int] = field(default_factory=dict)  # run -> how many deliveries came before that
    merged_at: dict[int, datetime] = field(default_factory=dict)
    faults: dict[int, str] = field(default_factory=dict)  # segment -> why it could not be asked

    # Of the moment that is being decided.
    pending: set[RuleId] = field(default_factory=set)  # to be asked
    crossings: list[tuple[str, bool]] = field(default_factory=list)  # segments, whether they were entered
    may_enter: bool = True
    moves: dict[tuple[int, datetime], int] = field(default_factory=lambda: defaultdict(int))
    # What was asked last of whom, at which moment: their next due moments are found when they are needed.
    # Segments by id, runs by their own.
    asked: dict[int, dict[tuple[str, int], datetime]] = field(default_factory=lambda: defaultdict(dict))
    # Up to when the clock is known not to call for somebody, as long as nothing is asked of them.
    quiet_until: dict[int, datetime] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.runs = Runs(self.rules.versions)

    def facts(self, person: int, *, event: Event | None) -> Facts:
        """What rules see of a person now."""
        return self.states[person].facts(company_zone=self.rules.company.zone, event=event)

    def mark(self, stimulus: Stimulus) -> None:
        """Have the rules asked whose answer this may change."""
        self.pending |= self.rules.touched(stimulus)

    def take_pending(self, *kinds: str) -> list[int]:
        """Take the pending rules of these kinds off the list."""
        taken = {rule for rule in self.pending if rule[0] in kinds}
        self.pending -= taken
        return sorted(id_ for _, id_ in taken)

    def call(self, person: int, entrant: Entrant) -> None:
        """Have somebody asked in when the time comes."""
        self.entrants.put(person, entrant)
        self.quiet_until.pop(person, None)

    def look_up(self, addresses: Collection[str]) -> None:
        """Find out whether these addresses may be written to."""
        nothing = dict.fromkeys(addresses, frozenset[str]())
        self.suppressed |= nothing | suppressed_scopes(addresses, channel=EMAIL)

    def topic_of(self, template: str) -> str:
        """What a mail is about; "" for nothing in particular."""
        if self.topics is None:
            self.topics = topics_of_templates()
        return self.topics.get(template, "")

    def set_trait(
        self, person: int, key: str, value: Json, *, origin: str, event: Event | None, now: datetime
    ) -> None:
        """Write a trait that was decided here; rules that read it follow."""
        arrival = event.arrival if event else 0
        is_entry, before = self.states[person].set_trait(key, value, micros=micros_of(now), arrival=arrival)
        if not is_entry:
            return
        self.traits.append(
            TraitEntry(
                person=person,
                key=key,
                at=now,
                arrival=arrival,
                value=value,
                source_id=None,
                identity_id=None,
                origin=origin,
            )
        )
        self.mark(TraitStimulus(changes={key: (before, value)}))

    def take_back(self, run_id: int, *, reason: str) -> None:
        """Cancel what a run has queued until now, in this transaction or before it."""
        self.cancelled.append((run_id, reason))
        self.taken_back[run_id] = len(self.deliveries)
        self.limits.take_back(run_id)

    def note(
        self,
        person: int,
        version: LiveVersion,
        run: OpenRun | None,
        entry: LedgerEntry,
        *,
        now: datetime,
        message_id: str | None,
    ) -> None:
        """Put a line into the ledger."""
        self.runs.ledger.append(
            LedgerLine(
                person=person,
                at=now,
                version=version,
                run_id=run.id if run else None,
                entry=entry,
                message_id=message_id,
            )
        )
