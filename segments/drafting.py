"""Saving what the builder of rules holds: sound rules as drafts, unfinished ones beside them.

Several people may write one rule. A page carries the fingerprint of what it showed; whoever saves over
something else is told first.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db import transaction
from django.utils.text import slugify

from cdp_site import audit
from cdp_site.models import AuditEntry
from segments.domain.values import Json
from segments.fingerprints import DraftConflict, fingerprint_of, hash_of, unfinished_rows
from segments.models import Segment, SegmentDraft
from segments.revision import hold_rules
from segments.services import save_segment

_MOST_TRIES: Final = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A rule to save."""

    name: str
    rows: list[Any]  # segments.forms.rows.to_state
    condition: Json  # None while it is not complete


@transaction.atomic
def create_rule(rule: Rule, *, actor: str, now: datetime) -> Segment:
    """Keep a new rule as the draft of a new segment. Raises ConditionError."""
    condition: Json = rule.condition if rule.condition is not None else {"any": []}  # until it is complete
    segment = save_segment(
        _free_slug(rule.name), name=rule.name, condition=condition, actor=actor, now=now, must_be_new=True
    )
    if rule.condition is None:
        _keep_rows(segment, rule.rows)
    return segment


@transaction.atomic
def save_rule(slug: str, rule: Rule, *, seen: str, actor: str, now: datetime) -> Segment:
    """Replace the draft of a segment.

    Args:
        seen: fingerprint of what the writer opened.

    Raises:
        Segment.DoesNotExist: there is no such segment.
        DraftConflict: it is not what the writer opened.
        ConditionError: the condition is none.
    """
    hold_rules()  # before the row, as drains take them
    segment = Segment.objects.select_for_update().get(slug=slug)
    if fingerprint_of(segment) != seen:
        raise DraftConflict(segment)
    if rule.condition is not None:
        SegmentDraft.objects.filter(segment=segment).delete()
        return save_segment(slug, name=rule.name, condition=rule.condition, actor=actor, now=now)
    before = {"name": segment.name, "rows": unfinished_rows(segment)}
    segment.name, segment.updated_at = rule.name, now
    segment.save(update_fields=["name", "updated_at"])
    _keep_rows(segment, rule.rows)
    audit.record(
        actor,
        "segment.edit",
        object_kind="segment",
        object_id=slug,
        before=before,
        after={"name": rule.name, "rows": rule.rows},
    )
    return segment


def _keep_rows(segment: Segment, rows: list[Any]) -> None:
    SegmentDraft.objects.update_or_create(
        segment=segment, defaults={"rows": rows, "based_on": hash_of(segment.condition)}
    )


def _free_slug(name: str) -> str:
    """A slug after the name that no segment has."""
    start = slugify(name)[:70].rstrip("-_") or "segment"
    taken = set(Segment.objects.filter(slug__startswith=start).values_list("slug", flat=True))
    free = (f"{start}-{number}" for number in range(2, _MOST_TRIES))
    return start if start not in taken else next(slug for slug in free if slug not in taken)


def last_edit_of(slug: str) -> AuditEntry | None:
    """Who saved a segment's rule last, and when."""
    return (
        AuditEntry.objects.filter(object_kind="segment", object_id=slug, verb="segment.edit")
        .order_by("-at", "-id")
        .first()
    )
