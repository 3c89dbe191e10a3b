"""Entry points of the task clusters for segments: one call each, a dict of counts back."""

import time
from collections.abc import Collection
from typing import Final

from django.db import InterfaceError, OperationalError

from segments.auditing import make_audit, open_audits
from segments.building import (
    archived_with_members,
    build_segment,
    clear_dues,
    empty_segment,
    waiting_segments,
)
from segments.live import fault_of, note_faults
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
    faulty: set[int] = set()
    for _ in range(_ROUNDS):
        waiting = [id_ for id_ in waiting_segments() if id_ not in faulty]
        if not waiting:
            return counts | {"audits": _audit(watched)}
        slug = Segment.objects.values_list("slug", flat=True).get(pk=waiting[0])
        try:
            built = build_segment(waiting[0], is_watched=slug in watched, ends_at=ends_at)
        except (InterfaceError, OperationalError):  # of the moment: another call goes on
            raise
        except Exception as error:  # of one segment: it waits on, and the others are built
            faulty.add(waiting[0])
            note_faults({waiting[0]: fault_of(error, slug=slug)})
            continue
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
