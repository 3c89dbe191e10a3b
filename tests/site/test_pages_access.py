"""Who may call which address: the whole table, for everybody."""

import pytest
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import reverse

from cdp_site.api import issue_token
from cdp_site.web import Access, Role, StaffRequest, public_page, staff_page
from tests import build
from tests.addresses import Address, access_of, addresses

EVERY = addresses()
PAGES = [address for address in EVERY if address.access and address.access.kind == "staff"]
PUBLIC = [address for address in EVERY if address.access and address.access.kind == "public"]
TOKEN = [address for address in EVERY if address.access and address.access.kind == "token"]
READING, CHANGING = ("get",), ("post", "put", "patch", "delete")


def test_addresses__each_is_marked() -> None:
    unmarked = [f"{address.route} ({address.view})" for address in EVERY if address.access is None]
    assert unmarked == []


def test_addresses__the_walk_sees_all_kinds() -> None:
    assert len(PAGES) > 10
    assert len(PUBLIC) > 5
    assert len(TOKEN) > 5


def test_access_of__an_unmarked_view_has_none() -> None:
    assert access_of(lambda request: None) is None


@pytest.mark.django_db
@pytest.mark.parametrize("address", PAGES, ids=lambda one: one.route)
class TestStaff:
    def test_nobody_logged_in(self, client: Client, address: Address) -> None:
        for method in ("get", "post"):
            response = getattr(client, method)(address.path)
            assert response.status_code == 302
            assert response.headers["Location"].startswith(reverse("login"))

    def test_nobody_logged_in__htmx_leaves_the_page(self, client: Client, address: Address) -> None:
        response = client.get(
            address.path, headers={"HX-Request": "true", "HX-Current-URL": "http://testserver/people/?q=x"}
        )
        assert response.headers["HX-Redirect"] == f"{reverse('login')}?next=%2Fpeople%2F%3Fq%3Dx"

    @pytest.mark.parametrize("role", [None, *Role])
    def test_logged_in(self, client: Client, address: Address, role: Role | None) -> None:
        assert address.access is not None
        client.force_login(build.user(role=role))
        for method in ("get", "post"):
            status = getattr(client, method)(address.path).status_code
            if role in address.access.reads:
                assert status != 403, f"{method} as {role}"
                assert status < 500
            else:
                assert status == 403, f"{method} as {role}"


@pytest.mark.django_db
@pytest.mark.parametrize("address", PUBLIC, ids=lambda one: one.route)
def test_public__anybody_may_call(client: Client, address: Address) -> None:
    for method in ("get", "post"):
        response = getattr(client, method)(address.path)
        assert response.status_code < 500
        assert not response.headers.get("Location", "").startswith(reverse("login") + "?next")


@pytest.mark.django_db
@pytest.mark.parametrize("address", TOKEN, ids=lambda one: one.route)
class TestToken:
    def test_without_a_token(self, client: Client, address: Address) -> None:
        for method in READING + CHANGING:
            response = getattr(client, method)(address.path)
            assert response.status_code == 401
            assert response.headers["Content-Type"] == "application/problem+json"
            assert response.headers["WWW-Authenticate"].startswith("Bearer")

    def test_a_session_is_no_token(self, client: Client, address: Address) -> None:
        client.force_login(build.user(role=Role.ADMIN))
        assert client.get(address.path).status_code == 401

    @pytest.mark.parametrize("role", [None, *Role])
    def test_with_a_token(self, client: Client, address: Address, role: Role | None) -> None:
        assert address.access is not None
        headers = {"Authorization": f"Bearer {issue_token(build.user(role=role))}"}
        for methods, allowed in ((READING, address.access.reads), (CHANGING, address.access.writes)):
            for method in methods:
                status = getattr(client, method)(address.path, headers=headers).status_code
                assert (status == 403) is (role not in allowed), f"{method} as {role}: {status}"
                assert status < 500


@pytest.mark.django_db
def test_token__bodies_that_are_too_large_are_refused_in_json(client: Client) -> None:
    headers = {"Authorization": f"Bearer {issue_token(build.user(role=Role.ADMIN))}"}
    body = b'"%s"' % (b"x" * settings.DATA_UPLOAD_MAX_MEMORY_SIZE)
    refused = 0
    for address in TOKEN:
        for method in ("post", "put", "patch"):
            response = getattr(client, method)(
                address.path, body, content_type="application/json", headers=headers
            )
            assert response.headers["Content-Type"] != "text/html; charset=utf-8", f"{method} {address.path}"
            if response.status_code == 413:
                refused += 1
                assert response.headers["Content-Type"] == "application/problem+json"
                assert "2621440 bytes" in response.json()["detail"]
    assert refused > 10


@pytest.mark.django_db
class TestAdmin:
    def test_only_superusers_of_the_staff_get_in(self, client: Client) -> None:
        client.force_login(build.user(role=Role.ADMIN))
        assert client.get(reverse("admin:index")).status_code == 302

    def test_superuser(self, client: Client) -> None:
        user = build.user(role=None, is_superuser=True)
        user.is_staff = True
        user.save()
        client.force_login(user)
        assert client.get(reverse("admin:index")).status_code == 200


def test_marks__say_what_they_are() -> None:
    @public_page
    def anybody(request: HttpRequest) -> HttpResponse:
        return HttpResponse()

    @staff_page(Role.MARKETER)
    def some(request: StaffRequest, /) -> HttpResponse:
        return HttpResponse()

    assert access_of(anybody) == Access(kind="public")
    allowed = frozenset({Role.MARKETER, Role.ADMIN})
    assert access_of(some) == Access(kind="staff", reads=allowed, writes=allowed)
