"""The management API: tokens, problem details, and the answers about people."""

from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.http import Http404
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries
from rest_framework import exceptions

from cdp_site.api import faults_in, issue_token, problem_details
from cdp_site.models import ApiToken
from cdp_site.web import Role
from profiles.models import Person
from tests import build
from tests.site.world import TREE, make_world

pytestmark = pytest.mark.django_db
TOKEN = 2  # the token with its user, and the roles


@pytest.fixture
def api(client: Client) -> Client:
    token = issue_token(build.user(role=Role.SERVICE))
    ApiToken.objects.update(last_used_at=timezone.now())
    client.defaults["HTTP_AUTHORIZATION"] = f"Bearer {token}"
    return client


class TestToken:
    @pytest.mark.parametrize(
        "header", ["Bearer", "Bearer a b", "Bearer x", "Basic x", "Bearer \xff", "bearer wf_"]
    )
    def test_refused(self, client: Client, header: str) -> None:
        response = client.get(reverse("api-person-list"), headers={"Authorization": header})
        assert response.status_code == 401
        assert response.json()["status"] == 401

    def test_use_is_noted__at_most_once_a_minute(
        self, client: Client, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        headers = {"Authorization": f"Bearer {issue_token(build.user())}"}
        with django_assert_num_queries(TOKEN + 1 + 1):
            client.get(reverse("api-person-list"), headers=headers)
        noted = ApiToken.objects.get().last_used_at
        assert noted is not None
        assert timezone.now() - noted < timedelta(minutes=1)
        with django_assert_num_queries(TOKEN + 1):
            client.get(reverse("api-person-list"), headers=headers)


class TestProblems:
    def answer(self, error: Exception) -> dict[str, Any]:
        response = problem_details(error, {})
        assert response is not None
        return dict(response.data)

    def test_faults__each_with_its_place(self) -> None:
        error = exceptions.ValidationError(
            {"a": ["no"], "b": {"c": [{"d": ["bad"]}]}, "non_field_errors": ["all"]}
        )
        assert self.answer(error)["errors"] == [
            {"path": "/a", "message": "no"},
            {"path": "/b/c/0/d", "message": "bad"},
            {"path": "", "message": "all"},
        ]

    def test_others(self) -> None:
        assert self.answer(Http404())["status"] == 404
        response = problem_details(exceptions.Throttled(wait=3), {})
        assert response is not None
        assert response.headers["Retry-After"] == "3"

    def test_surprises_are_left_to_django(self) -> None:
        assert problem_details(ZeroDivisionError(), {}) is None

    def test_faults_in__a_bare_list(self) -> None:
        assert list(faults_in(["x", "y"])) == [{"path": "", "message": "x"}, {"path": "", "message": "y"}]


class TestPeople:
    def get(self, api: Client, name: str, *args: Any, status: int = 200, **query: Any) -> Any:
        response = api.get(reverse(name, args=args), query)
        assert response.status_code == status, response.content
        return response.json()

    def test_by_identity(self, api: Client) -> None:
        person = build.person(identities={"user_id": "42", "email": "a@b.c"}, traits={"plan": "x"})
        build.person()
        for identity in ("user_id:42", "email: A@B.C "):
            (found,) = self.get(api, "api-person-list", identity=identity)["results"]
            assert (found["id"], found["traits"]) == (str(person.uuid), {"plan": "x"})
        assert found["identities"] == [
            {"kind": "user_id", "value": "42"},
            {"kind": "email", "value": "a@b.c"},
        ]
        assert self.get(api, "api-person-list", identity="user_id:43")["results"] == []
        self.get(api, "api-person-list", identity="42", status=400)

    def test_pages_by_cursor(self, api: Client, django_assert_num_queries: DjangoAssertNumQueries) -> None:
        people = [str(build.person().uuid) for _ in range(5)]
        with django_assert_num_queries(TOKEN + 2):
            first = self.get(api, "api-person-list", limit=3)
        second = api.get(first["next"]).json()
        assert [one["id"] for one in first["results"] + second["results"]] == people[::-1]
        assert second["next"] is None

    def test_with_totals(self, api: Client, django_assert_num_queries: DjangoAssertNumQueries) -> None:
        ada = build.person(identities={"user_id": "ada"})
        build.event(person=ada, name="Order Completed", revenue=Decimal("9.50"))
        build.event(person=ada, name="Order Completed")
        build.person(identities={"user_id": "ben"})
        with django_assert_num_queries(TOKEN + 3):
            lines = api.get("/api/v1/people/?with=totals").json()["results"]

        told = {line["identities"][0]["value"]: line["totals"] for line in lines}
        assert [(total["event"], total["count"], total["revenue"]) for total in told["ada"]] == [
            ("Order Completed", 2, "9.50")
        ]
        assert told["ben"] == []

    def test_one(self, api: Client, django_assert_num_queries: DjangoAssertNumQueries) -> None:
        world = make_world()
        with django_assert_num_queries(TOKEN + 7):
            found = self.get(api, "api-person-detail", world.person.uuid)
        assert found["id"] == str(world.person.uuid)
        assert found["segments"][0]["slug"] == "vip"
        assert found["runs"][0]["journey"] == "third-visit"
        assert found["merges"][0]["reason"] == "registered"
        assert found["consent"]["email_marketing"] is True
        assert {one["event"] for one in found["totals"]} >= {"Page Viewed", "Order Completed"}
        assert self.get(api, "api-person-detail", world.merged.uuid)["id"] == found["id"]

    def test_timeline__to_its_end(
        self, api: Client, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        person = build.person()
        for number in range(7):
            build.event(person=person, at=build.NOON - timedelta(hours=number), path=f"/{number}")
        with django_assert_num_queries(TOKEN + 3):
            page = self.get(api, "api-person-timeline", person.uuid, limit=3)
        sentences = [one["sentence"] for one in page["results"]]
        while page["next"]:
            page = api.get(page["next"]).json()
            sentences += [one["sentence"] for one in page["results"]]
        assert sentences == [f"Viewed page /{number}" for number in range(7)]

    @pytest.mark.parametrize("query", [{"after": "x"}, {"limit": "0"}, {"limit": "x"}, {"limit": "1000"}])
    def test_timeline__nonsense_is_refused(self, api: Client, query: dict[str, str]) -> None:
        self.get(api, "api-person-timeline", build.person().uuid, status=400, **query)


class TestWhy:
    @pytest.fixture
    def person(self) -> Person:
        return build.person()

    def why(self, api: Client, person: Person, **query: str) -> Any:
        return api.get(reverse("api-person-why", args=[person.uuid]), query).json()

    def test_entered(
        self, api: Client, person: Person, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        journey = build.journey(slug="j", name="Welcome")
        build.decision(journey=journey, person=person, outcome="entered", tree=TREE)
        build.decision(journey=build.journey(), person=person)
        with django_assert_num_queries(TOKEN + 4):
            found = self.why(api, person, journey="j")
        assert found["entered"] is True
        assert found["sentence"].startswith(
            "Entered the journey Welcome. Because: did “§Page§” exactly 3 times"
        )
        assert [one["tree"] for one in found["decisions"]] == [TREE]

    def test_not_entered(self, api: Client, person: Person) -> None:
        build.decision(
            journey=build.journey(slug="j", name="Welcome"),
            person=person,
            outcome="not_entered",
            reason="too_soon",
        )
        found = self.why(api, person, journey="j")
        assert found["entered"] is False
        assert found["sentence"] == "Did not enter the journey Welcome: too soon after the last time"

    def test_nothing_decided(self, api: Client, person: Person) -> None:
        build.journey(slug="j")
        found = self.why(api, person, journey="j")
        assert (found["entered"], found["decisions"]) == (False, [])
        assert found["sentence"].startswith("Nothing was decided")

    def test_kept_out(self, api: Client, person: Person) -> None:
        step = {"id": "x", "kind": "exit"}
        entry = {"on": {"event": "Cart"}, "if": {"trait": "plan", "op": "is", "value": "gold"}}
        journey = build.journey(slug="j", document={"language": 1, "entry": entry, "steps": [step]})
        assert "(Cart) did not come from" in self.why(api, person, journey=journey.slug)["sentence"]
        build.event(person=person, name="Cart", at=build.NOON)
        found = self.why(api, person, journey="j", at="2026-11-23T13:00:00Z")
        assert found["entered"] is False
        assert "Did not enter the journey" in found["sentence"]
        assert [(one["outcome"], one["reason"]) for one in found["decisions"]] == [("not_entered", "filter")]
        assert found["decisions"][0]["tree"]["needed"]["value"] == "gold"

    def test_up_to_a_moment(self, api: Client, person: Person) -> None:
        journey = build.journey(slug="j")
        build.decision(journey=journey, person=person)
        build.decision(
            journey=journey, person=person, at=build.NOON + timedelta(hours=1), outcome="converted"
        )
        assert len(self.why(api, person, journey="j", at="2026-11-23T12:30:00Z")["decisions"]) == 1
        assert self.why(api, person, journey="j", at="yesterday")["status"] == 400
        assert self.why(api, person, journey="j", at="2026-11-23T12:30:00")["status"] == 400

    def test_unknown_journey(self, api: Client, person: Person) -> None:
        assert self.why(api, person, journey="nothing")["errors"][0]["path"] == "/journey"
        assert self.why(api, person)["status"] == 400


class TestDocumentation:
    def test_schema__names_every_endpoint(self, client: Client) -> None:
        document = client.get(reverse("schema")).json()
        assert "/api/v1/people/{uuid}/timeline/" in document["paths"]
        assert document["components"]["securitySchemes"]["token"]["scheme"] == "bearer"

    def test_schema__is_valid_without_a_warning(self, tmp_path: Path) -> None:
        call_command("spectacular", validate=True, fail_on_warn=True, file=str(tmp_path / "schema.yaml"))
        assert "/api/v1/people/" in (tmp_path / "schema.yaml").read_text()

    def test_page__tells_what_the_schema_tells(self, client: Client) -> None:
        client.force_login(build.user())
        html = client.get(reverse("api-docs")).content.decode()
        for path in client.get(reverse("schema")).json()["paths"]:
            assert path in html
