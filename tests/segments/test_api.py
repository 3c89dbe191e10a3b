"""The management API of segments."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from cdp_site.api import issue_token
from cdp_site.web import Role
from segments.models import Segment
from segments.tasks import build_waiting
from tests import build

pytestmark = pytest.mark.django_db

Body = dict[str, Any]
GERMAN: Body = {"trait": "country", "op": "is", "value": "DE"}


class Api:
    """The management API as one role sees it."""

    def __init__(self, role: Role = Role.MARKETER) -> None:
        self.client = Client(headers={"authorization": f"Bearer {issue_token(build.user(role=role))}"})

    def call(
        self, method: str, path: str = "", body: Mapping[str, Any] | None = None, *, status: int
    ) -> Body:
        send = getattr(self.client, method)
        address = path if path.startswith("http") else f"/api/v1/segments/{path}"
        sent = {} if method == "get" else {"data": body or {}, "content_type": "application/json"}
        response = send(address, **sent)
        assert response.status_code == status, response.content
        answer: Body = response.json() if response.content else {}
        return answer

    def get(self, path: str = "", *, status: int = 200) -> Body:
        return self.call("get", path, status=status)

    def post(self, path: str = "", body: Mapping[str, Any] | None = None, *, status: int = 200) -> Body:
        return self.call("post", path, body, status=status)


@pytest.fixture
def api() -> Api:
    return Api()


def german(**changes: Any) -> Body:
    return {"slug": "german", "name": "From Germany", "condition": GERMAN} | changes


def test_segment__from_creation_to_members(api: Api) -> None:
    people = [
        build.person(traits={"country": "DE", "name": f"P{n}"}, identities={"user_id": str(n)})
        for n in range(3)
    ]
    build.person(traits={"country": "FR"})
    created = api.post(body=german(), status=201)
    assert (created["state"], created["built_at"], created["condition"]) == ("live", None, GERMAN)
    assert created["sentence"] == "country is “DE”"
    build_waiting()
    shown = api.get("german/")
    assert (shown["member_count"], shown["version"], shown["used_in"]) == (3, 1, [])
    first = api.get("german/members/?limit=2")
    assert [one["person"]["user_id"] for one in first["results"]] == ["2", "1"]
    second = api.get(first["next"])
    assert [one["person"]["id"] for one in second["results"]] == [str(people[0].uuid)]
    assert second["next"] is None
    assert [one["slug"] for one in api.get()["results"]] == ["german"]


def test_segment__as_a_draft_first(api: Api) -> None:
    assert api.post(body=german(publish=False), status=201)["state"] == "draft"
    assert api.post("german/publish/")["state"] == "live"
    assert api.post("german/pause/")["state"] == "paused"
    problem = api.post("german/pause/", status=409)
    assert problem["detail"] == "The segment is “paused”; that cannot be done now."
    assert api.get("?state=live")["results"] == []


def test_segment__changed_and_put_away(api: Api) -> None:
    api.post(body=german(), status=201)
    renamed = api.call("patch", "german/", {"name": "Germans"}, status=200)
    assert (renamed["name"], renamed["version"]) == ("Germans", 1)
    french = GERMAN | {"value": "FR"}
    changed = api.call("patch", "german/", {"condition": french}, status=200)
    assert (changed["version"], changed["condition"]) == (2, french)
    api.post(
        body={"slug": "other", "name": "Other", "condition": {"segment": "german", "is": "member"}},
        status=201,
    )
    assert api.get("german/")["used_in"] == ["other"]
    assert "used in: other" in api.call("delete", "german/", status=409)["detail"]
    api.call("delete", "other/", status=204)
    api.call("delete", "german/", status=204)
    assert api.get("german/")["state"] == "archived"


@pytest.mark.parametrize(
    ("changes", "path", "message"),
    [
        ({"slug": "no slug"}, "/slug", ""),
        ({"condition": {"all": [GERMAN, {"event": "x", "count": 3}]}}, "/condition/all[1].count", "object"),
        ({"condition": {"segment": "gone", "is": "member"}}, "/condition/0", "there is no segment gone"),
        ({"condition": {"event": "x", "during": {"since": "entry"}}}, "/condition/during.since", "journey"),
    ],
)
def test_segment__faults_have_paths(api: Api, changes: Body, path: str, message: str) -> None:
    problem = api.post(body=german(**changes), status=400)
    assert problem["errors"][0]["path"].startswith(path.removesuffix("/0"))
    assert message in problem["errors"][0]["message"]
    assert not Segment.objects.exists()


def test_segment__what_is_refused_is_not_kept(api: Api) -> None:
    api.post(body=german(), status=201)
    asking = {"segment": "german", "is": "member"}
    api.post(body={"slug": "other", "name": "Other", "condition": asking}, status=201)
    circle = {"name": "Round", "condition": {"segment": "other", "is": "member"}}
    problem = api.call("patch", "german/", circle, status=400)
    assert "the segments ask about each other" in problem["errors"][0]["message"]
    kept = api.get("german/")
    assert (kept["name"], kept["condition"], kept["version"]) == ("From Germany", GERMAN, 1)


def test_segment__slug_is_taken(api: Api) -> None:
    api.post(body=german(publish=False), status=201)
    assert api.post(body=german(), status=400)["errors"][0]["path"].startswith("/slug")


def test_preview__counts_and_shows_some(api: Api) -> None:
    for number in range(8):
        build.person(traits={"country": "DE"}, identities={"user_id": f"u{number}"})
    build.person(traits={"country": "FR"}, identities={"user_id": "f"})
    build.person(traits={"country": "FR"}, identities={"user_id": "g"})
    found = api.post("preview/", {"condition": GERMAN})
    assert (found["count"], found["total"], found["share"]) == (8, 10, 0.8)
    assert found["sentence"] == "country is “DE”"
    assert [one["user_id"] for one in found["people"]] == ["u7", "u6", "u5", "u4", "u3"]
    asked = api.post(
        "preview/", {"condition": GERMAN, "people": ["u0", "f", "u1", "nobody", *map(str, range(9))]}
    )
    assert sorted(one["user_id"] for one in asked["people"]) == ["u0", "u1"]
    assert asked["count"] == 2


def test_preview__as_of_a_past_moment(api: Api) -> None:
    day = timedelta(days=1)
    person = build.person(traits={"country": "FR"}, first_seen_at=build.NOON - 9 * day)
    build.trait_change(person=person, key="country", value="DE", at=build.NOON - 5 * day)
    build.trait_change(person=person, key="country", value="FR", at=build.NOON - 3 * day)
    counts = [
        api.post("preview/", {"condition": GERMAN, "as_of": (build.NOON - ago * day).isoformat()})["count"]
        for ago in (6, 5, 4, 3, 1)
    ]
    assert counts == [0, 1, 1, 0, 0]
    before = {"condition": {"all": []}, "as_of": (build.NOON - 10 * day).isoformat()}
    assert api.post("preview/", before)["total"] == 0


def test_preview__faults(api: Api) -> None:
    problem = api.post("preview/", {"condition": {"all": [{"event": ""}]}}, status=400)
    assert problem["errors"] == [{"path": "/condition/all[0].event/0", "message": "must not be empty"}] or (
        problem["errors"][0]["path"] == "/condition/all[0].event"
    )
    api.post("preview/", {"condition": GERMAN, "as_of": "2999-01-01T00:00:00Z"}, status=400)


def test_roles__service_reads_and_does_not_write() -> None:
    api = Api(Role.SERVICE)
    assert api.get()["results"] == []
    assert api.post("preview/", {"condition": {"all": []}})["count"] == 0
    api.post(body=german(), status=403)


def test_list__asks_a_fixed_number_of_queries(api: Api, django_assert_max_num_queries: Any) -> None:
    for _ in range(20):
        build.segment()
    with django_assert_max_num_queries(8):
        assert len(api.get()["results"]) == 20


def test_preview__of_before_anything_is_kept(api: Api) -> None:
    body = {"condition": {"event": "Order", "during": {"last": "P30D"}}, "as_of": "0001-01-02T00:00:00Z"}
    assert api.post("preview/", body, status=400)["errors"][0]["path"] == "/as_of"


def test_preview__is_not_nested_without_end(api: Api) -> None:
    body = '{"condition": ' + '{"all": [' * 50_000 + "]}" * 50_000 + "}"
    response = api.client.post("/api/v1/segments/preview/", data=body, content_type="application/json")
    assert (response.status_code, response.json()["detail"]) == (400, "The JSON is nested too deeply.")


@pytest.mark.parametrize("days", ["0", "x", "3661", "1" * 5_000])
def test_growth__days_are_bounded(api: Api, days: str) -> None:
    build.segment(slug="vip")
    api.get(f"vip/growth/?days={days}", status=400)
