"""What becomes of the people inside at publishing: the table of docs/journeys.md, row by row."""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from pytest_django import Settings

from connectors.models import Delivery
from journeys.domain.definition import JourneyError
from journeys.models import Decision, Run
from journeys.services import PeopleInside, publish_journey
from segments.domain.values import parse_length
from tests import build
from tests.build import NOON
from tests.journeys.documents import Document, journey, repeat, send, wait, wait_for, wait_until
from tests.test_docs import DOCS, kept_cells

pytestmark = pytest.mark.django_db

ROWS = {row[0]: row[1:] for row in kept_cells("moving", file=DOCS / "journeys.md")}
HOUR = timedelta(hours=1)
_WORD = re.compile(
    r"(?P<id>[a-z])(?:(?P<at>\d\d:\d\d)|@(?P<date>\w+)|(?P<opens>[?*])(?P<much>\w+)\(|(?P<wait>\d+[hm]))?"
    r"|(?P<mark>[|)])"
)


def steps(short: str) -> list[Document]:
    """Read steps as the table writes them."""
    return _sequence(_WORD.finditer(short))[0]


def _sequence(words: Iterator[re.Match[str]]) -> tuple[list[Document], str]:
    found: list[Document] = []
    for word in words:
        if mark := word["mark"]:
            return found, mark
        found.append(_step(word, words))
    return found, ""


def _step(word: re.Match[str], words: Iterator[re.Match[str]]) -> Document:
    if word["opens"] == "?":
        then, _ = _sequence(words)
        return wait_until(word["id"], timeout=_length(word["much"]), then=then, otherwise=_sequence(words)[0])
    if word["opens"]:
        return repeat(word["id"], times=int(word["much"]), steps=_sequence(words)[0])
    if word["at"]:
        return wait_for(word["id"], until={"at": word["at"]})
    if word["date"]:
        return wait_for(word["id"], until_date={"trait": word["date"]})
    return wait(word["id"], length=_length(word["wait"])) if word["wait"] else send(word["id"])


def _length(text: str) -> str:
    return f"PT{text.upper()}"


def inside(short: str, step: str) -> Run:
    """A run that came to its step an hour ago."""
    began = NOON - HOUR
    lengths = {one["id"]: one.get("for") or one.get("timeout") for one in _all(steps(short))}
    length = parse_length(lengths[step] or "PT4H")
    assert length is not None
    due_at = began + length.exact()
    row = build.journey(document=journey(steps=steps(short)))
    run = build.run(journey=row, person=build.person(), step=step, entered_at=began - HOUR, due_at=due_at)
    rounds = {"rounds": {"r": 1}} if "*" in short else {}
    run.state |= {"since": began.isoformat(), "due_at": due_at.isoformat(), **rounds}
    run.save(update_fields=["state"])
    return run


def _all(found: list[Document]) -> Iterator[Document]:
    for step in found:
        yield step
        for key in ("then", "else", "steps"):
            yield from _all(step.get(key, []))


def published(run: Run, short: str, people_inside: PeopleInside) -> Run:
    """The run once the journey has these steps."""
    short, _, to = short.partition(" to ")
    run.journey.draft = journey(steps=steps(short))
    run.journey.save(update_fields=["draft"])
    ways = dict([to.split("=")]) if to else {}
    publish_journey(run.journey.slug, actor="mia", now=NOON, people_inside=people_inside, to=ways)
    return Run.objects.get(pk=run.pk)


def told(run: Run, *, before: Run) -> str:
    """Where a run stands, as the table writes it."""
    if run.ended_at is not None:
        return run.outcome
    state, was = run.state, before.state
    if state["since"] is None:
        assert run.due_at == NOON
        return f"{state['step']} anew"
    if skips := state.get("skips"):
        return f"{state['step']} without {' '.join(skips)}"
    if state["due_at"] == was["due_at"]:
        return state["step"] if run.due_at == before.due_at else f"{state['step']} asked"
    assert run.due_at == NOON  # asked at once, whatever it waits for
    left = datetime.fromisoformat(state["due_at"]) - NOON
    return f"{state['step']} +{left // HOUR}h" if left > timedelta() else f"{state['step']} over"


@pytest.fixture(autouse=True)
def _things(settings: Settings) -> None:
    settings.RULES_ENGINE = "closures"  # each publication would try durable_rules in a process of its own
    build.template(slug="welcome")


@pytest.mark.parametrize("case", ROWS)
def test_outcome_of_each_row(case: str) -> None:
    before, step, after, *expected = (cell.replace("\\|", "|") for cell in ROWS[case])
    runs = [inside(before, step) for _ in PeopleInside]
    versions = [run.version_id for run in runs]
    now = [published(run, after, choice) for run, choice in zip(runs, PeopleInside, strict=True)]
    seen = [told(run, before=was) for run, was in zip(now, runs, strict=True)]
    assert seen == expected
    assert [run.version_id == version for run, version in zip(now, versions, strict=True)] == [
        True,
        False,
        True,
    ]


def test_ledger_and_what_is_queued() -> None:
    """Of what was queued, only that goes whose step is gone; who must leave loses it all."""
    kept: dict[PeopleInside, Any] = {}
    for choice in PeopleInside:
        run = inside("x y a4h b", "a")
        for step in ("x", "y"):
            build.delivery(person=run.person, state="queued", run_id=run.pk, step=step, due_at=NOON)
        published(run, "x a6h b", choice)
        rows = Decision.objects.filter(run_id=run.pk).order_by("id")
        lines = [(row.outcome, row.step, row.reason[:13], row.at == NOON) for row in rows]
        queued = Delivery.objects.filter(run_id=run.pk, state="queued").order_by("step")
        kept[choice] = lines, [delivery.step for delivery in queued]
    assert kept == {
        PeopleInside.FINISH: ([], ["x", "y"]),
        PeopleInside.MOVE: (
            [("moved", "a", "", True), ("waiting", "a", "2026-11-23T17", True)],
            ["x"],
        ),
        PeopleInside.EXIT: ([("exited", "", "publishing", True)], []),
    }


def test_people_of_every_version_move() -> None:
    """Who finished by version 1 while 2 was live comes to 3 too, by the steps of their own version."""
    first = inside("a4h b", "a")
    published(first, "c4h b", PeopleInside.FINISH)
    first.journey.refresh_from_db()
    second = build.run(journey=first.journey, person=build.person(), step="c")
    published(second, "d4h b", PeopleInside.MOVE)
    assert {run.version.number: run.state["step"] for run in Run.objects.select_related("version")} == {
        3: "b"
    }


def test_a_run_that_cannot_be_moved_is_parked_and_the_others_move() -> None:
    run = inside("a4h b", "a")
    other = build.run(journey=run.journey, person=build.person(), step="a")
    Run.objects.filter(pk=other.pk).update(state={"language": 1, "step": "a", "visit": "none", "rounds": 7})
    moved = published(run, "c4h b", PeopleInside.MOVE)
    other.refresh_from_db()
    assert moved.state["step"] == "b"
    assert (other.outcome, other.reason) == ("parked", "a")
    assert Decision.objects.filter(run_id=other.pk).values_list("outcome", flat=True)[0] == "parked"


def test_a_way_to_nowhere_is_a_fault() -> None:
    run = inside("a4h b", "a")
    with pytest.raises(JourneyError) as caught:
        published(run, "b to a=z", PeopleInside.MOVE)
    assert [fault.path for fault in caught.value.faults] == ["to.a"]
    assert run.journey.versions.count() == 1
