"""Segments in the live pipeline: the rules they hand in, and membership moved forward person by person.

`settle` is asked for one person at one moment about the segments that a stimulus marked, or that the clock
calls for; it follows the change of one segment into those that depend on it. `Dues` says when to ask again.
Changes gather in memory and are written once per transaction. Rules are those of the revision that the
transaction holds.
"""

from segments.live.computing import LiveComputed, live_computed
from segments.live.dues import Dues, Of
from segments.live.manual import ByHand, Manual, repoint_manual
from segments.live.rules import LiveSegment, conditions_in_force, in_order, live_segments
from segments.live.settling import Change, Settled, fault_of, next_moment, segment_due, settle
from segments.live.stays import load_stays, note_faults, repoint_people, store_changes

__all__ = [
    "ByHand",
    "Change",
    "Dues",
    "LiveComputed",
    "LiveSegment",
    "Manual",
    "Of",
    "Settled",
    "conditions_in_force",
    "fault_of",
    "in_order",
    "live_computed",
    "live_segments",
    "load_stays",
    "next_moment",
    "note_faults",
    "repoint_manual",
    "repoint_people",
    "segment_due",
    "settle",
    "store_changes",
]
