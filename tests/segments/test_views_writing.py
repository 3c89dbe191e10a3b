"""Writing rules and doing something with segments, as a browser without scripts does it."""

import csv
import io
import json
from contextlib import ExitStack
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.utils import timezone

from cdp_site.jinja import NOTHING
from cdp_site.models import AuditEntry
from cdp_site.web import Role
from profiles.models import EventName, KnownProperty
from segments.counting import count_people, estimate_people
from segments.domain.parse import parse_condition
from segments.fingerprints import fingerprint_of, unfinished_rows
from segments.member_files import LARGEST_FILE, LONGEST_LINE
from segments.models import ManualMember, Segment, SegmentAudit
from segments.queries import TooSlow
from segments.starters import STARTERS
from segments.views.pages import drawing_of, progress_of
from tests import build

pytestmark = pytest.mark.django_db


@pytest.fixture
def staff(client: Client) -> Client:
    client.force_login(build.user(role=Role.MARKETER, name="mia"))
    return client


def form(**fields: str) -> dict[str, Any]:
    """A rule that asks for a known email."""
    return {
        "n": ["r1||group", "r2|r1|known"],
        "r1.op": "all",
        "r2.known": "email",
        "name": "Known ones",
        **fields,
    }


def text(client: Client, path: str, *, htmx: bool = False) -> str:
    response = client.get(path, headers={"HX-Request": "true"} if htmx else {})
    assert response.status_code == 200
    return response.content.decode()


class TestWriting:
    def test_new__becomes_a_draft(self, staff: Client) -> None:
        build.segment(slug="known-ones", name="Taken")
        response = staff.post("/segments/+new/", form(do="save"))
        assert response.headers["Location"] == "/segments/known-ones-2/edit/"
        segment = Segment.objects.get(slug="known-ones-2")
        assert (segment.state, segment.condition["if"]) == ("draft", {"all": [{"known": "email"}]})

    def test_incomplete__is_kept_and_not_published(self, staff: Client) -> None:
        staff.post("/segments/+new/", form(do="save", **{"r2.known": ""}))
        segment = Segment.objects.get(slug="known-ones")
        assert unfinished_rows(segment) is not None
        assert "has a known" in text(staff, "/segments/known-ones/edit/")
        response = staff.get("/segments/known-ones/publish/")
        assert response.headers["Location"] == "/segments/known-ones/edit/"
        sent = form(do="save", seen=fingerprint_of(segment))
        staff.post("/segments/known-ones/edit/", sent)
        assert unfinished_rows(segment) is None
        segment.refresh_from_db()
        assert segment.condition["if"] == {"all": [{"known": "email"}]}

    def test_saving_over_somebody__is_refused(self, staff: Client) -> None:
        segment = build.segment(slug="a", state="draft")
        response = staff.post("/segments/a/edit/", form(do="save", seen="something else"))
        assert "saved this rule after you opened it" in response.content.decode()
        segment.refresh_from_db()
        assert segment.condition == build.EVERYBODY
        staff.post("/segments/a/edit/", form(do="save", seen="something else", over="1"))
        segment.refresh_from_db()
        assert segment.condition["if"] == {"all": [{"known": "email"}]}

    def test_commands__without_scripts(self, staff: Client) -> None:
        page = staff.post("/segments/+new/", form(do="add:r1:sequence")).content.decode()
        assert 'value="r3|r1|sequence"' in page
        assert 'value="r5|r3|step"' in page

    @pytest.mark.parametrize("sent", [{"n": ["x"]}, {}, {"n": ["r1||group"], "past": "forged"}])
    def test_other_forms__are_refused(self, staff: Client, sent: dict[str, Any]) -> None:
        assert staff.post("/segments/+new/", sent).status_code == 400

    def test_without_a_name__is_told(self, staff: Client) -> None:
        page = staff.post("/segments/+new/", form(do="save", name=" ")).content.decode()
        assert "Give the segment a name." in page
        assert not Segment.objects.exists()

    def test_start__shows_each_rule_in_words(self, staff: Client) -> None:
        page = text(staff, "/segments/+new/")
        assert len(STARTERS) >= 12
        assert all(str(one.name) in page for one in STARTERS)

    def test_start__like_a_person(self, staff: Client) -> None:
        person = build.person(traits={"plan": "plus"})
        places = {"types": {"text": 10}, "seen": 10, "last_seen_at": build.NOON}
        KnownProperty.objects.create(path="plan", values={'"plus"': 2, '"free"': 8}, **places)
        build.event(person=person, name="Order Completed", at=timezone.now())
        build.membership(segment=build.segment(slug="vip"), person=person)
        assert f"?from=person:{person.uuid}" in text(staff, f"/people/{person.uuid}/")
        page = text(staff, f"/segments/+new/?from=person:{person.uuid}")
        for row in ("r2|r1|trait", "r3|r1|event", "r4|r1|segment"):
            assert row in page
        for nobody in ("x", "00000000-0000-0000-0000-000000000000"):
            assert staff.get(f"/segments/+new/?from=person:{nobody}").status_code == 404

    @pytest.mark.parametrize("starter", STARTERS, ids=lambda one: one.slug)
    def test_starter__can_be_counted(self, staff: Client, starter: Any) -> None:
        build.person()
        assert "now" in text(staff, f"/segments/+count/{starter.slug}/")

    def test_publish__shows_both_numbers_and_who_uses_it(self, staff: Client) -> None:
        for _ in range(3):
            build.person(identities={"email": f"p{_}@example.com"})
        condition = {"language": 1, "if": {"known": "email"}}
        segment = build.segment(slug="a", condition=condition, member_count=1)
        build.segment(
            slug="b", name="Uses it", condition={"language": 1, "if": {"segment": "a", "is": "member"}}
        )
        page = text(staff, "/segments/a/publish/")
        assert "Uses it" in page
        assert "+2" in page
        staff.post("/segments/a/publish/", {"seen": "old"})
        assert not segment.versions.exists()
        staff.post("/segments/a/publish/", {"seen": fingerprint_of(segment)})
        assert segment.versions.count() == 1

    def test_publish__counts_whom_it_moves_in_journeys(self, staff: Client) -> None:
        condition = {"language": 1, "if": {"known": "email"}}
        segment = build.segment(slug="a", condition=condition)
        for number in range(3):
            build.person(identities={"email": f"p{number}@example.com"})
        leaver = build.person()
        build.membership(segment=segment, person=leaver)
        entered = build.journey_document({"id": "s1", "kind": "exit"})
        entered["entry"] = {"on": {"segment": "a", "change": "entered"}}
        build.journey(slug="hello", name="Hello", document=entered)
        asked = {"segment": "a", "is": "member"}
        wait = {"id": "s1", "kind": "wait_until", "if": asked, "timeout": "P1D", "then": [], "else": []}
        waiting = build.journey(slug="wait", name="Wait", document=build.journey_document(wait))
        build.run(journey=waiting, person=leaver, step="s1")
        build.run(journey=waiting, person=build.person(), step="s1")
        page = text(staff, "/segments/a/moves/", htmx=True)
        row = '{}</a></th><td class="num">{}</td><td class="num">{}</td>'
        assert row.format("Hello", 3, 0) in page
        assert row.format("Wait", NOTHING, 1) in page
        build.segment(slug="unused")
        assert text(staff, "/segments/unused/moves/", htmx=True) == ""

    def test_publish__says_what_is_wrong(self, staff: Client) -> None:
        segment = build.segment(
            slug="a", state="draft", condition={"language": 1, "if": {"segment": "gone", "is": "member"}}
        )
        page = staff.post("/segments/a/publish/", {"seen": fingerprint_of(segment)}).content.decode()
        assert "there is no segment gone" in page
        page = text(staff, "/segments/a/publish/")
        assert "there is no segment gone" in page
        assert "After publishing" not in page


class TestCount:
    def test_card(self, staff: Client) -> None:
        person = build.person(
            traits={"name": "Ada"}, identities={"email": "a@example.com"}, consent={"email_marketing": True}
        )
        build.person()
        page = staff.post("/segments/+count/", form()).content.decode()
        assert "50 % of 2 people" in page
        assert "1 of them may get marketing email" in page
        assert "has a known email" in page
        assert str(person.uuid) in page

    def test_missing__is_said_at_its_row(self, staff: Client) -> None:
        page = staff.post("/segments/+count/", form(**{"r2.known": ""})).content.decode()
        assert "1 part has to be filled in" in page
        assert 'id="err-r2" hx-swap-oob="true">' in page

    def test_suppressed__are_not_reachable(self, staff: Client) -> None:
        from connectors.services import suppress

        build.person(identities={"email": "a@example.com"}, consent={"email_marketing": True})
        suppress("a@example.com", channel="email", reason="bounced")
        page = staff.post("/segments/+count/", form()).content.decode()
        assert "0 of them may get marketing email" in page

    def test_too_slow__is_given_up(self) -> None:
        EventName.objects.bulk_create(EventName(name=f"E{number}") for number in range(150))
        events = [{"event": f"E{number}", "during": {"last": "P9D"}} for number in range(150)]
        condition = parse_condition({"any": events})  # to plan it alone takes longer
        with pytest.raises(TooSlow):
            count_people(condition, now=timezone.now(), seconds=0.001)

    @pytest.mark.parametrize(
        ("holders", "status"),
        [(["own"], 204), (["other"], 200), (["other", "third"], 204)],
        ids=["own is under way", "somebody else's is", "all places are taken"],
    )
    def test_exact__waits_its_turn(self, staff: Client, holders: list[str], status: int) -> None:
        own = User.objects.get(username="mia").pk
        keys = {"own": own, "other": own + 1, "third": own + 2}
        held = ExitStack()
        with held:
            for place, holder in enumerate(holders):
                other = held.enter_context(psycopg.connect(**connection.get_connection_params()))
                other.execute("SELECT pg_advisory_xact_lock(7308, %s)", [keys[holder]])
                other.execute("SELECT pg_advisory_xact_lock(7309, %s)", [place])
            assert staff.post("/segments/+count/", form(exactly="1")).status_code == status
        assert staff.post("/segments/+count/", form(exactly="1")).status_code == 200

    def test_estimate__of_few_is_exact(self) -> None:
        build.person(identities={"email": "a@example.com"})
        build.person()
        found = estimate_people(parse_condition({"known": "email"}), now=timezone.now())
        assert (found.count, found.total, found.is_exact) == (1, 2, True)


class TestMembers:
    @pytest.mark.parametrize(
        "sent", ["u1\n\n u2 \nx9\n", "email;name\nADA@example.com;Ada\nu2;\nx9\n", "id,x\nu1,2\nu2\nx9"]
    )
    def test_names_as_a_text(self, staff: Client, sent: str) -> None:
        build.segment(slug="a")
        ada = build.person(identities={"email": "ada@example.com", "user_id": "u1"})
        ben = build.person(identities={"user_id": "u2"})
        page = staff.post("/segments/a/members/", {"mode": "add", "people": sent}, follow=True)
        assert "1 name is nobody" in page.content.decode()
        assert {one.person_id for one in ManualMember.objects.in_force()} == {ada.pk, ben.pk}

    @pytest.mark.parametrize("sent", ["x" * 200_000, '"' + "x" * 200_000, "a\0b", ""])
    def test_names_of_nobody(self, staff: Client, sent: str) -> None:
        build.segment(slug="a")
        page = staff.post("/segments/a/members/", {"mode": "add", "people": sent}, follow=True)
        said = "Nobody was found" if sent else "Name somebody."
        assert said in page.content.decode()
        assert not ManualMember.objects.exists()

    @pytest.mark.parametrize(
        "line", [b"x" * (LONGEST_LINE + 1), (b" " * 99_998 + b"\n") * (LARGEST_FILE // 99_999 + 1)]
    )
    def test_a_file_too_large(self, staff: Client, line: bytes) -> None:
        build.segment(slug="a")
        build.person(identities={"user_id": "u1"})
        sent = {"mode": "add", "file": SimpleUploadedFile("some.csv", line)}
        page = staff.post("/segments/a/members/", sent, follow=True)
        assert "The file is too large" in page.content.decode()
        assert not ManualMember.objects.exists()

    def test_by_hand_and_by_file(self, staff: Client) -> None:
        segment = build.segment(slug="a")
        ada = build.person(identities={"user_id": "u1"})
        ben = build.person(identities={"user_id": "u2"})
        upload = SimpleUploadedFile("some.csv", b"user_id\nu2\n")
        staff.post("/segments/a/members/", {"mode": "add", "people": "u1", "file": upload})
        said = ManualMember.objects.in_force().filter(segment=segment)
        assert set(said.values_list("person_id", "is_added")) == {(ada.pk, True), (ben.pk, True)}
        staff.post("/segments/a/members/", {"mode": "replace", "people": "u2"})
        assert [one.person_id for one in ManualMember.objects.in_force()] == [ben.pk]
        assert staff.post("/segments/a/members/", {"mode": "dance"}).status_code == 400

    def test_search_and_columns(self, staff: Client) -> None:
        segment = build.segment(slug="a")
        for name in ("Ada", "Ben"):
            build.membership(segment=segment, person=build.person(traits={"name": name, "plan": f"{name}s"}))
        page = text(staff, "/segments/a/?q=ad&column=plan", htmx=True)
        assert "Adas" in page
        assert "Ben" not in page

    @pytest.fixture
    def stay(self) -> Segment:
        segment = build.segment(slug="a")
        person = build.person(traits={"name": "=1+1", "plan": ["x"]}, identities={"user_id": "u1"})
        build.membership(segment=segment, person=person)
        return segment

    def test_export__csv(self, staff: Client, stay: Segment) -> None:
        response = staff.get("/segments/a/members.csv?column=plan")
        rows = list(csv.DictReader(io.StringIO(response.getvalue().decode())))
        assert [(row["user_id"], row["name"], row["plan"]) for row in rows] == [("u1", "'=1+1", '["x"]')]
        assert AuditEntry.objects.filter(verb="segment.export").exists()

    def test_export__jsonl(self, staff: Client, stay: Segment) -> None:
        lines = staff.get("/segments/a/members.jsonl?column=plan").getvalue().decode().splitlines()
        assert json.loads(lines[0])["traits"] == {"plan": ["x"]}
        assert staff.get("/segments/a/members.exe").status_code == 404


class TestStates:
    def test_pause_resume_archive(self, staff: Client) -> None:
        segment = build.segment(slug="a")
        for command, state in (("pause", "paused"), ("resume", "live"), ("archive", "archived")):
            staff.post("/segments/a/state/", {"do": command})
            segment.refresh_from_db()
            assert segment.state == state
        assert staff.post("/segments/a/state/", {"do": "explode"}).status_code == 400

    def test_audit(self, staff: Client) -> None:
        build.segment(slug="a")
        staff.post("/segments/a/audit/", {"mend": "1"})
        assert SegmentAudit.objects.get().is_mending

    def test_history__says_what_changed(self, staff: Client) -> None:
        segment = build.segment(slug="a", version=2)
        for number, condition in ((1, {"known": "email"}), (2, {"all": [{"known": "phone"}]})):
            segment.versions.create(
                number=number,
                condition={"language": 1, "if": condition},
                published_at=build.NOON,
                published_by="tom",
            )
        page = text(staff, "/segments/a/history/")
        assert "<del>has a known email</del>" in page
        assert "<ins>has a known phone</ins>" in page
        staff.post("/segments/a/restore/1/")
        segment.refresh_from_db()
        assert segment.condition["if"] == {"known": "email"}


def test_list__searches_and_chooses(staff: Client) -> None:
    build.segment(slug="a", name="Alpha")
    build.segment(slug="b", name="Beta", state="archived")
    assert "Beta" not in text(staff, "/segments/")
    assert "Beta" in text(staff, "/segments/?state=archived")
    assert "Alpha" not in text(staff, "/segments/?q=zzz")


def test_progress__says_when_it_ends() -> None:
    now = timezone.now()
    segment = build.segment(
        built_at=None, build_total=100, build_done=25, build_started_at=now - timedelta(seconds=10)
    )
    build_ = progress_of(segment, now=now)
    assert build_ is not None
    assert build_.ends_at == now + timedelta(seconds=30)
    assert progress_of(build.segment(), now=now) is None


def test_drawing__of_nothing() -> None:
    assert drawing_of([]).line == ""
