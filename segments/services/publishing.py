"""Saving, publishing, pausing, resuming and putting away; versions and copies."""

from collections.abc import Mapping
from datetime import datetime
from graphlib import CycleError, TopologicalSorter
from typing import Any, Final

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Max
from django_q.tasks import async_task

from cdp_site import audit
from segments.domain.computed import Compute
from segments.domain.conditions import reads
from segments.domain.parse import ConditionError, parse_condition, to_json
from segments.domain.phrases import Phrase, gettext_noop
from segments.fingerprints import DraftConflict, fingerprint_of
from segments.live import conditions_in_force, live_segments
from segments.models import ComputedTrait, Segment, SegmentVersion
from segments.network import prove
from segments.queries import used_in
from segments.revision import change_rules, hold_rules

LANGUAGE: Final = 1
BUILD_TASK: Final = "cdp_site.tasks.build"


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


def publish_segment(slug: str, *, actor: str, now: datetime, seen: str | None = None) -> SegmentVersion:
    """Make the draft the condition in force, and have everybody asked.

    Members follow in the background: until `built_at` is set the members are those of before. People to
    whom something happens are asked by the new condition from now on.

    Args:
        seen: fingerprint of the draft that was looked at; None: whatever the draft is.

    Raises:
        Segment.DoesNotExist: no segment has the slug.
        DraftConflict: somebody saved another draft meanwhile.
        ConditionError: it asks about segments that do not exist, or about itself by way of others.
        NetworkRefused: the rule network cannot take it.
    """
    # Trying the rules out takes a process and its time, so it comes before everybody is held off.
    proven = Segment.objects.get(slug=slug)
    _prove(slug, proven.condition["if"])
    with transaction.atomic():
        rules = change_rules()
        segment = Segment.objects.select_for_update().get(slug=slug)
        if segment.condition != proven.condition or seen not in (None, fingerprint_of(segment)):
            raise DraftConflict(segment)
        return _put_in_force(segment, rules=rules, actor=actor, now=now)


def save_and_publish(
    slug: str,
    *,
    name: str,
    condition: Mapping[str, Any],
    actor: str,
    now: datetime,
    must_be_new: bool = False,
) -> SegmentVersion:
    """Save a condition and put it in force: both, or neither.

    Raises:
        ConditionError, SlugTaken, NetworkRefused: as saving and publishing do; nothing is kept then.
    """
    _prove(slug, condition)
    with transaction.atomic():
        rules = change_rules()
        segment = save_segment(
            slug, name=name, condition=condition, actor=actor, now=now, must_be_new=must_be_new
        )
        return _put_in_force(segment, rules=rules, actor=actor, now=now)


def _put_in_force(segment: Segment, *, rules: int, actor: str, now: datetime) -> SegmentVersion:
    check_references(segment)
    number = (segment.versions.aggregate(newest=Max("number"))["newest"] or 0) + 1
    version = SegmentVersion.objects.create(
        segment=segment, number=number, condition=segment.condition, published_at=now, published_by=actor
    )
    before = {"state": segment.state, "version": segment.version}
    segment.state, segment.version = Segment.State.LIVE, number
    segment.updated_at = now
    segment.save(update_fields=["state", "version", "updated_at"])
    Segment.objects.filter(pk=segment.pk).begin_anew()
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
def resume_segment(slug: str, *, actor: str, now: datetime) -> Segment:
    """Keep the members of a paused segment up to date again. Raises WrongState unless it is paused.

    Everybody is asked anew by the version in force, for much may have happened meanwhile.
    """
    change_rules()
    segment = Segment.objects.select_for_update().get(slug=slug)
    if segment.state != Segment.State.PAUSED:
        raise WrongState(slug=slug, state=segment.state)
    Segment.objects.filter(pk=segment.pk).begin_anew()
    transaction.on_commit(wake_builder)
    return _change_state(segment, Segment.State.LIVE, actor=actor, verb="segment.resume", now=now)


def rebuild_local(*, actor: str) -> None:
    """Have everybody asked again about segments whose answer depends on where people live.

    Call it in the transaction that changed the company's zone, which holds the rules.
    """
    local = [live for live in live_segments() if live.reads.needs_zone]
    for segment in Segment.objects.filter(pk__in=[live.id for live in local]).order_by("pk"):
        Segment.objects.filter(pk=segment.pk).begin_anew()
        _record(actor, "segment.rebuild", segment, after={"reason": "time zone"})
    ComputedTrait.objects.live().filter(definition__compute=Compute.DAYS_SINCE).update(
        built_at=None, build_cursor=0
    )
    transaction.on_commit(wake_builder)


def duplicate_segment(slug: str, *, new_slug: str, name: str, actor: str, now: datetime) -> Segment:
    """Make a draft like another segment's.

    Raises:
        Segment.DoesNotExist: no segment has the slug.
        SlugTaken: another has the new one.
    """
    condition = Segment.objects.get(slug=slug).condition["if"]
    return save_segment(new_slug, name=name, condition=condition, actor=actor, now=now, must_be_new=True)


def restore_version(slug: str, *, number: int, actor: str, now: datetime) -> Segment:
    """Make a published version the draft again; what is in force stays.

    Raises:
        Segment.DoesNotExist: no segment has the slug.
        SegmentVersion.DoesNotExist: it has no such version.
    """
    segment = Segment.objects.get(slug=slug)
    condition = segment.versions.get(number=number).condition["if"]
    return save_segment(slug, name=segment.name, condition=condition, actor=actor, now=now)


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


def _prove(slug: str, condition: Mapping[str, Any]) -> None:
    """Build the network of all live segments and this one, in a process of its own."""
    parsed = parse_condition(condition)
    if settings.RULES_ENGINE == "closures":
        return
    others = [live.condition for live in live_segments() if live.slug != slug]
    prove([*others, parsed])


def check_references(segment: Segment) -> None:
    """Refuse a condition that asks about unknown segments, or in a circle. Raises ConditionError."""
    others = Segment.objects.exclude(state=Segment.State.ARCHIVED).exclude(pk=segment.pk)
    needs = reads(parse_condition(segment.condition["if"]))
    asked = needs.segments
    known = set(others.values_list("slug", flat=True)) | {segment.slug}
    for slug in sorted((asked | needs.lists) - known):
        raise ConditionError("", Phrase(gettext_noop("there is no segment {segment}"), {"segment": slug}))
    graph = {slug: reads(condition).segments for _, slug, condition in conditions_in_force(others)}
    try:
        TopologicalSorter(graph | {segment.slug: asked}).prepare()
    except CycleError as error:
        circle = " → ".join(error.args[1])
        raise ConditionError(
            "", Phrase(gettext_noop("the segments ask about each other: {circle}"), {"circle": circle})
        ) from error
