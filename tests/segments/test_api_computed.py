"""The management API of computed traits."""

from typing import Any

import pytest

from cdp_site.company import set_time_zone
from cdp_site.models import AuditEntry
from cdp_site.web import Role
from profiles.models import TraitChange
from segments.models import ComputedTrait, Segment
from tests import build
from tests.segments.test_api import Api

pytestmark = pytest.mark.django_db

SPENT: dict[str, Any] = {"compute": "sum", "event": "Order", "property": "revenue"}


def url(path: str = "") -> str:
    return f"http://testserver/api/v1/computed-traits/{path}"


def test_computed_trait__from_creation_to_its_end() -> None:
    api = Api()
    body = {"key": "spent", "name": "Spent", "definition": SPENT}
    made = api.call("post", url(), body, status=201)
    assert (made["key"], made["state"], made["built_at"]) == ("spent", "live", None)
    assert made["definition"] == SPENT | {"language": 1}
    api.call("post", url(), body, status=400)
    changed = api.call("patch", url("spent/"), {"name": "All spent"}, status=200)
    assert (changed["name"], changed["definition"]["compute"]) == ("All spent", "sum")
    assert api.call("post", url("spent/pause/"), status=200)["state"] == "paused"
    assert api.call("post", url("spent/resume/"), status=200)["state"] == "live"
    assert [one["key"] for one in api.call("get", url(), status=200)["results"]] == ["spent"]
    api.call("delete", url("spent/"), status=204)
    api.call("get", url("spent/"), status=404)
    assert AuditEntry.objects.filter(object_kind="computed_trait").count() == 5


def test_computed_trait__names_what_is_wrong() -> None:
    body = {"key": "spent", "name": "Spent", "definition": SPENT | {"compute": "magic"}}
    answer = Api().call("post", url(), body, status=400)
    assert [fault["path"] for fault in answer["errors"]] == ["/definition/compute"]
    answer = Api().call("post", url(), body | {"key": "a b"}, status=400)
    assert answer["errors"][0]["path"] == "/key"


def test_computed_trait__overwrites_nothing_that_people_have() -> None:
    api = Api()
    told, kept = build.person(traits={"plan": "pro", "spent": 5}), build.person(traits={"spent": 7})
    for person in (told, kept):
        TraitChange.objects.create(
            person_id=person.pk, key="spent", at=build.NOON, arrival=1, value=5, origin="computed"
        )
    body = {"name": "Spent", "definition": SPENT}
    for key in ("plan", "email"):
        answer = api.call("post", url(), body | {"key": key}, status=400)
        assert [fault["path"] for fault in answer["errors"]] == ["/key"]
    assert not ComputedTrait.objects.exists()
    api.call("post", url(), body | {"key": "spent"}, status=201)  # what one that was given up left behind
    api.call("patch", url("spent/"), body, status=200)


def test_computed_trait__service_reads_only() -> None:
    service = Api(Role.SERVICE)
    service.call("get", url(), status=200)
    service.call("post", url(), {"key": "a", "name": "A", "definition": SPENT}, status=403)


def test_time_zone__has_what_asks_about_days_built_anew() -> None:
    birthday = {"trait": "born", "op": "anniversary", "value": "today"}
    build.segment(slug="birthday", condition={"language": 1, "if": birthday})
    build.segment(slug="all")
    ComputedTrait.objects.create(
        key="quiet", name="Quiet", definition={"compute": "days_since", "event": "Order"}, built_at=build.NOON
    )
    set_time_zone("Asia/Tokyo", actor="mia")
    assert Segment.objects.get(slug="birthday").built_at is None
    assert Segment.objects.get(slug="all").built_at is not None
    assert ComputedTrait.objects.get().built_at is None
