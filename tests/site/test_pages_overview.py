"""The numbers of the first page are those of the database."""

from datetime import timedelta

import pytest
from django.core.cache import cache
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from cdp_site.pages import overview_queries as queries
from connectors.models import Destination
from tests import build

pytestmark = pytest.mark.django_db
NOW = build.NOON.replace(hour=14, minute=30)
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def nothing_kept() -> None:
    cache.clear()


class TestPeople:
    def test_counts_people_newcomers_and_whom_mail_may_reach(self) -> None:
        build.person(
            first_seen_at=NOW - DAY, consent={"email_marketing": True}, identities={"email": "a@b.c"}
        )
        build.person(first_seen_at=NOW - DAY, consent={"email_marketing": True})  # no address
        build.person(
            first_seen_at=NOW - 8 * DAY, consent={"email_marketing": False}, identities={"email": "b@b.c"}
        )
        build.person(first_seen_at=NOW - 20 * DAY, identities={"email": "c@b.c"})
        old, new = build.person(first_seen_at=NOW), build.person(first_seen_at=NOW - 9 * DAY)
        build.merged(old=old, new=new)
        found = queries.people_numbers(now=NOW)
        assert (found.count, found.reachable) == (5, 1)
        assert (found.new.value, found.new.before, found.new.change) == (2, 2, 0)


class TestTraffic:
    def test_today_against_yesterday_at_this_time(self) -> None:
        person = build.person()
        midnight = NOW.replace(hour=0, minute=0)
        for at in (
            midnight,
            NOW - timedelta(hours=1),
            midnight - DAY,
            NOW - DAY + timedelta(minutes=1),
            NOW + DAY,
        ):
            build.event(person=person, at=at)
        found = queries.traffic(now=NOW)
        assert (found.today.value, found.today.before) == (2, 1)

    def test_hours__all_24_and_the_last_is_this_one(self) -> None:
        person = build.person()
        for minutes in (0, 5, 70):
            build.event(person=person, at=NOW - timedelta(minutes=minutes + 1), name=f"Event {minutes}")
        hours = queries.traffic(now=NOW).hours
        assert len(hours) == 24
        assert hours[-1].at == NOW.replace(minute=0)
        assert [hour.count for hour in hours[-3:]] == [0, 1, 2]

    def test_a_day_begins_where_the_reader_is(self) -> None:
        build.event(person=build.person(), at=NOW.replace(hour=1))
        with timezone.override("America/New_York"):
            assert queries.traffic(now=NOW).today.value == 0
        assert queries.traffic(now=NOW).today.value == 1


def test_messages_sent__this_week_and_the_one_before() -> None:
    person = build.person()
    for days, state in ((1, "sent"), (6, "sent"), (8, "sent"), (15, "sent"), (1, "dead"), (1, "queued")):
        build.delivery(person=person, state=state, at=NOW - days * DAY)
    found = queries.messages_sent(now=NOW)
    assert (found.value, found.before) == (2, 1)


def test_journeys_now__live_and_paused_with_their_week() -> None:
    person = build.person()
    live, _paused, _draft = (build.journey(name=state, state=state) for state in ("live", "paused", "draft"))
    run = build.run(journey=live, person=person)
    build.run(journey=live, person=person, ended_at=NOW, key="2")
    for outcome, days in (("entered", 1), ("entered", 8), ("converted", 2), ("parked", 3)):
        build.decision(journey=live, person=person, run=run, outcome=outcome, at=NOW - days * DAY)
    lines = queries.journeys_now(now=NOW)
    assert [line.name for line in lines] == ["live", "paused"]
    assert (lines[0].inside, lines[0].entered, lines[0].converted, lines[0].parked) == (1, 1, 1, 1)


def test_troubles__dead_deliveries_failing_and_switched_off_destinations() -> None:
    person = build.person()
    build.connection(slug="crm", name="Sales", is_active=False, disabled_reason="401")
    build.delivery(person=person, state="dead", channel="crm", destination="connection:crm")
    build.delivery(person=person, state="sent")
    Destination.objects.create(name="email", failure_count=3, last_error="refused")
    found = queries.troubles()
    assert [(way.label, way.dead, way.is_off, way.last_error) for way in found] == [
        ("Sales", 1, True, "401"),
        ("Email", 0, False, "refused"),
    ]


def test_segments_now__those_that_gained_first() -> None:
    calm, busy = build.segment(name="Calm", member_count=9), build.segment(name="Busy", member_count=2)
    build.segment(name="Draft", state="draft")
    build.membership(segment=busy, person=build.person(), entered_at=NOW - timedelta(hours=3))
    build.membership(segment=calm, person=build.person(), entered_at=NOW - 3 * DAY)
    lines = queries.segments_now(now=NOW)
    assert [(line.name, line.entered) for line in lines] == [("Busy", 1), ("Calm", 0)]


def test_page__number_of_queries(client: Client, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    client.force_login(build.user())
    person, journey = build.person(), build.journey()
    build.run(journey=journey, person=person)
    build.event(person=person)
    with django_assert_num_queries(4 + 14):
        client.get(reverse("overview"))
