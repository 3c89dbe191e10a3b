"""What no draft can hold, sound or not."""

import json
from typing import Any

import pytest

from journeys.domain.definition import JourneyError, parse_journey
from journeys.domain.editing import with_ids
from journeys.domain.parse.storing import MOST_DEPTH, storable
from tests.journeys.documents import journey, wait


def faults(document: Any) -> list[str]:
    with pytest.raises(JourneyError) as caught:
        storable(document)
    return [fault.path for fault in caught.value.faults]


@pytest.mark.parametrize("value", ["a\0b", "half \ud83d", float("nan"), json.loads("1e999"), -float("inf")])
def test_storable__values_that_the_database_refuses(value: Any) -> None:
    assert faults(journey(steps=[{**wait(), "name": value}])) == ["steps[0].name"]


def test_storable__too_deep() -> None:
    deep = json.loads("[" * 900 + "]" * 900)
    for document in (journey(goal=deep), journey(steps=deep)):
        (path,) = faults(document)
        assert path.startswith(("goal[0][0]", "steps[0][0]"))
        assert len(path) < 80
        with pytest.raises(JourneyError):
            parse_journey(document)
    storable(journey(goal=json.loads("[" * (MOST_DEPTH - 1) + "]" * (MOST_DEPTH - 1))))


@pytest.mark.parametrize("step_id", ["a/b", "@entry", "", " ", 5, None, "x" * 61])
def test_storable__ids_that_no_step_can_have(step_id: Any) -> None:
    document = journey(steps=[wait("w"), {**wait(), "id": step_id}])
    assert faults(document) == ["steps[1].id"]
    mended = with_ids(document, new_id=lambda kind: f"{kind}-1")
    assert [step["id"] for step in mended["steps"]] == ["w", "wait-1"]
    storable(mended)
