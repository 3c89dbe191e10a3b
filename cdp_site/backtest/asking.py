"""Why somebody is not in a journey, as of a moment: what came that could have let them in, and what it met.

Nothing is simulated of the journey itself: its live runs and decisions are taken as they were. Each message
that it waits for is asked about by the same pure function that decides live, with what was known by then.
Somebody waits for the answer, so only the newest messages are read.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum
from itertools import count
from typing import Final

from django.db.models import Min

from cdp_site.backtest.past import Period
from cdp_site.backtest.queries import newest_since
from cdp_site.backtest.reading import read_pasts
from cdp_site.backtest.replay import Player, Replay
from cdp_site.backtest.rules import rules_for, version_of
from cdp_site.models import AuditEntry
from cdp_site.pipeline.rules import Rules, rules_of
from journeys.domain.entering import Action, EntryDecision, PastRun, admit, enter, occasion
from journeys.domain.nodes import ApiEntry, DateEntry, ScheduleEntry, SegmentEntry
from journeys.live import LiveVersion
from journeys.models import Journey, Run
from profiles.domain.arrival import Arrived
from profiles.domain.facts import Event, Json
from profiles.models import Person
from profiles.queries import person_ids_of
from segments.domain.conditions import EventCount, name_fits
from segments.domain.evaluate import evaluate
from segments.live import Change

LOOKED_BACK: Final = timedelta(days=30)
MOST_READ: Final = 1_000  # messages, the newest
_JUST_AFTER: Final = timedelta(microseconds=1)


_OPENINGS: Final = ("journey.publish", "journey.pause", "journey.resume", "journey.stop")


class Obstacle(Enum):
    """What stood in the way."""

    NOTHING = "nothing"  # they did enter
    NOBODY = "nobody"  # nothing is stored of the person
    NO_MESSAGE = "no_message"  # nothing came that the journey waits for
    NO_MATCH = "no_match"  # it came, though never as the journey asks
    REFUSED = "refused"  # see the decision
    TOO_LATE = "too_late"  # it came more than a day after it happened
    NOT_LIVE = "not_live"  # all held, and nobody could enter at that moment
    NOT_CALLED = "not_called"  # who enters is said by a timetable, a date or another system: not this person


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One thing that could have let somebody in."""

    at: datetime
    name: str  # of the message, or the segment
    decision: EntryDecision | None  # None: the entry's own tests do not hold for it
    is_history: bool = False
    was_live: bool = True
    has_entered: bool = False  # they really did by it

    @property
    def is_refused(self) -> bool:
        return self.decision is not None and self.decision.action is Action.REFUSE


@dataclass(frozen=True, slots=True, kw_only=True)
class WhyNot:
    """The answer for one person, journey and moment."""

    journey: Journey
    is_draft: bool
    at: datetime
    since: datetime  # how far back messages were looked at
    is_cut: bool  # there were more than the newest ones that were read
    obstacle: Obstacle
    asked: Sequence[Asked] = ()  # the latest first
    tree: Json = None  # the entry's filter as of `at`: needed, seen, held
    last_entered_at: datetime | None = None
    is_inside: bool = False


def why_not(
    person: Person, journey: Journey, *, at: datetime, is_draft: bool = False, most: int = MOST_READ
) -> WhyNot:
    """Find out what kept a person from entering a journey by a moment.

    Args:
        most: messages that are read, the newest.

    Raises:
        JourneyError: the draft is no sound journey.
    """
    document = journey.draft if is_draft or journey.live_version is None else journey.live_version.document
    version = version_of(journey, document)
    whole = Period(begins_at=at - LOOKED_BACK, ends_at=at + _JUST_AFTER)
    cut_at = newest_since(person_ids_of(person), period=whole, most=most)
    period = whole if cut_at is None else replace(whole, begins_at=cut_at)
    look = _Look(
        period=period,
        is_cut=cut_at is not None,
        journey=journey,
        version=version,
        history=_history(person, journey, until=at),
        is_draft=is_draft or journey.live_version is None,
        openings=_openings(journey),
        published_at=journey.versions.aggregate(first=Min("published_at"))["first"],
    )
    # What the journey itself wrote is taken as it was, and nobody enters it here.
    unplayed = replace(version, journey_id=0, is_open=False)
    rules = _around(rules_for(version), unplayed)
    pasts = read_pasts(
        [person.pk], rules=rules, version=unplayed, period=period, new_id=count(-1, -1).__next__
    )
    if not pasts:
        return look.answer(Obstacle.NOBODY, at=at)
    replay = Replay(rules=rules, version=unplayed, period=period)
    player = replay.player(pasts[0])
    asked: list[Asked] = []
    for item in replay.items(pasts[0]):
        player.take(item)
        asked += look.asked(player, item)
    player.run_out()
    asked += look.crossed(player)
    return look.summed(player, person.pk, asked, at=at)


def _openings(journey: Journey) -> list[tuple[datetime, bool]]:
    """When people could enter from then on, or no more; publishing opens all but a paused journey."""
    entries = AuditEntry.objects.filter(object_kind="journey", object_id=journey.slug, verb__in=_OPENINGS)
    found: list[tuple[datetime, bool]] = []
    is_paused = False
    for at, verb in entries.order_by("at", "id").values_list("at", "verb"):
        is_paused = verb == "journey.pause" or (is_paused and verb == "journey.publish")
        found.append((at, not is_paused and verb != "journey.stop"))
    return found


def _around(rules: Rules, version: LiveVersion) -> Rules:
    """The segments and traits of a version that nobody enters."""
    return rules_of(
        segments=list(rules.segments.values()),
        computed=list(rules.computed.values()),
        versions=[version],
        company=rules.company,
    )


@dataclass(slots=True, kw_only=True)
class _Look:
    """What is looked for, and what was seen of it."""

    period: Period
    is_cut: bool
    journey: Journey
    version: LiveVersion
    history: Sequence[PastRun]
    is_draft: bool
    openings: Sequence[tuple[datetime, bool]]  # when people could enter from then on, or no more
    published_at: datetime | None  # for the first time
    crossings: int = 0

    def asked(self, player: Player, item: object) -> Iterator[Asked]:
        yield from self.crossed(player)
        on = self.version.definition.entry.on
        if not (
            isinstance(item, Arrived) and isinstance(on, EventCount) and name_fits(item.name, wanted=on.name)
        ):
            return
        event = item.event()
        facts = player.desk.facts(player.now(item.person), event=event)
        decision = enter(
            self.version.definition,
            history=self._history_at(item.received_at),
            event=event,
            facts=facts,
            now=item.received_at,
        )
        yield Asked(
            at=item.received_at,
            name=item.name,
            decision=decision,
            is_history=item.arrival in player.past.late,
            was_live=self._was_live(item.received_at),
            has_entered=self._entered_at(item.received_at),
        )

    def crossed(self, player: Player) -> Iterator[Asked]:
        """Segments that were entered or left since this was asked last."""
        on = self.version.definition.entry.on
        changes = player.desk.memberships[self.crossings :]
        self.crossings += len(changes)
        if not isinstance(on, SegmentEntry):
            return
        for change in changes:
            is_wanted = change.is_entered is (on.change.value == "entered")
            if change.slug == on.segment and is_wanted and change.at > player.past.period.begins_at:
                yield self._at_edge(player, change)

    def _at_edge(self, player: Player, change: Change) -> Asked:
        facts = player.desk.facts(player.now(change.person), event=None)
        properties = {"segment": change.slug}
        entry = occasion("Segment", at=change.at, cause=None, facts=facts, properties=properties)
        decision = admit(
            self.version.definition,
            history=self._history_at(change.at),
            entry=entry,
            facts=facts,
            now=change.at,
        )
        return Asked(
            at=change.at,
            name=change.slug,
            decision=decision,
            was_live=self._was_live(change.at),
            has_entered=self._entered_at(change.at),
        )

    def _entered_at(self, at: datetime) -> bool:
        return not self.is_draft and any(run.entered_at == at for run in self.history)

    def _history_at(self, at: datetime) -> list[PastRun]:
        """The runs as they were just before a moment."""
        return [
            replace(run, ended_at=run.ended_at if run.ended_at and run.ended_at < at else None)
            for run in self.history
            if run.entered_at < at
        ]

    def _was_live(self, at: datetime) -> bool:
        if self.is_draft:
            return True
        if self.published_at is None or self.published_at > at:
            return False
        known = [is_open for moment, is_open in self.openings if moment <= at]
        return known[-1] if known else bool(self.openings) or self.journey.state == Journey.State.LIVE

    def summed(self, player: Player, person: int, asked: Sequence[Asked], *, at: datetime) -> WhyNot:
        condition = self.version.definition.entry.condition
        tree = None
        if condition is not None:
            last = _last_message(player, self.version)
            facts = player.desk.facts(player.now(person), event=last).within(entry=last, event=last)
            tree = evaluate(condition, facts, at).reason.to_json()
        newest = sorted(asked, key=lambda one: one.at)[::-1]
        return self.answer(self._obstacle(newest), at=at, asked=newest, tree=tree)

    def _obstacle(self, newest: Sequence[Asked]) -> Obstacle:
        if not self.is_draft and any(run.entered_at >= self.period.begins_at for run in self.history):
            return Obstacle.NOTHING
        if not newest:
            on = self.version.definition.entry.on
            by_itself = isinstance(on, DateEntry | ScheduleEntry | ApiEntry)
            return Obstacle.NOT_CALLED if by_itself else Obstacle.NO_MESSAGE
        matching = [one for one in newest if one.decision is not None]
        if not matching:
            return Obstacle.NO_MATCH
        if matching[0].is_history:
            return Obstacle.TOO_LATE
        if matching[0].is_refused:
            return Obstacle.REFUSED
        return Obstacle.NOTHING if matching[0].was_live else Obstacle.NOT_LIVE

    def answer(
        self,
        obstacle: Obstacle,
        *,
        at: datetime,
        asked: Sequence[Asked] = (),
        tree: Json = None,
    ) -> WhyNot:
        last = max(self.history, key=lambda run: run.entered_at, default=None)
        return WhyNot(
            journey=self.journey,
            is_draft=self.is_draft,
            at=at,
            since=self.period.begins_at,
            is_cut=self.is_cut,
            obstacle=obstacle,
            asked=asked,
            tree=tree,
            last_entered_at=last.entered_at if last else None,
            is_inside=any(run.ended_at is None or run.ended_at > at for run in self.history),
        )


def _history(person: Person, journey: Journey, *, until: datetime) -> list[PastRun]:
    rows = Run.objects.filter(person=person, journey=journey, entered_at__lte=until)
    return [
        PastRun(run_id=row.pk, key=row.key, entered_at=row.entered_at, ended_at=row.ended_at) for row in rows
    ]


def _last_message(player: Player, version: LiveVersion) -> Event | None:
    on = version.definition.entry.on
    if not isinstance(on, EventCount):
        return None
    messages = [item for item in player.past.messages if name_fits(item.name, wanted=on.name)]
    return messages[-1].event() if messages else None
