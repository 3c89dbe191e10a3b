"""Saving, publishing, pausing, archiving: states, versions, references, audit, revision."""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection, transaction
from django_q.models import OrmQ

from cdp_site.models import AuditEntry
from segments.domain.parse import ConditionError
from segments.fingerprints import DraftConflict, fingerprint_of
from segments.models import RulesRevision, Segment, SegmentVersion
from segments.revision import hold_rules
from segments.services import (
    SegmentInUse,
    SlugTaken,
    WrongState,
    archive_segment,
    pause_segment,
    publish_segment,
    save_segment,
)
from tests import build
from tests.segments.domain.people import NOW

pytestmark = pytest.mark.django_db

ORDERED: dict[str, Any] = {"event": "Order", "count": {"op": "at_least", "value": 1}}


def saved(
    slug: str = "buyer", condition: dict[str, Any] | None = None, *, must_be_new: bool = False
) -> Segment:
    return save_segment(
        slug, name=slug.title(), condition=condition or ORDERED, actor="mia", now=NOW, must_be_new=must_be_new
    )


def revision() -> int:
    return RulesRevision.objects.get(id=1).revision


def test_save__creates_a_draft() -> None:
    segment = saved()
    assert (segment.state, segment.name) == ("draft", "Buyer")
    assert segment.condition == {"language": 1, "if": {"event": "Order"}}
    entry = AuditEntry.objects.get()
    assert (entry.actor, entry.verb, entry.object_id) == ("mia", "segment.create", "buyer")


def test_save__replaces_the_draft_and_not_what_is_live() -> None:
    saved()
    publish_segment("buyer", actor="mia", now=NOW)
    saved(condition={"event": "Other"})
    segment = Segment.objects.get()
    assert (segment.state, segment.version, segment.condition["if"]) == ("live", 1, {"event": "Other"})
    assert SegmentVersion.objects.get().condition["if"] == {"event": "Order"}
    edit = AuditEntry.objects.get(verb="segment.edit")
    assert edit.before is not None
    assert edit.before["condition"]["if"] == {"event": "Order"}


def test_save__refuses_what_is_no_condition() -> None:
    with pytest.raises(ConditionError, match="event: must be a text"):
        saved(condition={"event": 3})
    assert not Segment.objects.exists()


def test_save__refuses_a_taken_slug_when_asked_to() -> None:
    saved()
    with pytest.raises(SlugTaken):
        saved(condition={"event": "Other"}, must_be_new=True)
    assert Segment.objects.get().condition["if"] == {"event": "Order"}


def test_publish__makes_a_version_and_raises_the_revision(django_capture_on_commit_callbacks: Any) -> None:
    saved()
    with django_capture_on_commit_callbacks(execute=True):
        version = publish_segment("buyer", actor="mia", now=NOW)
    segment = Segment.objects.get()
    assert (segment.state, segment.version, segment.built_at) == ("live", 1, None)
    assert (version.number, version.published_at, version.published_by) == (1, NOW, "mia")
    assert revision() == 1
    assert OrmQ.objects.count() == 1
    publish_segment("buyer", actor="mia", now=NOW)
    assert (Segment.objects.get().version, revision()) == (2, 2)


def test_publish__only_what_was_seen() -> None:
    seen = fingerprint_of(saved())
    saved(condition={"event": "Other"})
    with pytest.raises(DraftConflict):
        publish_segment("buyer", actor="mia", now=NOW, seen=seen)
    assert not SegmentVersion.objects.exists()
    publish_segment("buyer", actor="mia", now=NOW, seen=fingerprint_of(Segment.objects.get()))


@pytest.mark.django_db(transaction=True)
def test_publish__of_a_draft_that_is_saved_in_this_moment() -> None:
    """Somebody saves while the publication waits for its turn: it is told, and their draft stays."""
    seen = fingerprint_of(saved())

    def publish() -> bool:
        try:
            publish_segment("buyer", actor="tom", now=NOW, seen=seen)
        except DraftConflict:
            return True
        finally:
            connection.close()
        return False

    with ThreadPoolExecutor(1) as pool, transaction.atomic():  # ended before the pool waits for its thread
        hold_rules()
        told = pool.submit(publish)
        for _try in range(600):
            if _is_somebody_waiting():
                break
            time.sleep(0.05)
        assert _is_somebody_waiting()
        saved(condition={"event": "Other"})
    assert told.result(timeout=60)
    assert Segment.objects.get().condition["if"] == {"event": "Other"}
    assert not SegmentVersion.objects.exists()


def _is_somebody_waiting() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
        return bool(cursor.fetchone()[0])


def test_publish__refuses_unknown_segments() -> None:
    saved(condition={"none": [{"segment": "gone", "is": "member"}]})
    with pytest.raises(ConditionError, match="there is no segment gone"):
        publish_segment("buyer", actor="mia", now=NOW)
    assert Segment.objects.get().state == "draft"


def test_publish__refuses_circles() -> None:
    saved("a", {"segment": "b", "is": "member"})
    saved("b", {"event": "Order"})
    publish_segment("b", actor="mia", now=NOW)
    publish_segment("a", actor="mia", now=NOW)
    saved("b", {"any": [{"segment": "a", "is": "not_member"}]})
    with pytest.raises(ConditionError, match="the segments ask about each other: "):
        publish_segment("b", actor="mia", now=NOW)
    saved("c", {"segment": "c", "is": "member"})
    with pytest.raises(ConditionError, match="c → c"):
        publish_segment("c", actor="mia", now=NOW)


def test_pause__only_what_is_live() -> None:
    saved()
    with pytest.raises(WrongState):
        pause_segment("buyer", actor="mia", now=NOW)
    publish_segment("buyer", actor="mia", now=NOW)
    assert pause_segment("buyer", actor="mia", now=NOW).state == "paused"
    assert revision() == 2


def test_archive__not_while_others_ask() -> None:
    saved()
    publish_segment("buyer", actor="mia", now=NOW)
    saved("friend", {"segment": "buyer", "is": "member"})
    publish_segment("friend", actor="mia", now=NOW)
    with pytest.raises(SegmentInUse) as caught:
        archive_segment("buyer", actor="mia", now=NOW)
    assert caught.value.by == ["friend"]
    archive_segment("friend", actor="mia", now=NOW)
    assert archive_segment("buyer", actor="mia", now=NOW).state == "archived"
    assert AuditEntry.objects.filter(verb="segment.archive").count() == 2


def test_publish__of_nothing_is_an_error() -> None:
    build.segment(slug="other")
    with pytest.raises(Segment.DoesNotExist):
        publish_segment("buyer", actor="mia", now=NOW)
