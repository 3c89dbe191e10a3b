"""What the pipeline reads of runs."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from journeys.live import Runs, live_versions
from journeys.models import Run
from tests import build
from tests.journeys.documents import journey, wait

pytestmark = pytest.mark.django_db


def test_runs__are_read_by_person_while_a_crowd_enters() -> None:
    """The planner's statistics are of before the crowd."""
    row = build.journey(document=journey(steps=[wait("w")]))
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE journeys_run")
    first = build.run(journey=row, person=build.person(), step="w")
    Run.objects.bulk_create(
        Run(
            journey=row,
            version=first.version,
            person_id=first.person_id + place,
            origin_person_id=first.person_id + place,
            entered_at=first.entered_at,
            state=first.state,
        )
        for place in range(1, 3_000)
    )
    runs = Runs({version.id: version for version in live_versions()})
    with CaptureQueriesContext(connection) as asked:
        runs.load(range(first.person_id, first.person_id + 500))
    assert len(runs.by_person) == 500
    with connection.cursor() as cursor:
        cursor.execute("EXPLAIN (ANALYZE, FORMAT JSON) " + asked[0]["sql"])
        (plan,) = cursor.fetchone()
    assert passed_over(plan[0]["Plan"]) == 0


def passed_over(node: dict[str, Any]) -> int:
    """How many rows were read in vain."""
    return int(node.get("Rows Removed by Filter", 0)) + sum(map(passed_over, node.get("Plans", [])))
