"""Play a version over the same period as the live pipeline, and compare the two ledgers."""

from collections import Counter
from datetime import datetime
from difflib import unified_diff
from itertools import count

from django.db.models import Min

from cdp_site.backtest.past import Period
from cdp_site.backtest.reading import read_pasts
from cdp_site.backtest.replay import Played, Replay
from cdp_site.backtest.rules import rules_for, version_of
from journeys.models import Decision, EntryDue, Journey, Run
from profiles.models import Person
from segments.models import ComputedDue, SegmentDue
from tests.site.pipeline.campaign import World

QUEUES = (Run.objects.open(), SegmentDue.objects, ComputedDue.objects, EntryDue.objects)
Line = tuple[int, datetime, str, str, str]  # person, when, step, outcome, reason


def passes(world: World, *, until: datetime) -> None:
    """Time goes by, each timer being decided when it is due, as by a product that runs."""
    while True:
        dues = [queue.filter(due_at__gt=world.now).aggregate(at=Min("due_at"))["at"] for queue in QUEUES]
        timetables = Journey.objects.live().filter(next_at__gt=world.now).aggregate(at=Min("next_at"))["at"]
        at = min((due for due in [*dues, timetables] if due is not None), default=until)
        world.now = min(at, until)
        world.sweep()
        if at >= until:
            return


def play(journey: Journey, *, begins_at: datetime, ends_at: datetime) -> list[Played]:
    """Play everybody through the live version of a journey."""
    assert journey.live_version is not None
    version = version_of(journey, journey.live_version.document)
    rules = rules_for(version)
    period = Period(begins_at=begins_at, ends_at=ends_at)
    others = frozenset(Journey.objects.live().values_list("slug", flat=True))
    replay = Replay(rules=rules, version=version, period=period, targets=others)
    people = list(Person.objects.current().order_by("pk").values_list("pk", flat=True))
    ids = count(-1, -1)
    pasts = read_pasts(people, rules=rules, version=version, period=period, new_id=ids.__next__)
    return [replay.play(past) for past in pasts]


def played_lines(journey: Journey, *, begins_at: datetime, ends_at: datetime) -> list[Line]:
    return [
        (played.person, line.at, line.entry.step, line.entry.outcome.value, line.entry.reason)
        for played in play(journey, begins_at=begins_at, ends_at=ends_at)
        for line in played.lines
    ]


def live_lines(journey: Journey) -> list[Line]:
    rows = Decision.objects.filter(journey_id=journey.pk).order_by("person_id", "id")
    return list(rows.values_list("person_id", "at", "step", "outcome", "reason"))


def by_person(lines: list[Line]) -> dict[int, list[Line]]:
    found: dict[int, list[Line]] = {}
    for line in lines:
        found.setdefault(line[0], []).append(line)
    # What several runs decide at one moment has no order of its own.
    return {person: sorted(mine, key=lambda one: (one[1], one[2:])) for person, mine in found.items()}


def assert_same(journey: Journey, *, begins_at: datetime, ends_at: datetime) -> Counter[str]:
    """The back-test's ledger is the live one; gives how often each outcome came about."""
    live, played = live_lines(journey), played_lines(journey, begins_at=begins_at, ends_at=ends_at)
    mine, theirs = by_person(played), by_person(live)
    people = sorted(mine.keys() | theirs.keys())
    told = [told_of(found.get(person, [])) for found in (theirs, mine) for person in people]
    differences = list(unified_diff(told[: len(people)], told[len(people) :], "live", "back-test", n=0))
    assert not differences, "\n".join(differences)
    return Counter(outcome for _, _, _, outcome, _ in live)


def told_of(lines: list[Line]) -> str:
    return "\n".join(f"{line[0]} {line[1]:%d %H:%M:%S.%f} {line[2]} {line[3]} {line[4]}" for line in lines)
