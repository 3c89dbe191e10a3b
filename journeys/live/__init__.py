"""Journeys in the live pipeline: the rules they hand in, the runs a batch touches, what it writes.

Everything is set-wise: runs are read once per batch, decided in memory by the pure engine, and written
once. `cdp_site.pipeline` owns the order of things; this package knows no messages but the one it is given.
"""

from journeys.live.company import company_rules
from journeys.live.entrants import Entrant, Entrants
from journeys.live.limits import Limits, forget_old_places
from journeys.live.runs import LedgerLine, OpenRun, Runs, entry_document, read_entry
from journeys.live.versions import LiveVersion, journeys_asking_for, live_versions, versions_in_use
from journeys.live.writing import repoint_people, write_runs

__all__ = [
    "Entrant",
    "Entrants",
    "LedgerLine",
    "Limits",
    "LiveVersion",
    "OpenRun",
    "Runs",
    "company_rules",
    "entry_document",
    "forget_old_places",
    "journeys_asking_for",
    "live_versions",
    "read_entry",
    "repoint_people",
    "versions_in_use",
    "write_runs",
]
