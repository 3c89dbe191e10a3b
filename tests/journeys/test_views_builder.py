"""The builder by its pages: what they show of a draft, sound or not, and what each change does to it."""

import json
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import DjangoAssertNumQueries

from cdp_site.web import Role
from journeys.domain.decision import Outcome
from journeys.models import DraftState, Journey
from tests import build
from tests.journeys.browser import Browser
from tests.journeys.documents import (
    THIRD_VISIT,
    cart_journey,
    journey,
    leave,
    send,
    wait,
    wait_until,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def mia() -> Browser:
    return Browser(name="mia")


@pytest.fixture
def story() -> Journey:
    build.template(slug="welcome", name="Welcome")
    build.template(slug="bye", name="Good-bye")
    return build.journey(slug="story", name="Third visit", document=THIRD_VISIT)


def ids(steps: list[Any]) -> list[str]:
    return [step["id"] for step in steps]


# Seeing


def test_list(mia: Browser, story: Journey) -> None:
    build.run(journey=story, person=build.person(), step="mail")
    build.journey(name="Other", state="draft")
    html = mia.get("")
    assert html.index("Other") < html.index("Third visit")
    assert "Live v1" in html
    assert "Never published" in html
    assert "New journey" in html


def test_page__draws_every_part(mia: Browser) -> None:
    build.connection(slug="crm")
    build.segment(slug="vip")
    build.journey(slug="cart", document=cart_journey())
    html = mia.get("cart/")
    for card in ("@entry", "@goal", "@exit", "@settings", "s1", "s2", "s3", "s4", "s5", "s6", "g1"):
        assert f'id="card-{card}"' in html
    for spot in (":0", "s2/then:0", "s2/else:0", "s4/cases/0:0", "goal:0", "goal:1"):
        assert f'id="add-{spot}"' in html
    assert "Ordered?" in html


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({"language": 1}, ["Must be an object.", "2 steps to fix"]),
        (
            journey(steps=[], entry={"on": {"event": ""}}),
            ["Choose the event that begins it.", "2 steps to fix"],
        ),
        (
            journey(steps=[wait("w")], goal={"segment": "gone", "is": "member"}),
            ["There is no segment", "1 step to fix"],
        ),
        (journey(steps=[{"kind": "send", "id": "m"}]), ["Choose a template."]),
        (journey(steps=[{"kind": "wait_until", "id": "u"}]), ["Say what must hold."]),
        (
            journey(steps=[leave("x"), wait("w")]),
            ["Can never run: everybody has left the journey before it."],
        ),
        (journey(steps=[{"kind": "dance", "id": "d"}]), ["dance", "Must be one of"]),
        (
            journey(steps=[{**wait("w"), "for": "soon"}], goal={"known": ""}),
            ["Go on after: must be a length of time", "2 steps to fix"],
        ),
        (journey(steps=[{"kind": "crm", "id": "c"}]), ["Choose a connection.", "Say what the CRM is to do."]),
        (journey(steps="none", entry={"on": {"date": ""}}), ["Choose the trait that holds the date."]),  # type: ignore[arg-type]
    ],
)
def test_page__unsound_drafts_are_drawn_with_their_faults(
    mia: Browser, document: Any, said: list[str]
) -> None:
    build.journey(slug="story", state="draft", document=document)
    html = mia.get("story/")
    for text in said:
        assert text in html
    for step in document.get("steps", []) if isinstance(document.get("steps"), list) else []:
        assert f'id="card-{step["id"]}"' in html
        mia.get(f"story/?step={step['id']}")
    for part in ("@entry", "@goal", "@exit", "@settings"):
        mia.get(f"story/?step={part}")


def test_page__values_that_are_no_text_are_shown_as_they_are(mia: Browser) -> None:
    entry = {"on": {"event": 5}, "if": {"event": 7, "count": {"op": "at_least", "value": "x"}}}
    settings: Any = {"quiet_hours": {"classes": [[]]}}
    build.journey(slug="story", state="draft", document=journey(entry=entry, settings=settings))
    html = mia.get("story/?step=@entry")
    assert "&#34;event&#34;: 5" in html
    assert "&#34;event&#34;: 7" in html
    assert mia.save("@entry", mia.form("@entry")).status_code == 302
    assert mia.draft()["entry"] == entry
    mia.get("story/?step=@settings")


def test_page__warns(mia: Browser) -> None:
    build.template(slug="welcome")
    mails = [send("m", message_class="marketing"), wait_until("u"), send("again", message_class="marketing")]
    build.journey(slug="story", document=journey(steps=mails))
    html = mia.get("story/?step=m")
    assert "No frequency cap" in html
    assert "Whoever has not agreed to marketing email is passed over here." in html
    assert "some people wait here for ever" in html
    document = journey(
        steps=mails[:1],
        entry={"on": {"event": "A"}, "if": {"consent": "email_marketing", "is": "granted"}},
        settings={"caps": [{"class": "marketing", "most": 2, "per": "P7D"}]},
    )
    build.journey(slug="calm", document=document)
    build.event(person=build.person(), name="A")
    assert "j-warn" not in mia.get("calm/?step=m")


def test_page__warns_of_events_that_nobody_sent(mia: Browser) -> None:
    build.event(person=build.person(), name="Cart Updated")
    opened = {"engagement": "opened", "count": {"op": "at_least", "value": 1}}
    either = [{"event": "Paid"}, {"event": "Cart *"}, {"event": "Chat *"}, opened]
    steps = [{**wait_until("u", timeout="P1D"), "if": {"any": either}}]
    build.journey(slug="story", document=journey(steps=steps, goal={"if": {"event": "Orderd"}, "steps": []}))
    html = mia.get("story/?step=u")
    said = {"Chat *": 2, "Paid": 1, "Orderd": 1, "Cart *": 0, "Cart Updated": 0, "Email Opened": 0}
    for name, times in said.items():  # the first on the card, and each at its row
        assert html.count(f"Nobody has sent “{name}” so far.") == times, name


def test_page__queries_do_not_grow_with_the_steps(
    mia: Browser, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    build.journey(slug="long", document=journey(steps=[wait(f"w{number}") for number in range(100)]))
    with django_assert_max_num_queries(32):
        mia.get("long/?step=w5")


def test_page__unknown(mia: Browser, story: Journey) -> None:
    mia.get("nowhere/", status=404)
    assert 'id="part-form"' not in mia.get("story/?step=nowhere")
    assert 'name="at" value="who/else:0"' in mia.get("story/?add=who/else:0")
    assert 'name="at"' not in mia.get("story/?add=who")


def test_page__htmx_gets_the_panel_alone(mia: Browser, story: Journey) -> None:
    html = mia.get("story/?step=mail", htmx=True)
    assert "<html" not in html
    assert 'id="journey"' not in html
    assert 'id="part-form"' in html


# Making


def test_new__from_blank(mia: Browser) -> None:
    assert "Give the journey a name." in mia.post("+new/", {"name": " "}).content.decode()
    for slug in ("abandoned-cart", "abandoned-cart-2"):
        response = mia.post("+new/", {"name": "Abandoned cart", "entry": "event"})
        assert response.headers["Location"] == f"/journeys/{slug}/?step=%40entry"
    made = Journey.objects.get(slug="abandoned-cart")
    assert made.draft == {"language": 1, "entry": {"on": {"event": ""}}, "steps": []}
    assert mia.post("+new/", {"name": "x", "entry": "dance"}).status_code == 400


# Changing


def test_edit__nothing_changed(mia: Browser, story: Journey) -> None:
    for part in ("@entry", "mail", "ordered", "who", "nap", "bye", "@settings"):
        assert mia.save(part, mia.form(part)).status_code == 302
    assert mia.draft() == THIRD_VISIT
    assert mia.journey().draft_revision == 1


def test_edit__saved_though_it_is_unsound(mia: Browser, story: Journey) -> None:
    response = mia.save("mail", mia.form("mail") | {"f.template": ""}, htmx=True)
    html = response.content.decode()
    assert mia.draft()["steps"][0] == {
        key: value for key, value in THIRD_VISIT["steps"][0].items() if key != "template"
    }
    assert "<aside" not in html  # the panel somebody types in is never swapped
    assert 'id="err-f-template" hx-swap-oob="true">' in html
    assert html.count("Choose a template.") == 2  # on the card and in the panel
    assert 'data-revision="2"' in html


def test_edit__command_brings_the_panel_anew(mia: Browser, story: Journey) -> None:
    data = mia.form("@settings") | {"do": "add:quiet_hours", "rebuild": "1"}
    html = mia.save("@settings", data, htmx=True).content.decode()
    assert 'name="f.quiet_hours.from"' in html
    assert mia.draft()["settings"] == {"quiet_hours": {"from": "21:00", "to": "08:00"}}


def test_edit__refused(mia: Browser, story: Journey) -> None:
    form = mia.form("mail")
    assert mia.save("mail", form | {"revision": "x"}).status_code == 400
    assert mia.save("@entry", mia.form("@entry") | {"c-if-n": "r1|r9|dance"}).status_code == 400
    assert mia.save("gone", form).status_code == 302
    assert "somebody removed it meanwhile" in mia.get("story/")
    assert (
        "cannot be stored"
        in mia.save("mail", form | {"f.name": "a\0b"}, htmx=True).headers["HX-Trigger-After-Settle"]
    )
    assert mia.draft() == THIRD_VISIT


def test_do__what_cannot_be_stored(mia: Browser) -> None:
    deep = [wait("in")]
    for number in range(48):
        deep = [{"id": f"u{number}", "kind": "wait_until", "if": {}, "then": deep}]
    row = build.journey(slug="story", document=journey(steps=deep))
    spot = "u0/then:0"
    told = mia.do("insert", kind="branch", at=spot, htmx=True).headers["HX-Trigger-After-Settle"]
    assert "has more than 100 levels" in told
    assert mia.do("paste", id="u9", at=spot).status_code == 302
    old = journey(steps=[wait("Has Space"), wait()])  # of before ids had a rule
    Journey.objects.filter(pk=row.pk).update(draft=old)
    told = mia.do("nudge", id="w", by="-1", htmx=True).headers["HX-Trigger-After-Settle"]
    assert "(steps[1].id)" in told
    assert mia.draft() == old


def test_do__each_operation(mia: Browser, story: Journey) -> None:
    html = mia.do("insert", kind="wait", at="ordered/else:0", htmx=True).content.decode()
    made = mia.draft()["steps"][1]["else"][0]
    assert made == {"id": made["id"], "kind": "wait", "for": "P1D"}
    assert f'data-part="{made["id"]}"' in html  # it is open at once
    mia.do("move", id=made["id"], at=":0")
    mia.do("nudge", id=made["id"], by="1")
    assert ids(mia.draft()["steps"]) == ["mail", made["id"], "ordered", "who"]
    mia.do("duplicate", id=made["id"])
    mia.do("paste", id=made["id"], at="who/else:0")
    mia.do("add_way", id="who")
    assert len(mia.draft()["steps"]) == 5
    assert len(mia.draft()["steps"][-1]["cases"]) == 2
    mia.do("nudge_case", id="who", case="0:1")
    assert [way.get("name") for way in mia.draft()["steps"][-1]["cases"]] == [None, "VIP"]
    mia.do("remove_way", id="who", way="0")
    mia.do("add_part", id="@goal")
    assert mia.draft()["goal"] == {"if": {}, "steps": []}
    mia.do("remove", id="@goal")
    for _change in range(10):
        mia.do("undo")
    assert mia.draft() == THIRD_VISIT
    for answer in (
        mia.do("insert", kind="dance", at=":0"),
        mia.do("move", id="mail", at="x"),
        mia.do("dance"),
    ):
        assert answer.status_code == 302
    assert mia.draft() == THIRD_VISIT


def test_do__undo_and_redo(mia: Browser, story: Journey) -> None:
    mia.do("remove", id="mail")
    mia.do("undo")
    assert mia.draft() == THIRD_VISIT
    mia.do("redo")
    mia.do("redo")
    assert ids(mia.draft()["steps"]) == ["ordered", "who"]
    mia.do("undo")
    mia.do("nudge", id="mail", by="1")  # what was undone cannot be done again now
    assert not DraftState.objects.filter(is_undone=True).exists()


def test_do__typing_in_one_go_is_undone_at_once(mia: Browser, story: Journey) -> None:
    for name in ("F", "Fi", "First"):
        mia.save("mail", mia.form("mail") | {"f.name": name})
    mia.do("undo")
    assert mia.draft() == THIRD_VISIT


def test_do__removing_asks_first(mia: Browser, story: Journey) -> None:
    build.run(journey=story, person=build.person(), step="nap")
    asked = mia.do("remove", id="who", htmx=True).content.decode()
    assert "Delete “Branch”?" in asked
    assert "1 person waits there now." in asked
    assert "Keep 1 step of “VIP”" in asked
    assert mia.draft() == THIRD_VISIT
    assert "1 step goes with it." in mia.do("remove_way", id="who", way="0").content.decode()
    mia.do("remove", id="who", sure="1", keep="cases/0")
    assert ids(mia.draft()["steps"]) == ["mail", "ordered", "nap"]


# In and out


def test_export_and_import(mia: Browser, story: Journey) -> None:
    exported = json.loads(mia.get("story/draft.json"))
    assert exported == THIRD_VISIT
    bare = {**exported, "steps": [{"kind": "exit"}, *exported["steps"]]}
    file = SimpleUploadedFile("draft.json", json.dumps(bare).encode())
    assert mia.post("story/import/", {"revision": "1", "file": file}).status_code == 302
    assert mia.draft()["steps"][1:] == THIRD_VISIT["steps"]
    assert mia.draft()["steps"][0]["id"].startswith("exit-")
    for text in ("{", "[]", '{"steps": 1}', "[" * 10_000):
        assert mia.post("story/import/", {"revision": "2", "text": text}).status_code == 302
        assert "This is no journey as JSON" in mia.get("story/")
    for text, place in (("[NaN]", "steps[0]"), ("[1e999]", "steps[0]"), ("[" * 300 + "]" * 300, "steps[0]")):
        odd = f'{{"steps": {text}}}'
        assert mia.post("story/import/", {"revision": "2", "text": odd}).status_code == 302
        assert f"({place}" in mia.get("story/")
    assert mia.post("story/import/", {"revision": "1", "text": json.dumps(bare)}).status_code == 409
    mia.do("undo")
    assert mia.draft() == THIRD_VISIT


# Numbers


def test_people_behind_a_number(mia: Browser, story: Journey) -> None:
    ann, ben = build.person(traits={"name": "Ann Ash"}), build.person(traits={"name": "Ben Bow"})
    build.run(journey=story, person=ann, step="mail")
    build.decision(journey=story, person=ben, step="mail", outcome=Outcome.QUEUED.value)
    assert "story/people/?show=passed&amp;step=mail" in mia.get("story/")
    waiting, passed = (mia.get(f"story/people/?step=mail&show={show}") for show in ("waiting", "passed"))
    assert ("Ann Ash" in waiting, "Ben Bow" in waiting) == (True, False)
    assert ("Ann Ash" in passed, "Ben Bow" in passed) == (False, True)
    assert "Nobody is counted here" in mia.get("story/people/?step=mail&show=failed")
    mia.get("story/people/?show=dance", status=404)


def test_counting__when_the_page_is_loaded_and_when_asked(mia: Browser, story: Journey) -> None:
    """Counting reads a month of the ledger: no key that is pressed may cost that."""
    build.decision(journey=story, person=build.person(), step="mail", outcome=Outcome.QUEUED.value)
    form = mia.form("mail")
    with CaptureQueriesContext(connection) as asked:
        answers = [
            mia.get("story/?step=mail", htmx=True),
            mia.save("mail", form | {"f.name": "Hello"}, htmx=True).content.decode(),
            mia.do("remove", id="who", htmx=True).content.decode(),
        ]
    assert not [query["sql"] for query in asked if "journeys_decision" in query["sql"]]
    assert '<span class="j-stats" data-numbers="mail"></span>' in answers[1]
    counted = mia.get("story/?counted", htmx=True)
    assert "<aside" not in counted
    assert "show=passed" in counted


# Roles


def test_service__sees_and_changes_nothing(mia: Browser, story: Journey) -> None:
    form = mia.form("mail")
    sue = Browser(role=Role.SERVICE)
    html = sue.get("story/?step=mail")
    assert '<fieldset class="j-fields" disabled>' in html
    for text in ("Save in the draft", "Publish", "data-add=", 'draggable="true"', "journey-builder"):
        assert text not in html
    assert sue.save("mail", form | {"f.template": "bye"}).status_code == 403
    for path in ("do/undo/", "publish/", "pause/", "resume/", "stop/", "import/"):
        assert sue.post(f"story/{path}", {"revision": "1"}).status_code == 403
    assert sue.post("+new/", {"name": "x"}).status_code == 403
    assert mia.draft() == THIRD_VISIT
