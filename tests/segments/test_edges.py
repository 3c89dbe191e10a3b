"""The table of edges in docs/conditions.md: each line is asked in memory and in the database."""

import json
import re
from datetime import datetime
from typing import Any

import pytest
from django.conf import settings

from segments.domain.parse import parse_condition
from segments.domain.parse.nodes import NODES
from tests.segments import worlds
from tests.segments.domain.people import NOW
from tests.segments.test_agreement import check_answers, store
from tests.segments.worlds import DAY, Did, Member

_TEXT = (settings.BASE_DIR / "docs" / "conditions.md").read_text()
_ANSWERS = {"yes": True, "no": False}


def rows() -> list[tuple[str, str, str, str]]:
    """The cells of each line: point, person, condition, answer."""
    _, mark, rest = _TEXT.partition("<!-- kept: edges -->\n")
    assert mark
    table = rest.split("\n\n", 1)[0].splitlines()[2:]
    cells = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in table]
    return [
        (point, person.strip("`"), condition.strip("`"), answer) for point, person, condition, answer in cells
    ]


def ago(text: str) -> Any:
    """How long before the moment that generated people are told by."""
    return worlds.NOW - datetime.fromisoformat(text)


def member_of(person: dict[str, Any]) -> Member:
    history = [(key, ago(at), json.dumps(value)) for key, at, value in person.get("history", ())]
    traits = [
        (key, ago("2026-01-01T00:00:00Z"), json.dumps(value))
        for key, value in person.get("traits", {}).items()
    ]
    return Member(
        zone=person.get("zone", ""),
        first_seen_ago=400 * DAY,
        traits=(*traits, *history),
        events=tuple(
            Did(name=name, ago=ago(at), properties=json.dumps(dict(*rest)), context="{}", is_stray=False)
            for name, at, *rest in person.get("events", ())
        ),
    )


@pytest.mark.django_db
@pytest.mark.parametrize(("point", "person", "condition", "answer"), rows(), ids=lambda cell: str(cell)[:40])
def test_edge(point: str, person: str, condition: str, answer: str) -> None:
    told = json.loads(person)
    member, asked = member_of(told), parse_condition(json.loads(condition))
    at = datetime.fromisoformat(told["at"]) if "at" in told else NOW
    people = store([member])
    held = check_answers(asked, [member], people, at=at, is_past=False)
    assert bool(held) is _ANSWERS[answer], point


def test_edges__each_kind_of_node_but_the_plainest_has_some() -> None:
    asked = " ".join(condition for _, _, condition, _ in rows())
    plain = {"context", "segment", "list", "known", "first"}
    assert [node for node in NODES if f'"{node}":' not in asked and node not in plain] == []
