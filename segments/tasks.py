"""Entry points of the task clusters for segments: one call each, a dict of counts back."""

import time
from collections.abc import Collection
from typing import Final

from segments.auditing import make_audit, open_audits
from segments.building import (
    archived_with_members,
    build_segment,
    clear_dues,
    empty_segment,
    waiting_segments,
)
from segments.models import Segment
from segments.services import wake_builder

LONGEST: Final = 30.0  # seconds before the rest is left to another task
_ROUNDS: Final = 20  # a build can make its dependants wait for one


def build_waiting(watched: Collection[str] = ()) -> dict[str, int]:
    """Build the segments that wait for it, make audits, empty what was put away; mostly there is nothing.

    Args:
        watched: slugs of segments that rules other than segments ask about.
    """
    counts = {"built": 0, "entered": 0, "left": 0, "audits": 0, "cleared": clear_dues()}
    for segment in archived_with_members():
        counts["left"] += empty_segment(segment)
    ends_at = time.monotonic() + LONGEST
    for _ in range(_ROUNDS):
        waiting = waiting_segments()
        if not waiting:
            return counts | {"audits": _audit(watched)}
        slug = Segment.objects.values_list("slug", flat=True).get(pk=waiting[0])
        built = build_segment(waiting[0], is_watched=slug in watched, ends_at=ends_at)
        counts["built"] += 1
        counts["entered"] += built.entered
        counts["left"] += built.left
        if time.monotonic() > ends_at:
            break
    wake_builder()
    return counts


def _audit(watched: Collection[str]) -> int:
    audits = open_audits()
    for audit in audits:
        make_audit(audit, is_watched=audit.segment.slug in watched)
    return len(audits)
