"""Members page by page, streamed, day by day, in two segments at once; what a change would do."""

import csv
import io
from datetime import date, timedelta
from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries

from segments.domain.parse import parse_condition
from segments.exporting import exported
from segments.models import Segment
from segments.queries import (
    all_members,
    effects_of,
    growth,
    members_page,
    overlap,
    preview,
)
from tests import build
from tests.segments.domain.people import NOW

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


@pytest.fixture
def segment() -> Segment:
    return build.segment(slug="vip")


def names(page: Any) -> list[str]:
    return [line.person.naming.name for line in page]


def test_members_page__ends_where_the_next_begins(segment: Segment) -> None:
    for number in range(5):
        person = build.person(traits={"name": f"P{number}"})
        build.membership(segment=segment, person=person, entered_at=NOW + (number // 2) * DAY)
    first = members_page(segment, limit=2)
    second = members_page(segment, limit=2, after=first.after)
    third = members_page(segment, limit=2, after=second.after)
    assert [names(page.lines) for page in (first, second, third)] == [["P4", "P3"], ["P2", "P1"], ["P0"]]
    assert third.after is None


def test_members_page__finds_by_words_and_shows_columns(
    segment: Segment, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for name, city in (("Anna Berg", "Bern"), ("Anton Zorn", None), ("Berta Ahn", "Rom")):
        traits = {"name": name} | ({"city": city} if city else {})
        build.membership(segment=segment, person=build.person(traits=traits))
    build.person(traits={"name": "Annabell"})
    with django_assert_num_queries(4):
        page = members_page(segment, limit=10, search="an", columns=["city", "plan"])
    assert names(page.lines) == ["Anton Zorn", "Anna Berg"]
    assert [dict(line.traits) for line in page.lines] == [{}, {"city": "Bern"}]
    assert members_page(segment, limit=10, search="  ").lines


def test_all_members__gives_everybody_once(segment: Segment, monkeypatch: pytest.MonkeyPatch) -> None:
    people = [build.person(traits={"n": number}) for number in range(7)]
    for person in people:
        build.membership(segment=segment, person=person)
    build.membership(segment=segment, person=build.person(), left_at=NOW)
    monkeypatch.setattr("segments.queries.members.STREAMED", 3)
    found = list(all_members(segment, columns=["n"]))
    assert [line.traits["n"] for line in found] == [6, 5, 4, 3, 2, 1, 0]


def test_growth__tells_each_day_by_the_calendar_of_the_zone(segment: Segment) -> None:
    night = NOW.replace(hour=23) - 3 * DAY  # the next day in Berlin
    for entered_at, left_at in (
        (night, None),
        (NOW - 2 * DAY, NOW - DAY),
        (NOW - 40 * DAY, NOW - DAY),
        (NOW - 40 * DAY, None),
        (NOW - 40 * DAY, NOW - 30 * DAY),
    ):
        build.membership(segment=segment, person=build.person(), entered_at=entered_at, left_at=left_at)
    days = growth(segment, now=NOW, days=4, zone="Europe/Berlin")
    assert [(day.on, day.entered, day.left, day.members) for day in days] == [
        (date(2026, 11, 20), 0, 0, 2),
        (date(2026, 11, 21), 2, 0, 4),
        (date(2026, 11, 22), 0, 2, 2),
        (date(2026, 11, 23), 0, 0, 2),
    ]
    assert [day.entered for day in growth(segment, now=NOW, days=4)] == [1, 1, 0, 0]


def test_overlap(segment: Segment) -> None:
    other = build.segment(slug="other")
    people = [build.person() for _ in range(4)]
    for person in people[:3]:
        build.membership(segment=segment, person=person)
    for person in people[2:]:
        build.membership(segment=other, person=person)
    build.membership(segment=other, person=people[0], left_at=NOW)
    found = overlap(segment, other)
    assert (found.first, found.second, found.both) == (3, 2, 1)


def test_effects_of__follow_into_segments_that_ask() -> None:
    for country in ("DE", "DE", "FR"):
        build.person(traits={"country": country})
    german = {"trait": "country", "op": "is", "value": "DE"}
    first = build.segment(slug="german", condition={"language": 1, "if": german}, member_count=2)
    for slug, asks in (
        ("friends", {"segment": "german", "is": "member"}),
        ("strangers", {"all": [{"segment": "german", "is": "not_member"}]}),
        ("unconcerned", german),
    ):
        build.segment(slug=slug, condition={"language": 1, "if": asks}, member_count=1)
    effects = effects_of(first, parse_condition({"known": "email"}), now=NOW)
    assert [(one.segment.slug, one.before, one.after) for one in effects] == [
        ("german", 2, 0),
        ("friends", 1, 0),
        ("strangers", 1, 3),
    ]


def test_preview__takes_public_ids_and_customer_numbers() -> None:
    anna, berta, _other = (build.person(identities={"user_id": f"u{number}"}) for number in range(3))
    everybody = parse_condition({"all": []})
    found = preview(everybody, now=NOW, named=[str(anna.uuid), "u1", "nobody"])
    assert {line.id for line in found.people} == {anna.pk, berta.pk}
    assert (found.count, found.total) == (2, 3)


def test_exported__no_cell_is_a_formula() -> None:
    segment = build.segment()
    person = build.person(traits={"=1+1": "\n=2+2", "sum": -3, "name": "@SUM(A1)"})
    build.membership(segment=segment, person=person)
    columns = ["=1+1", "name", "sum", "sum"]  # each has one heading, the product's own their first
    sheet = "".join(exported(segment, columns=columns, to="csv"))
    heading, line = csv.reader(io.StringIO(sheet))
    assert len(heading) == len(line) == 7
    assert heading[-2:] == ["'=1+1", "sum"]
    assert line[-2:] == ["'\n=2+2", "-3"]
    assert line[3] == "'@SUM(A1)"
