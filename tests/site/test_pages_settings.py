"""Team, tokens, time zone and the log: through the page, the services and the API."""

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from cdp_site import company
from cdp_site.api import hash_of, issue_token
from cdp_site.models import ApiToken, AuditEntry, Company
from cdp_site.web import Role, roles_of
from segments.models import RulesRevision
from tests import build

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin(client: Client) -> Client:
    client.force_login(build.user(role=Role.ADMIN, name="ada"))
    return client


def logged() -> list[tuple[str, str, str]]:
    return list(AuditEntry.objects.order_by("id").values_list("actor", "verb", "object_id"))


class TestTeam:
    FORM = {"username": "mia", "full_name": "Mia Kern", "email": "mia@example.com", "role": "marketer"}

    def test_add__shows_a_password_once_that_works(self, admin: Client, client: Client) -> None:
        response = admin.post(reverse("member-add"), self.FORM)
        password = response.content.decode().partition('id="new-password">')[2].partition("<")[0]
        mia = User.objects.get(username="mia")
        assert roles_of(mia) == {Role.MARKETER}
        assert mia.get_full_name() == "Mia Kern"
        assert mia.check_password(password)
        assert response.headers["Cache-Control"].startswith("no-store")
        assert password not in admin.get(reverse("settings")).content.decode()
        assert logged() == [("ada", "member.add", "mia")]

    @pytest.mark.parametrize(
        ("change", "words"),
        [
            ({"username": "ada"}, "Somebody has this user name already."),
            ({"username": "a b"}, "Enter a valid username"),
            ({"email": "x"}, "Enter a valid email address."),
            ({"role": "emperor"}, "Select a valid choice"),
        ],
    )
    def test_add__says_what_is_wrong(self, admin: Client, change: dict[str, str], words: str) -> None:
        assert words in admin.post(reverse("member-add"), self.FORM | change).content.decode()
        assert User.objects.count() == 1

    def test_role_can_be_changed(self, admin: Client) -> None:
        mia = build.user(role=Role.MARKETER, name="mia")
        admin.post(reverse("member-change", args=[mia.pk]), {"role": "service"})
        assert roles_of(mia) == {Role.SERVICE}
        entry = AuditEntry.objects.get()
        assert (entry.before, entry.after) == ({"roles": ["marketer"]}, {"roles": ["service"]})

    def test_shut_out__ends_session_and_tokens(self, admin: Client) -> None:
        mia = build.user(role=Role.SERVICE, name="mia")
        hers, token = Client(), issue_token(mia)
        hers.force_login(mia)
        admin.post(reverse("member-change", args=[mia.pk]), {"do": "shut_out"})
        assert hers.get(reverse("overview")).status_code == 302
        headers = {"Authorization": f"Bearer {token}"}
        assert hers.get(reverse("api-person-list"), headers=headers).status_code == 401
        admin.post(reverse("member-change", args=[mia.pk]), {"do": "admit"})
        assert hers.get(reverse("api-person-list"), headers=headers).status_code == 200

    @pytest.mark.parametrize("form", [{"role": "marketer"}, {"do": "shut_out"}])
    def test_the_last_administrator_stays(self, admin: Client, form: dict[str, str]) -> None:
        ada = User.objects.get(username="ada")
        response = admin.post(reverse("member-change", args=[ada.pk]), form, follow=True)
        assert b"Somebody must remain administrator" in response.content
        ada.refresh_from_db()
        assert ada.is_active
        assert roles_of(ada) == {Role.ADMIN}
        assert logged() == []

    def test_others_do_not_see_the_team(self, client: Client) -> None:
        client.force_login(build.user(role=Role.SERVICE))
        assert b'id="team"' not in client.get(reverse("settings")).content


class TestTokens:
    def test_make__shown_once_and_kept_as_a_hash(self, admin: Client) -> None:
        html = admin.post(reverse("token-make")).content.decode()
        token = html.partition('id="new-token">')[2].partition("<")[0]
        kept = ApiToken.objects.get()
        assert kept.key_hash == hash_of(token)
        assert token.startswith(kept.prefix)
        assert token not in admin.get(reverse("settings")).content.decode()
        assert logged() == [("ada", "token.make", "ada")]
        assert token not in str(AuditEntry.objects.get().after)

    def test_revoke__ones_own_or_as_administrator_anybodys(self, client: Client) -> None:
        mine, other = build.user(role=Role.SERVICE), build.user(role=Role.SERVICE)
        for user in (mine, other):
            issue_token(user)
        first, second = ApiToken.objects.order_by("id")
        client.force_login(mine)
        assert client.post(reverse("token-revoke", args=[second.pk])).status_code == 404
        assert client.post(reverse("token-revoke", args=[first.pk])).status_code == 302
        client.force_login(build.user(role=Role.ADMIN))
        client.post(reverse("token-revoke", args=[second.pk]))
        assert not ApiToken.objects.exists()


class TestTimeZone:
    def test_save__rules_are_read_anew(self, admin: Client) -> None:
        before = RulesRevision.objects.values_list("revision", flat=True).first() or 0
        admin.post(reverse("company-save"), {"time_zone": " Europe/Lisbon "})
        assert Company.objects.get().time_zone == "Europe/Lisbon"
        assert RulesRevision.objects.get().revision == before + 1
        assert logged() == [("ada", "company.time_zone", "1")]

    @pytest.mark.parametrize("zone", ["", "Mars/Olympus", "GMT+0100", "europe/lisbon", "../etc/passwd"])
    def test_nonsense_is_refused(self, admin: Client, zone: str) -> None:
        response = admin.post(reverse("company-save"), {"time_zone": zone})
        assert b'class="err"' in response.content
        assert not Company.objects.exists()

    def test_api(self, client: Client) -> None:
        headers = {"Authorization": f"Bearer {issue_token(build.user(role=Role.ADMIN, name='ada'))}"}
        path = reverse("api-settings")
        assert client.get(path, headers=headers).json() == {"time_zone": "UTC"}
        body = {"time_zone": "Asia/Tokyo"}
        assert client.patch(path, body, content_type="application/json", headers=headers).json() == body
        assert logged() == [("api:ada", "company.time_zone", "1")]
        refused = client.patch(path, {"time_zone": "x"}, content_type="application/json", headers=headers)
        assert refused.status_code == 400
        assert refused.json()["errors"][0]["path"] == "/time_zone"


class TestLog:
    def test_newest_first_in_pages(self, admin: Client) -> None:
        for number in range(120):
            build.audit_entry(verb=f"thing.do-{number:03}", after={"<b>": number})
        html = admin.get(reverse("audit-log")).content.decode()
        assert "thing.do-119" in html
        assert "thing.do-019" not in html
        assert "&lt;b&gt;" in html
        link = "/settings/" + html.partition('hx-get="/settings/')[2].partition('"')[0]
        assert "thing.do-019" in admin.get(link, headers={"HX-Request": "true"}).content.decode()

    def test_number_of_queries(
        self, admin: Client, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        for _ in range(5):
            build.audit_entry()
            issue_token(build.user(role=Role.SERVICE))
        with django_assert_num_queries(4 + 1):
            admin.get(reverse("audit-log"))
        with django_assert_num_queries(4 + 4):
            admin.get(reverse("settings"))


def test_last_admin__a_superuser_is_one_too() -> None:
    build.user(role=None, is_superuser=True)
    ada = build.user(role=Role.ADMIN)
    company.change_role(ada, role=Role.SERVICE, actor="root")
    assert roles_of(ada) == {Role.SERVICE}
