"""Previews give up in time; members and uses are found; planner settings do not leak."""

import pytest
from django.db import connection
from django.utils import timezone

from profiles.models import Person
from segments.domain.parse import parse_condition
from segments.queries import TooSlow, members_of, preview, scanning, used_in
from tests import build
from tests.segments.domain.people import NOW

pytestmark = pytest.mark.django_db


def setting(name: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting(%s)", [name])
        return str(cursor.fetchone()[0])


def test_preview__gives_up_in_time() -> None:
    Person.objects.bulk_create(
        Person(traits={"a": "2026-01-01"}, first_seen_at=NOW, last_seen_at=NOW) for _ in range(20_000)
    )
    condition = parse_condition({"trait": "a", "op": "within_last", "value": "P1Y"})
    with pytest.raises(TooSlow):
        preview(condition, now=NOW, seconds=0.001)
    assert preview(condition, now=NOW).count == 20_000
    assert (setting("statement_timeout"), setting("enable_nestloop")) == ("0", "on")


def test_scanning__leaves_the_planner_as_it_was() -> None:
    with scanning():
        assert setting("enable_nestloop") == "off"
    assert setting("enable_nestloop") == "on"


def test_preview__of_nobody() -> None:
    found = preview(parse_condition({"all": []}), now=NOW)
    assert (found.count, found.total, found.share, list(found.people)) == (0, 0, 0.0, [])


def test_members_of__those_who_left_are_gone() -> None:
    segment = build.segment()
    stay = build.membership(segment=segment, person=build.person())
    build.membership(segment=segment, person=build.person(), left_at=build.NOON)
    build.membership(segment=build.segment(), person=build.person())
    assert list(members_of(segment)) == [stay]


def test_used_in__by_what_is_in_force() -> None:
    build.segment(slug="vip")
    asking = {"language": 1, "if": {"none": [{"segment": "vip", "is": "left"}]}}
    build.segment(slug="b", name="B", condition=asking)
    build.segment(slug="a", name="A", condition=asking)
    build.segment(slug="gone", state="archived", condition=asking)
    assert [segment.slug for segment in used_in("vip")] == ["a", "b"]


@pytest.mark.parametrize(
    ("op", "property_", "is_found"),
    [("any_item", "amount", True), ("every_item", "amount", True), ("every_item", "other", False)],
)
def test_preview__items_of_the_property_that_has_a_column(op: str, property_: str, is_found: bool) -> None:
    person = build.person()
    build.event(person=person, name="Order Completed", properties={"revenue": [{"amount": 7}, {"amount": 9}]})
    item = {"property": property_, "op": "greater", "value": 5}
    asked = {"property": "revenue", "op": op, "tests": [item]}
    for node in ({"event": "Order Completed", "where": [asked]}, {"last": "Order Completed", "had": [asked]}):
        assert preview(parse_condition(node), now=timezone.now()).count == is_found
