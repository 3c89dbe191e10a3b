"""Two editors of one draft: who was second is told what the first changed, and decides."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext as _

from journeys import drafts
from journeys.canvas import title_of
from journeys.domain.changes import ChangeKind
from journeys.domain.editing import differences
from journeys.domain.outline import Document, step_in
from journeys.editor import heading_of
from journeys.models import Journey
from journeys.queries import last_edit_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """What somebody else did to the draft while a change was being made."""

    actor: str
    at: datetime | None
    lines: Sequence[str]  # what is different now, in words
    said: str  # what became of the change
    can_go_on: bool  # it can still be made, on what they left


def conflict_of(
    journey: Journey, *, seen: int, is_undo: bool = False, is_taken_out: bool = False
) -> Conflict:
    """Say what became of the draft since a revision.

    Args:
        is_undo: undoing or redoing was refused: what could be taken back now is somebody else's change.
        is_taken_out: the change was to be made on what they left, and that has not what was changed.
    """
    edit, before = last_edit_of(journey.slug), drafts.document_at(journey, seen)
    return Conflict(
        actor=edit.actor if edit else "",
        at=edit.at if edit else None,
        lines=_lines(before, journey.draft) if before is not None else [],
        said=_said(is_undo=is_undo, is_taken_out=is_taken_out, is_known=before is not None),
        can_go_on=before is not None and not is_undo,
    )


def _said(*, is_undo: bool, is_taken_out: bool, is_known: bool) -> str:
    if is_undo:
        return _("Nothing was taken back or done again: the last change is not the one you saw.")
    if not is_known:
        return _("Too much has changed since to put your change over theirs. What you typed is still here.")
    if is_taken_out:
        return _("Your change is not saved: what you changed was taken out, or nothing of it is as it was.")
    return _("Your change is not saved yet; what you typed is still here.")


def _lines(before: Document, after: Document) -> list[str]:
    words = {
        ChangeKind.ADDED: _("%(part)s: new"),
        ChangeKind.REMOVED: _("%(part)s: removed"),
        ChangeKind.CHANGED: _("%(part)s: changed"),
        ChangeKind.MOVED: _("%(part)s: moved"),
    }
    return [
        words[each.kind]
        % {"part": _part_name(before if each.kind is ChangeKind.REMOVED else after, each.part)}
        for each in differences(before, after)
    ]


def _part_name(document: Document, part: str) -> str:
    found = step_in(document, part)
    return title_of(found.part) if found else heading_of(document, part)
