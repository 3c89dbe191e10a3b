"""What people do with journeys: draft, publish, pause, resume, stop.

Each function is one transaction and writes the audit log. A draft may be unsound; what is published never
is. Whatever changes who may enter or move takes the rules for itself first, so that no drain or sweep is
deciding meanwhile.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from enum import Enum
from typing import Final

from django.db import IntegrityError, transaction
from django.db.models import Max
from django_q.tasks import async_task

from cdp_site import audit
from cdp_site.wakeup import wake
from connectors.models import Connection, Template
from journeys.domain.definition import LANGUAGE, Fault, JourneyError, parse_journey
from journeys.domain.nodes import ApiEntry
from journeys.domain.outline import steps_in
from journeys.domain.parse.keys import below
from journeys.ledger import end_open_runs
from journeys.live import company_rules
from journeys.models import EntryDue, Journey, JourneyVersion
from journeys.planning import PLAN, begin_planning, end_planning
from profiles.domain.facts import Json
from profiles.domain.identity import USER
from profiles.models import Identity
from segments.domain.phrases import Phrase, gettext_noop
from segments.models import Segment
from segments.network import NetworkRefused, prove
from segments.revision import change_rules

CALL_IN_TASK: Final = "cdp_site.tasks.call_in"


class SlugTaken(Exception):
    """Another journey has this slug."""

    def __init__(self, slug: str) -> None:
        super().__init__(slug)
        self.slug = slug


class NotByApi(Exception):
    """The journey does not begin by the API."""

    def __init__(self, slug: str) -> None:
        super().__init__(slug)
        self.slug = slug


class DraftConflict(Exception):
    """The draft is not the one that was edited: somebody saved in between."""

    def __init__(self, *, slug: str, revision: int) -> None:
        super().__init__(f"{slug} is at revision {revision}")
        self.slug = slug
        self.revision = revision  # of the draft as it is now


class WrongState(Exception):
    """The journey is in no state in which that can be done."""

    def __init__(self, *, slug: str, state: str) -> None:
        super().__init__(f"{slug} is {state}")
        self.slug = slug
        self.state = state


class PeopleInside(Enum):
    """What becomes of people who are in an earlier version."""

    FINISH = "finish"  # they go on by the version they entered


def create_journey(actor: str, *, slug: str, name: str, document: Mapping[str, Json]) -> Journey:
    """Create a journey that only has a draft.

    Raises:
        SlugTaken: another journey has the slug.
        JourneyError: the document cannot be stored.
    """
    draft = _storable(document)
    try:
        with transaction.atomic():
            journey = Journey.objects.create(slug=slug, name=name, draft=draft)
            _record(actor, "journey.create", journey, after={"name": name})
    except IntegrityError as error:
        raise SlugTaken(slug) from error
    return journey


@transaction.atomic
def save_draft(
    slug: str,
    *,
    document: Mapping[str, Json],
    revision: int,
    actor: str,
    now: datetime,
    name: str | None = None,
) -> Journey:
    """Replace the draft that was read at `revision`.

    Raises:
        Journey.DoesNotExist: no journey has the slug.
        DraftConflict: the draft was saved since.
        JourneyError: the document cannot be stored.
    """
    draft = _storable(document)
    journey = Journey.objects.select_for_update().get(slug=slug)
    if journey.draft_revision != revision:
        raise DraftConflict(slug=slug, revision=journey.draft_revision)
    before = {"revision": revision, "name": journey.name}
    journey.draft, journey.draft_revision, journey.updated_at = draft, revision + 1, now
    journey.name = journey.name if name is None else name
    journey.save(update_fields=["draft", "draft_revision", "updated_at", "name"])
    _record(actor, "journey.edit", journey, before=before, after=_draft_as_audited(journey))
    return journey


def _draft_as_audited(journey: Journey) -> dict[str, Json]:
    return {"revision": journey.draft_revision, "name": journey.name}


def publish_journey(
    slug: str,
    *,
    actor: str,
    now: datetime,
    revision: int | None = None,
    people_inside: PeopleInside = PeopleInside.FINISH,
) -> JourneyVersion:
    """Make the draft the version that people enter from now on; a paused journey stays paused.

    Whoever is inside goes on by the version they entered. A draft that is the live version already is
    left alone.

    Args:
        revision: the draft's revision that was looked at; None for whatever it is.

    Raises:
        Journey.DoesNotExist: no journey has the slug.
        DraftConflict: the draft was saved since `revision`.
        JourneyError: the draft is no sound journey.
    """
    # Trying the rules out takes a process and its time, so it comes before everybody is held off.
    _prove(Journey.objects.get(slug=slug).draft)
    with transaction.atomic():
        rules = change_rules()
        journey = Journey.objects.select_for_update().get(slug=slug)
        if revision is not None and journey.draft_revision != revision:
            raise DraftConflict(slug=slug, revision=journey.draft_revision)
        _check(journey.draft)
        live = journey.live_version
        if live and live.document == journey.draft and journey.state != Journey.State.STOPPED:
            return live
        before = parse_journey(live.document).entry if live else None
        version = _new_version(journey, actor=actor, now=now)
        journey.live_version, journey.updated_at = version, now
        if journey.state == Journey.State.STOPPED:
            before = None
        if journey.state != Journey.State.PAUSED:
            journey.state = Journey.State.LIVE
        entry = parse_journey(journey.draft).entry
        begin_planning(journey, entry, before=before, company=company_rules())
        journey.save(update_fields=["live_version", "updated_at", "state", *PLAN])
        _record(
            actor,
            "journey.publish",
            journey,
            before={"version": live.number if live else None},
            after={"version": version.number, "rules": rules, "people_inside": people_inside.value},
        )
        if journey.plan_cursor is not None:
            transaction.on_commit(_wake_planner)
    return version


def _new_version(journey: Journey, *, actor: str, now: datetime) -> JourneyVersion:
    newest = journey.versions.aggregate(newest=Max("number"))["newest"] or 0
    return JourneyVersion.objects.create(
        journey=journey,
        number=newest + 1,
        document=journey.draft,
        published_at=now,
        published_by=actor,
    )


def pause_journey(slug: str, *, actor: str, now: datetime) -> Journey:
    """Let everybody stand still; nobody enters. Raises WrongState unless the journey is live."""
    return _change_state(slug, actor=actor, now=now, verb="journey.pause", to=Journey.State.PAUSED)


def resume_journey(slug: str, *, actor: str, now: datetime) -> Journey:
    """Let a paused journey go on, and everybody inside be asked anew.

    Waits that are over by now end at once, and so does a run whose goal was reached meanwhile. Nobody enters
    for what happened during the pause. Raises WrongState unless paused.
    """
    journey = _change_state(slug, actor=actor, now=now, verb="journey.resume", to=Journey.State.LIVE)
    transaction.on_commit(lambda: wake("runs"))
    return journey


@transaction.atomic
def stop_journey(slug: str, *, actor: str, now: datetime) -> Journey:
    """End the runs of everybody inside and let nobody enter. Raises WrongState if it never ran."""
    change_rules()
    journey = Journey.objects.select_for_update().get(slug=slug)
    before = journey.state
    if before not in (Journey.State.LIVE, Journey.State.PAUSED):
        raise WrongState(slug=slug, state=before)
    ended = end_open_runs(journey, reason=STOPPED, now=now)
    end_planning(journey)
    journey.state, journey.updated_at = Journey.State.STOPPED, now
    journey.save(update_fields=["state", "updated_at", *PLAN])
    after = {"state": Journey.State.STOPPED, "runs_ended": ended}
    _record(actor, "journey.stop", journey, before={"state": before}, after=after)
    return journey


STOPPED = "stopped"  # the reason in the ledger

_COMES_FROM = {
    Journey.State.PAUSED: {Journey.State.LIVE},
    Journey.State.LIVE: {Journey.State.PAUSED},
}


@transaction.atomic
def _change_state(slug: str, *, actor: str, now: datetime, verb: str, to: Journey.State) -> Journey:
    change_rules()
    journey = Journey.objects.select_for_update().get(slug=slug)
    before = journey.state
    if before not in _COMES_FROM[to]:
        raise WrongState(slug=slug, state=before)
    journey.state, journey.updated_at = to, now
    if to == Journey.State.LIVE and journey.live_version is not None:
        journey.runs.open().update(due_at=now)
        entry = parse_journey(journey.live_version.document).entry
        begin_planning(journey, entry, before=entry, company=company_rules())
        transaction.on_commit(_wake_planner)
    journey.save(update_fields=["state", "updated_at", *PLAN])
    _record(actor, verb, journey, before={"state": before}, after={"state": to})
    return journey


def _wake_planner() -> None:
    """Have the background find whom to ask. A lost call is made up for there."""
    async_task(CALL_IN_TASK)


def enter_people(
    slug: str, people: Sequence[str], *, properties: Mapping[str, Json], actor: str, now: datetime
) -> tuple[int, list[str]]:
    """Have people asked into a journey that begins by the API.

    Args:
        people: customer numbers.
        properties: of the entry message; what tells runs apart is read from it.

    Returns:
        How many will be asked, and the customer numbers that nobody has.

    Raises:
        Journey.DoesNotExist: no journey has the slug.
        WrongState: it is not live.
        NotByApi: it begins otherwise.
    """
    if faults := [Fault(path, Phrase(_UNSTORABLE_TEXT)) for path in _unstorable(properties, "properties")]:
        raise JourneyError(faults)
    with transaction.atomic():
        journey = Journey.objects.select_related("live_version").get(slug=slug)
        if journey.state != Journey.State.LIVE or journey.live_version is None:
            raise WrongState(slug=slug, state=journey.state)
        if not isinstance(parse_journey(journey.live_version.document).entry.on, ApiEntry):
            raise NotByApi(slug)
        known = dict(
            Identity.objects.filter(kind=USER, value__in=people, person__isnull=False).values_list(
                "value", "person_id"
            )
        )
        EntryDue.objects.bulk_create(
            [
                EntryDue(
                    journey=journey,
                    person_id=person,
                    due_at=now,
                    cause=EntryDue.Cause.API,
                    properties=dict(properties),
                )
                for person in sorted(set(known.values()))
            ]
        )
        _record(actor, "journey.enter", journey, after={"people": len(known)})
        transaction.on_commit(lambda: wake("runs"))
    return len(set(known.values())), [name for name in dict.fromkeys(people) if name not in known]


# Soundness


def faults_of(document: Mapping[str, Json]) -> tuple[Fault, ...]:
    """What keeps a document from being published, references to other things included."""
    try:
        _check(document)
    except JourneyError as error:
        return error.faults
    return ()


def _check(document: Mapping[str, Json]) -> None:
    definition = parse_journey(document)
    faults = [*_dangling(document), *_unknown_segments(definition.reads.segments | definition.reads.lists)]
    if faults:
        raise JourneyError(faults)


def _dangling(document: Mapping[str, Json]) -> Iterator[Fault]:
    """Steps that name a template or a connection that is not there."""
    steps = list(steps_in(document))
    for key, model, message in (
        ("template", Template, gettext_noop("there is no template “{slug}”")),
        ("connection", Connection, gettext_noop("there is no connection “{slug}”")),
        ("list", Segment, gettext_noop("there is no list “{slug}”")),
        ("journey", Journey, gettext_noop("there is no journey “{slug}”")),
    ):
        named = {step.part[key] for step in steps if step.part.get(key)}
        known = set(model.objects.filter(slug__in=named).values_list("slug", flat=True))
        for step in steps:
            slug = step.part.get(key)
            if slug and slug not in known:
                yield Fault(f"{step.path}.{key}", Phrase(message, {"slug": slug}))


def _unknown_segments(named: frozenset[str]) -> Iterator[Fault]:
    known = set(Segment.objects.filter(slug__in=named).values_list("slug", flat=True))
    for slug in sorted(named - known):
        yield Fault("", Phrase(gettext_noop("there is no segment “{slug}”"), {"slug": slug}))


def _prove(document: Mapping[str, Json]) -> None:
    definition = parse_journey(document)
    try:
        prove(condition for _place, condition in definition.conditions())
    except NetworkRefused as error:
        message = gettext_noop("the rules cannot be watched: {error}")
        raise JourneyError([Fault("", Phrase(message, {"error": str(error)}))]) from error


def _storable(document: Mapping[str, Json]) -> dict[str, Json]:
    """The document with its language, or a JourneyError where a text cannot be stored."""
    faults = [Fault(path, Phrase(_UNSTORABLE_TEXT)) for path in _unstorable(document, "")]
    if faults:
        raise JourneyError(faults)
    return {"language": LANGUAGE, **document}


def _unstorable(value: Json, path: str) -> Iterator[str]:
    """The places of texts that PostgreSQL's JSON refuses: zero bytes and halves of surrogate pairs."""
    if isinstance(value, str):
        if _UNSTORABLE.search(value):
            yield path
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _unstorable(str(key), path)
            yield from _unstorable(inner, below(path, str(key)))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _unstorable(inner, f"{path}[{number}]")


_UNSTORABLE_TEXT = gettext_noop("holds a character that cannot be stored")
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")


def _record(
    actor: str,
    verb: str,
    journey: Journey,
    *,
    before: Mapping[str, Json] | None = None,
    after: Mapping[str, Json] | None = None,
) -> None:
    audit.record(actor, verb, object_kind="journey", object_id=journey.slug, before=before, after=after)
