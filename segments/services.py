"""What people do with segments: save, publish, pause, resume, archive.

Each function is one transaction and writes the audit log. A draft is a sound condition already; publishing
checks what it asks of other segments. Whatever changes which rules are live takes the rules for itself
first, so that no drain or sweep is deciding meanwhile.
"""

from collections.abc import Mapping
from datetime import datetime
from graphlib import CycleError, TopologicalSorter
from typing import Any, Final

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Max
from django_q.tasks import async_task

from cdp_site import audit
from segments.domain.conditions import reads
from segments.domain.parse import ConditionError, parse_condition, to_json
from segments.domain.phrases import Phrase, gettext_noop
from segments.live import conditions_in_force, live_segments
from segments.models import Segment, SegmentVersion
from segments.network import prove
from segments.queries import used_in
from segments.revision import change_rules, hold_rules

LANGUAGE: Final = 1
BUILD_TASK: Final = "segments.tasks.build_waiting"


class SlugTaken(Exception):
    """Another segment has this slug."""

    def __init__(self, slug: str) -> None:
        super().__init__(slug)
        self.slug = slug


class WrongState(Exception):
    """The segment is in no state in which that can be done."""

    def __init__(self, *, slug: str, state: str) -> None:
        super().__init__(f"{slug} is {state}")
        self.slug = slug
        self.state = state


class SegmentInUse(Exception):
    """Other segments ask about this one."""

    def __init__(self, *, slug: str, by: list[str]) -> None:
        super().__init__(f"{slug} is used in {', '.join(by)}")
        self.slug = slug
        self.by = by  # slugs


@transaction.atomic
def save_segment(
    slug: str,
    *,
    name: str,
    condition: Mapping[str, Any],
    actor: str,
    now: datetime,
    must_be_new: bool = False,
) -> Segment:
    """Create a segment, or replace the draft of the one with this slug. What is live stays as published.

    Raises:
        ConditionError: the condition is none.
        SlugTaken: the slug is in use, and `must_be_new`.
    """
    document = {"language": LANGUAGE, "if": to_json(parse_condition(condition))}
    if Segment.objects.filter(slug=slug).exists():
        # Drains count members in this row while they share the rules. Taking the row first and the rules
        # later, as a publication in the same transaction would, could make both wait for each other.
        hold_rules()
    try:
        with transaction.atomic():
            segment, is_new = Segment.objects.select_for_update().get_or_create(
                slug=slug, defaults={"name": name, "condition": document}
            )
    except IntegrityError as error:  # somebody else took it in this moment
        raise SlugTaken(slug) from error
    if is_new:
        _record(actor, "segment.create", segment, after={"name": name, "condition": document})
        return segment
    if must_be_new:
        raise SlugTaken(slug)
    before = {"name": segment.name, "condition": segment.condition}
    segment.name, segment.condition, segment.updated_at = name, document, now
    segment.save(update_fields=["name", "condition", "updated_at"])
    _record(actor, "segment.edit", segment, before=before, after={"name": name, "condition": document})
    return segment


def publish_segment(slug: str, *, actor: str, now: datetime) -> SegmentVersion:
    """Make the draft the condition in force, and have everybody asked.

    Members follow in the background: until `built_at` is set the members are those of before. People to
    whom something happens are asked by the new condition from now on.

    Raises:
        Segment.DoesNotExist: no segment has the slug.
        ConditionError: it asks about segments that do not exist, or about itself by way of others.
        NetworkRefused: the rule network cannot take it.
    """
    # Trying the rules out takes a process and its time, so it comes before everybody is held off.
    _prove(Segment.objects.get(slug=slug))
    with transaction.atomic():
        rules = change_rules()
        segment = Segment.objects.select_for_update().get(slug=slug)
        _check_references(segment)
        number = (segment.versions.aggregate(newest=Max("number"))["newest"] or 0) + 1
        version = SegmentVersion.objects.create(
            segment=segment, number=number, condition=segment.condition, published_at=now, published_by=actor
        )
        before = {"state": segment.state, "version": segment.version}
        segment.state, segment.version = Segment.State.LIVE, number
        segment.built_at, segment.updated_at = None, now
        segment.save(update_fields=["state", "version", "built_at", "updated_at"])
        after = {"state": segment.state, "version": number, "rules": rules}
        _record(actor, "segment.publish", segment, before=before, after=after)
        transaction.on_commit(wake_builder)
    return version


def wake_builder() -> None:
    """Have the background look for segments that wait to be built. A lost call is made up for there."""
    async_task(BUILD_TASK)


@transaction.atomic
def pause_segment(slug: str, *, actor: str, now: datetime) -> Segment:
    """Leave the members as they are until it is published again. Raises WrongState unless it is live."""
    change_rules()
    segment = Segment.objects.select_for_update().get(slug=slug)
    if segment.state != Segment.State.LIVE:
        raise WrongState(slug=slug, state=segment.state)
    return _change_state(segment, Segment.State.PAUSED, actor=actor, verb="segment.pause", now=now)


@transaction.atomic
def archive_segment(slug: str, *, actor: str, now: datetime) -> Segment:
    """Put the segment away. Its members leave in the background; its history remains.

    Raises:
        Segment.DoesNotExist: no segment has the slug.
        SegmentInUse: other segments ask about it.
    """
    change_rules()
    segment = Segment.objects.select_for_update().get(slug=slug)
    if users := [other.slug for other in used_in(slug)]:
        raise SegmentInUse(slug=slug, by=users)
    transaction.on_commit(wake_builder)
    return _change_state(segment, Segment.State.ARCHIVED, actor=actor, verb="segment.archive", now=now)


def _change_state(segment: Segment, state: str, *, actor: str, verb: str, now: datetime) -> Segment:
    before = segment.state
    segment.state, segment.updated_at = state, now
    segment.save(update_fields=["state", "updated_at"])
    _record(actor, verb, segment, before={"state": before}, after={"state": state})
    return segment


def _record(actor: str, verb: str, segment: Segment, **changes: Any) -> None:
    audit.record(actor, verb, object_kind="segment", object_id=segment.slug, **changes)


# Soundness


def _prove(segment: Segment) -> None:
    """Build the network of all live segments and this one, in a process of its own."""
    if settings.RULES_ENGINE == "closures":
        return
    others = [live.condition for live in live_segments() if live.slug != segment.slug]
    prove([*others, parse_condition(segment.condition["if"])])


def _check_references(segment: Segment) -> None:
    """Refuse a condition that asks about unknown segments, or in a circle."""
    others = Segment.objects.exclude(state=Segment.State.ARCHIVED).exclude(pk=segment.pk)
    asked = reads(parse_condition(segment.condition["if"])).segments
    known = set(others.values_list("slug", flat=True)) | {segment.slug}
    for slug in sorted(asked - known):
        raise ConditionError("", Phrase(gettext_noop("there is no segment {segment}"), {"segment": slug}))
    graph = {slug: reads(condition).segments for _, slug, condition in conditions_in_force(others)}
    try:
        TopologicalSorter(graph | {segment.slug: asked}).prepare()
    except CycleError as error:
        circle = " → ".join(error.args[1])
        raise ConditionError(
            "", Phrase(gettext_noop("the segments ask about each other: {circle}"), {"circle": circle})
        ) from error
