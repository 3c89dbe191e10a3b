"""A journey as a whole, by its menu: renamed, copied, deleted."""

import pytest

from cdp_site.models import BackTest
from cdp_site.web import Role
from journeys.models import Journey
from tests import build
from tests.journeys.browser import Browser
from tests.journeys.documents import THIRD_VISIT, journey, wait

pytestmark = pytest.mark.django_db


@pytest.fixture
def mia() -> Browser:
    return Browser(name="mia")


def test_rename(mia: Browser) -> None:
    build.journey(slug="story", name="Third visit", document=THIRD_VISIT)
    assert mia.post("story/rename/", {"name": " Fourth visit "}).status_code == 302
    assert "<h1>Fourth visit</h1>" in mia.get("story/")
    mia.post("story/rename/", {"name": " "})
    assert "Give the journey a name." in mia.get("story/")
    assert (mia.journey().name, mia.journey().draft_revision) == ("Fourth visit", 1)


def test_duplicate(mia: Browser) -> None:
    build.journey(slug="story", name="Third visit", document=THIRD_VISIT)
    assert mia.post("story/duplicate/", {}).headers["Location"] == "/journeys/copy-of-third-visit/"
    made = Journey.objects.get(slug="copy-of-third-visit")
    assert (made.state, made.draft) == ("draft", THIRD_VISIT)
    Journey.objects.filter(slug="story").update(draft=journey(steps=[wait("Has Space")]))
    assert mia.post("story/duplicate/", {}).headers["Location"] == "/journeys/story/"
    assert "(steps[0].id)" in mia.get("story/")


def test_delete(mia: Browser) -> None:
    draft = build.journey(slug="story", name="Third visit", state="draft", document=THIRD_VISIT)
    build.journey(slug="live", name="Live one", document=THIRD_VISIT)
    BackTest.objects.create(
        journey_id=draft.pk, document={}, begins_at=build.NOON, ends_at=build.NOON, asked_at=build.NOON
    )
    mia.do("nudge", id="mail", by="1")
    assert "Delete the journey" in mia.get("story/")
    assert "Delete the journey" not in mia.get("live/")
    assert mia.post("story/delete/", {}).headers["Location"] == "/journeys/"
    assert "“Third visit” is deleted." in mia.get("")
    assert mia.post("live/delete/", {}).headers["Location"] == "/journeys/live/"
    assert "what it did is kept" in mia.get("live/")
    assert list(Journey.objects.values_list("slug", flat=True)) == ["live"]
    assert not BackTest.objects.exists()


def test_service__may_not() -> None:
    sue = Browser(role=Role.SERVICE)
    build.journey(slug="story", state="draft", document=THIRD_VISIT)
    for path in ("rename/", "duplicate/", "delete/"):
        assert sue.post(f"story/{path}", {"name": "x"}).status_code == 403
    assert "Delete the journey" not in sue.get("story/")
