"""The management API of members, sizes, states and lists."""

import csv
import io
import json
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db.models import F

from cdp_site.models import AuditEntry
from cdp_site.pipeline import sweep
from cdp_site.pipeline.rules import forget_rules
from cdp_site.web import Role
from segments.models import ManualMember, Segment, SegmentDue
from segments.tasks import build_waiting
from tests import build
from tests.segments.test_api import GERMAN, Api, german

pytestmark = pytest.mark.django_db


@pytest.fixture
def api() -> Api:
    return Api()


@pytest.fixture
def people() -> list[Any]:
    return [
        build.person(
            traits={"name": f"Person {n}", "city": f"C{n}", "country": "DE" if n < 2 else "FR"},
            identities={"user_id": f"u{n}", "email": f"p{n}@example.com"},
        )
        for n in range(4)
    ]


def settle() -> None:
    build_waiting()
    forget_rules()
    while sweep()["people"]:
        pass


def members(api: Api, slug: str, query: str = "") -> list[str]:
    settle()
    found = api.get(f"{slug}/members/{query}")["results"]
    return sorted(one["person"]["user_id"] for one in found)


def url(path: str) -> str:
    return f"http://testserver/api/v1/{path}"


def test_list__is_made_filled_and_emptied_by_hand(api: Api, people: list[Any]) -> None:
    made = api.call("post", url("lists/"), {"slug": "beta", "name": "Beta testers"}, status=201)
    assert (made["is_list"], made["state"]) == (True, "live")
    names = ["u0", "P1@example.com", str(people[2].uuid), "nobody"]
    answer = api.call("post", url("lists/beta/members/"), {"add": names}, status=200)
    assert answer == {"added": 3, "removed": 0, "forgotten": 0, "unknown": ["nobody"]}
    backdate()
    assert members(api, "beta") == ["u0", "u1", "u2"]
    api.post("beta/members/", {"remove": ["u0"]})
    backdate()
    assert members(api, "beta") == ["u1", "u2"]
    api.post("beta/members/", {"mode": "replace", "people": ["u3", "u1"]})
    backdate()
    assert members(api, "beta") == ["u1", "u3"]
    assert [one["slug"] for one in api.call("get", url("lists/"), status=200)["results"]] == ["beta"]
    assert AuditEntry.objects.filter(verb="segment.replace_members").exists()


def backdate() -> None:
    """Have what was said a moment ago be past what may still be in flight."""
    a_while = timedelta(seconds=1)
    SegmentDue.objects.update(due_at=F("due_at") - a_while)
    ManualMember.objects.update(at=F("at") - a_while)
    ManualMember.objects.exclude(ended_at=None).update(ended_at=F("ended_at") - a_while)


def test_members__a_removal_beats_the_rule(api: Api, people: list[Any]) -> None:
    api.post("", german(), status=201)
    settle()
    api.post("german/members/", {"remove": ["u0"], "add": ["u3"]})
    backdate()
    assert members(api, "german") == ["u1", "u3"]


@pytest.mark.parametrize("body", [{}, {"mode": "add"}, {"people": ["u0"]}, {"mode": "burn", "people": []}])
def test_members__refuses_what_says_nothing(api: Api, body: dict[str, Any]) -> None:
    build.segment(slug="vip")
    api.post("vip/members/", body, status=400)


def test_members__may_be_searched_and_show_columns(api: Api, people: list[Any]) -> None:
    api.post("", german(), status=201)
    settle()
    [one] = api.get("german/members/?search=p1@&columns=city,plan")["results"]
    assert (one["person"]["user_id"], one["traits"]) == ("u1", {"city": "C1"})


CSV = "\ufeffname,user_id\nAnna,u0\nNobody,x9\n\nBerta,u1\n,\nShort\n"
CSV_OF_NOBODY = "x" * 50_000 + "\na\0b\n" + '"' + 3 * ("y" * 90_000 + "\n")
JSONL_OF_NOBODY = "[" * 50_000 + '\n"a\\u0000"\n"\\ud800"\n'
JSONL = '{"user_id": "u0"}\n"p1@example.com"\nnot json\n{"city": "Rom"}\n\n7\n'


@pytest.mark.parametrize(
    ("body", "kind", "faults"),
    [(CSV, "text/csv", [3, 7]), (JSONL, "application/x-ndjson", [3, 4, 6])],
)
def test_file__as_the_body(api: Api, people: list[Any], body: str, kind: str, faults: list[int]) -> None:
    build.segment(slug="beta", condition={"language": 1, "if": {"any": []}})
    path = url("segments/beta/members/file/?mode=add")
    response = api.client.post(path, data=body.encode(), content_type=kind)
    assert response.status_code == 200, response.content
    answer = response.json()
    assert (answer["added"], answer["fault_count"]) == (2, len(faults))
    assert [fault["row"] for fault in answer["faults"]] == faults
    assert all(fault["message"] for fault in answer["faults"])
    assert set(ManualMember.objects.values_list("person_id", flat=True)) == {people[0].pk, people[1].pk}


@pytest.mark.parametrize(
    ("body", "kind"), [(CSV_OF_NOBODY, "text/csv"), (JSONL_OF_NOBODY, "application/x-ndjson")]
)
def test_file__odd_rows_name_nobody(api: Api, people: list[Any], body: str, kind: str) -> None:
    build.segment(slug="beta")
    path = url("segments/beta/members/file/?mode=add")
    answer = api.client.post(path, data=body.encode(), content_type=kind).json()
    assert (answer["added"], answer["fault_count"]) == (0, 3)


def test_file__one_endless_line_is_refused(api: Api) -> None:
    build.segment(slug="beta")
    path = url("segments/beta/members/file/?mode=add")
    response = api.client.post(path, data=b"x" * 1_000_000, content_type="text/csv")
    assert response.status_code == 400
    assert response.json()["errors"][0]["path"] == "/file"


def test_file__as_a_part(api: Api, people: list[Any]) -> None:
    build.segment(slug="beta", condition={"language": 1, "if": {"any": []}})
    file = SimpleUploadedFile("people.jsonl", JSONL.encode())
    response = api.client.post(url("segments/beta/members/file/?mode=replace"), data={"file": file})
    assert (response.status_code, response.json()["added"]) == (200, 2)


def test_file__asks_what_to_do(api: Api) -> None:
    build.segment(slug="beta")
    response = api.client.post(url("segments/beta/members/file/"), data=b"u0", content_type="text/csv")
    assert response.status_code == 400
    assert response.json()["errors"][0]["path"] == "/mode"


def test_export__as_csv_and_json_lines(api: Api, people: list[Any]) -> None:
    api.post("", german(), status=201)
    settle()
    response = api.client.get(url("segments/german/members/export/?columns=city"))
    rows = list(csv.DictReader(io.StringIO(b"".join(response).decode())))
    assert sorted((row["user_id"], row["city"]) for row in rows) == [("u0", "C0"), ("u1", "C1")]
    assert response.headers["X-Total-Count"] == "2"
    response = api.client.get(url("segments/german/members/export/?to=jsonl&columns=city"))
    lines = [json.loads(line) for line in b"".join(response).decode().splitlines()]
    assert sorted(line["traits"]["city"] for line in lines) == ["C0", "C1"]
    assert api.client.get(url("segments/german/members/export/?to=pdf")).status_code == 400


def test_states__pause_resume_copy_and_versions(api: Api) -> None:
    api.post("", german(), status=201)
    assert api.post("german/pause/")["state"] == "paused"
    api.post("german/pause/", status=409)
    assert api.post("german/resume/")["state"] == "live"
    copy = api.post("german/duplicate/", {"slug": "copy", "name": "Copy"}, status=201)
    assert (copy["state"], copy["condition"]) == ("draft", GERMAN)
    api.post("german/duplicate/", {"slug": "copy", "name": "Copy"}, status=400)
    api.call("patch", "german/", {"condition": {"known": "email"}}, status=200)
    versions = api.get("german/versions/")["results"]
    assert [version["number"] for version in versions] == [2, 1]
    assert api.post("german/versions/1/restore/")["condition"] == GERMAN
    api.post("german/versions/9/restore/", status=404)
    assert api.post("copy/archive/")["state"] == "archived"


def test_audits__are_asked_for_and_made(api: Api, people: list[Any]) -> None:
    api.post("", german(), status=201)
    settle()
    build.membership(segment=Segment.objects.get(), person=people[3])
    asked = api.post("german/audits/", {"mend": True}, status=202)
    assert asked["finished_at"] is None
    build_waiting()
    [made] = api.get("german/audits/")["results"]
    assert (made["missing"], made["surplus"], made["mended"]) == (0, 1, 1)
    assert [person["user_id"] for person in made["sample"]] == ["u3"]


def test_sizes__overlap_growth_and_effects(api: Api, people: list[Any]) -> None:
    api.post("", german(), status=201)
    api.post("", {"slug": "all", "name": "All", "condition": {"known": "email"}}, status=201)
    settle()
    assert api.get("german/overlap/?with=all") == {"first": 2, "second": 4, "both": 2}
    api.get("german/overlap/?with=none", status=404)
    days = api.get("german/growth/?days=7&zone=Europe/Berlin")["results"]
    assert (len(days), days[-1]["entered"], days[-1]["members"]) == (7, 2, 2)
    api.get("german/growth/?days=0", status=400)
    api.get("german/growth/?zone=Moon", status=400)
    effects = api.post("german/effects/", {"condition": {"known": "phone"}})["results"]
    assert [(one["slug"], one["before"], one["after"]) for one in effects] == [("german", 2, 0)]


def test_build__shows_how_far_it_is(api: Api) -> None:
    build.segment(slug="vip", built_at=None, build_total=10, build_done=4)
    assert api.get("vip/")["build"] == {"done": 4, "total": 10, "started_at": None}


def test_roles__service_reads_only(people: list[Any]) -> None:
    service = Api(Role.SERVICE)
    build.segment(slug="vip")
    assert service.get("vip/members/")["results"] == []
    service.post("vip/members/", {"add": ["u0"]}, status=403)
    service.post("vip/resume/", status=403)
    service.call("post", url("lists/"), {"slug": "a", "name": "A"}, status=403)
