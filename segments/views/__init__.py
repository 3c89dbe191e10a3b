"""Pages of segments."""

from segments.views.computed import trait_edit, trait_new, trait_samples, trait_state
from segments.views.members import (
    segment_audit,
    segment_export,
    segment_members_change,
    segment_restore,
    segment_state,
)
from segments.views.pages import (
    segment_build,
    segment_detail,
    segment_growth,
    segment_history,
    segment_list,
)
from segments.views.writing import segment_edit, segment_new, segment_publish

__all__ = [
    "segment_audit",
    "segment_build",
    "segment_detail",
    "segment_edit",
    "segment_export",
    "segment_growth",
    "segment_history",
    "segment_list",
    "segment_members_change",
    "segment_new",
    "segment_publish",
    "segment_restore",
    "segment_state",
    "trait_edit",
    "trait_new",
    "trait_samples",
    "trait_state",
]
