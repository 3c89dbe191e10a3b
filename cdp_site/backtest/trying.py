"""Try a journey out with one person: what it would do from now on if these things happened. All in memory."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from typing import Final
from uuid import uuid4

from cdp_site.backtest.past import Past, Period
from cdp_site.backtest.reading import read_pasts
from cdp_site.backtest.replay import Player, Replay
from cdp_site.backtest.rules import rules_for, version_of
from connectors.models import Template
from connectors.rendering import RenderError, shared_renderer
from connectors.services import NewDelivery, preview_with
from journeys.domain.decision import RUN_OUTCOMES, Outcome
from journeys.domain.definition import Definition
from journeys.live import Entrant, LedgerLine
from journeys.models import EntryDue, Journey
from profiles.domain.arrival import Arrived, read_stored
from profiles.domain.exact import encode_json
from profiles.domain.facts import Event, Json
from profiles.domain.identity import Resolution
from profiles.models import Person

HORIZON: Final = timedelta(days=120)  # how far into the future the clock goes
MOST_EVENTS: Final = 20
_FIRST_ARRIVAL: Final = 2**62  # after every message that was ever stored


@dataclass(frozen=True, slots=True, kw_only=True)
class Invented:
    """Something that is made to happen."""

    after: timedelta
    name: str
    properties: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A message that would be sent."""

    at: datetime
    step: str
    channel: str
    title: str  # subject of a mail, action of a CRM
    text: str
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What came of it."""

    person: Person
    definition: Definition
    began_at: datetime
    lines: Sequence[LedgerLine]
    messages: Sequence[Shown]
    is_inside: bool  # still, when the clock stops

    @property
    def has_entered(self) -> bool:
        return any(line.entry.outcome is Outcome.ENTERED for line in self.lines)

    @property
    def reached(self) -> dict[str, datetime]:
        """Step -> when it was reached first."""
        found: dict[str, datetime] = {}
        for line in self.lines:
            if line.entry.step:
                found.setdefault(line.entry.step, line.at)
        return found


class NobodyThere(Exception):
    """Nothing is stored of the person."""


def try_out(
    person: Person,
    journey: Journey,
    *,
    document: Json,
    events: Sequence[Invented],
    now: datetime,
    is_called_in: bool = False,
) -> Trial:
    """Let invented things happen to a person, and time pass.

    Args:
        is_called_in: ask them in at once, as if their time had come, whatever the journey begins with.

    Raises:
        JourneyError: the document is no sound journey.
        NobodyThere: the person was erased or merged.
    """
    version = version_of(journey, document)
    rules = rules_for(version)
    period = Period(begins_at=now, ends_at=now + HORIZON)
    pasts = read_pasts(
        [person.pk], rules=rules, version=version, period=period, new_id=count(-1, -1).__next__
    )
    if not pasts:
        raise NobodyThere
    replay = Replay(rules=rules, version=version, period=period, targets=_targets())
    past = pasts[0]
    past.messages = [*past.messages, *_messages(past, events, now=now)]
    player = replay.player(past)
    if is_called_in:
        entrant = Entrant(id=0, journey=journey.pk, due_at=now, cause=EntryDue.Cause.API.value)
        player.desk.entrants.put(past.survivor, entrant)
    shown = _Shown(player=player)
    for item in replay.items(past):
        player.take(item)
        shown.look()
    player.run_out()
    shown.look()
    lines = replay.lines_of(player)
    ends = {line.run_id for line in lines if line.entry.outcome in RUN_OUTCOMES}
    return Trial(
        person=person,
        definition=version.definition,
        began_at=now,
        lines=lines,
        messages=shown.messages,
        is_inside=any(line.run_id not in ends for line in lines if line.run_id is not None),
    )


def _targets() -> frozenset[str]:
    return frozenset(Journey.objects.live().values_list("slug", flat=True))


def _messages(past: Past, events: Sequence[Invented], *, now: datetime) -> list[Arrived]:
    found = []
    for number, invented in enumerate(sorted(events, key=lambda one: one.after)):
        at = now + invented.after
        event = Event(
            name=invented.name,
            ts=at,
            arrival=_FIRST_ARRIVAL + number,
            received_at=at,
            message_id=str(uuid4()),
            properties=invented.properties,
            context={},
        )
        item = read_stored(event, properties=encode_json(invented.properties), context=b"{}", source_id=0)
        item.person = past.survivor
        item.resolution = Resolution(person=past.survivor, via=("", ""))
        found.append(item)
    return found


@dataclass(slots=True, kw_only=True)
class _Shown:
    """Messages as they are decided, filled in with what is known of the person then."""

    player: Player
    messages: list[Shown] = field(default_factory=list)

    def look(self) -> None:
        for delivery in self.player.desk.deliveries[len(self.messages) :]:
            self.messages.append(self._shown(delivery))

    def _shown(self, delivery: NewDelivery) -> Shown:
        title, text, error = delivery.action, "", ""
        try:
            title, text = self._filled(delivery)
        except RenderError as fault:
            error = str(fault)
        return Shown(
            at=delivery.decided_at,
            step=delivery.step,
            channel=delivery.channel,
            title=title,
            text=text,
            error=error,
        )

    def _filled(self, delivery: NewDelivery) -> tuple[str, str]:
        variables = self._variables(delivery)
        if delivery.template:
            template = Template.objects.filter(slug=delivery.template).first()
            if template is None:
                return delivery.template, ""
            locale = self.player.past.states[self.player.now(delivery.person_id)].locale
            mail = preview_with(variables, template=template, locale=locale)
            return mail.subject, mail.text
        filled = shared_renderer().fields(dict(delivery.fields), variables=variables)
        return delivery.action, "\n".join(f"{name}: {value}" for name, value in filled.items())

    def _variables(self, delivery: NewDelivery) -> dict[str, Json]:
        state = self.player.past.states[self.player.now(delivery.person_id)]
        known = {"traits": state.traits, "id": str(state.uuid)}
        known |= {"email": state.email} if state.email else {}
        zone = state.time_zone or self.player.desk.rules.company.zone
        return {
            "event": None,
            **delivery.context,
            "person": {**state.traits, **known},
            "now": delivery.decided_at.isoformat(),
            "zone": zone,
        }
