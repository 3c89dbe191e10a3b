"""What a back-test comes to."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from journeys.domain.decision import Outcome
from journeys.domain.tally import SAMPLES, Tally, Told, clashing

START = datetime(2026, 6, 1, 22, 30, tzinfo=UTC)  # the next day in Berlin
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def told(outcome: str, *, run: int | None = 1, after: timedelta = timedelta(), **more: str) -> Told:
    return Told(
        run=run,
        at=START + after,
        step=more.get("step", ""),
        outcome=Outcome(outcome),
        reason=more.get("reason", ""),
    )


STORY = [
    told("entered"),
    told("waiting", step="w"),
    told("waited", after=2 * HOUR, step="w"),
    told("branched", after=2 * HOUR, step="b", reason="VIP"),
    told("queued", after=2 * HOUR, step="m"),
    told("not_sent", after=2 * HOUR, step="n", reason="cap"),
    told("converted", after=3 * HOUR),
    told("queued", after=3 * HOUR, step="g"),
]


def test_one_story() -> None:
    tally = Tally()
    tally.add(7, STORY, zone="Europe/Berlin")
    day = "2026-06-02"
    assert (tally.people, tally.entered, tally.inside, tally.goal_rate) == (1, 1, 0, 1.0)
    assert tally.ended == {"converted": 1}
    assert tally.steps == {step: {day: 1} for step in ("w", "b", "m", "n", "g")}
    assert tally.ways == {"b": {"VIP": 1}}
    assert tally.sent == {day: {"m": 1, "g": 1}}
    assert tally.held_back == {"cap": 1}
    assert (tally.minutes_of(0.5), tally.minutes_of(0.9)) == (180, 180)
    assert tally.stories() == [7]


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([], (0, 0, 0)),
        ([told("not_entered", run=None, reason="filter")], (0, 0, 0)),
        ([told("entered"), told("waiting", step="w")], (1, 1, 1)),
        ([told("entered"), told("restarted", after=HOUR)], (1, 1, 1)),
        ([told("entered"), told("ended", after=HOUR), told("entered", run=2, after=DAY)], (1, 2, 1)),
        ([told("entered"), told("entered", run=2), told("merged", run=2)], (1, 2, 1)),
        ([told("entered"), told("parked", step="w")], (1, 1, 0)),
    ],
)
def test_people_runs_and_who_is_inside(lines: list[Told], expected: tuple[int, int, int]) -> None:
    tally = Tally()
    tally.add(1, lines, zone="UTC")
    assert (tally.people, tally.entered, tally.inside) == expected


def test_a_run_begun_anew__is_timed_from_then() -> None:
    tally = Tally()
    again = [told("entered"), told("restarted", after=DAY), told("finished", after=DAY + HOUR)]
    tally.add(1, again, zone="UTC")
    assert tally.minutes == {60: 1}


def test_kept_as_json__and_gone_on_with() -> None:
    whole, half = Tally(), Tally()
    for person in range(4):
        whole.add(person, STORY, zone="UTC")
    for person in range(2):
        half.add(person, STORY, zone="UTC")
    half = Tally.from_json(json.loads(json.dumps(half.to_json())))
    for person in range(2, 4):
        half.add(person, STORY, zone="UTC")
    assert half == whole
    assert Tally.from_json({}) == Tally()
    assert Tally().goal_rate is None
    assert Tally().minutes_of(0.5) is None


def test_stories__of_every_end() -> None:
    tally = Tally()
    for person in range(100):
        tally.add(person, [told("entered"), told("finished")], zone="UTC")
    tally.add(100, STORY, zone="UTC")
    chosen = tally.stories()
    assert len(chosen) == len(set(chosen)) == SAMPLES
    assert 100 in chosen


@pytest.mark.parametrize(
    ("apart", "expected"),
    [(timedelta(), {"other"}), (DAY, {"other"}), (DAY + HOUR, set()), (-DAY, {"other"})],
)
def test_clashing(apart: timedelta, expected: set[str]) -> None:
    assert clashing([START], [("other", START + apart)]) == expected
