"""The published versions that people may enter or are in."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass

from journeys.domain.definition import Definition, JourneyError, Role, parse_journey
from journeys.domain.nodes import ListChange, SetTrait, Step
from journeys.models import Journey, JourneyVersion
from segments.domain.conditions import AnyOf, Condition, Reads

logger = logging.getLogger(__name__)

_RUN_ROLES = frozenset({Role.GOAL, Role.EXIT, Role.WAIT})


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveVersion:
    """A published version that people are in or may enter."""

    id: int
    journey_id: int
    slug: str
    name: str
    number: int
    definition: Definition
    is_open: bool  # people may enter this version now

    @property
    def asks(self) -> Condition | None:
        """The condition whose change can move a run: goal, exit rule and waits together, dates included."""
        found = tuple(
            condition for place, condition in self.definition.conditions() if place.role in _RUN_ROLES
        )
        watched = (*found, *self.definition.watched_dates())
        return AnyOf(of=watched) if watched else None

    @property
    def reads(self) -> Reads:
        """What any condition of the version may ask for."""
        return self.definition.reads

    @property
    def sets(self) -> frozenset[str]:
        """The traits that steps of the version may write."""
        return frozenset(key for step in self._steps() if isinstance(step, SetTrait) for key in step.values)

    @property
    def lists(self) -> frozenset[str]:
        """The slugs of lists that steps of the version may change."""
        return frozenset(step.list for step in self._steps() if isinstance(step, ListChange))

    def _steps(self) -> Iterator[Step]:
        yield from self.definition.walk()
        yield from self.definition.goal.steps if self.definition.goal else ()


def live_versions() -> list[LiveVersion]:
    """Read all versions that people may enter or are still in; paused journeys stand still."""
    return _versions(Journey.State.LIVE)


def versions_in_use() -> list[LiveVersion]:
    """Those, and the ones of paused journeys, which go on one day."""
    return _versions(Journey.State.LIVE, Journey.State.PAUSED)


def journeys_asking_for(key: str) -> list[str]:
    """The slugs of the journeys that ask for a trait."""
    return sorted({version.slug for version in versions_in_use() if key in version.reads.trait_keys})


def _versions(*states: Journey.State) -> list[LiveVersion]:
    rows = (
        JourneyVersion.objects.select_related("journey")
        .filter(journey__state__in=states)
        .extra(
            where=[
                "journeys_journey.live_version_id = journeys_journeyversion.id OR EXISTS ("
                " SELECT FROM journeys_run r WHERE r.version_id = journeys_journeyversion.id"
                " AND r.journey_id = journeys_journey.id AND r.ended_at IS NULL)"
            ]
        )
        .order_by("journey_id", "number")
    )
    return [version for row in rows if (version := _read_version(row)) is not None]


def _read_version(row: JourneyVersion) -> LiveVersion | None:
    try:
        definition = parse_journey(row.document)
    except JourneyError:
        # Publishing parses, so only a document of another release gets here. Its people stay where they
        # are; it must not stop the others.
        logger.exception("version %s of journey %s cannot be read", row.number, row.journey.slug)
        return None
    return LiveVersion(
        id=row.id,
        journey_id=row.journey_id,
        slug=row.journey.slug,
        name=row.journey.name,
        number=row.number,
        definition=definition,
        is_open=row.id == row.journey.live_version_id,
    )
