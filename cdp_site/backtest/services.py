"""Write services of back-tests: ask for one, call it off, and do the work in the background.

People are played in portions, each one transaction that keeps what it came to and how far it got: a process
that ends is made up for by the next call, which goes on there. Nothing else is written.
"""

import logging
import time
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import count
from typing import Any, Final

from django.db import transaction
from django_q.tasks import async_task

from cdp_site import audit
from cdp_site.backtest import candidates, counting, queries
from cdp_site.backtest.past import Period
from cdp_site.backtest.reading import read_pasts
from cdp_site.backtest.replay import Places, Played, Replay
from cdp_site.backtest.rules import rules_for, version_of
from cdp_site.models import BackTest, BackTestDecision
from cdp_site.pipeline.retrying import is_passing
from cdp_site.pipeline.rules import Rules
from journeys.domain.definition import parse_journey
from journeys.domain.tally import Tally, Told
from journeys.live import LiveVersion
from journeys.models import Journey
from profiles.domain.exact import encode_json

logger = logging.getLogger(__name__)

TASK: Final = "cdp_site.tasks.backtest"
PORTION: Final = 250  # people read and played in one transaction
LONGEST: Final = 30.0  # seconds before the rest is left to another call
MOST_WEEKS: Final = 26
MOST_DECISIONS: Final = 50_000  # kept with their reasons; all are counted
KEPT: Final = 10  # back-tests of a journey; those that are not finished stay beyond it


class NothingLive(Exception):
    """The journey has no published version."""


def start_backtest(
    slug: str,
    *,
    begins_at: datetime,
    ends_at: datetime,
    actor: str,
    now: datetime,
    is_live: bool = False,
    people: Sequence[int] | None = None,
) -> BackTest:
    """Ask for a back-test of a journey's draft, or of what is live.

    Args:
        people: only these; None for everybody.

    Raises:
        Journey.DoesNotExist: no journey has the slug.
        JourneyError: the draft is no sound journey.
        NothingLive: what is live was asked for.
    """
    with transaction.atomic():
        journey = Journey.objects.select_related("live_version").get(slug=slug)
        version = journey.live_version if is_live else None
        if is_live and version is None:
            raise NothingLive(slug)
        document = version.document if version else journey.draft
        parse_journey(document)
        made = BackTest.objects.create(
            journey_id=journey.pk,
            version_number=version.number if version else None,
            document=document,
            begins_at=begins_at,
            ends_at=ends_at,
            people=None if people is None else sorted(people),
            asked_by=actor,
            asked_at=now,
        )
        of_journey = BackTest.objects.filter(journey_id=journey.pk)
        kept = list(of_journey.order_by("-pk").values_list("pk", flat=True)[:KEPT])
        of_journey.finished().exclude(pk__in=kept).delete()
        audit.record(
            actor,
            "journey.backtest",
            object_kind="journey",
            object_id=slug,
            after={"from": begins_at.isoformat(), "to": ends_at.isoformat(), "backtest": made.pk},
        )
        transaction.on_commit(wake_backtests)
    return made


def cancel_backtest(backtest: BackTest, *, actor: str, now: datetime) -> bool:
    """Call a back-test off; what was played so far stays. Tell whether it was still under way."""
    with transaction.atomic():
        rows = BackTest.objects.unfinished().filter(pk=backtest.pk)
        is_cancelled = bool(rows.update(state=BackTest.State.CANCELLED, finished_at=now))
        if is_cancelled:
            audit.record(actor, "journey.backtest_cancel", object_kind="backtest", object_id=str(backtest.pk))
    return is_cancelled


def wake_backtests() -> None:
    """Have the background look for back-tests. A lost call is made up for there."""
    async_task(TASK)


def play_waiting(*, now: datetime, seconds: float = LONGEST, portion: int = PORTION) -> dict[str, int]:
    """Go on with the back-tests that are asked for, the oldest first, for at most so many seconds."""
    counts = {"played": 0}
    ends_at = time.monotonic() + seconds
    while (pk := _next()) is not None:
        played = _portion_or_fail(pk, now=now, portion=portion)
        if played is None:
            break  # whoever has it goes on with the others, too
        counts["played"] += played
        if time.monotonic() > ends_at:
            wake_backtests()
            break
    return counts


def _next() -> int | None:
    return BackTest.objects.unfinished().order_by("pk").values_list("pk", flat=True).first()


def _portion_or_fail(pk: int, *, now: datetime, portion: int) -> int | None:
    try:
        return _play_portion(pk, now=now, portion=portion)
    except Exception as error:
        if is_passing(error):
            raise
        logger.exception("back-test %s cannot go on", pk)
        text = f"{type(error).__name__}: {error}"[:2000]
        BackTest.objects.unfinished().filter(pk=pk).update(
            state=BackTest.State.FAILED, error=text, finished_at=now
        )
        return 0


@transaction.atomic
def _play_portion(pk: int, *, now: datetime, portion: int) -> int | None:
    """Play the next people; the last portion finishes the back-test. None: it is not ours to play."""
    began = time.monotonic()
    row = BackTest.objects.unfinished().select_for_update(skip_locked=True).filter(pk=pk).first()
    if row is None:
        return None  # called off, or another worker has it
    journey = Journey.objects.get(pk=row.journey_id)
    version = version_of(journey, row.document, number=row.version_number or 0)
    tally = Tally.from_json(row.tally)
    whom = candidates.Whom(entry=version.definition.entry, people=row.people, begins_at=row.begins_at)
    if row.total is None:
        row.total = candidates.count_candidates(whom)
        tally.not_played.update(counting.told_of_all(row, version))
    people = candidates.candidates(whom, after=row.cursor, limit=portion)
    if people:
        _play(row, people, version=version, tally=tally)
        row.cursor, row.done = people[-1], row.done + len(people)
    is_over = len(people) < portion
    row.state = BackTest.State.DONE if is_over else BackTest.State.RUNNING
    row.finished_at = now if is_over else None
    row.tally = tally.to_json()
    row.seconds += time.monotonic() - began
    row.save()
    return len(people)


def _play(row: BackTest, people: Sequence[int], *, version: LiveVersion, tally: Tally) -> None:
    rules = rules_for(version)
    replay = Replay(
        rules=rules,
        version=version,
        period=Period(begins_at=row.begins_at, ends_at=row.ends_at),
        run_ids=count(tally.entered + 1),
        places=_places(tally, journey=version.journey_id),
        targets=frozenset(Journey.objects.live().values_list("slug", flat=True)),
    )
    ids = count(-1, -1)
    played: list[Played] = []
    pasts = read_pasts(people, rules=rules, version=version, period=replay.period, new_id=ids.__next__)
    for past in pasts:
        tally.not_played["unstored"] += past.unstored
        tally.not_played["history"] += len(past.late)
        try:
            played.append(replay.play(past))
        except Exception:  # of one customer: the others are played, and it is counted
            logger.exception("person %s cannot be played through journey %s", past.survivor, version.slug)
            tally.not_played["faulty"] += 1
    _keep(row, played, rules=rules, version=version, tally=tally)
    tally.places = _places_told(replay.places)
    tally.not_played["throttled"] = sum(counts.total() for counts in tally.places.values())
    tally.not_played.update(counting.told_of_some(people, rules=rules))


def _places(tally: Tally, *, journey: int) -> Places:
    """The places in throttles that people of earlier portions took."""
    return {
        (journey, channel): {datetime.fromisoformat(begins): taken for begins, taken in counts.items()}
        for channel, counts in tally.places.items()
    }


def _places_told(places: Places) -> dict[str, Counter[str]]:
    return {
        channel: Counter({begins_at.isoformat(): taken for begins_at, taken in counts.items()})
        for (_journey, channel), counts in places.items()
    }


def _keep(
    row: BackTest, played: Sequence[Played], *, rules: Rules, version: LiveVersion, tally: Tally
) -> None:
    zone = rules.company.zone
    left = MOST_DECISIONS - BackTestDecision.objects.filter(backtest=row).count()
    rows: list[tuple[Any, ...]] = []
    for one in played:
        row.message_count += one.messages
        told = [
            Told(
                run=line.run_id,
                at=line.at,
                step=line.entry.step,
                outcome=line.entry.outcome,
                reason=line.entry.reason,
            )
            for line in one.lines
        ]
        tally.add(one.person, told, zone=zone)
        for line, said in zip(one.lines, told, strict=True) if len(rows) < left else ():
            tree = None if line.entry.tree is None else encode_json(line.entry.tree).decode()
            rows.append(
                (
                    row.pk,
                    one.person,
                    said.run,
                    said.at,
                    said.step,
                    said.outcome.value,
                    said.reason[:200],
                    tree,
                )
            )
    queries.keep_decisions(rows)
    for journey, people in counting.clashes(played, row, version).items():
        tally.clashes[journey] += people


def period_of_weeks(weeks: int, *, now: datetime) -> tuple[datetime, datetime]:
    """The last so many weeks."""
    return now - timedelta(weeks=weeks), now
