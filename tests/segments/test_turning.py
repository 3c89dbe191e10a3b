"""A build asks only those whose answer the clock may change: it leaves out nobody who has a moment."""

from datetime import timedelta

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from segments.compiler.turning import turning_query
from segments.domain.next_change import next_change
from segments.domain.parse import parse_condition
from tests.segments import worlds
from tests.segments.at_length import at_length
from tests.segments.test_agreement import scope_at, store, uuids_of
from tests.segments.worlds import NOW, facts_of


@pytest.mark.django_db
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck), database=None)
@given(data=st.data())
def test_turning__leaves_out_nobody_who_has_a_moment(data: st.DataObject) -> None:
    world = data.draw(worlds.worlds())
    with transaction.atomic():
        people = store(world.members)
        for document in world.asked:
            condition = parse_condition(document)
            query = turning_query(condition, scope_at(NOW, is_past=False))
            turning: set[int] = set()
            if query is not None:
                with connection.cursor() as cursor:
                    cursor.execute(query)
                    turning = {row[0] for row in cursor.fetchall()}
            members = zip(people, world.members, uuids_of(world.members), strict=True)
            late = {
                person: moment
                for person, member, uuid in members
                if (
                    moment := next_change(
                        condition, facts_of(member, at=NOW, person_id=person, uuid=uuid), NOW
                    )
                )
                and person not in turning
            }
            assert late == {}, f"{document}: {late} of {world.members}"
        transaction.set_rollback(True)


test_turning__leaves_out_nobody_at_length = pytest.mark.django_db(
    at_length(test_turning__leaves_out_nobody_who_has_a_moment, examples=600)
)


@pytest.mark.django_db
@pytest.mark.parametrize("document", [{"list": "vip"}, {"segment": "vip", "is": "member"}])
def test_turning__by_a_clock_that_is_ahead(document: dict[str, str]) -> None:
    """Two machines' clocks differ: what one ended a moment ahead of the other is still to end."""
    stay = (timedelta(0), -timedelta(microseconds=1))
    member = worlds.Member(lists=(("vip", *stay, True),), stays=(("vip", *stay),))
    people = store([worlds.Member(), member])
    query = turning_query(parse_condition(document), scope_at(NOW, is_past=False))
    assert query is not None
    with connection.cursor() as cursor:
        cursor.execute(query)
        assert [row[0] for row in cursor.fetchall()] == [people[1]]


@pytest.mark.django_db
def test_turning__asks_some_and_not_all() -> None:
    """The test above would pass for nothing if everybody were always asked."""
    lately = worlds.Did(name="Order", ago=worlds.DAY, properties="{}", context="{}", is_stray=True)
    people = store([worlds.Member(), worlds.Member(events=(lately,))])
    condition = parse_condition({"event": "Order", "during": {"last": "P7D"}})
    query = turning_query(condition, scope_at(NOW, is_past=False))
    assert query is not None
    with connection.cursor() as cursor:
        cursor.execute(query)
        assert [row[0] for row in cursor.fetchall()] == [people[1]]
