"""Undo and redo: a stack of the documents that a draft was, shared by everybody who edits it.

The caller holds the journey's row, so no two changes of one draft meet here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db.models import Max, Q

from journeys.models import DraftState, Journey
from profiles.domain.facts import Json

MOST_STATES: Final = 100
_ONE_GO: Final = timedelta(seconds=5)  # what somebody types into one part without a rest is one change


def remember(journey: Journey, *, part: str, actor: str, now: datetime) -> None:
    """Keep the draft as it is before a change; what was undone before cannot be done again."""
    journey.draft_states.filter(is_undone=True).delete()
    newest = journey.draft_states.order_by("-number").first()
    if (
        newest
        and part
        and (newest.part, newest.saved_by) == (part, actor)
        and now - newest.saved_at < _ONE_GO
    ):
        DraftState.objects.filter(pk=newest.pk).update(saved_at=now)
        return
    number = newest.number + 1 if newest else 1
    DraftState.objects.create(
        journey=journey,
        number=number,
        revision=journey.draft_revision,
        document=journey.draft,
        part=part,
        saved_by=actor,
        saved_at=now,
    )
    journey.draft_states.filter(number__lte=number - MOST_STATES).delete()


def swapped(journey: Journey, *, is_undo: bool) -> Mapping[str, Json] | None:
    """The document that undoing, or doing again, brings back; the draft takes its place in the stack."""
    states = journey.draft_states.filter(is_undone=not is_undo)
    state = states.order_by("-number" if is_undo else "number").first()
    if state is None:
        return None
    document: Mapping[str, Json] = state.document
    state.document, state.revision, state.is_undone = journey.draft, journey.draft_revision, is_undo
    state.part = ""  # what is typed next is a change of its own
    state.save(update_fields=["document", "revision", "is_undone", "part"])
    return document


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """What can be undone and done again."""

    can_undo: bool
    can_redo: bool


def stack_of(journey: Journey) -> Stack:
    """Look at the stack: one query."""
    ends = journey.draft_states.aggregate(
        undo=Max("number", filter=Q(is_undone=False)), redo=Max("number", filter=Q(is_undone=True))
    )
    return Stack(can_undo=ends["undo"] is not None, can_redo=ends["redo"] is not None)


def document_at(journey: Journey, revision: int) -> Mapping[str, Json] | None:
    """The draft as it was at a revision, as far as the stack still has it."""
    if revision == journey.draft_revision:
        current: Mapping[str, Json] = journey.draft
        return current
    return journey.draft_states.filter(revision=revision).values_list("document", flat=True).first()
