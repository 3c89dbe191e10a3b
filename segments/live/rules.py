"""The live segments as rules: what is asked, in which order."""

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from graphlib import TopologicalSorter

from django.db.models import OuterRef, QuerySet, Subquery

from segments.domain.conditions import Condition, Reads, reads
from segments.domain.parse import ConditionError, parse_condition
from segments.models import Segment, SegmentVersion

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveSegment:
    """A segment whose membership is kept up to date."""

    id: int
    slug: str
    condition: Condition
    reads: Reads
    place: int = 0  # behind those of the segments it asks for
    followers: frozenset[int] = frozenset()  # ids of the segments that ask for this one


def live_segments() -> list[LiveSegment]:
    """Read the live segments as published, each after those it depends on."""
    return in_order(
        LiveSegment(id=id_, slug=slug, condition=condition, reads=reads(condition))
        for id_, slug, condition in conditions_in_force(Segment.objects.live())
    )


def in_order(segments: Iterable[LiveSegment]) -> list[LiveSegment]:
    """Put segments behind those they depend on, and tell each of its place and followers."""
    found = {one.slug: one for one in segments}
    followers: dict[str, set[int]] = {slug: set() for slug in found}
    for one in found.values():
        for slug in one.reads.segments & found.keys():
            followers[slug].add(one.id)
    order = TopologicalSorter({slug: one.reads.segments & found.keys() for slug, one in found.items()})
    return [
        replace(found[slug], place=place, followers=frozenset(followers[slug]))
        for place, slug in enumerate(order.static_order())
    ]


def conditions_in_force(segments: QuerySet[Segment]) -> Iterator[tuple[int, str, Condition]]:
    """Id, slug and condition of segments: as published, or the draft of those that never were."""
    published = SegmentVersion.objects.filter(segment=OuterRef("pk"), number=OuterRef("version"))
    rows = (
        segments.annotate(published=Subquery(published.values("condition")[:1]))
        .order_by("id")
        .values_list("id", "slug", "condition", "published")
    )
    for id_, slug, draft, in_force in rows:
        try:
            yield id_, slug, parse_condition((in_force or draft)["if"])
        except ConditionError:
            # Saving parses, so only a document of another release gets here. Its members stay as they
            # are; it must not stop the others.
            logger.exception("segment %s cannot be read and is not kept up to date", slug)
