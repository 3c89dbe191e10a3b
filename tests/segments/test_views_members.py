"""The members page: what is on the screen is what is exported; what is said by hand is seen to happen."""

import csv
import html
import io
import re
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from cdp_site.web import Role
from segments.models import SegmentAudit, SegmentDue
from segments.queries import said_by_hand
from tests import build

pytestmark = pytest.mark.django_db


@pytest.fixture
def staff(client: Client) -> Client:
    client.force_login(build.user(role=Role.MARKETER, name="mia"))
    return client


def part(client: Client, path: str) -> str:
    return client.get(path, headers={"HX-Request": "true"}).content.decode()


def test_export__is_of_what_is_on_the_screen(staff: Client) -> None:
    """The buttons come along with the table; what they lead to keeps the columns and the search."""
    segment = build.segment(slug="a")
    for name in ("Ada", "Ben"):
        build.membership(segment=segment, person=build.person(traits={"name": name, "plan": f"{name}s"}))
    swapped = part(staff, "/segments/a/?q=ad&column=plan")
    assert 'id="exports" hx-swap-oob="true"' in swapped
    found = re.search(r'id="export-csv" href="([^"]+)"', swapped)
    assert found
    rows = csv.DictReader(io.StringIO(staff.get(html.unescape(found[1])).getvalue().decode()))
    assert [(row["name"], row["plan"]) for row in rows] == [("Ada", "Adas")]
    assert "hx-swap-oob" not in staff.get("/segments/a/").content.decode()


def test_by_hand__the_list_follows_until_it_is_done(staff: Client) -> None:
    segment = build.segment(slug="a")
    ada = build.person(traits={"name": "Ada"}, identities={"user_id": "u1"})
    page = staff.post("/segments/a/members/", {"mode": "add", "people": "u1"}, follow=True).content.decode()
    assert "Members are changing" in page
    swapped = part(staff, "/segments/a/")
    assert "every 2s" in swapped
    assert 'id="tallies" hx-swap-oob="true"' in swapped
    build.membership(segment=segment, person=ada)
    SegmentDue.objects.all().delete()
    swapped = part(staff, "/segments/a/")
    assert "Ada" in swapped
    assert "every 2s" not in swapped


def test_audit__is_followed_until_it_is_done(staff: Client) -> None:
    build.segment(slug="a")
    staff.post("/segments/a/audit/")
    shown = staff.get("/segments/a/history/").content.decode()
    assert 'id="audits"' in shown
    assert "every 2s" in shown
    SegmentAudit.objects.update(finished_at=build.NOON)
    swapped = part(staff, "/segments/a/history/")
    assert "No difference" in swapped
    assert "every 2s" not in swapped
    assert "<!doctype html>" not in swapped


def test_by_hand__names_those_who_are_nobody(staff: Client) -> None:
    build.segment(slug="a")
    build.person(identities={"user_id": "u1"})
    names = "\n".join(f"x{number:02}" for number in range(12))
    page = staff.post("/segments/a/members/", {"mode": "add", "people": f"u1\n{names}"}, follow=True)
    said = page.content.decode()
    assert "12 names are nobody&#39;s; the first are: x00, x01" in said
    assert "x09." in said
    assert "x10" not in said
    page = staff.post("/segments/a/members/", {"mode": "add", "people": "x1"}, follow=True)
    assert "1 name is nobody&#39;s: x1." in page.content.decode()


def test_by_hand__a_file_that_is_no_text(staff: Client) -> None:
    build.segment(slug="a")
    upload = SimpleUploadedFile("people.xlsx", b"PK\x03\x04\x14\x00\x06\x00\xff\xfe\x00binary")
    page = staff.post("/segments/a/members/", {"mode": "add", "file": upload}, follow=True)
    assert "This file is not text" in page.content.decode()


def test_by_hand__who_said_it_and_when(
    staff: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    segment = build.segment(slug="a")
    for number in range(3):
        build.person(traits={"name": f"P{number}"}, identities={"user_id": f"u{number}"})
    staff.post("/segments/a/members/", {"mode": "add", "people": "u0\nu1"})
    staff.post("/segments/a/members/", {"mode": "remove", "people": "u2\nu0"})
    with django_assert_num_queries(3):
        said = said_by_hand(segment, limit=3)
    assert [(one.person.naming.name, one.is_added, one.ended_at is None) for one in said] == [
        ("P2", False, True),
        ("P0", False, True),
        ("P1", True, True),
    ]
    shown = part(staff, "/segments/a/")
    assert "by mia" in shown
    assert "Taken back" in shown  # that P0 was added


@pytest.mark.parametrize(("rule", "said"), [({"all": []}, True), ({"known": "email"}, False)])
def test_publish__the_first_version(staff: Client, rule: dict[str, Any], said: bool) -> None:
    build.segment(slug="a", state="draft", condition={"language": 1, "if": rule})
    build.person(identities={"email": "ada@example.com"})
    page = staff.get("/segments/a/publish/").content.decode()
    assert "1 person will be in it." in page
    assert ("data-confirm" in page) is said
    assert ("This is everybody" in page) is said


def test_publish__without_a_name_leads_to_it(staff: Client) -> None:
    sent = {"n": ["r1||group"], "r1.op": "all", "name": " ", "do": "publish"}
    page = staff.post("/segments/+new/", sent).content.decode()
    assert re.search(r'<input class="rule-name"[^>]+ autofocus', page)
