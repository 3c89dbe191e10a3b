"""Computed traits as sentences."""

from collections.abc import Mapping
from typing import Final

from segments.domain.computed import Compute, Definition
from segments.domain.describe.sentences import Teller
from segments.domain.phrases import ENGLISH, Translator, gettext_noop

_COMPUTED: Final[Mapping[Compute, str]] = {
    Compute.COUNT: gettext_noop("the number of {events}"),
    Compute.SUM: gettext_noop("the sum of {property} over {events}"),
    Compute.AVERAGE: gettext_noop("the average {property} of {events}"),
    Compute.MIN: gettext_noop("the smallest {property} of {events}"),
    Compute.MAX: gettext_noop("the greatest {property} of {events}"),
    Compute.DISTINCT: gettext_noop("the number of different {property} of {events}"),
    Compute.FIRST: gettext_noop("the {property} of the first of {events}"),
    Compute.LAST: gettext_noop("the {property} of the last of {events}"),
    Compute.MOST_FREQUENT: gettext_noop("the most frequent {property} of {events}"),
    Compute.DAYS_SINCE: gettext_noop("the days since the last of {events}"),
    Compute.RFM: gettext_noop(
        "how lately, how often and for how much {property} they did {events}, in fifths"
    ),
}


def describe_computed(definition: Definition, *, translator: Translator = ENGLISH) -> str:
    """Say in words what a computed trait is."""
    teller, asked = Teller(translator), definition.events
    said = teller.events(asked.name, asked.where)
    events = teller.timed("{event}", gettext_noop("{event} {when}"), said, asked.during)
    values = {"events": events, "property": teller.path(definition.path) if definition.path else ""}
    return teller.say(_COMPUTED[definition.compute], values)
