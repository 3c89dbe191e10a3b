"""What people do with segments: save, publish, pause, resume, put away, add and remove by hand, audit.

Each function is one transaction unless it says otherwise, and writes the audit log. A draft is a sound
condition already; publishing checks what it asks of other segments. Whatever changes which rules are live
takes the rules for itself first, so that no drain or sweep is deciding meanwhile.
"""

from segments.services.auditing import request_audit
from segments.services.manual import Changed, Mode, change_members
from segments.services.publishing import (
    BUILD_TASK,
    LANGUAGE,
    SegmentInUse,
    SlugTaken,
    WrongState,
    archive_segment,
    check_references,
    duplicate_segment,
    pause_segment,
    publish_segment,
    rebuild_local,
    restore_version,
    resume_segment,
    save_and_publish,
    save_segment,
    wake_builder,
)

__all__ = [
    "BUILD_TASK",
    "LANGUAGE",
    "Changed",
    "Mode",
    "SegmentInUse",
    "SlugTaken",
    "WrongState",
    "archive_segment",
    "change_members",
    "check_references",
    "duplicate_segment",
    "pause_segment",
    "publish_segment",
    "rebuild_local",
    "request_audit",
    "restore_version",
    "resume_segment",
    "save_and_publish",
    "save_segment",
    "wake_builder",
]
