"""Computed traits in the live pipeline: what is computed now."""

import logging
from dataclasses import dataclass

from segments.domain.computed import Definition, Fifths, parse_computed, read_fifths
from segments.domain.parse import ConditionError
from segments.models import ComputedTrait

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveComputed:
    """A trait that is kept up to date."""

    id: int
    key: str
    definition: Definition
    fifths: Fifths


def live_computed() -> list[LiveComputed]:
    """Read the computed traits that are kept up to date."""
    found = []
    for row in ComputedTrait.objects.live().order_by("id"):
        try:
            definition = parse_computed(row.definition)
        except ConditionError:
            logger.exception("computed trait %s cannot be read and is not kept up to date", row.key)
            continue
        found.append(
            LiveComputed(id=row.pk, key=row.key, definition=definition, fifths=read_fifths(row.fifths))
        )
    return found
