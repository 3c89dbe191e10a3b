"""Changes of a draft: each takes the document and gives a new one, sound or not.

The document is never changed in place. What an operation speaks of may be gone, because somebody else
was faster: that is `NotThere`, never a guess.
"""

from journeys.domain.editing.differences import Difference, differences
from journeys.domain.editing.fresh import KINDS, fresh_entry, fresh_journey, fresh_step
from journeys.domain.editing.merging import TakenOut, merged, merged_part
from journeys.domain.editing.operations import (
    Edited,
    add_part,
    add_way,
    copied_journey,
    copy_to,
    duplicate,
    insert,
    move,
    nudge,
    nudge_case,
    put,
    remove,
    remove_way,
    with_ids,
)
from journeys.domain.editing.spots import NotThere, Spot, kept_ways, spot_of
from journeys.domain.outline import ENTRY, EXIT, GOAL, SETTINGS

__all__ = [
    "ENTRY",
    "EXIT",
    "GOAL",
    "KINDS",
    "SETTINGS",
    "Difference",
    "Edited",
    "NotThere",
    "Spot",
    "TakenOut",
    "add_part",
    "add_way",
    "copied_journey",
    "copy_to",
    "differences",
    "duplicate",
    "fresh_entry",
    "fresh_journey",
    "fresh_step",
    "insert",
    "kept_ways",
    "merged",
    "merged_part",
    "move",
    "nudge",
    "nudge_case",
    "put",
    "remove",
    "remove_way",
    "spot_of",
    "with_ids",
]
