from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from cdp_site.web import Role
from journeys.models import Journey, JourneyVersion
from journeys.services import publish_journey, save_draft
from tests import build
from tests.journeys.documents import (
    Document,
    branch,
    cart_journey,
    case,
    is_vip,
    journey,
    leave,
    send,
    wait,
    wait_until,
)
from tests.journeys.page_fields import fields_in

pytestmark = pytest.mark.django_db

STORY = journey(
    entry={
        "on": {"event": "Page Viewed"},
        "if": {"event": "Page Viewed", "count": {"op": "exactly", "value": 3}, "during": {"last": "P7D"}},
    },
    steps=[
        send("mail"),
        wait_until("ordered", timeout="P2D", then=[leave("bye")]),
        branch("who", cases=[case("VIP", condition=is_vip(), steps=[wait("nap")])]),
    ],
)


class Browser:
    """Somebody who reads and sends forms, as a browser without scripts does."""

    def __init__(self, *, role: Role = Role.MARKETER, name: str = "") -> None:
        self.user = build.user(role=role, name=name)
        self.client = Client()
        self.client.force_login(self.user)

    def get(self, path: str, *, status: int = 200, htmx: bool = False) -> str:
        response = self.client.get(f"/journeys/{path}", headers={"HX-Request": "true"} if htmx else {})
        assert response.status_code == status, response.content
        return response.content.decode()

    def post(self, path: str, data: dict[str, str], *, htmx: bool = False) -> HttpResponse:
        headers = {"HX-Request": "true"} if htmx else {}
        response: Any = self.client.post(f"/journeys/{path}", data, headers=headers)
        assert isinstance(response, HttpResponse)
        return response

    def form(self, part: str, *, slug: str = "story") -> dict[str, str]:
        """What the form of a part would send, untouched."""
        return fields_in(self.get(f"{slug}/?step={part}"), form="part-form")

    def save(
        self, part: str, data: dict[str, str], *, slug: str = "story", htmx: bool = False
    ) -> HttpResponse:
        return self.post(f"{slug}/parts/{part}/", data, htmx=htmx)


@pytest.fixture
def mia() -> Browser:
    return Browser(name="mia")


@pytest.fixture
def story() -> Journey:
    build.template(slug="welcome")
    build.template(slug="bye")
    return build.journey(slug="story", name="Third visit", document=STORY)


def draft() -> Document:
    document: Document = Journey.objects.get(slug="story").draft
    return document


# Seeing


def test_list__empty(mia: Browser) -> None:
    assert "No journeys yet" in mia.get("")


def test_list(mia: Browser, story: Journey) -> None:
    build.run(journey=story, person=build.person(), step="mail")
    build.journey(name="Other", state="draft")
    html = mia.get("")
    assert html.index("Other") < html.index("Third visit")
    assert "Live v1" in html
    assert "Never published" in html


def test_page__draws_every_step(mia: Browser) -> None:
    for kind in ("connection", "segment"):
        getattr(build, kind)(slug={"connection": "crm", "segment": "vip"}[kind])
    build.journey(slug="cart", document=cart_journey())
    html = mia.get("cart/")
    for card in ("@entry", "@goal", "@exit", "s1", "s2", "s3", "s4", "s5", "s6"):
        assert f'id="card-{card}"' in html
    assert "Ordered?" in html


def test_page__queries_do_not_grow_with_the_steps(
    mia: Browser, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    build.journey(slug="long", document=journey(steps=[wait(f"w{number}") for number in range(100)]))
    with django_assert_max_num_queries(22):
        mia.get("long/?step=w5")


def test_page__unknown(mia: Browser) -> None:
    mia.get("nowhere/", status=404)


def test_page__unknown_step_shows_the_journey(mia: Browser, story: Journey) -> None:
    assert 'id="panel"' not in mia.get("story/?step=nowhere")


def test_page__htmx_gets_the_part_alone(mia: Browser, story: Journey) -> None:
    html = mia.get("story/?step=mail", htmx=True)
    assert "<html" not in html
    assert 'id="journey"' in html
    assert 'id="panel"' in html


def test_page__unsound_draft_shows_what_is_live(mia: Browser, story: Journey) -> None:
    save_draft("story", document={"steps": []}, revision=1, actor="api", now=timezone.now())
    html = mia.get("story/?step=mail")
    assert "so this shows what is live" in html
    assert 'id="card-mail"' in html
    assert 'id="panel"' not in html
    assert "must be a list of steps" not in html
    assert "must have at least one step" in mia.get("story/publish/")


def test_page__unsound_and_never_published(mia: Browser) -> None:
    build.journey(slug="bare", state="draft", document={})
    assert "cannot be shown" in mia.get("bare/")


def test_page__marks_what_the_draft_changes(mia: Browser, story: Journey) -> None:
    assert "Changed in this draft" not in mia.get("story/")
    mia.save("mail", {**mia.form("mail"), "template": "bye"})
    html = mia.get("story/")
    assert html.count("Changed in this draft") == 1
    assert "Draft, not published" in html


# Changing


def test_edit__count_window_and_event(mia: Browser, story: Journey) -> None:
    form = mia.form("@entry")
    assert (form["if/count_1"], form["if/during_1"]) == ("3", "7")
    changes = {"on/event": "Product Viewed", "if/count_1": "5", "if/during_1": "2", "if/during_2": "WEEKS"}
    response = mia.save("@entry", {**form, **changes})
    assert response.status_code == 302
    assert draft()["entry"] == {
        "on": {"event": "Product Viewed"},
        "if": {"event": "Page Viewed", "count": {"op": "exactly", "value": 5}, "during": {"last": "P2W"}},
    }
    assert "Saved in the draft." in mia.get("story/?step=@entry")


def test_edit__wait_keeps_what_stands_below(mia: Browser, story: Journey) -> None:
    mia.save("ordered", {**mia.form("ordered"), "timeout_0": "4"})
    assert draft()["steps"][1] == {**STORY["steps"][1], "timeout": "P4D"}


def test_edit__nothing_changed(mia: Browser, story: Journey) -> None:
    for part in ("@entry", "mail", "ordered", "who", "nap", "bye"):
        mia.save(part, mia.form(part))
    assert draft() == STORY


def test_edit__errors_stand_under_their_field(mia: Browser, story: Journey) -> None:
    response = mia.save("@entry", {**mia.form("@entry"), "if/count_1": "-3"})
    html = response.content.decode()
    assert response.status_code == 200
    assert 'id="f-if/count_error"' in html
    assert 'value="-3"' in html  # what was typed is still there
    assert draft() == STORY


def test_edit__faults_of_the_language_stand_under_their_field(mia: Browser, story: Journey) -> None:
    html = mia.save("@entry", {**mia.form("@entry"), "if/count_1": "1000000", "if/during_1": "99999"})
    assert 'id="f-if/during_error"' in html.content.decode()
    assert draft() == STORY


def test_edit__htmx_gets_the_part_and_a_toast(mia: Browser, story: Journey) -> None:
    response = mia.save("mail", {**mia.form("mail"), "template": "bye"}, htmx=True)
    assert response.status_code == 200
    assert "Saved in the draft." in response.headers["HX-Trigger-After-Settle"]
    assert "<html" not in response.content.decode()
    assert draft()["steps"][0]["template"] == "bye"


@pytest.mark.parametrize("seen", ["", "x", "e30:1:2"])
def test_edit__form_that_is_not_ours(mia: Browser, story: Journey, seen: str) -> None:
    assert mia.save("mail", {**mia.form("mail"), "seen": seen}).status_code == 400


def test_edit__step_that_is_gone(mia: Browser, story: Journey) -> None:
    form = mia.form("mail")
    without = {**STORY, "steps": STORY["steps"][1:]}
    save_draft("story", document=without, revision=1, actor="tom", now=timezone.now())
    assert mia.save("mail", form).status_code == 302
    assert "no longer in the draft" in mia.get("story/")
    assert draft() == without


# Two editors


def test_two_editors__different_parts_are_both_kept(mia: Browser, story: Journey) -> None:
    tom = Browser(name="tom")
    hers, his = mia.form("mail"), tom.form("ordered")
    assert tom.save("ordered", {**his, "timeout_0": "5"}).status_code == 302
    assert mia.save("mail", {**hers, "template": "bye"}).status_code == 302
    assert (draft()["steps"][0]["template"], draft()["steps"][1]["timeout"]) == ("bye", "P5D")


def test_two_editors__the_same_part(mia: Browser, story: Journey) -> None:
    tom = Browser(name="tom")
    hers, his = mia.form("@entry"), tom.form("@entry")
    tom.save("@entry", {**his, "if/count_1": "4", "on/event": "Cart Updated"})
    clash = mia.save("@entry", {**hers, "if/count_1": "9"})
    html = clash.content.decode()
    assert clash.status_code == 409
    assert "tom changed this step while you did" in html
    assert "In the draft now: exactly 4" in html
    assert draft()["entry"]["if"]["count"]["value"] == 4  # nothing was overwritten
    merged = fields_in(html, form="part-form")
    assert (merged["if/count_1"], merged["on/event"]) == (
        "9",
        "Cart Updated",
    )  # hers, and his where she did not
    assert mia.save("@entry", merged).status_code == 302
    assert draft()["entry"]["if"]["count"]["value"] == 9
    assert draft()["entry"]["on"]["event"] == "Cart Updated"


def test_two_editors__htmx_is_told_in_the_panel(mia: Browser, story: Journey) -> None:
    tom = Browser(name="tom")
    hers = mia.form("mail")
    tom.save("mail", {**tom.form("mail"), "template": "bye"})
    clash = mia.save("mail", {**hers, "name": "Mine"}, htmx=True)
    assert clash.status_code == 200  # htmx would not swap in anything else
    assert "tom changed this step while you did" in clash.content.decode()


# Publishing


def test_publish__tells_what_changes_and_does_it(mia: Browser, story: Journey) -> None:
    build.run(journey=story, person=build.person(), step="ordered")
    mia.save("ordered", {**mia.form("ordered"), "timeout_0": "4"})
    html = mia.get("story/publish/")
    assert "at most 2 days" in html
    assert "at most 4 days" in html
    assert "0 before it, 1 at it, 0 behind it" in html
    assert "1 person is inside now" in html
    response = mia.post("story/publish/", {"revision": "2"})
    assert response.status_code == 302
    row = Journey.objects.get()
    assert row.live_version is not None
    assert (row.live_version.number, row.live_version.published_by) == (2, "mia")
    assert row.live_version.document["steps"][1]["timeout"] == "P4D"
    assert "Version 2 is published." in mia.get("story/")


def test_publish__people_move_to_the_step_that_was_named(mia: Browser, story: Journey) -> None:
    run = build.run(journey=story, person=build.person(), step="ordered")
    last = story.draft["steps"][-1]["id"]
    story.draft["steps"] = [step for step in story.draft["steps"] if step["id"] != "ordered"]
    story.save(update_fields=["draft"])
    assert "which is gone" in mia.get("story/publish/")
    choice = {"revision": "1", "people_inside": "move", "to:ordered": last}
    assert mia.post("story/publish/", choice | {"people_inside": "stay"}).status_code == 400
    assert mia.post("story/publish/", choice).status_code == 302
    run.refresh_from_db()
    assert (run.version.number, run.state["step"]) == (2, last)


def test_publish__renamed_step(mia: Browser, story: Journey) -> None:
    mia.save("nap", {**mia.form("nap"), "name": "A short nap"})
    html = mia.get("story/publish/")
    assert "<del>Wait</del>" in html
    assert "<ins>A short nap</ins>" in html


def test_publish__for_the_first_time(mia: Browser) -> None:
    build.journey(slug="story", state="draft", document=journey())
    assert "people enter this journey" in mia.get("story/publish/")
    mia.post("story/publish/", {"revision": "1"})
    assert Journey.objects.get().state == Journey.State.LIVE


def test_publish__nothing_to_publish(mia: Browser, story: Journey) -> None:
    assert "Nothing to publish" in mia.get("story/publish/")


def test_publish__lists_what_to_fix(mia: Browser, story: Journey) -> None:
    document = {**STORY, "steps": [send("mail", template="gone"), *STORY["steps"][1:]]}
    save_draft("story", document=document, revision=1, actor="api", now=timezone.now())
    html = mia.get("story/publish/")
    assert "there is no template “gone”" in html
    assert "?step=mail" in html
    assert "1 thing to fix" in mia.get("story/")
    assert mia.post("story/publish/", {"revision": "2"}).status_code == 302
    assert "cannot be published yet" in mia.get("story/publish/")
    assert JourneyVersion.objects.count() == 1


def test_publish__draft_changed_meanwhile(mia: Browser, story: Journey) -> None:
    mia.save("ordered", {**mia.form("ordered"), "timeout_0": "4"})
    assert mia.post("story/publish/", {"revision": "1"}).status_code == 302
    assert "Somebody changed the draft meanwhile" in mia.get("story/publish/")
    assert JourneyVersion.objects.count() == 1


@pytest.mark.parametrize("revision", ["", "x", "1" * 50])
def test_publish__unreadable(mia: Browser, story: Journey, revision: str) -> None:
    assert mia.post("story/publish/", {"revision": revision}).status_code == 400


def test_state__pause_resume_stop(mia: Browser, story: Journey) -> None:
    for verb, state in (("pause", "paused"), ("resume", "live"), ("pause", "paused"), ("stop", "stopped")):
        mia.post(f"story/{verb}/", {})
        assert Journey.objects.get().state == state
    assert mia.post("story/pause/", {}).status_code == 302
    assert "Somebody changed the state" in mia.get("story/")
    assert mia.post("nowhere/pause/", {}).status_code == 404


# Roles


def test_service__sees_and_changes_nothing(mia: Browser, story: Journey) -> None:
    form = mia.form("mail")
    sue = Browser(role=Role.SERVICE)
    html = sue.get("story/?step=mail")
    assert '<fieldset class="j-fields" disabled>' in html
    assert "Save in the draft" not in html
    assert "Publish" not in html
    assert sue.save("mail", {**form, "template": "bye"}).status_code == 403
    for verb in ("publish", "pause", "resume", "stop"):
        assert sue.post(f"story/{verb}/", {}).status_code == 403
    assert draft() == STORY
    publish_journey("story", actor="mia", now=timezone.now())


@pytest.mark.parametrize(
    ("document", "part", "title"),
    [
        ({**STORY, "entry": {"on": {"event": ""}}}, "%40entry", "Entry"),
        ({**STORY, "goal": {"if": {}, "steps": []}}, "%40goal", "Goal"),
        ({**STORY, "steps": [wait("nap", length="soon")]}, "nap", "nap"),
    ],
)
def test_publish__faults_lead_to_their_part(
    mia: Browser, story: Journey, document: Document, part: str, title: str
) -> None:
    save_draft("story", document=document, revision=1, actor="api", now=timezone.now())
    assert f'?step={part}">{title}</a>' in mia.get("story/publish/")
