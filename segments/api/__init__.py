"""Management API of segments: one module for segments, one for their members."""

from segments.api.computed import (
    ComputedTraitDetail,
    ComputedTraitList,
    ComputedTraitPause,
    ComputedTraitResume,
)
from segments.api.members import SegmentMembers, SegmentMembersExport, SegmentMembersFile
from segments.api.segments import (
    ListList,
    SegmentArchive,
    SegmentAudits,
    SegmentCopy,
    SegmentDetail,
    SegmentEffects,
    SegmentGrowth,
    SegmentList,
    SegmentOverlap,
    SegmentPause,
    SegmentPreview,
    SegmentPublish,
    SegmentRestore,
    SegmentResume,
    SegmentVersions,
)

__all__ = [
    "ComputedTraitDetail",
    "ComputedTraitList",
    "ComputedTraitPause",
    "ComputedTraitResume",
    "ListList",
    "SegmentArchive",
    "SegmentAudits",
    "SegmentCopy",
    "SegmentDetail",
    "SegmentEffects",
    "SegmentGrowth",
    "SegmentList",
    "SegmentMembers",
    "SegmentMembersExport",
    "SegmentMembersFile",
    "SegmentOverlap",
    "SegmentPause",
    "SegmentPreview",
    "SegmentPublish",
    "SegmentRestore",
    "SegmentResume",
    "SegmentVersions",
]
