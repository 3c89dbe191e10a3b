"""The store: how accepted messages become people and events. Set-based SQL for `cdp_site.pipeline`.

Every writer of a person's state follows one order, so that two of them can wait for each other but never
in a circle: event names and partitions (own transactions) → message ids → missing identities, sorted →
persons `FOR UPDATE` in id order → everything else.
"""

from profiles.store.changes import Changes
from profiles.store.inbox import bury, claim_rows, delete_rows, oldest_waiting, take_neighbours, try_lane
from profiles.store.knowledge import load_events, load_histories, load_values
from profiles.store.names import NotReady, name_of, names_by_id, prepare
from profiles.store.people import Crowd, drop_repeats, load_people, lock_crowd
from profiles.store.write import write_changes

__all__ = [
    "Changes",
    "Crowd",
    "NotReady",
    "bury",
    "claim_rows",
    "delete_rows",
    "drop_repeats",
    "load_events",
    "load_histories",
    "load_people",
    "load_values",
    "lock_crowd",
    "name_of",
    "names_by_id",
    "oldest_waiting",
    "prepare",
    "take_neighbours",
    "try_lane",
    "write_changes",
]
