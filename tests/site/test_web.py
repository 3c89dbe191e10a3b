"""The marks and the page-or-part rule, on a page of the product."""

from zoneinfo import ZoneInfo

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory
from django.urls import reverse

from cdp_site.models import Company
from cdp_site.web import Role, with_toast, zone_of
from tests import build

pytestmark = pytest.mark.django_db


@pytest.fixture
def staff(client: Client) -> Client:
    client.force_login(build.user(role=Role.SERVICE))
    return client


class TestPageOrPart:
    def test_a_browser_gets_the_page(self, staff: Client) -> None:
        assert b"<!doctype html>" in staff.get(reverse("profiles:people-list")).content

    def test_htmx_gets_the_part(self, staff: Client) -> None:
        content = staff.get(reverse("profiles:people-list"), headers={"HX-Request": "true"}).content
        assert b"<!doctype html>" not in content
        assert b'id="people"' in content

    def test_htmx_gets_the_page__when_it_restores_history(self, staff: Client) -> None:
        headers = {"HX-Request": "true", "HX-History-Restore-Request": "true"}
        assert b"<!doctype html>" in staff.get(reverse("profiles:people-list"), headers=headers).content

    def test_answers_are_kept_apart_and_private(self, staff: Client) -> None:
        response = staff.get(reverse("profiles:people-list"))
        assert {"HX-Request", "HX-History-Restore-Request", "Cookie"} <= set(
            response.headers["Vary"].split(", ")
        )
        assert "private" in response.headers["Cache-Control"]
        assert "no-cache" in response.headers["Cache-Control"]


class TestZone:
    def request(self, **cookies: str) -> HttpRequest:
        request = RequestFactory().get("/")
        request.COOKIES |= cookies
        return request

    def test_the_browsers(self) -> None:
        assert zone_of(self.request(zone="Asia/Tokyo")) == ZoneInfo("Asia/Tokyo")

    @pytest.mark.parametrize(
        "nonsense", ["", "Mars/Olympus", "../../etc/passwd", "/etc/passwd", "Europe", "a" * 5000]
    )
    def test_the_companys__when_the_browser_tells_nonsense(self, nonsense: str) -> None:
        Company.objects.create(id=1, time_zone="Europe/Lisbon")
        assert zone_of(self.request(zone=nonsense)) == ZoneInfo("Europe/Lisbon")

    def test_utc__when_nobody_said_anything(self) -> None:
        assert zone_of(self.request()) == ZoneInfo("UTC")

    def test_pages_show_times_in_it(self, staff: Client) -> None:
        somebody = build.person(last_seen_at=build.NOON)
        staff.cookies["zone"] = "Asia/Tokyo"
        assert b"last seen 23 Nov 2026, 21:00" in staff.get(reverse("person", args=[somebody.uuid])).content


def test_with_toast__tells_the_page_after_the_swap() -> None:
    response = with_toast(HttpResponse(), "Größe geändert")
    assert (
        response.headers["HX-Trigger-After-Settle"]
        == '{"toast": {"text": "Gr\\u00f6\\u00dfe ge\\u00e4ndert"}}'
    )


class TestLogIn:
    def test_right_password_leads_on(self, client: Client) -> None:
        user = build.user()
        response = client.post(
            reverse("login"), {"username": user.username, "password": build.PASSWORD, "next": "/people/"}
        )
        assert response.headers["Location"] == "/people/"

    def test_wrong_password_says_so(self, client: Client) -> None:
        response = client.post(reverse("login"), {"username": "nobody", "password": "x"})
        assert response.status_code == 200
        assert b"do not match" in response.content

    def test_nobody_is_led_to_another_site(self, client: Client) -> None:
        user = build.user()
        response = client.post(
            reverse("login"),
            {"username": user.username, "password": build.PASSWORD, "next": "https://evil.example/"},
        )
        assert response.headers["Location"] == reverse("overview")

    def test_log_out_needs_a_post(self, staff: Client) -> None:
        assert staff.get(reverse("logout")).status_code == 405
        assert staff.post(reverse("logout")).headers["Location"] == reverse("login")

    def test_passwords_can_be_changed(self, staff: Client) -> None:
        new = "an entirely different staple"
        form = {"old_password": build.PASSWORD, "new_password1": new, "new_password2": new}
        assert staff.get(reverse("password_change")).status_code == 200
        assert staff.post(reverse("password_change"), form).headers["Location"] == "/"
