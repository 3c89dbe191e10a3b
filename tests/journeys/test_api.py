from typing import Any

import pytest
from django.test import Client

from cdp_site.api import issue_token
from cdp_site.models import AuditEntry
from cdp_site.web import Role
from journeys.models import EntryDue, Journey
from tests import build
from tests.journeys.documents import Document, go_to, journey, send, split, wait

pytestmark = pytest.mark.django_db

Body = dict[str, Any]


class Api:
    """The management API as one role sees it."""

    def __init__(self, role: Role) -> None:
        self.client = Client(headers={"authorization": f"Bearer {issue_token(build.user(role=role))}"})

    def get(self, path: str, *, status: int = 200) -> Body:
        return self.answered(self.client.get(f"/api/v1/journeys/{path}"), status)

    def post(self, path: str = "", body: Body | None = None, *, status: int = 200) -> Body:
        response = self.client.post(f"/api/v1/journeys/{path}", body or {}, content_type="application/json")
        return self.answered(response, status)

    def patch(self, path: str, body: Body, *, status: int = 200) -> Body:
        response = self.client.patch(f"/api/v1/journeys/{path}", body, content_type="application/json")
        return self.answered(response, status)

    def delete(self, path: str, *, status: int = 204) -> Body:
        response = self.client.delete(f"/api/v1/journeys/{path}")
        return {} if response.status_code == status == 204 else self.answered(response, status)

    def answered(self, response: Any, status: int) -> Body:
        assert response.status_code == status, response.content
        body: Body = response.json()
        return body


@pytest.fixture
def api() -> Api:
    return Api(Role.MARKETER)


def cart(document: Document | None = None) -> Body:
    return {"slug": "cart", "name": "Cart", "document": document or journey()}


def test_journey__from_draft_to_live(api: Api) -> None:
    created = api.post(body=cart(), status=201)
    assert (created["state"], created["version"], created["revision"]) == ("draft", None, 1)
    assert api.post("cart/publish/")["state"] == "live"
    changed = api.patch("cart/", {"document": journey(steps=[wait("b")]), "revision": 1})
    assert (changed["revision"], changed["version"]) == (2, 1)
    assert api.post("cart/publish/", {"people_inside": "finish"})["version"] == 2
    assert api.post("cart/pause/")["state"] == "paused"
    assert api.post("cart/resume/")["state"] == "live"
    assert api.post("cart/stop/")["state"] == "stopped"
    shown = api.get("cart/")
    assert shown["document"] == journey(steps=[wait("b")])
    assert [row["slug"] for row in api.get("")["results"]] == ["cart"]


def test_create__faults_carry_their_path(api: Api) -> None:
    problem = api.post(body=cart(journey(steps=[wait(length="soon"), {"kind": "dance"}])), status=400)
    assert [fault["path"] for fault in problem["errors"]] == ["steps[0].for", "steps[1].kind"]
    assert problem["status"] == 400
    assert Journey.objects.count() == 0


def test_create__slug_is_taken(api: Api) -> None:
    api.post(body=cart(), status=201)
    problem = api.post(body=cart(), status=400)
    assert problem["errors"] == [{"path": "/slug", "message": "Another journey has this slug."}]


@pytest.mark.parametrize("body", [{}, {"slug": "a b"}, {"slug": "a", "name": "A", "document": []}])
def test_create__incomplete(api: Api, body: Body) -> None:
    assert api.post(body=body, status=400)["errors"]


def test_change__of_an_older_draft(api: Api) -> None:
    api.post(body=cart(), status=201)
    api.patch("cart/", {"document": journey(steps=[wait("b")]), "revision": 1})
    api.patch("cart/", {"document": journey(steps=[wait("c")]), "revision": 1}, status=409)
    assert api.get("cart/")["document"]["steps"][0]["id"] == "b"


def test_change__refuses_an_unsound_document(api: Api) -> None:
    api.post(body=cart(), status=201)
    problem = api.patch("cart/", {"document": {"entry": {}}}, status=400)
    assert "steps" in [fault["path"] for fault in problem["errors"]]


def test_publish__what_is_named_must_be_there(api: Api) -> None:
    api.post(body=cart(journey(steps=[send(template="welcome")])), status=201)
    problem = api.post("cart/publish/", status=400)
    assert [fault["path"] for fault in problem["errors"]] == ["steps[0].template"]
    build.template(slug="welcome")
    assert api.post("cart/publish/")["version"] == 1


def test_publish__says_what_becomes_of_people_inside(api: Api) -> None:
    row = build.journey(slug="cart", document=journey(steps=[wait("a"), wait("b"), wait("c")]))
    run = build.run(journey=row, person=build.person(), step="a")
    api.patch("cart/", {"document": journey(steps=[wait("b"), wait("c")])})
    assert api.post("cart/publish/", {"people_inside": "stay"}, status=400)["errors"]
    fault = api.post("cart/publish/", {"people_inside": "move", "to": {"a": "z"}}, status=400)["errors"]
    assert [each["path"] for each in fault] == ["to.a"]
    assert api.post("cart/publish/", {"people_inside": "move", "to": {"a": "c"}})["version"] == 2
    run.refresh_from_db()
    assert (run.version.number, run.state["step"]) == (2, "c")
    told = AuditEntry.objects.latest("pk").after
    assert told is not None
    assert (told["people_inside"], told["to"], told["runs_moved"]) == ("move", {"a": "c"}, 1)


def test_publish__tells_how_far_a_crowd_is(api: Api) -> None:
    row = build.journey(slug="cart", document=journey(steps=[wait("a")]))
    build.run(journey=row, person=build.person(), step="a")
    crowd = {"before": 2, "total": 3, "outcome": "exited", "reason": "publishing"}
    assert api.get("cart/")["moving"] is None
    Journey.objects.update(moving=crowd)
    assert api.get("cart/")["moving"] == {"what": "leave", "total": 3, "left": 1}
    api.patch("cart/", {"document": journey(steps=[wait("b")])})
    api.post("cart/publish/", status=409)


def test_publish__of_an_older_draft(api: Api) -> None:
    api.post(body=cart(), status=201)
    api.patch("cart/", {"document": journey(steps=[wait("b")])})
    api.post("cart/publish/", {"revision": 1}, status=409)


@pytest.mark.parametrize("verb", ["pause", "resume", "stop"])
def test_state__that_does_not_allow_it(api: Api, verb: str) -> None:
    api.post(body=cart(), status=201)
    assert api.post(f"cart/{verb}/", status=409)["status"] == 409


@pytest.mark.parametrize("verb", ["publish", "pause", "resume", "stop"])
def test_verbs__unknown_journey(api: Api, verb: str) -> None:
    api.post(f"nowhere/{verb}/", status=404)


def test_report(api: Api) -> None:
    row = build.journey(slug="cart", document=journey())
    build.run(journey=row, person=build.person(), step="w")
    report = api.get("cart/report/?days=7")
    assert (report["inside"], report["steps"]["w"]["waiting"]) == (1, 1)


@pytest.mark.parametrize("days", ["0", "401", "-1", "x", "\N{ARABIC-INDIC DIGIT ONE}", "9" * 5000])
def test_report__unreasonable_days(api: Api, days: str) -> None:
    build.journey(slug="cart")
    api.get(f"cart/report/?days={days}", status=400)


def test_service__may_read_and_not_write() -> None:
    build.journey(slug="cart", document=journey())
    service = Api(Role.SERVICE)
    service.get("")
    service.get("cart/")
    service.get("cart/report/")
    service.post(body=cart(), status=403)
    service.patch("cart/", {"name": "x"}, status=403)
    for verb in ("publish", "pause", "resume", "stop"):
        service.post(f"cart/{verb}/", status=403)


def test_without_a_token(client: Client) -> None:
    assert client.get("/api/v1/journeys/").status_code == 401


def test_enter__people_by_customer_number(api: Api) -> None:
    anna = build.person(identities={"user_id": "anna"})
    api.post(body=cart(journey(entry={"on": {"api": True}, "key": "properties.visit"})), status=201)
    api.post("cart/enter/", {"people": ["anna"]}, status=409)
    api.post("cart/publish/")
    body = {"people": ["anna", "nobody"], "properties": {"visit": 7}}
    assert api.post("cart/enter/", body, status=202) == {"asked": 1, "unknown": ["nobody"]}
    due = EntryDue.objects.get()
    assert (due.person_id, due.cause, due.properties) == (anna.pk, "api", {"visit": 7})
    api.post("cart/enter/", {"people": []}, status=202)
    api.post("cart/enter/", {}, status=400)
    api.post("cart/enter/", {"people": ["anna"], "properties": {"visit": "\0"}}, status=400)
    api.post("none/enter/", {"people": ["anna"]}, status=404)


def test_enter__a_journey_that_begins_otherwise(api: Api) -> None:
    api.post(body=cart(), status=201)
    api.post("cart/publish/")
    assert "begin by the API" in api.post("cart/enter/", {"people": ["anna"]}, status=409)["detail"]


def test_enter__takes_the_role(api: Api) -> None:
    api.post(body=cart(journey(entry={"on": {"api": True}})), status=201)
    Api(Role.SERVICE).post("cart/enter/", {"people": []}, status=403)


def test_rename__draft_and_address_stay(api: Api) -> None:
    api.post(body=cart(), status=201)
    unsound = journey(steps=[])
    Journey.objects.update(draft=unsound)
    renamed = api.patch("cart/", {"name": "Basket"})
    assert (renamed["name"], renamed["slug"], renamed["revision"]) == ("Basket", "cart", 1)
    assert renamed["document"] == unsound
    entry = AuditEntry.objects.get(verb="journey.rename")
    assert (entry.before, entry.after) == ({"name": "Cart"}, {"name": "Basket"})
    assert "revision 1" in api.patch("cart/", {"name": "x", "revision": 7}, status=409)["detail"]


def test_duplicate__is_a_draft_that_draws_anew(api: Api) -> None:
    steps = [split("p", variants={"A": (50, []), "B": (50, [])})]
    api.post(body=cart(journey(steps=steps)), status=201)
    api.post("cart/publish/")
    made = api.post("cart/duplicate/", status=201)
    assert (made["slug"], made["name"], made["state"]) == ("copy-of-cart", "Copy of Cart", "draft")
    (one,) = made["document"]["steps"]
    assert one["salt"] != "spring"
    assert {**one, "salt": "spring"} == steps[0]
    named = api.post("cart/duplicate/", {"slug": "basket", "name": "Basket"}, status=201)
    assert (named["slug"], named["name"]) == ("basket", "Basket")
    api.post("cart/duplicate/", {"slug": "basket"}, status=400)
    api.post("gone/duplicate/", status=404)
    Journey.objects.filter(slug="cart").update(draft=journey(steps=[wait("Has Space")]))
    assert api.post("cart/duplicate/", status=400)["errors"][0]["path"] == "steps[0].id"


def test_delete__drafts_alone(api: Api) -> None:
    api.post(body=cart(), status=201)
    leading = build.journey(
        slug="other", name="Other", state="draft", document=journey(steps=[go_to(slug="cart")])
    )
    assert "Other" in api.delete("cart/", status=409)["detail"]
    leading.delete()
    api.delete("cart/")
    api.delete("cart/", status=404)
    entry = AuditEntry.objects.get(verb="journey.delete")
    assert entry.before == {"name": "Cart", "document": journey()}
    api.post(body=cart(), status=201)
    api.post("cart/publish/")
    api.post("cart/stop/")
    assert "what it did is kept" in api.delete("cart/", status=409)["detail"]
