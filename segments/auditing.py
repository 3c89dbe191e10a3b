"""Audits: a full scan says who should be in a segment, and is compared with who is.

Live segments are kept up to date person by person, so a difference is a fault of ours, or of somebody who
wrote to the database. People about whom something is still to be decided are no difference.
"""

from datetime import datetime
from typing import Final

from django.utils import timezone

from segments.building import Clock, Work, differing, portions, settle_portion
from segments.live import LiveSegment, live_segments
from segments.models import SegmentAudit, SegmentDue

SAMPLE: Final = 20


def open_audits() -> list[SegmentAudit]:
    """Audits that were asked for and not made yet."""
    return list(SegmentAudit.objects.select_related("segment").filter(finished_at=None).order_by("id"))


def make_audit(asked: SegmentAudit, *, clock: Clock = timezone.now, is_watched: bool = False) -> SegmentAudit:
    """Compare, and mend where that was asked for. A segment that is live no more has no differences."""
    live = next((one for one in live_segments() if one.id == asked.segment_id), None)
    drift = {} if live is None else drift_of(live, now=clock())
    missing = [person for person, is_missing in drift.items() if is_missing]
    asked.missing, asked.surplus = len(missing), len(drift) - len(missing)
    asked.sample = sorted(drift)[:SAMPLE]
    if live is not None and asked.is_mending:
        work = Work(segment=live, version=asked.segment.version, is_watched=is_watched)
        for some in portions(sorted(drift)):
            moved = settle_portion(work, some, turning=frozenset(some), clock=clock)
            asked.mended += sum(moved or ())
    asked.finished_at = clock()
    asked.save(update_fields=["missing", "surplus", "sample", "mended", "finished_at"])
    return asked


def drift_of(live: LiveSegment, *, now: datetime) -> dict[int, bool]:
    """Whose membership is not as it should be: whether they are missing, or else are one too many."""
    found = differing(live, now=now)
    if not found:
        return {}
    pending = SegmentDue.objects.filter(segment=live.id, person__in=list(found), due_at__lte=now)
    waiting = set(pending.values_list("person_id", flat=True))
    return {person: is_missing for person, is_missing in found.items() if person not in waiting}
