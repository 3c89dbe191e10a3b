"""Two people change one draft: who comes second is told, loses nothing, and undoes nothing of the first."""

from typing import Any

import pytest

from journeys.models import DraftState, Journey
from tests import build
from tests.journeys.browser import Browser
from tests.journeys.documents import THIRD_VISIT, journey, wait
from tests.journeys.page_fields import fields_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def mia() -> Browser:
    return Browser(name="mia")


@pytest.fixture
def tom() -> Browser:
    return Browser(name="tom")


@pytest.fixture
def story() -> Journey:
    build.template(slug="welcome", name="Welcome")
    build.template(slug="bye", name="Good-bye")
    return build.journey(slug="story", name="Third visit", document=THIRD_VISIT)


def mail(browser: Browser) -> dict[str, Any]:
    step: dict[str, Any] = browser.draft()["steps"][0]
    return step


def test_typing_with_scripts__is_refused_and_sent_again(mia: Browser, tom: Browser, story: Journey) -> None:
    hers = mia.form("mail") | {"f.template": "bye"}
    tom.save("mail", tom.form("mail") | {"f.name": "Hello"})
    told = mia.save("mail", hers, htmx=True)
    assert told.status_code == 200  # htmx would drop the words of a 409
    assert "journey:refused" in told.headers["HX-Trigger"]
    assert 'data-again="2"' in told.content.decode()
    assert mail(mia)["template"] == "welcome"
    answer = mia.save("mail", hers | {"revision": "2", "seen": "1"}, htmx=True).content.decode()
    assert (mail(mia)["template"], mail(mia)["name"]) == ("bye", "Hello")  # each changed a field of one part
    assert fields_in(answer, form="part-form")["f.name"] == "Hello"


def test_sent_again__the_answer_shows_what_the_page_shows(mia: Browser, tom: Browser, story: Journey) -> None:
    hers = mia.form("mail") | {"f.template": "bye", "seen": "1", "revision": "2"}
    tom.do("nudge", id="mail", by="1")
    other = mia.save("mail", hers | {"shows": "who"}, htmx=True).content.decode()
    assert 'id="part-form" data-part="who"' in other
    assert "<aside" not in mia.do("nudge", id="mail", by="-1", shows="", htmx=True).content.decode()


def test_sent_again__a_part_that_is_gone(mia: Browser, tom: Browser, story: Journey) -> None:
    hers = mia.form("mail") | {"f.template": "bye", "seen": "1", "revision": "2"}
    tom.do("remove", id="mail")
    assert "somebody removed it" in mia.save("mail", hers, htmx=True).headers["HX-Trigger-After-Settle"]


def test_what_was_seen_is_not_kept__only_loading_is_offered(
    mia: Browser, tom: Browser, story: Journey
) -> None:
    hers = mia.form("mail") | {"f.template": "bye"}
    tom.do("nudge", id="mail", by="1")
    DraftState.objects.all().delete()
    told = mia.save("mail", hers, htmx=True).content.decode()
    assert "Too much has changed" in told
    assert "data-again" not in told
    told = mia.save("mail", hers | {"revision": "2", "seen": "1"}, htmx=True).content.decode()
    assert "Too much has changed" in told
    assert mia.save("mail", hers).status_code == 409


def test_without_scripts__what_was_typed_stands_on_what_others_left(
    mia: Browser, tom: Browser, story: Journey
) -> None:
    hers = mia.form("mail")
    tom.save("mail", tom.form("mail") | {"f.name": "Hello"})
    clash = mia.save("mail", hers | {"f.template": "bye"})
    html = clash.content.decode()
    assert clash.status_code == 409
    assert "tom changed this draft" in html
    assert "Hello: changed" in html
    assert "data-again" not in html
    on_theirs = fields_in(html, form="part-form")
    assert (on_theirs["f.template"], on_theirs["f.name"], on_theirs["revision"]) == ("bye", "Hello", "2")
    assert mia.save("mail", on_theirs).status_code == 302
    assert (mail(mia)["template"], mail(mia)["name"]) == ("bye", "Hello")


def test_without_scripts__the_pressed_button_is_not_forgotten(
    mia: Browser, tom: Browser, story: Journey
) -> None:
    hers = mia.form("@settings") | {"do": "add:quiet_hours"}
    tom.save("@settings", tom.form("@settings") | {"f.time_zone": "company"})
    html = mia.save("@settings", hers).content.decode()
    assert mia.save("@settings", fields_in(html, form="part-form")).status_code == 302
    assert mia.draft()["settings"] == {
        "time_zone": "company",
        "quiet_hours": {"from": "21:00", "to": "08:00"},
    }


def test_operations_and_undo(mia: Browser, story: Journey) -> None:
    mia.do("nudge", id="mail", by="1")
    before = mia.draft()
    for verb, can_go_on in (("nudge", True), ("undo", False), ("redo", False), ("remove", True)):
        answer = mia.do(verb, revision="1", id="mail", by="-1", htmx=True)
        html = answer.content.decode()
        assert answer.status_code == 200
        assert "changed this draft" in html
        assert ("data-again" in html, "HX-Trigger" in answer.headers) == (can_go_on, can_go_on)
        assert ("Nothing was taken back" in html) is not can_go_on
        assert mia.do(verb, revision="1", id="mail", by="-1").status_code == 409
    assert mia.draft() == before


def test_what_was_typed_into_is_taken_out(mia: Browser, tom: Browser) -> None:
    cases = [
        {"if": {"trait": "plan", "op": "is", "value": plan}, "steps": [wait(plan)]} for plan in ("a", "b")
    ]
    branch = {"id": "b", "kind": "branch", "cases": cases, "else": []}
    build.journey(slug="story", document=journey(steps=[branch]))
    hers = mia.form("b") | {"f.cases.0.name": "Best", "seen": "1"}
    tom.do("remove_way", id="b", way="0", sure="1")
    tom.do("add_way", id="b")
    before = mia.draft()
    for revision in ("1", "3"):  # the second time is on what he left
        told = mia.save("b", hers | {"revision": revision}, htmx=True)
        assert "journey:refused" in told.headers["HX-Trigger"]
        assert ("what you changed was taken out" in told.content.decode()) is (revision == "3")
        page = mia.save("b", hers | {"revision": revision})
        assert (page.status_code, "taken out" in page.content.decode()) == (409, True)
    assert mia.draft() == before
    hers["f.cases.0.name"], hers["f.cases.1.name"] = "", "Good"
    mia.save("b", hers | {"revision": "3"}, htmx=True)
    assert [way.get("name") for way in mia.draft()["steps"][0]["cases"]] == ["Good", None]
