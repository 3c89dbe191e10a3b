"""Segments as lists and pages show them: in words, and where they are used."""

from dataclasses import dataclass, replace
from datetime import datetime

from django.db.models import Q, QuerySet

from segments.domain.conditions import AllOf, AnyOf, Condition, Ever, InSegment, NoneOf, Standing, reads
from segments.domain.describe import describe
from segments.domain.parse import ConditionError, parse_condition
from segments.domain.phrases import ENGLISH, Translator
from segments.live import conditions_in_force
from segments.models import Segment, SegmentVersion
from segments.queries.counting import count_of


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentLine:
    """A segment as lists show it."""

    segment: Segment
    sentence: str  # "" where the stored document is of another release and cannot be read


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """What publishing another condition would do to a segment's size."""

    segment: Segment
    before: int
    after: int


def segment_lines(
    *, translator: Translator = ENGLISH, search: str = "", state: str = ""
) -> list[SegmentLine]:
    """Segments by name: those in a state, or all that are not archived."""
    rows = Segment.objects.order_by("name", "id")
    rows = rows.filter(state=state) if state else rows.exclude(state=Segment.State.ARCHIVED)
    if search:
        rows = rows.filter(Q(name__icontains=search) | Q(slug__icontains=search))
    return [SegmentLine(segment=row, sentence=sentence_of(row, translator=translator)) for row in rows]


def sentence_of(segment: Segment, *, translator: Translator = ENGLISH) -> str:
    """The segment's condition in words."""
    try:
        return describe(parse_condition(segment.condition["if"]), translator=translator)
    except ConditionError:
        return ""


def used_in(slug: str) -> list[Segment]:
    """The segments whose conditions ask about this one, by name."""
    others = Segment.objects.exclude(state=Segment.State.ARCHIVED)
    asking = []
    for id_, own, condition in conditions_in_force(others):
        needs = reads(condition)
        if own != slug and slug in needs.segments | needs.lists:
            asking.append(id_)
    return list(Segment.objects.filter(id__in=asking).order_by("name", "id"))


def segments_by_trait() -> dict[str, list[Segment]]:
    """Trait key -> the segments whose conditions ask about it, by name."""
    others = Segment.objects.exclude(state=Segment.State.ARCHIVED)
    asked = {id_: reads(condition).trait_keys for id_, _slug, condition in conditions_in_force(others)}
    found: dict[str, list[Segment]] = {}
    for segment in Segment.objects.filter(id__in=[id_ for id_ in asked if asked[id_]]).order_by("name", "id"):
        for key in asked[segment.pk]:
            found.setdefault(key, []).append(segment)
    return found


def effects_of(segment: Segment, condition: Condition, *, now: datetime) -> list[Effect]:
    """Count the members of a segment, and of those that ask about it, before and after a change.

    Segments that ask about those in turn are not followed. Raises TooSlow.
    """
    effects = [Effect(segment=segment, before=segment.member_count, after=count_of(condition, now=now))]
    others = Segment.objects.exclude(state=Segment.State.ARCHIVED).exclude(pk=segment.pk)
    rows = {row.pk: row for row in others}
    for id_, _slug, asking in conditions_in_force(others):
        if segment.slug in reads(asking).segments:
            after = count_of(with_condition(asking, slug=segment.slug, condition=condition), now=now)
            effects.append(Effect(segment=rows[id_], before=rows[id_].member_count, after=after))
    return effects


def with_condition(asking: Condition, *, slug: str, condition: Condition) -> Condition:
    """The same condition with membership of a segment put in words: as if the members were others already."""
    match asking:
        case AllOf() | AnyOf() | NoneOf():
            parts = tuple(with_condition(part, slug=slug, condition=condition) for part in asking.of)
            return replace(asking, of=parts)
        case InSegment(slug=named, standing=Standing.MEMBER, during=Ever()) if named == slug:
            return condition
        case InSegment(slug=named, standing=Standing.NOT_MEMBER) if named == slug:
            return NoneOf(of=(condition,))
        case _:
            return asking


def versions_of(segment: Segment) -> QuerySet[SegmentVersion]:
    """What was published, the newest first."""
    return segment.versions.order_by("-number")
