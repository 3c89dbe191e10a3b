from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cdp_site.models import AuditEntry
from connectors.models import Delivery
from journeys.domain.definition import JourneyError
from journeys.models import Decision, Journey, JourneyVersion
from journeys.services import (
    DraftConflict,
    SlugTaken,
    WrongState,
    create_journey,
    faults_of,
    pause_journey,
    publish_journey,
    resume_journey,
    save_draft,
    stop_journey,
)
from segments.models import RulesRevision
from tests import build
from tests.journeys.documents import Document, crm, journey, send, wait

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def made(*, slug: str = "cart", document: Document | None = None) -> Journey:
    return create_journey("mia", slug=slug, name="Cart", document=document or journey())


def rules_revision() -> int:
    row = RulesRevision.objects.filter(id=1).first()
    return row.revision if row else 0


def last_audit() -> AuditEntry:
    return AuditEntry.objects.latest("pk")


def test_create_journey__is_a_draft() -> None:
    row = made()
    assert (row.state, row.draft_revision, row.live_version) == (Journey.State.DRAFT, 1, None)
    assert row.draft["language"] == 1
    assert (last_audit().actor, last_audit().verb, last_audit().object_id) == (
        "mia",
        "journey.create",
        "cart",
    )


def test_create_journey__writes_the_language() -> None:
    document = {key: value for key, value in journey().items() if key != "language"}
    assert made(document=document).draft["language"] == 1


def test_create_journey__slug_is_taken() -> None:
    made()
    with pytest.raises(SlugTaken):
        made()
    assert AuditEntry.objects.filter(verb="journey.create").count() == 1


def test_create_journey__refuses_what_cannot_be_stored() -> None:
    with pytest.raises(JourneyError):
        made(document=journey(steps=[{**wait(), "name": float("inf")}]))


def test_save_draft__raises_the_revision() -> None:
    made()
    saved = save_draft("cart", document=journey(steps=[wait("b")]), revision=1, actor="tom", now=NOW)
    assert (saved.draft_revision, saved.draft["steps"][0]["id"], saved.updated_at) == (2, "b", NOW)
    assert last_audit().verb == "journey.edit"
    assert last_audit().after == {"revision": 2, "name": "Cart"}


def test_save_draft__may_be_unsound() -> None:
    made()
    assert save_draft("cart", document={"steps": []}, revision=1, actor="tom", now=NOW).draft_revision == 2


def test_save_draft__somebody_else_was_first() -> None:
    made()
    save_draft("cart", document=journey(steps=[wait("toms")]), revision=1, actor="tom", now=NOW)
    with pytest.raises(DraftConflict) as caught:
        save_draft("cart", document=journey(steps=[wait("mias")]), revision=1, actor="mia", now=NOW)
    assert caught.value.revision == 2
    assert Journey.objects.get().draft["steps"][0]["id"] == "toms"


def test_publish_journey__makes_a_version_and_tells_the_workers() -> None:
    made()
    before = rules_revision()
    version = publish_journey("cart", actor="mia", now=NOW)
    row = Journey.objects.get()
    assert (row.state, row.live_version) == (Journey.State.LIVE, version)
    assert (version.number, version.document, version.published_by) == (1, row.draft, "mia")
    assert rules_revision() == before + 1
    assert last_audit().verb == "journey.publish"


def test_publish_journey__next_version() -> None:
    made()
    first = publish_journey("cart", actor="mia", now=NOW)
    save_draft("cart", document=journey(steps=[wait("b")]), revision=1, actor="mia", now=NOW)
    second = publish_journey("cart", actor="mia", now=NOW)
    assert (first.number, second.number) == (1, 2)
    first.refresh_from_db()
    assert first.document["steps"][0]["id"] == "w"  # a version never changes


def test_publish_journey__unchanged_is_left_alone() -> None:
    made()
    first = publish_journey("cart", actor="mia", now=NOW)
    assert publish_journey("cart", actor="mia", now=NOW) == first
    assert JourneyVersion.objects.count() == 1


def test_publish_journey__true_is_another_draft_than_one() -> None:
    for number, value in enumerate((1, True), start=1):
        document = journey(steps=[{"id": "t", "kind": "set_trait", "set": {"vip": value}}])
        made(document=document) if number == 1 else Journey.objects.update(draft=document)
        assert publish_journey("cart", actor="mia", now=NOW).number == number


def test_publish_journey__unsound_draft() -> None:
    made(document={**journey(), "steps": []})
    before = rules_revision()
    with pytest.raises(JourneyError):
        publish_journey("cart", actor="mia", now=NOW)
    assert Journey.objects.get().state == Journey.State.DRAFT
    assert rules_revision() == before


def test_publish_journey__another_draft_than_was_looked_at() -> None:
    made()
    save_draft("cart", document=journey(steps=[wait("b")]), revision=1, actor="tom", now=NOW)
    with pytest.raises(DraftConflict):
        publish_journey("cart", actor="mia", now=NOW, revision=1)
    assert JourneyVersion.objects.count() == 0


def test_publish_journey__paused_stays_paused() -> None:
    made()
    publish_journey("cart", actor="mia", now=NOW)
    pause_journey("cart", actor="mia", now=NOW)
    save_draft("cart", document=journey(steps=[wait("b")]), revision=1, actor="mia", now=NOW)
    publish_journey("cart", actor="mia", now=NOW)
    assert Journey.objects.get().state == Journey.State.PAUSED


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (
            journey(steps=[send(template="gone")]),
            [("steps[0].template", "there is no template “gone”")],
        ),
        (
            journey(goal={"if": {"all": []}, "steps": [crm()]}),
            [("goal.steps[0].connection", "there is no connection “crm”")],
        ),
        (
            journey(exit_when={"segment": "vip", "is": "member"}),
            [("", "there is no segment “vip”")],
        ),
        (journey(steps=[]), [("steps", "must have at least one step")]),
    ],
)
def test_faults_of__what_is_not_there(document: Document, expected: list[tuple[str, str]]) -> None:
    assert [(fault.path, str(fault.message)) for fault in faults_of(document)] == expected


def test_faults_of__nothing() -> None:
    build.template(slug="welcome")
    build.connection(slug="crm")
    build.segment(slug="vip")
    document = journey(steps=[send(), crm()], exit_when={"segment": "vip", "is": "member"})
    assert faults_of(document) == ()


def test_pause_and_resume() -> None:
    made()
    publish_journey("cart", actor="mia", now=NOW)
    before = rules_revision()
    assert pause_journey("cart", actor="mia", now=NOW).state == Journey.State.PAUSED
    assert (last_audit().before, last_audit().after) == ({"state": "live"}, {"state": "paused"})
    assert resume_journey("cart", actor="mia", now=NOW).state == Journey.State.LIVE
    assert rules_revision() == before + 2


@pytest.mark.parametrize("change", [pause_journey, resume_journey, stop_journey])
def test_change_of_state__a_draft_has_none(change: Any) -> None:
    made()
    with pytest.raises(WrongState):
        change("cart", actor="mia", now=NOW)
    assert AuditEntry.objects.filter(verb__startswith="journey.").count() == 1


def test_stop_journey__ends_everybody_and_says_so() -> None:
    row = build.journey(slug="cart", document=journey())
    inside, outside = build.person(), build.person()
    open_run = build.run(journey=row, person=inside, step="w", due_at=NOW + timedelta(hours=1))
    ended = build.run(
        journey=row, person=outside, step="w", ended_at=NOW - timedelta(days=1), outcome="finished"
    )
    other = build.run(journey=build.journey(document=journey()), person=inside, step="w")
    queued = build.delivery(person=inside, state="queued", run_id=open_run.pk, due_at=NOW)
    stop_journey("cart", actor="mia", now=NOW)
    for run in (open_run, ended, other):
        run.refresh_from_db()
    assert (open_run.outcome, open_run.reason, open_run.ended_at, open_run.due_at) == (
        "ended",
        "stopped",
        NOW,
        None,
    )
    assert ended.outcome == "finished"
    assert other.ended_at is None
    assert [(line.person_id, line.run_id, line.outcome, line.reason) for line in Decision.objects.all()] == [
        (inside.pk, open_run.pk, "ended", "stopped")
    ]
    queued.refresh_from_db()
    assert queued.state == Delivery.State.CANCELLED
    assert Journey.objects.get(slug="cart").state == Journey.State.STOPPED
    assert last_audit().after == {"state": "stopped", "runs_ended": 1}


def test_publish_journey__a_stopped_one_lives_again() -> None:
    made()
    publish_journey("cart", actor="mia", now=NOW)
    stop_journey("cart", actor="mia", now=NOW)
    assert publish_journey("cart", actor="mia", now=NOW).number == 2
    assert Journey.objects.get().state == Journey.State.LIVE
