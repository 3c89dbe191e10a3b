"""Entry points of the task clusters for segments: one call each, a dict of counts back."""

import time
from typing import Final

from segments.building import archived_with_members, build_segment, empty_segment, waiting_segments
from segments.services import wake_builder

LONGEST: Final = 30.0  # seconds before the rest is left to another task
_ROUNDS: Final = 20  # a build can make its dependants wait for one


def build_waiting() -> dict[str, int]:
    """Build the segments that wait for it and empty those put away; nothing to do is the usual case."""
    counts = {"built": 0, "entered": 0, "left": 0}
    for segment in archived_with_members():
        counts["left"] += empty_segment(segment)
    ends_at = time.monotonic() + LONGEST
    for _ in range(_ROUNDS):
        waiting = waiting_segments()
        if not waiting:
            return counts
        built = build_segment(waiting[0])
        counts["built"] += 1
        counts["entered"] += built.entered
        counts["left"] += built.left
        if time.monotonic() > ends_at:
            break
    wake_builder()
    return counts
