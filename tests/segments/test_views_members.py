"""The members page: what is on the screen is what is exported; what is said by hand is seen to happen."""

import csv
import html
import io
import re

import pytest
from django.test import Client

from cdp_site.web import Role
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
