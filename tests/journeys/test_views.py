"""Publishing, pausing and stopping by pages. The builder has a file of its own."""

import pytest
from django.utils import timezone

from cdp_site.models import Company
from journeys.models import Journey, JourneyVersion
from journeys.services import save_draft
from tests import build
from tests.journeys.browser import Browser
from tests.journeys.documents import (
    THIRD_VISIT,
    journey,
    send,
)

pytestmark = pytest.mark.django_db

CAP = {"class": "marketing", "most": 2, "per": "P7D"}


@pytest.fixture
def mia() -> Browser:
    return Browser(name="mia")


@pytest.fixture
def story() -> Journey:
    build.template(slug="welcome")
    build.template(slug="bye")
    return build.journey(slug="story", name="Third visit", document=THIRD_VISIT)


def test_publish__tells_what_changes_and_does_it(mia: Browser, story: Journey) -> None:
    build.run(journey=story, person=build.person(), step="ordered")
    mia.save("ordered", mia.form("ordered") | {"f.timeout.amount": "4"})
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
    mia.save("nap", mia.form("nap") | {"f.name": "A short nap"})
    html = mia.get("story/publish/")
    assert "<del>Wait</del>" in html
    assert "<ins>A short nap</ins>" in html


def test_crowd__is_told_wherever_the_journey_is_shown(mia: Browser, story: Journey) -> None:
    build.run(journey=story, person=build.person(), step="ordered")
    Journey.objects.update(moving={"before": 2, "total": 9, "version": 0, "to": {}})
    for page in ("story/", "story/publish/", "story/crowd/"):
        assert "being moved to another version: 8 of 9 are there." in mia.get(page)
    Journey.objects.update(moving={"before": 2, "total": 9, "outcome": "exited", "reason": "publishing"})
    save_draft("story", document=journey(), revision=1, actor="mia", now=timezone.now())
    for page in ("story/", "story/publish/", "story/crowd/"):
        assert "Everybody inside is leaving: 8 of 9 are out." in mia.get(page)
    assert mia.post("story/publish/", {"revision": "2"}).status_code == 302
    assert "publish once they are out" in mia.get("story/publish/")
    Journey.objects.update(moving=None)
    assert "hx-trigger" not in mia.get("story/crowd/")


def test_publish__for_the_first_time(mia: Browser) -> None:
    build.journey(slug="story", state="draft", document=journey())
    assert "people enter this journey" in mia.get("story/publish/")
    mia.post("story/publish/", {"revision": "1"})
    assert Journey.objects.get().state == Journey.State.LIVE


def test_publish__repeats_what_the_builder_warns_of(mia: Browser) -> None:
    mails = [send(step, message_class="marketing") for step in ("mail", "last")]
    build.template(slug="welcome")
    build.journey(slug="story", state="draft", document=journey(steps=mails))
    html = mia.get("story/publish/")
    for words in ("No frequency cap", "passed over here", "?step=%40settings", "?step=mail"):
        assert words in html
    assert html.count("No frequency cap") == 1
    Company.objects.update_or_create(id=1, defaults={"settings": {"language": 1, "caps": [CAP]}})
    assert "No frequency cap" not in mia.get("story/publish/")


def test_publish__nothing_to_publish(mia: Browser, story: Journey) -> None:
    assert "Nothing to publish" in mia.get("story/publish/")
    one, true = (
        journey(steps=[{"id": "t", "kind": "set_trait", "set": {"vip": value}}]) for value in (1, True)
    )
    JourneyVersion.objects.update(document=one)
    Journey.objects.update(draft=true)
    assert "Nothing to publish" not in mia.get("story/publish/")
    assert 'id="j-publish"' in mia.get("story/")


def test_publish__lists_what_to_fix(mia: Browser, story: Journey) -> None:
    document = {**THIRD_VISIT, "steps": [send("mail", template="gone"), *THIRD_VISIT["steps"][1:]]}
    save_draft("story", document=document, revision=1, actor="api", now=timezone.now())
    html = mia.get("story/publish/")
    assert "there is no template “gone”" in html
    assert "?step=mail" in html
    assert "1 step to fix" in mia.get("story/")
    assert mia.post("story/publish/", {"revision": "2"}).status_code == 302
    assert "cannot be published yet" in mia.get("story/publish/")
    assert JourneyVersion.objects.count() == 1


def test_publish__draft_changed_meanwhile(mia: Browser, story: Journey) -> None:
    mia.save("ordered", mia.form("ordered") | {"f.timeout.amount": "4"})
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
