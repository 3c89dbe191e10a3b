"""Store what was decided: memberships, runs, ledger, outbox."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from cdp_site.pipeline.deciding.desk import Desk
from cdp_site.pipeline.deciding.moments import renew
from connectors.services import NewDelivery, cancel_for_runs, queue_deliveries
from connectors.services import repoint_people as repoint_deliveries
from journeys.live import repoint_people as repoint_runs
from journeys.live import write_runs
from segments.live import note_faults, repoint_manual, store_changes
from segments.live import repoint_people as repoint_stays


def write_decisions(desk: Desk, *, merged: Mapping[int, int]) -> int:
    """Write memberships, runs, ledger and outbox; give how many deliveries were queued.

    Args:
        merged: persons merged in this transaction -> who they are now.
    """
    for person in list(desk.asked):
        renew(desk, person)
    stored = [(old, new) for old, new in merged.items() if not desk.states[old].is_new]
    old, new = [pair[0] for pair in stored], [pair[1] for pair in stored]
    if stored:
        repoint_stays(old, new)
        repoint_manual(old, new)
    store_changes(desk.memberships, survivor=merged)
    note_faults(desk.faults)
    desk.dues.write()
    desk.computed_dues.write()
    desk.manual.write(survivor=merged)
    desk.limits.write()
    write_runs(desk.runs, survivor=merged)
    if stored:
        # Only now: of two open runs with one key the younger has been ended.
        repoint_runs(old, new, at=[desk.merged_at[person] for person in old])
        repoint_deliveries(old, new)
    desk.entrants.write(merged=merged)
    return _write_deliveries(desk, merged)


def _write_deliveries(desk: Desk, merged: Mapping[int, int]) -> int:
    """Queue what was decided; what came before the end of its run is cancelled in the same commit."""
    taken_back: list[NewDelivery] = []
    standing: list[NewDelivery] = []
    for place, delivery in enumerate(_led_to_survivors(desk.deliveries, merged)):
        is_over = place < desk.taken_back.get(delivery.run_id or 0, 0)
        (taken_back if is_over else standing).append(delivery)
    queue_deliveries(taken_back)
    ended: dict[str, list[int]] = {}
    for run_id, reason in desk.cancelled:
        ended.setdefault(reason, []).append(run_id)
    for reason, run_ids in ended.items():
        cancel_for_runs(run_ids, reason=reason)
    queue_deliveries(standing)
    return len(standing)


def _led_to_survivors(deliveries: Iterable[NewDelivery], merged: Mapping[int, int]) -> list[NewDelivery]:
    """Give deliveries to who their people are now: somebody new whom a merge took is never stored."""
    return [
        replace(delivery, person_id=merged[delivery.person_id]) if delivery.person_id in merged else delivery
        for delivery in deliveries
    ]
