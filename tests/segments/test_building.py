"""Builds: everybody is asked; cut off, doubled or overtaken they do no harm."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

import pytest

from profiles.models import Person
from segments.building import Built, archived_with_members, build_segment, empty_segment, waiting_segments
from segments.models import Membership, Segment
from segments.services import archive_segment, publish_segment, save_segment
from segments.tasks import build_waiting
from tests import build
from tests.segments.domain.people import NOW

pytestmark = pytest.mark.django_db

GERMAN: dict[str, Any] = {"trait": "country", "op": "is", "value": "DE"}


def clock() -> datetime:
    return NOW


def published(slug: str, condition: Mapping[str, Any]) -> Segment:
    save_segment(slug, name=slug, condition=condition, actor="mia", now=NOW)
    publish_segment(slug, actor="mia", now=NOW)
    return Segment.objects.get(slug=slug)


def person(country: str) -> Person:
    return build.person(traits={"country": country})


def members(segment: Segment) -> set[int]:
    return set(Membership.objects.present().filter(segment=segment).values_list("person_id", flat=True))


def test_build__lets_everybody_in_for_whom_it_holds() -> None:
    germans, others = [person("DE") for _ in range(3)], [person("FR"), build.person()]
    build.merged(old=person("DE"), new=others[0])
    segment = published("german", GERMAN)
    assert segment.built_at is None
    assert build_segment(segment.pk, clock=clock) == Built(entered=3, left=0, is_done=True)
    assert members(segment) == {one.pk for one in germans}
    segment.refresh_from_db()
    assert segment.member_count == 3
    assert Segment.objects.filter(pk=segment.pk, built_at=NOW).exists()
    stay = Membership.objects.present().latest("id")
    assert (stay.entered_at, stay.left_at) == (NOW, None)
    assert stay.why == {"entered": {"node": "built", "held": True, "version": 1}}


def test_build__again_changes_nothing() -> None:
    person("DE")
    segment = published("german", GERMAN)
    build_segment(segment.pk, clock=clock)
    assert build_segment(segment.pk, clock=clock) == Built(entered=0, left=0, is_done=True)


def test_build__of_a_changed_condition_closes_stays() -> None:
    german, french = person("DE"), person("FR")
    segment = published("german", GERMAN)
    build_segment(segment.pk, clock=clock)
    published("german", GERMAN | {"value": "FR"})
    later = NOW + timedelta(hours=1)
    assert build_segment(segment.pk, clock=lambda: later) == Built(entered=1, left=1, is_done=True)
    assert members(segment) == {french.pk}
    stay = Membership.objects.get(person=german)
    assert stay.left_at == later
    assert stay.why["left"] == {"node": "built", "held": False, "version": 2}
    assert Segment.objects.get(pk=segment.pk).member_count == 1


def test_build__in_portions() -> None:
    people = {person("DE").pk for _ in range(7)}
    segment = published("german", GERMAN)
    assert build_segment(segment.pk, clock=clock, portion=3).entered == 7
    assert members(segment) == people


def between_portions(act: Callable[[], object]) -> Callable[[], datetime]:
    """A clock that does something when it is read for the second time: after the scan, before the writing."""
    reads = iter(range(100))

    def read() -> datetime:
        if next(reads) == 1:
            act()
        return NOW

    return read


def test_build__asks_again_before_it_writes() -> None:
    leaver, stayer = person("DE"), person("DE")
    segment = published("german", GERMAN)
    moves = between_portions(lambda: Person.objects.filter(pk=leaver.pk).update(traits={"country": "FR"}))
    assert build_segment(segment.pk, clock=moves).entered == 1
    assert members(segment) == {stayer.pk}


def test_build__ends_when_another_publication_comes() -> None:
    for _ in range(4):
        person("DE")
    segment = published("german", GERMAN)
    again = between_portions(lambda: publish_segment("german", actor="mia", now=NOW))
    assert build_segment(segment.pk, clock=again, portion=2) == Built(entered=2, left=0, is_done=False)
    assert waiting_segments() == [segment.pk]
    assert build_segment(segment.pk, clock=clock) == Built(entered=2, left=0, is_done=True)


def test_build__does_nothing_for_a_paused_segment() -> None:
    segment = build.segment(state="paused")
    assert not build_segment(segment.pk, clock=clock).is_done


def test_build_waiting__dependants_follow() -> None:
    german = person("DE")
    first = published("german", GERMAN)
    second = published("friend", {"segment": "german", "is": "member"})
    third = published("stranger", {"segment": "german", "is": "not_member"})
    assert waiting_segments()[0] == first.pk
    build_waiting()
    assert waiting_segments() == []
    assert (members(second), members(third)) == ({german.pk}, set())
    published("german", GERMAN | {"value": "FR"})
    counts = build_waiting()
    assert counts == {"built": 3, "entered": 1, "left": 2, "audits": 0, "cleared": 0}
    assert (members(second), members(third)) == (set(), {german.pk})


def test_build_waiting__empties_what_was_put_away() -> None:
    for _ in range(5):
        person("DE")
    segment = published("german", GERMAN)
    build_waiting()
    archive_segment("german", actor="mia", now=NOW)
    assert archived_with_members() == [segment.pk]
    assert empty_segment(segment.pk, clock=clock, portion=2) == 5
    assert members(segment) == set()
    assert Segment.objects.get(pk=segment.pk).member_count == 0
    assert build_waiting() == {"built": 0, "entered": 0, "left": 0, "audits": 0, "cleared": 0}
