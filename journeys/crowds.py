"""What becomes of everybody inside a journey: they move to a new version, leave, or are asked anew.

As many as that takes a moment for are seen to while it is published or stopped, and nobody decides about
anything meanwhile. A crowd is seen to in the background, portion by portion, each person locked as by a
sweep; until their turn comes they go on by the version they are in, unless the journey was stopped.
"""

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Final

from django.db import transaction
from django.db.models import Max

from journeys.domain.decision import Outcome
from journeys.domain.definition import parse_journey
from journeys.domain.moving import Move
from journeys.ledger import end_runs
from journeys.models import Journey, JourneyVersion, Run
from journeys.moving import move_runs, move_some, moves_to
from journeys.planning import wake_planner
from profiles import partitions
from profiles.domain.facts import Json
from profiles.models import Person
from segments.revision import share_rules

logger = logging.getLogger(__name__)

AT_ONCE: Final = 5_000  # runs; others wait for less than a second
PORTION: Final = 500  # runs in one transaction beside others'


@dataclass(frozen=True, slots=True, kw_only=True)
class Crowd:
    """What is being done with everybody inside, as the journey's row keeps it."""

    before: int  # number of a version: who is in it, or in a later one, stays as they are
    total: int  # runs, when it began
    after: int = 0  # id of the run that was looked at last
    seen: int = 0  # runs seen to in this round
    version: int | None = None  # id of the version they move to; None: they leave, or are asked
    to: Mapping[str, str] = field(default_factory=dict)  # step that is gone -> step they begin instead
    outcome: str = ""  # of those who leave
    reason: str = ""
    is_asking: bool = False  # they are asked anew, as after a pause
    then_asks: bool = False  # they are asked anew once this is done

    @property
    def is_leaving(self) -> bool:
        return self.version is None and not self.is_asking


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a crowd is."""

    is_leaving: bool
    is_asking: bool  # if neither, they move
    total: int  # runs
    left: int  # of them, still to be seen to

    @property
    def done(self) -> int:
        return self.total - self.left


Ways = dict[int, dict[int, Move]]  # version that people are moved to -> version they are in -> the way


def crowd_of(journey: Journey) -> Crowd | None:
    """What is being done with everybody inside; None where nothing is."""
    return None if journey.moving is None else Crowd(**journey.moving)


def progress_of(journey: Journey) -> Progress | None:
    """How far it is; None where nothing is done with everybody inside."""
    crowd = crowd_of(journey)
    if crowd is None:
        return None
    waiting = journey.runs.open().filter(version__number__lt=crowd.before)
    left = waiting.filter(pk__gt=crowd.after if crowd.is_asking else 0).count()
    return Progress(
        is_leaving=crowd.is_leaving, is_asking=crowd.is_asking, total=max(crowd.total, left), left=left
    )


def move_everybody(
    journey: Journey, version: JourneyVersion, *, to: Mapping[str, str], now: datetime, at_once: int = AT_ONCE
) -> dict[str, Json]:
    """Take everybody inside to a version, wherever they were going; give what the log of changes says of it.

    The caller holds the rules alone, so that no drain or sweep is moving these runs.
    """
    before, total = crowd_of(journey), journey.runs.open().count()
    asks = before is not None and (before.is_asking or before.then_asks)
    if total > at_once:
        crowd = Crowd(before=version.number, total=total, version=version.pk, to=dict(to), then_asks=asks)
        _begin(journey, crowd)
        return {"to": dict(to), "runs_to_move": total}
    _begin(journey, None)
    moved = move_runs(journey, version, to=to, now=now)
    if asks:
        journey.runs.open().update(due_at=now)
    return {"to": dict(to), "runs_moved": moved}


def end_everybody(
    journey: Journey, *, before: int, outcome: Outcome, reason: str, now: datetime, at_once: int = AT_ONCE
) -> dict[str, Json]:
    """Have everybody inside leave, wherever they were going; give what the log of changes says of it.

    The caller holds the rules alone, so that no drain or sweep is moving these runs.

    Args:
        before: number of a version; who enters by it or a later one meanwhile does not leave.
    """
    total = journey.runs.open().count()
    if total > at_once:
        _begin(journey, Crowd(before=before, total=total, outcome=outcome.value, reason=reason))
        return {"runs_to_end": total}
    _begin(journey, None)
    runs = list(journey.runs.open().values_list("pk", flat=True))
    return {"runs_ended": end_runs(runs, outcome, reason=reason, now=now)}


def ask_everybody(journey: Journey, *, now: datetime, at_once: int = AT_ONCE) -> None:
    """Have everybody inside asked anew, once they are where they are going.

    The caller holds the rules alone, so that no drain or sweep is moving these runs.
    """
    crowd, total = crowd_of(journey), journey.runs.open().count()
    if crowd is not None and not crowd.is_asking:
        _begin(journey, replace(crowd, then_asks=True))
    elif total > at_once:
        _begin(journey, _asking(journey, total=total))
    else:
        _begin(journey, None)
        journey.runs.open().update(due_at=now)


def _asking(journey: Journey, *, total: int) -> Crowd:
    newest = journey.versions.aggregate(newest=Max("number"))["newest"] or 0
    return Crowd(before=newest + 1, total=total, is_asking=True)


def _begin(journey: Journey, crowd: Crowd | None) -> None:
    """Put this in the place of whatever was being done with everybody inside."""
    journey.moving = None if crowd is None else asdict(crowd)
    journey.save(update_fields=["moving"])
    if crowd is not None:
        transaction.on_commit(wake_planner)


def see_to_crowds(*, now: datetime, ends_at: float, portion: int = PORTION) -> dict[str, int]:
    """Go on with moving crowds, having them leave and asking them anew; counts the runs.

    Args:
        ends_at: reading of the monotonic clock at which to stop; another call goes on from there.
    """
    count = 0
    partitions.ensure_decision_days({now.date()})
    for journey_id in list(Journey.objects.exclude(moving=None).order_by("pk").values_list("pk", flat=True)):
        try:
            for some in _seen_to(journey_id, now=now, portion=portion):
                count += some
                if time.monotonic() > ends_at:
                    return {"moved": count}
        except Exception:  # of one journey: the crowds of others go on, and this one at the next call
            logger.exception("the crowd inside journey %s waits", journey_id)
    return {"moved": count}


def _seen_to(journey_id: int, *, now: datetime, portion: int) -> Iterator[int]:
    ways: Ways = {}
    while (some := _see_to_some(journey_id, ways, now=now, portion=portion)) is not None:
        yield some


@transaction.atomic
def _see_to_some(journey_id: int, ways: Ways, *, now: datetime, portion: int) -> int | None:
    """See to the next runs; None once there are none.

    Args:
        ways: those found by earlier calls, by the version they lead to.
    """
    share_rules()  # so that nobody publishes, stops or goes on meanwhile
    journey = Journey.objects.get(pk=journey_id)
    crowd = crowd_of(journey)
    if crowd is None:
        return None
    if crowd.version is None:
        older = journey.versions.filter(number__lt=crowd.before).values_list("pk", flat=True)
        runs = _some(journey, crowd, list(older), portion=portion)
        if runs is None:
            return None
        if crowd.is_asking:
            return Run.objects.filter(pk__in=runs).update(due_at=now)
        return end_runs(runs, Outcome(crowd.outcome), reason=crowd.reason, now=now)
    version = JourneyVersion.objects.get(pk=crowd.version)
    if version.pk not in ways:
        new = parse_journey(version.document)
        ways[version.pk] = moves_to(new, journey, to=crowd.to, before=version.number)
    runs = _some(journey, crowd, list(ways[version.pk]), portion=portion)
    return None if runs is None else move_some(version, runs, ways[version.pk], now=now)


def _some(journey: Journey, crowd: Crowd, versions: Sequence[int], *, portion: int) -> list[int] | None:
    """The next runs of these versions, their people locked, and the place noted; None at the end."""
    found = journey.runs.open().filter(version__in=versions, pk__gt=crowd.after).order_by("pk")
    people = dict(found.values_list("pk", "person_id")[:portion])
    locked = Person.objects.select_for_update().filter(pk__in=people.values()).order_by("pk")
    owners = [person.pk for person in locked.only("pk")]
    # What others did with them until now is seen by this; a run that a merge took away has its turn later.
    rows = journey.runs.open().filter(pk__in=list(people), person__in=owners, version__in=versions)
    seen = list(rows.order_by("pk").values_list("pk", flat=True)) if people else []
    # From the beginning once more, for those who were somebody else's for a moment, until nobody is found.
    is_over = not people and (crowd.is_asking or not crowd.seen)
    place = {"after": max(people, default=0), "seen": crowd.seen + len(seen) if people else 0}
    further = None if is_over else asdict(crowd) | place
    if further is None and crowd.then_asks:
        further = asdict(_asking(journey, total=journey.runs.open().count()))
    Journey.objects.filter(pk=journey.pk).update(moving=further)
    return None if not people and further is None else seen
