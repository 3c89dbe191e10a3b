"""Pages of segments."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from cdp_site.web import Role
from segments.models import Segment
from tests import build

pytestmark = pytest.mark.django_db


@pytest.fixture
def staff(client: Client) -> Client:
    client.force_login(build.user(role=Role.SERVICE))
    return client


def text(client: Client, path: str, *, htmx: bool = False, status: int = 200) -> str:
    response = client.get(path, headers={"HX-Request": "true"} if htmx else {})
    assert response.status_code == status
    return response.content.decode()


def test_list__empty(staff: Client) -> None:
    assert "No segments yet" in text(staff, "/segments/")


def test_list__shows_the_rule_in_words(staff: Client) -> None:
    condition = {"language": 1, "if": {"event": "Order", "count": {"op": "at_least", "value": 3}}}
    build.segment(slug="loyal", name="Loyal", condition=condition, member_count=1234)
    build.segment(slug="fresh", built_at=None)
    build.segment(slug="old", name="Gone", state="archived")
    page = text(staff, "/segments/")
    assert "did “Order” at least 3 times" in page
    assert "1,234" in page
    assert "Being built" in page
    assert "Gone" not in page


def test_list__is_searched(staff: Client) -> None:
    build.segment(slug="vip", name="Very important")
    assert "Very important" in text(staff, "/segments/?q=IMP")
    assert "Very important" not in text(staff, "/segments/?q=unknown")


def test_list__asks_a_fixed_number_of_queries(staff: Client, django_assert_max_num_queries: Any) -> None:
    for _ in range(20):
        build.segment()
    with django_assert_max_num_queries(12):
        staff.get("/segments/")


@pytest.mark.django_db(transaction=True)
def test_list__is_shown_without_what_takes_too_long_to_count(staff: Client) -> None:
    build.segment(slug="vip", name="Very important")
    other = connection.copy()
    try:
        with other.cursor() as cursor:
            cursor.execute("BEGIN; LOCK segments_membership")
            page = text(staff, "/segments/")
            cursor.execute("ROLLBACK")
    finally:
        other.close()
    assert "Very important" in page
    assert "takes too long" in page


def test_detail__pages_through_members(staff: Client) -> None:
    segment = build.segment(slug="all", name="Everybody here", member_count=60)
    for number in range(60):
        person = build.person(traits={"name": f"Person {number:02}"})
        at = build.NOON + timedelta(minutes=number // 3)  # several at the same moment
        build.membership(segment=segment, person=person, entered_at=at)
    build.membership(segment=segment, person=build.person(traits={"name": "Left"}), left_at=build.NOON)
    page = text(staff, "/segments/all/")
    assert "<!doctype html>" in page
    assert "everybody" in page
    shown = [number for number in range(60) if f"Person {number:02}" in page]
    assert len(shown) == 50
    assert "Left" not in page
    address = page.split('class="more-row" hx-get="')[1].split('"')[0].replace("&amp;", "&")
    rest = text(staff, address, htmx=True)
    assert "<!doctype html>" not in rest
    assert sorted(shown + [number for number in range(60) if f"Person {number:02}" in rest]) == list(
        range(60)
    )


def test_detail__says_why_nobody_is_there(staff: Client) -> None:
    segment = build.segment(slug="s", built_at=None)
    assert "Members are being found" in text(staff, "/segments/s/")
    Segment.objects.filter(pk=segment.pk).update(built_at=build.NOON)
    assert "Nobody is in this segment" in text(staff, "/segments/s/")
    Segment.objects.filter(pk=segment.pk).update(state="draft")
    assert "A draft has no members" in text(staff, "/segments/s/")


def test_detail__leads_to_those_who_ask_about_it(staff: Client) -> None:
    build.segment(slug="a")
    condition = {"language": 1, "if": {"segment": "a", "is": "member"}}
    build.segment(slug="b", name="Friends of a", condition=condition)
    assert "Friends of a" in text(staff, "/segments/a/")


@pytest.mark.parametrize(
    "query", ["at=x&id=1", "at=2026-01-01&id=1", "at=2026-02-30T00:00:00Z&id=1", "id=1", "at="]
)
def test_detail__bad_places_are_not_found(staff: Client, query: str) -> None:
    build.segment(slug="a")
    text(staff, f"/segments/a/?{query}", status=200 if query == "at=" else 404)


def test_detail__unknown(staff: Client) -> None:
    text(staff, "/segments/none/", status=404)


def test_detail__of_another_release_says_so(staff: Client) -> None:
    build.segment(slug="a", condition={"language": 2, "if": {"oracle": 1}})
    assert "was written by another release" in text(staff, "/segments/a/")
    assert "was written by another release" in text(staff, "/segments/")
