"""How people come into journeys, through the whole pipeline."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django_q.models import OrmQ

from cdp_site.pipeline import call_in_present
from cdp_site.processes.queries import next_run_due
from journeys.models import EntryDue, Journey, Run
from journeys.services import NotByApi, WrongState, enter_people, pause_journey, resume_journey, stop_journey
from segments.models import ManualMember, Segment
from segments.services import Mode, change_members
from tests import build
from tests.site.pipeline.campaign import SOON, World, crowd, mail, task, written
from tests.site.pipeline.drive import drain, identify, ledger, person_of, put, track

pytestmark = pytest.mark.django_db

START = datetime(2026, 6, 1, 8, 0, tzinfo=UTC)  # a Monday
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
IS_GOLD = {"trait": "plan", "op": "is", "value": "gold"}


@pytest.fixture
def world() -> World:
    return World(now=START)


def segment(slug: str, condition: Any) -> Segment:
    return build.segment(slug=slug, condition={"language": 1, "if": condition})


def known(users: Sequence[str], **traits: Any) -> list[dict[str, Any]]:
    return [identify(user, email=f"{user}@example.com", **traits) for user in users]


def lines(journey: Journey) -> list[tuple[str, str, str]]:
    return ledger(journey, since=START - 365 * DAY)


# Segments


@pytest.mark.parametrize("change", ["entered", "left"])
def test_segment__at_the_message_that_moves_somebody(world: World, change: str) -> None:
    segment("gold", IS_GOLD)
    journey = world.publish("j", written(task(), on={"segment": "gold", "change": change}))
    world.happens(identify("anna", plan="gold"))
    assert Run.objects.count() == int(change == "entered")
    world.now += HOUR
    world.happens(identify("anna", plan="free"))
    assert lines(journey) == [("entered", "", ""), ("queued", "task", ""), ("finished", "", "")]
    run = Run.objects.get()
    assert run.entered_at == (START if change == "entered" else START + HOUR)
    assert (run.entry or {})["properties"] == {"segment": "gold"}


def test_segment__by_the_clock(world: World) -> None:
    segment(
        "quiet",
        {
            "all": [
                {"event": "Order", "count": {"op": "at_most", "value": 0}, "during": {"last": "P7D"}},
                {"known": "user_id"},
            ]
        },
    )
    world.publish("j", written(task(), on={"segment": "quiet", "change": "entered"}))
    world.happens(track("anna", "Order"))
    world.passes(until=START + 8 * DAY, step=6 * HOUR)
    assert world.sent() == [("anna", START + 7 * DAY)]


def test_segment__by_hand(world: World) -> None:
    segment("beta", {"any": []})
    world.publish("j", written(task(), on={"segment": "beta", "change": "entered"}))
    world.happens(identify("anna"))
    change_members("beta", [person_of("anna").pk], mode=Mode.ADD, actor="mia", now=START + HOUR)
    world.passes(until=START + 2 * HOUR)
    assert world.sent() == [("anna", START + HOUR)]


def test_segment__what_follows_counts_and_what_moved_them_does_not(world: World) -> None:
    segment("buyer", {"event": "Order"})
    ordered = {"event": "Order", "during": {"since": "entry"}}
    journey = world.publish(
        "j",
        written(
            {"id": "w", "kind": "wait", "for": "P9D"},
            on={"segment": "buyer", "change": "entered"},
            goal=ordered,
        ),
    )
    world.happens(track("anna", "Order"))
    assert [outcome for outcome, _, _ in lines(journey)] == ["entered", "waiting"]
    world.now += HOUR
    world.happens(track("anna", "Order"))
    assert lines(journey)[-1] == ("converted", "", "")


def test_segment__history_lets_nobody_in(world: World) -> None:
    segment("buyer", {"event": "Order"})
    world.publish("j", written(task(), on={"segment": "buyer", "change": "entered"}))
    put(track("anna", "Order"), received_at=START, is_historical=True)
    drain(START + HOUR)
    assert Run.objects.count() == 0


# Dates


def test_date__at_its_local_time_and_every_year(world: World) -> None:
    on = {"date": "birthday", "at": "09:00", "every": "year"}
    world.publish("j", written(task(), on=on, reentry={"policy": "always"}))
    world.happens(
        identify("anna", birthday="1990-06-10", timezone="America/New_York"),
        identify("berta", birthday="1992-06-11", timezone="Asia/Tokyo"),
        identify("carla", birthday="soon"),
    )
    world.passes(until=START + 400 * DAY, step=5 * DAY)
    assert world.sent() == [
        ("anna", datetime(2026, 6, 10, 13, tzinfo=UTC)),
        ("berta", datetime(2026, 6, 11, 0, tzinfo=UTC)),
        ("anna", datetime(2027, 6, 10, 13, tzinfo=UTC)),
        ("berta", datetime(2027, 6, 11, 0, tzinfo=UTC)),
    ]


def test_date__follows_its_trait_and_the_zone(world: World) -> None:
    world.publish("j", written(task(), on={"date": "renewal", "offset": "-P7D", "at": "09:00"}))
    world.happens(identify("anna", renewal="2026-07-01"))
    assert EntryDue.objects.get().due_at == datetime(2026, 6, 24, 9, tzinfo=UTC)
    world.happens(identify("anna", timezone="Europe/Berlin"))
    assert EntryDue.objects.get().due_at == datetime(2026, 6, 24, 7, tzinfo=UTC)
    world.happens(identify("anna", renewal="2026-08-01"))
    assert EntryDue.objects.get().due_at == datetime(2026, 7, 25, 7, tzinfo=UTC)
    world.happens(identify("anna", renewal=None))
    assert not EntryDue.objects.exists()
    world.happens(identify("anna", renewal="2026-06-03"))  # seven days before that is over
    assert not EntryDue.objects.exists()


def test_date__people_who_were_there_before_the_journey(world: World) -> None:
    world.happens(
        identify("anna", renewal="2026-07-01"), identify("berta", renewal="2026-05-01"), identify("carla")
    )
    world.publish("j", written(task(), on={"date": "renewal"}))
    assert not EntryDue.objects.exists()
    world.call_in()
    assert [(row.person, row.due_at) for row in EntryDue.objects.select_related("person")] == [
        (person_of("anna"), datetime(2026, 7, 1, tzinfo=UTC))
    ]
    assert Journey.objects.get().plan_cursor is None


def test_date__comes_before_a_later_message_of_the_same_batch(world: World) -> None:
    journey = world.publish("j", written(task(), on={"date": "renewal"}, exit_when={"event": "Left"}))
    world.happens(identify("anna", renewal="2026-06-02"))
    world.now = START + 3 * DAY
    world.happens(track("anna", "Left"))
    assert lines(journey)[0][0] == "entered"
    assert world.sent() == [("anna", datetime(2026, 6, 2, tzinfo=UTC))]


def test_date__of_somebody_who_is_merged(world: World) -> None:
    world.publish("j", written(task(), on={"date": "renewal"}))
    world.happens({"type": "identify", "anonymousId": "d1", "traits": {"renewal": "2026-06-05"}})
    world.happens(identify("anna"))
    world.happens(identify("anna", device="d1"))
    assert EntryDue.objects.get().person_id == person_of("anna").pk
    world.passes(until=START + 9 * DAY, step=DAY)
    assert world.sent() == [("anna", datetime(2026, 6, 5, tzinfo=UTC))]


# Timetables


def test_schedule__all_members_at_its_times(world: World) -> None:
    segment("gold", IS_GOLD)
    on = {"schedule": "0 9 * * MON", "segment": "gold"}
    document = written(task(), on=on, settings={"time_zone": "Europe/Berlin"}, reentry={"policy": "always"})
    world.publish("j", document)
    world.happens(
        identify("anna", plan="gold"), identify("berta", plan="gold"), identify("carla", plan="free")
    )
    world.passes(until=START + 10 * DAY)
    world.happens(identify("berta", plan="free"))
    world.passes(until=START + 15 * DAY)
    first, second = datetime(2026, 6, 8, 7, tzinfo=UTC), datetime(2026, 6, 15, 7, tzinfo=UTC)
    assert sorted(world.sent()) == [("anna", first), ("anna", second), ("berta", first)]


def test_schedule__missed_times_are_made_up_for_once(world: World) -> None:
    segment("gold", IS_GOLD)
    world.publish("j", written(task(), on={"schedule": "0 9 * * *", "segment": "gold"}))
    world.happens(identify("anna", plan="gold"))
    world.passes(until=START + 5 * DAY, step=5 * DAY)
    assert world.sent() == [("anna", datetime(2026, 6, 5, 9, tzinfo=UTC))]
    assert Journey.objects.get().next_at == datetime(2026, 6, 6, 9, tzinfo=UTC)


def test_sweep__is_called_for_entries_and_timetables(world: World) -> None:
    segment("gold", IS_GOLD)
    world.publish("j", written(task(), on={"schedule": "0 9 * * *", "segment": "gold"}))
    assert next_run_due(after=None) == START + HOUR
    world.publish("k", written(task(), on={"date": "renewal"}))
    world.happens(identify("anna", renewal="2026-06-01T08:30"))
    assert next_run_due(after=None) == START + HOUR / 2
    assert next_run_due(after=START + HOUR / 2) == START + HOUR


# The API


def test_api__people_enter_with_their_key(world: World) -> None:
    on = {"api": True}
    journey = world.publish("j", written(task(), on=on, key="properties.visit", reentry={"policy": "never"}))
    world.happens(identify("anna"), identify("berta"))
    people = ["anna", "berta", "nobody"]
    assert enter_people("j", people, properties={"visit": 7}, actor="api", now=START + HOUR) == (
        2,
        ["nobody"],
    )
    enter_people("j", ["anna"], properties={"visit": 7}, actor="api", now=START + 2 * HOUR)
    enter_people("j", ["anna"], properties={"visit": 8}, actor="api", now=START + 2 * HOUR)
    enter_people("j", ["anna"], properties={}, actor="api", now=START + 2 * HOUR)
    world.passes(until=START + 3 * HOUR)
    assert sorted(world.sent()) == [
        ("anna", START + HOUR),
        ("anna", START + 2 * HOUR),
        ("berta", START + HOUR),
    ]
    refused = [(outcome, reason) for outcome, _, reason in lines(journey) if outcome == "not_entered"]
    assert refused == [("not_entered", "entered_before"), ("not_entered", "no_key")]
    assert not EntryDue.objects.exists()


def test_api__refused_where_it_is_not_for_it(world: World) -> None:
    world.publish("j", written(task(), on={"event": "Order"}))
    with pytest.raises(NotByApi):
        enter_people("j", ["anna"], properties={}, actor="api", now=START)
    pause_journey("j", actor="mia", now=START)
    with pytest.raises(WrongState):
        enter_people("j", ["anna"], properties={}, actor="api", now=START)


# Those who are present


@pytest.mark.parametrize(
    ("present", "entered"),
    [
        ("new", ["later"]),
        ("both", ["u00", "u01", "u02", "later"]),
        ("present", ["u00", "u01", "u02", "later"]),
    ],
)
def test_present__members(world: World, present: str, entered: list[str]) -> None:
    segment("gold", IS_GOLD)
    world.happens(*known(crowd(3), plan="gold"), *known(["other"], plan="free"))
    on = {"segment": "gold", "change": "entered"}
    world.publish("j", written(task(), on=on, present=present))
    world.call_in()
    world.now += HOUR
    world.happens(*known(["later"], plan="gold"))
    wanted = [user for user in entered if user != "later" or present != "present"]
    assert sorted(user for user, _ in world.sent()) == sorted(wanted)
    assert not EntryDue.objects.exists()


def test_present__by_condition_and_only_once(world: World) -> None:
    world.happens(*known(crowd(2), plan="gold"), *known(["other"], plan="free"))
    document = written(task(), on={"event": "Order"}, present="both", **{"if": IS_GOLD})
    world.publish("j", document)
    world.call_in()
    assert sorted(user for user, _ in world.sent()) == ["u00", "u01"]
    Journey.objects.update(draft={**document, "steps": [task("other")]})
    world.publish("j", {})
    world.call_in()
    assert len(world.sent()) == 2  # another publication does not ask them again


def test_present__another_call_goes_on_at_once_where_the_time_did_not_suffice(world: World) -> None:
    """A crowd takes longer than one call may; the clock would only come back for the rest in a minute."""
    world.happens(*known(crowd(3), plan="gold"))
    world.publish("j", written(task(), on={"event": "Order"}, present="both", **{"if": IS_GOLD}))
    OrmQ.objects.all().delete()
    call_in_present(world.now + SOON, seconds=0.0)
    assert OrmQ.objects.count() == 1
    call_in_present(world.now + SOON)
    assert OrmQ.objects.count() == 1
    assert len(world.sent()) == 3


def test_present__whoever_left_meanwhile_is_not_asked(world: World) -> None:
    segment("gold", IS_GOLD)
    world.happens(*known(crowd(2), plan="gold"))
    world.publish("j", written(task(), on={"segment": "gold", "change": "entered"}, present="both"))
    EntryDue.objects.create(
        journey=Journey.objects.get(), person=person_of("u00"), due_at=START + HOUR, cause="present"
    )
    Journey.objects.update(plan_cursor=None)
    world.now += HOUR / 2
    world.happens(identify("u00", plan="free"))
    world.now += HOUR
    world.call_in()
    assert world.sent() == []


# Pause, resume, stop


def test_pause__people_keep_their_place_and_are_asked_anew(world: World) -> None:
    ordered = {"event": "Order", "during": {"since": "entry"}}
    wait = {"id": "w", "kind": "wait", "for": "PT4H"}
    journey = world.publish("j", written(wait, mail(), on={"event": "Cart"}, goal=ordered))
    world.happens(*known(["anna", "berta"]))
    world.happens(track("anna", "Cart"), track("berta", "Cart"))
    pause_journey("j", actor="mia", now=START + HOUR)
    world.passes(until=START + 10 * HOUR)
    world.happens(track("anna", "Order"), track("carla", "Cart"))
    assert [outcome for outcome, _, _ in lines(journey)] == ["entered", "waiting"] * 2
    resume_journey("j", actor="mia", now=world.now)
    world.passes(until=world.now + HOUR)
    assert world.sent() == [("berta", START + 10 * HOUR)]
    assert world.counts(journey)["-:converted"] == 1
    assert Run.objects.count() == 2


def test_pause__dates_are_found_anew(world: World) -> None:
    world.publish("j", written(task(), on={"date": "renewal"}))
    world.happens(identify("anna", renewal="2026-06-20"), identify("berta", renewal="2026-06-02"))
    pause_journey("j", actor="mia", now=START + HOUR)
    world.passes(until=START + 5 * DAY, step=DAY)
    world.happens(identify("anna", renewal="2026-06-15"))
    resume_journey("j", actor="mia", now=world.now)
    world.call_in()
    world.passes(until=START + 30 * DAY, step=DAY)
    assert world.sent() == [("anna", datetime(2026, 6, 15, tzinfo=UTC))]


def test_stop__nobody_is_asked_any_more(world: World) -> None:
    segment("gold", IS_GOLD)
    world.publish("j", written(task(), on={"schedule": "0 9 * * *", "segment": "gold"}))
    world.publish("k", written(task(), on={"date": "renewal"}))
    world.happens(identify("anna", plan="gold", renewal="2026-06-20"))
    for slug in ("j", "k"):
        stop_journey(slug, actor="mia", now=START + HOUR)
    assert not EntryDue.objects.exists()
    world.passes(until=START + 30 * DAY, step=DAY)
    assert world.sent() == []


# From journey to journey


def go_to(slug: str) -> dict[str, Any]:
    return {"id": "go", "kind": "go_to_journey", "journey": slug}


def test_go_to_journey__with_what_the_message_held(world: World) -> None:
    same = {"property": "cart", "op": "is", "same_as": {"entry": "properties.cart"}}
    goal = {"event": "Order", "where": [same], "during": {"since": "entry"}}
    wait = {"id": "w", "kind": "wait", "for": "P1D"}
    second = world.publish(
        "second", written(wait, task(), on={"event": "Never"}, key="properties.cart", goal=goal)
    )
    first = world.publish(
        "first", written(wait, go_to("second"), on={"event": "Cart"}, key="properties.cart")
    )
    world.happens(track("anna", "Cart", properties={"cart": "c1"}))
    world.passes(until=START + DAY)
    assert lines(first)[-1] == ("moved_on", "go", "second")
    assert Run.objects.get(journey=first).outcome == "moved_on"
    assert Run.objects.get(journey=second).key == '"c1"'
    world.happens(track("anna", "Order", properties={"cart": "c2"}))
    assert Run.objects.get(journey=second).ended_at is None
    world.happens(track("anna", "Order", properties={"cart": "c1"}))
    assert Run.objects.get(journey=second).outcome == "converted"


def test_go_to_journey__one_that_is_not_live(world: World) -> None:
    build.journey(slug="second", state="draft")
    first = world.publish("first", written(go_to("second"), on={"event": "Cart"}))
    world.happens(track("anna", "Cart"))
    assert lines(first) == [
        ("entered", "", ""),
        ("moved_on", "go", "second"),
        ("not_entered", "go", "closed"),
    ]


def test_go_to_journey__in_a_circle(world: World) -> None:
    """Ten at one moment, and then no more."""
    always = {"policy": "after_exit"}
    for slug, other in (("a", "b"), ("b", "a")):
        build.journey(slug=slug, document=written(go_to(other), on={"event": f"To {slug}"}, reentry=always))
    world.happens(track("anna", "To a"))
    assert Run.objects.count() == 11
    assert Run.objects.filter(ended_at=None).count() == 0
    refused = [
        line for slug in "ab" for line in lines(Journey.objects.get(slug=slug)) if line[0] == "not_entered"
    ]
    assert refused == [("not_entered", "go", "loop")]


# Lists


def test_list__a_step_moves_people_and_other_journeys_see_it(world: World) -> None:
    segment("beta", {"any": []})
    add = {"id": "add", "kind": "list", "list": "beta", "change": "add"}
    remove = {"id": "off", "kind": "list", "list": "beta", "change": "remove"}
    wait = {"id": "w", "kind": "wait", "for": "P1D"}
    world.publish("lister", written(add, wait, remove, on={"event": "Cart"}))
    world.publish("welcome", written(task("hello"), on={"segment": "beta", "change": "entered"}))
    world.publish("bye", written(task("bye"), on={"segment": "beta", "change": "left"}))
    world.happens(track("anna", "Cart"))
    assert world.sent("hello") == [("anna", START)]
    said = ManualMember.objects.get()
    assert (said.is_added, said.at, said.by, said.ended_at) == (True, START, "journey:lister", None)
    world.passes(until=START + DAY)
    assert world.sent("bye") == [("anna", START + DAY)]
    assert ManualMember.objects.get().ended_at == START + DAY


def test_list__removal_beats_the_rule(world: World) -> None:
    gold = segment("gold", IS_GOLD)
    remove = {"id": "off", "kind": "list", "list": "gold", "change": "remove"}
    world.publish("j", written(remove, on={"event": "Cart"}))
    world.happens(identify("anna", plan="gold"))
    world.now += HOUR
    world.happens(track("anna", "Cart"))
    assert gold.memberships.get().left_at == START + HOUR
    assert not ManualMember.objects.get().is_added
