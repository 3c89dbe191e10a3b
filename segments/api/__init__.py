"""Management API of segments: one module for segments, one for their members."""

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
