"""What the pipeline reads of runs."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from journeys.live import Runs, live_versions
from tests import build
from tests.journeys.documents import journey, wait

pytestmark = pytest.mark.django_db

CROWD = """
    INSERT INTO journeys_run (journey_id, version_id, person_id, origin_person_id, key, entered_at, state,
                              outcome, reason, error)
    SELECT journey_id, version_id, person_id + place, person_id + place, '', entered_at, state, '', '', ''
      FROM journeys_run, generate_series(1, 20000) AS place WHERE id = %(run)s
"""


def test_runs__are_read_by_person_while_a_crowd_enters() -> None:
    """The planner's statistics are of before the crowd."""
    row = build.journey(document=journey(steps=[wait("w")]))
    first = build.run(journey=row, person=build.person(), step="w")
    with connection.cursor() as cursor:
        cursor.execute(CROWD, {"run": first.pk})
        cursor.execute("DELETE FROM journeys_run WHERE id <> %s", [first.pk])
        cursor.execute("ANALYZE journeys_run")  # one row on many pages
        cursor.execute(CROWD, {"run": first.pk})
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
