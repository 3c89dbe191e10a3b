"""Kill -9 a worker in the middle of many due runs: each takes each step once, and nothing is queued twice."""

import os
import signal
from functools import partial

import pytest

from tests.kill.product import HANG, Product, wait_until

pytestmark = [pytest.mark.kill, pytest.mark.xdist_group("kill")]

KILLS = 3
# Run inside the product: a journey whose runs wait, take a branch, queue an action and wait again.
PUBLISH = """
from django.utils import timezone
from connectors.models import Connection
from journeys.services import create_journey, publish_journey
Connection.objects.create(slug="kill-runs", name="Never called", kind="crm", is_active=False)
call = {"id": "call", "kind": "crm", "connection": "kill-runs", "action": "create_task", "fields": {}}
gold = {"name": "Gold", "if": {"trait": "plan", "op": "is", "value": "gold"}, "steps": [call]}
steps = [{"id": "quiet", "kind": "wait", "for": "PT4H"},
         {"id": "plan", "kind": "branch", "cases": [gold], "else": []},
         {"id": "later", "kind": "wait", "for": "P3D"}]
document = {"language": 1, "entry": {"on": {"event": "Never"}}, "steps": steps}
create_journey("test", slug="kill-runs", name="Kill runs", document=document)
version = publish_journey("kill-runs", actor="test", now=timezone.now())
print(version.journey_id, version.pk)
"""
DUE = """
WITH made AS (
    INSERT INTO profiles_person (uuid, first_seen_at, last_seen_at, time_zone, locale, traits, trait_times,
                                 consent, consent_times)
    SELECT gen_random_uuid(), now(), now(), '', '', '{"plan": "gold"}', '{}', '{}', '{}'
      FROM generate_series(1, %(runs)s)
    RETURNING id
)
INSERT INTO journeys_run (journey_id, version_id, person_id, origin_person_id, key, entered_at, state, due_at,
                          outcome, reason, error)
SELECT %(journey)s, %(version)s, id, id, '', now() - interval '5 hours',
       '{"language": 1, "step": "quiet", "visit": 1, "since": "2026-01-01T00:00:00+00:00",
         "due_at": "2026-01-01T04:00:00+00:00"}', now(), '', '', ''
  FROM made
"""
AT_WORK = """
SELECT split_part(session.application_name, ' ', 3)::int
  FROM pg_locks AS lock JOIN pg_stat_activity AS session USING (pid)
 WHERE lock.relation = 'journeys_run'::regclass AND lock.mode = 'RowExclusiveLock' AND lock.granted
       AND session.application_name LIKE 'wayfare live %%'
 LIMIT 1
"""
MOVED = "SELECT count(*) FROM journeys_run WHERE journey_id = %s AND state->>'step' = 'later'"
TAKEN = """
SELECT step, outcome, count(*), count(DISTINCT run_id) FROM journeys_decision WHERE journey_id = %s
 GROUP BY step, outcome ORDER BY step, outcome
"""
QUEUED = "SELECT count(*), count(DISTINCT run_id) FROM connectors_delivery WHERE journey_id = %s"


@pytest.mark.parametrize(
    "runs", [pytest.param(5_000, id="5000"), pytest.param(100_000, id="100000", marks=pytest.mark.full)]
)
def test_kill__worker_in_the_middle_of_due_runs(product: Product, runs: int) -> None:
    journey, version = map(int, product.manage("shell", "--no-imports", "-c", PUBLISH).split())
    try:
        with product.connect() as database:
            database.execute(DUE, {"runs": runs, "journey": journey, "version": version})
        for number in range(KILLS):
            enough = runs * number // (2 * KILLS)
            wait_until(partial(has_moved, product, journey, enough), what=f"{enough} runs went on")
            os.kill(sweeping_worker(product), signal.SIGKILL)
        assert moved(product, journey) < runs
        wait_until(partial(has_moved, product, journey, runs), what="all runs went on", within=5 * HANG)
        assert product.query(TAKEN, journey) == [
            (step, outcome, runs, runs)
            for step, outcome in (
                ("call", "queued"),
                ("later", "waiting"),
                ("plan", "branched"),
                ("quiet", "waited"),
            )
        ]
        assert product.query(QUEUED, journey) == [(runs, runs)]
    finally:
        product.query("DELETE FROM connectors_delivery WHERE journey_id = %s", journey)
        product.query("UPDATE journeys_journey SET slug = slug || %s WHERE id = %s", f"-{journey}", journey)
        product.query("DELETE FROM connectors_connection WHERE slug = 'kill-runs'")


def moved(product: Product, journey: int) -> int:
    return int(product.query(MOVED, journey)[0][0])


def has_moved(product: Product, journey: int, number: int) -> bool:
    return moved(product, journey) >= number


def sweeping_worker(product: Product) -> int:
    """A worker that has written runs and not committed yet."""
    found: list[int] = []

    def look() -> bool:
        found[:] = [pid for (pid,) in product.query(AT_WORK)]
        return bool(found)

    wait_until(look, what="somebody sweeps")
    return found[0]
