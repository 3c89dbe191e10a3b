"""A person's history and their way through a journey, moved on message by message as the drain does."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from journeys.domain.definition import Definition, parse_journey
from journeys.domain.engine import (
    Action,
    Decision,
    EntryDecision,
    Means,
    Outcome,
    Outgoing,
    PastRun,
    State,
    advance,
    enter,
    restarted,
    started,
)
from journeys.domain.settings import Company, Place, Sent, at_once
from profiles.domain.facts import Event, Facts, Json, Stay
from tests.journeys.documents import Document, journey

SOMEBODY = UUID(int=1)
NEW_YORK, BERLIN, LORD_HOWE, TOKYO = "America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "Asia/Tokyo"
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def at(*, days: float = 0, hours: float = 0, seconds: float = 0) -> datetime:
    """A moment counted from noon, when stories begin."""
    return NOON + timedelta(days=days, hours=hours, seconds=seconds)


def message(
    name: str, *, when: datetime = NOON, arrival: int = 1, properties: Mapping[str, Json] | None = None
) -> Event:
    return Event(
        name=name,
        ts=when,
        arrival=arrival,
        received_at=when,
        message_id=str(UUID(int=arrival)),
        properties=properties or {},
        context={},
    )


def facts_of(
    *events: Event,
    traits: Mapping[str, Json] | None = None,
    consent: Mapping[str, bool] | None = None,
    segments: Sequence[str] = (),
    lists: Mapping[str, Sequence[Stay]] | None = None,
    zone: str = "UTC",
    uuid: UUID = SOMEBODY,
) -> Facts:
    """Somebody who did these things and is in these segments."""
    return Facts(
        person_id=1,
        uuid=uuid,
        zone=zone,
        lists=lists or {},
        traits=traits or {},
        consent=consent or {},
        stays={slug: (Stay(entered_at=at(days=-100)),) for slug in segments},
        events_of=lambda name: sorted((each for each in events if each.name == name), key=lambda e: e.order),
    )


def as_written(value: Json, facts: Facts) -> Json:
    """Stands in for the renderer of templates: nothing in these tests has placeholders to fill."""
    return value


@dataclass(kw_only=True)
class Story:
    """One person and one journey. Messages and timers are decided in the order in which they are told."""

    document: Document
    traits: dict[str, Json] = field(default_factory=dict)
    consent: dict[str, bool] = field(default_factory=dict)
    segments: list[str] = field(default_factory=list)
    lists: dict[str, tuple[Stay, ...]] = field(default_factory=dict)
    zone: str = "UTC"
    uuid: UUID = SOMEBODY
    company: Company = field(default_factory=Company)
    others: list[Sent] = field(default_factory=list)  # what other journeys sent
    place: Place = at_once
    lag: timedelta = timedelta()  # how much later than its moment each thing is decided
    events: list[Event] = field(default_factory=list)
    history: list[PastRun] = field(default_factory=list)
    entry: Event | None = None
    state: State | None = None
    due_at: datetime | None = None
    outcomes: list[tuple[Outcome, str, str]] = field(default_factory=list)  # outcome, step, reason
    sent: list[Outgoing] = field(default_factory=list)
    sent_at: list[datetime] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)
    entries: list[EntryDecision] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.definition: Definition = parse_journey(self.document)

    @property
    def sent_before(self) -> list[Sent]:
        return [
            Sent(at=moment, message_class=outgoing.message_class)
            for outgoing, moment in zip(self.sent, self.sent_at, strict=True)
            if outgoing.channel == "email"
        ]

    def changes(self, *, when: datetime, **traits: Json) -> "Story":
        """Traits change, and the open run is asked."""
        self.passes(until=when)
        self.traits |= traits
        if self.state is not None:
            self._advance(None, when)
        return self

    def facts(self) -> Facts:
        return facts_of(
            *self.events,
            traits=self.traits,
            consent=self.consent,
            segments=self.segments,
            lists=self.lists,
            zone=self.zone,
            uuid=self.uuid,
        )

    def happens(
        self, name: str, *, when: datetime = NOON, properties: Mapping[str, Json] | None = None
    ) -> "Story":
        """A message: timers due by then first, then the open run, then the entry."""
        self.passes(until=when)
        event = message(name, when=when, arrival=len(self.events) + 1, properties=properties)
        self.events.append(event)
        if self.state is not None:
            self._advance(event, when)
        self._enter(event, when)
        return self

    def passes(self, *, until: datetime) -> "Story":
        """Time: every timer due by then, each at its own moment."""
        while self.due_at is not None and self.due_at <= until:
            self._advance(None, self.due_at)
        return self

    def _enter(self, event: Event, now: datetime) -> None:
        decision = enter(self.definition, history=self.history, event=event, facts=self.facts(), now=now)
        if decision is None:
            return
        self.entries.append(decision)
        self.outcomes.append((decision.ledger.outcome, "", decision.ledger.reason))
        match decision.action:
            case Action.ENTER:
                self.entry, self.state = event, started(self.definition)
                run = PastRun(run_id=len(self.history) + 1, key=decision.key, entered_at=now)
                self.history.append(run)
            case Action.RESTART:
                assert self.state is not None
                self.entry, self.state = event, restarted(self.definition, self.state)
            case Action.END:
                self._close(now)
                return
            case Action.REFUSE:
                return
        self._advance(event, now)

    def _advance(self, event: Event | None, now: datetime) -> None:
        assert self.state is not None
        decision = advance(
            self.definition,
            state=self.state,
            facts=self.facts().within(entry=self.entry, event=event),
            now=now,
            means=Means(
                render=as_written,
                company=self.company,
                clock=now + self.lag,
                sent=[*self.others, *self.sent_before],
                place=self.place,
            ),
        )
        self.decisions.append(decision)
        self.outcomes += [(entry.outcome, entry.step, entry.reason) for entry in decision.ledger]
        self.sent += decision.messages
        self.sent_at += [now + self.lag for _ in decision.messages]
        for change in decision.list_writes:
            stays = self.lists.get(change.list, ())
            kept = (*stays, Stay(entered_at=now)) if change.is_added else stays[:-1]
            self.lists[change.list] = kept
        self.traits |= {write.key: write.value for write in decision.trait_writes}
        self.state, self.due_at = decision.state, decision.due_at
        if decision.ending is not None:
            self._close(now)

    def _close(self, now: datetime) -> None:
        self.state, self.due_at = None, None
        self.history[-1] = replace(self.history[-1], ended_at=now)


def told(*steps: Document, settings: Document | None = None, goal: Document | None = None) -> Story:
    """Somebody on their way through these steps."""
    return Story(document=journey(steps=list(steps), settings=settings, goal=goal))


def there(text: str, zone: str) -> datetime:
    """The moment at which clocks of a zone show this."""
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def shown(moment: datetime | None, zone: str) -> str:
    """What clocks of a zone show at a moment."""
    assert moment is not None
    return moment.astimezone(ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M")


def kinds(story: Story) -> list[str]:
    """The outcomes so far, in order."""
    return [outcome.value for outcome, _step, _reason in story.outcomes]


def reasons(story: Story, outcome: Outcome) -> list[str]:
    """The reasons given with an outcome, in order."""
    return [reason for each, _step, reason in story.outcomes if each is outcome]
