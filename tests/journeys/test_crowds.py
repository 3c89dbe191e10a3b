"""A crowd inside a journey: it moves, or leaves, in the background while everything else goes on."""

import math
from datetime import timedelta

import pytest
from pytest_django import Settings

from connectors.models import Delivery
from journeys.crowds import progress_of, see_to_crowds
from journeys.models import Decision, Journey, Run
from journeys.services import (
    PeopleInside,
    PeopleLeaving,
    pause_journey,
    publish_journey,
    resume_journey,
    stop_journey,
)
from tests import build
from tests.build import NOON
from tests.journeys.documents import Document, journey, send, wait

pytestmark = pytest.mark.django_db

OLD = [wait("a"), send("b")]
MIDDLE = [wait("c"), send("b")]
NEW = [wait("d"), send("b")]


@pytest.fixture(autouse=True)
def _things(settings: Settings) -> None:
    settings.RULES_ENGINE = "closures"  # each publication would try durable_rules in a process of its own
    build.template(slug="welcome")


@pytest.fixture
def crowd() -> Journey:
    """Four people stand at a step; one came to the end."""
    row = build.journey(slug="crowd", document=journey(steps=OLD))
    for _ in range(5):
        build.run(journey=row, person=build.person(), step="a")
    last = Run.objects.order_by("pk").last()
    Run.objects.filter(pk=last.pk if last else 0).update(ended_at=NOON, outcome="finished")
    return row


def publish(steps: list[Document], people_inside: PeopleInside, *, to: dict[str, str] | None = None) -> None:
    Journey.objects.update(draft=journey(steps=steps))
    publish_journey("crowd", actor="mia", now=NOON, people_inside=people_inside, to=to, at_once=3)


def places() -> list[tuple[int, str, str]]:
    """Of each run: the version, the step, and how it ended."""
    rows = Run.objects.order_by("pk").select_related("version")
    return [(run.version.number, run.state["step"], run.outcome) for run in rows]


def told() -> tuple[bool, int, int] | None:
    progress = progress_of(Journey.objects.get())
    return None if progress is None else (progress.is_leaving, progress.done, progress.total)


FINISHED = (1, "a", "finished")


def test_it_moves_in_portions__and_none_twice(crowd: Journey) -> None:
    publish(MIDDLE, PeopleInside.MOVE, to={"a": "c"})
    assert told() == (False, 0, 4)
    assert see_to_crowds(now=NOON, ends_at=0.0, portion=2) == {"moved": 2}
    assert (told(), places()) == ((False, 2, 4), [(2, "c", "")] * 2 + [(1, "a", "")] * 2 + [FINISHED])
    assert see_to_crowds(now=NOON, ends_at=math.inf, portion=2) == {"moved": 2}
    assert see_to_crowds(now=NOON, ends_at=math.inf) == {"moved": 0}
    assert (told(), places()) == (None, [(2, "c", "")] * 4 + [FINISHED])
    assert list(Decision.objects.values_list("outcome", "reason").distinct()) == [("moved", "a")]


def test_it_is_looked_for_where_the_last_portion_ended(crowd: Journey) -> None:
    """Whoever was somebody else's for a moment is found when it begins anew, once."""
    publish(MIDDLE, PeopleInside.MOVE)
    seen = []
    while (row := Journey.objects.get()).moving is not None:
        seen.append(row.moving["after"])
        see_to_crowds(now=NOON, ends_at=0.0, portion=2)
    runs = list(Run.objects.order_by("pk").values_list("pk", flat=True))
    assert seen == [0, runs[1], runs[3], 0]


def test_a_move_goes_on__when_those_inside_are_to_finish_by_the_next_publication(crowd: Journey) -> None:
    """They finish by the version they were going to; who enters by the newest stays in it."""
    publish(MIDDLE, PeopleInside.MOVE, to={"a": "c"})
    publish(NEW, PeopleInside.FINISH)
    crowd.refresh_from_db()
    build.run(journey=crowd, person=build.person(), step="d")
    assert told() == (False, 0, 4)
    see_to_crowds(now=NOON, ends_at=math.inf)
    assert places() == [(2, "c", "")] * 4 + [FINISHED, (3, "d", "")]


def test_a_move_is_overruled__by_the_next_one(crowd: Journey) -> None:
    publish(MIDDLE, PeopleInside.MOVE, to={"a": "c"})
    see_to_crowds(now=NOON, ends_at=0.0, portion=2)
    publish(NEW, PeopleInside.MOVE, to={"a": "d", "c": "d"})
    see_to_crowds(now=NOON, ends_at=math.inf)
    assert places() == [(3, "d", "")] * 4 + [FINISHED]


def test_it_leaves_in_portions__and_what_it_queued_is_cancelled(crowd: Journey) -> None:
    for run in Run.objects.all():
        build.delivery(person=run.person, state="queued", run_id=run.pk, step="b", due_at=NOON)
    publish(MIDDLE, PeopleInside.EXIT)
    crowd.refresh_from_db()
    newcomer = build.run(journey=crowd, person=build.person(), step="c")
    see_to_crowds(now=NOON, ends_at=0.0, portion=3)
    assert told() == (True, 3, 4)
    with pytest.raises(PeopleLeaving):
        publish(NEW, PeopleInside.FINISH)
    see_to_crowds(now=NOON, ends_at=math.inf)
    assert places() == [(1, "a", "exited")] * 4 + [FINISHED, (2, "c", "")]
    assert list(Delivery.objects.order_by("pk").values_list("state", flat=True)) == ["cancelled"] * 4 + [
        "queued"
    ]
    assert set(Decision.objects.values_list("outcome", "reason")) == {("exited", "publishing")}
    newcomer.refresh_from_db()
    assert newcomer.ended_at is None


def due() -> list[bool]:
    """Of each run: whether it is asked now."""
    return [run.due_at == NOON for run in Run.objects.order_by("pk")]


def test_it_is_asked_anew_after_a_pause(crowd: Journey) -> None:
    pause_journey("crowd", actor="mia", now=NOON)
    resume_journey("crowd", actor="mia", now=NOON, at_once=3)
    assert (told(), due()) == ((False, 0, 4), [False] * 5)
    see_to_crowds(now=NOON, ends_at=0.0, portion=3)
    assert (told(), due()) == ((False, 3, 4), [True] * 3 + [False] * 2)
    see_to_crowds(now=NOON, ends_at=math.inf)
    assert (told(), due()) == (None, [True] * 4 + [False])


def test_it_is_asked_anew_where_it_was_going(crowd: Journey) -> None:
    """Neither takes the place of the other: a move that a pause met, and asking that a move met."""
    publish(MIDDLE, PeopleInside.MOVE, to={"a": "c"})
    pause_journey("crowd", actor="mia", now=NOON)
    resume_journey("crowd", actor="mia", now=NOON, at_once=3)
    publish(NEW, PeopleInside.MOVE, to={"a": "d"})
    while (progress := progress_of(Journey.objects.get())) and not progress.is_asking:
        see_to_crowds(now=NOON, ends_at=0.0)
    assert told() == (False, 0, 4)
    Run.objects.update(due_at=None)
    see_to_crowds(now=NOON, ends_at=math.inf)
    assert (told(), due(), places()) == (None, [True] * 4 + [False], [(3, "d", "")] * 4 + [FINISHED])


def test_a_stop__ends_whoever_was_on_the_way_to_another_version(crowd: Journey) -> None:
    publish(MIDDLE, PeopleInside.MOVE, to={"a": "c"})
    see_to_crowds(now=NOON, ends_at=0.0, portion=2)
    stop_journey("crowd", actor="mia", now=NOON + timedelta(minutes=1), at_once=3)
    assert (told(), Journey.objects.get().state) == ((True, 0, 4), "stopped")
    see_to_crowds(now=NOON, ends_at=math.inf)
    assert places() == [(2, "c", "ended")] * 2 + [(1, "a", "ended")] * 2 + [FINISHED]
    publish(NEW, PeopleInside.FINISH)
    assert Journey.objects.get().state == "live"


def test_one_that_cannot_be_read__holds_up_no_other(crowd: Journey, caplog: pytest.LogCaptureFixture) -> None:
    publish(NEW, PeopleInside.MOVE)
    other = build.journey(slug="other", document=journey(steps=OLD))
    for _ in range(4):
        build.run(journey=other, person=build.person(), step="a")
    stop_journey("other", actor="mia", now=NOON, at_once=3)
    crowd.versions.filter(number=2).update(document={"language": 2})
    assert see_to_crowds(now=NOON, ends_at=math.inf) == {"moved": 4}
    assert f"journey {crowd.pk} waits" in caplog.text
    assert not other.runs.open().exists()


def test_it_ends_though_nobody_can_be_found_for_a_run(crowd: Journey) -> None:
    crowd.runs.filter(pk=crowd.runs.open()[0].pk).update(person_id=0)
    stop_journey("crowd", actor="mia", now=NOON, at_once=3)
    assert see_to_crowds(now=NOON, ends_at=math.inf) == {"moved": 3}
    assert Journey.objects.get().moving is None
