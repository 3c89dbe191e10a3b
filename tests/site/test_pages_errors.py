"""What people and programs get where there is nothing to get."""

import pytest
from django.test import Client, RequestFactory

from cdp_site.pages.errors import broken
from cdp_site.web import Role
from tests import build

pytestmark = pytest.mark.django_db


def test_not_found__a_page_for_people(client: Client) -> None:
    response = client.get("/nothing/")
    assert response.status_code == 404
    assert b"There is nothing at this address" in response.content


def test_not_found__problem_details_for_programs(client: Client) -> None:
    response = client.get("/api/v1/nothing/")
    assert response.status_code == 404
    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.json()["status"] == 404


def test_forbidden__says_whom_to_ask(client: Client) -> None:
    client.force_login(build.user(role=Role.SERVICE))
    response = client.get("/settings/audit/")
    assert response.status_code == 403
    assert b"Not for your role" in response.content


def test_no_role_at_all__may_see_nothing(client: Client) -> None:
    client.force_login(build.user(role=None))
    assert client.get("/").status_code == 403


def test_form_without_its_token__says_what_to_do() -> None:
    client = Client(enforce_csrf_checks=True)
    response = client.post("/log-in/", {"username": "x", "password": "y"})
    assert response.status_code == 403
    assert b"open for too long" in response.content


@pytest.mark.parametrize(
    ("path", "kind"),
    [("/healthz", "text/html; charset=utf-8"), ("/api/v1/people/", "application/problem+json")],
)
def test_surprise__nothing_is_told_but_that_it_happened(path: str, kind: str) -> None:
    response = broken(RequestFactory().get(path))
    assert response.status_code == 500
    assert response.headers["Content-Type"] == kind
