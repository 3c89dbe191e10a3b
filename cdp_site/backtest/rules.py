"""The rules of a replay: one version of a journey, and the segments and traits that it asks about."""

from collections.abc import Iterable, Sequence
from functools import reduce
from typing import Final

from cdp_site.pipeline.rules import Rules, rules_of
from journeys.domain.definition import Definition, parse_journey
from journeys.domain.nodes import SetTrait
from journeys.live import LiveVersion, company_rules
from journeys.models import Journey
from profiles.domain.facts import Json
from segments.domain.conditions import Reads
from segments.live import LiveComputed, LiveSegment, in_order, live_computed, live_segments

DRAFT: Final = 0  # stands for the id of a version that was not published


def version_of(journey: Journey, document: Json, *, number: int = 0) -> LiveVersion:
    """A document as the version of a journey that people enter.

    Raises:
        JourneyError: the document is no sound journey.
    """
    return LiveVersion(
        id=DRAFT,
        journey_id=journey.pk,
        slug=journey.slug,
        name=journey.name,
        number=number,
        definition=parse_journey(document),
        is_open=True,
    )


def rules_for(version: LiveVersion) -> Rules:
    """The rules in force now of all that the version asks about, itself in the middle."""
    segments, computed = _needed(version, segments=live_segments(), computed=live_computed())
    return rules_of(segments=segments, computed=computed, versions=[version], company=company_rules())


def _needed(
    version: LiveVersion, *, segments: Sequence[LiveSegment], computed: Sequence[LiveComputed]
) -> tuple[list[LiveSegment], list[LiveComputed]]:
    """What the version asks about, and what that asks about in turn."""
    chosen: set[tuple[str, int]] = set()
    needs = version.reads | _templates_read(version.definition, computed)
    while True:
        of_segments = [one for one in segments if one.slug in needs.segments]
        of_traits = [one for one in computed if one.key in needs.trait_keys]
        found = {("segment", one.id) for one in of_segments} | {("computed", one.id) for one in of_traits}
        if found == chosen:
            return in_order(of_segments), of_traits
        chosen = found
        needs = reduce(Reads.__or__, _reads(of_segments, of_traits), needs)


def _templates_read(definition: Definition, computed: Iterable[LiveComputed]) -> Reads:
    """The computed traits that a step may write into another trait: any of them, if it writes one at all."""
    writes = any(isinstance(step, SetTrait) for step in definition.walk())
    return Reads(trait_keys=frozenset(one.key for one in computed) if writes else frozenset())


def _reads(segments: Iterable[LiveSegment], computed: Iterable[LiveComputed]) -> Iterable[Reads]:
    yield from (one.reads for one in segments)
    yield from (one.definition.reads for one in computed)
