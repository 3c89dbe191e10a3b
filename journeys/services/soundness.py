"""Whether a document can be published."""

from collections.abc import Iterator, Mapping

from connectors.models import Connection, Template
from journeys.domain.definition import Definition, Fault, JourneyError, parse_journey
from journeys.domain.outline import steps_in
from journeys.models import Journey
from profiles.domain.facts import Json
from segments.domain.phrases import Phrase, gettext_noop
from segments.models import Segment
from segments.network import NetworkRefused, prove


def faults_of(document: Mapping[str, Json]) -> tuple[Fault, ...]:
    """What keeps a document from being published, references to other things included."""
    try:
        check(document)
    except JourneyError as error:
        return error.faults
    return ()


def check(document: Mapping[str, Json]) -> Definition:
    """Read a draft that is to be published. Raises JourneyError."""
    definition = parse_journey(document)
    faults = [*_dangling(document), *_unknown_segments(definition.reads.segments | definition.reads.lists)]
    if faults:
        raise JourneyError(faults)
    return definition


def _dangling(document: Mapping[str, Json]) -> Iterator[Fault]:
    """Steps that name a template or a connection that is not there."""
    steps = list(steps_in(document))
    for key, there, message in (
        ("template", Template.objects.mails().in_force(), gettext_noop("there is no template “{slug}”")),
        ("connection", Connection.objects.all(), gettext_noop("there is no connection “{slug}”")),
        ("list", Segment.objects.all(), gettext_noop("there is no list “{slug}”")),
        ("journey", Journey.objects.all(), gettext_noop("there is no journey “{slug}”")),
    ):
        named = {step.part[key] for step in steps if step.part.get(key)}
        known = set(there.filter(slug__in=named).values_list("slug", flat=True))
        for step in steps:
            slug = step.part.get(key)
            if slug and slug not in known:
                yield Fault(f"{step.path}.{key}", Phrase(message, {"slug": slug}))


def _unknown_segments(named: frozenset[str]) -> Iterator[Fault]:
    known = set(Segment.objects.filter(slug__in=named).values_list("slug", flat=True))
    for slug in sorted(named - known):
        yield Fault("", Phrase(gettext_noop("there is no segment “{slug}”"), {"slug": slug}))


def require_watchable(document: Mapping[str, Json]) -> None:
    """Try out whether the draft's rules can be watched. Raises JourneyError."""
    definition = parse_journey(document)
    try:
        prove(condition for _place, condition in definition.conditions())
    except NetworkRefused as error:
        message = gettext_noop("the rules cannot be watched: {error}")
        raise JourneyError([Fault("", Phrase(message, {"error": str(error)}))]) from error
