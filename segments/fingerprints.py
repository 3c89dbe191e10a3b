"""What somebody saw of a segment's draft, so that nobody saves or publishes over what they did not see."""

import hashlib
import json
from typing import Any

from segments.models import Segment, SegmentDraft


class DraftConflict(Exception):
    """Somebody else saved the rule meanwhile."""

    def __init__(self, segment: Segment) -> None:
        super().__init__(segment.slug)
        self.segment = segment


def fingerprint_of(segment: Segment) -> str:
    """What somebody saw who opened the rule now."""
    return hash_of([segment.name, segment.condition, unfinished_rows(segment)])


def unfinished_rows(segment: Segment) -> list[Any] | None:
    """The rows of a rule that was saved incomplete, if its draft was not replaced since."""
    draft = SegmentDraft.objects.filter(segment=segment).first()
    if draft is None or draft.based_on != hash_of(segment.condition):
        return None
    rows: list[Any] = draft.rows
    return rows


def hash_of(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
