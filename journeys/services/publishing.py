"""Publish a draft, and decide what becomes of the people inside."""

from collections.abc import Mapping
from datetime import datetime
from enum import Enum

from django.db import transaction
from django.db.models import Max

from journeys.crowds import AT_ONCE, Progress, end_everybody, move_everybody, progress_of
from journeys.domain.decision import Outcome
from journeys.domain.definition import Definition, Fault, JourneyError, parse_journey
from journeys.domain.moving import BY_PUBLISHING
from journeys.live import company_rules
from journeys.models import Journey, JourneyVersion
from journeys.planning import PLAN, begin_planning, wake_planner
from journeys.services.drafts import DraftConflict
from journeys.services.recording import record_change
from journeys.services.soundness import check, require_watchable
from profiles.domain.exact import is_same_json
from profiles.domain.facts import Json
from segments.domain.phrases import Phrase, gettext_noop
from segments.revision import change_rules


class PeopleLeaving(Exception):
    """A crowd is on its way out of the journey: what is published now would have them come and go."""

    def __init__(self, slug: str, progress: Progress) -> None:
        super().__init__(f"{progress.left} are still leaving {slug}")
        self.slug = slug
        self.progress = progress


class PeopleInside(Enum):
    """What becomes of people who are in an earlier version."""

    FINISH = "finish"  # they go on by the version they entered, or are being moved to
    MOVE = "move"  # they go on by the new version, where they stand
    EXIT = "exit"  # they leave


def publish_journey(
    slug: str,
    *,
    actor: str,
    now: datetime,
    revision: int | None = None,
    people_inside: PeopleInside = PeopleInside.FINISH,
    to: Mapping[str, str] | None = None,
    at_once: int = AT_ONCE,
) -> JourneyVersion:
    """Make the draft the version that people enter from now on; a paused journey stays paused.

    A draft that is the live version already is left alone, and so is everybody inside.

    Args:
        revision: the draft's revision that was looked at; None for whatever it is.
        to: for those who move: step that is gone -> the step they begin instead; see journeys.domain.moving.
        at_once: runs that are moved or ended in the transaction; more are seen to in the background.

    Raises:
        Journey.DoesNotExist: no journey has the slug.
        DraftConflict: the draft was saved since `revision`, or while this looked at it.
        PeopleLeaving: a crowd is still on its way out.
        JourneyError: the draft is no sound journey, or `to` names a step it does not have.
    """
    # Trying the rules out takes a process and its time, so it comes before everybody is held off.
    tried = Journey.objects.get(slug=slug).draft
    require_watchable(tried)
    with transaction.atomic():
        rules = change_rules()
        journey = Journey.objects.select_for_update().get(slug=slug)
        is_seen = (
            is_same_json(journey.draft, tried) if revision is None else journey.draft_revision == revision
        )
        if not is_seen:
            raise DraftConflict(slug=slug, revision=journey.draft_revision)
        definition = check(journey.draft)
        _check_ways(to or {}, definition)
        live = journey.live_version
        if live and is_same_json(live.document, journey.draft) and journey.state != Journey.State.STOPPED:
            return live
        if (progress := progress_of(journey)) and progress.is_leaving:
            raise PeopleLeaving(slug, progress)
        version = _new_version(journey, actor=actor, now=now)
        _make_live(journey, version, definition)
        inside: Mapping[str, Json] = {}
        if people_inside is PeopleInside.MOVE:
            inside = move_everybody(journey, version, to=to or {}, now=now, at_once=at_once)
        elif people_inside is PeopleInside.EXIT:
            inside = _have_all_leave(journey, version, now=now, at_once=at_once)
        record_change(
            actor,
            "journey.publish",
            journey,
            before={"version": live.number if live else None},
            after={
                "version": version.number,
                "rules": rules,
                "people_inside": people_inside.value,
                **inside,
            },
        )
    return version


def _check_ways(to: Mapping[str, str], draft: Definition) -> None:
    steps = {step.id for step in draft.walk()}
    message = gettext_noop("the draft has no step “{step}”")
    faults = [
        Fault(f"to.{gone}", Phrase(message, {"step": step})) for gone, step in to.items() if step not in steps
    ]
    if faults:
        raise JourneyError(faults)


def _make_live(journey: Journey, version: JourneyVersion, definition: Definition) -> None:
    live, is_stopped = journey.live_version, journey.state == Journey.State.STOPPED
    before = parse_journey(live.document).entry if live and not is_stopped else None
    journey.live_version, journey.updated_at = version, version.published_at
    if journey.state != Journey.State.PAUSED:
        journey.state = Journey.State.LIVE
    begin_planning(journey, definition.entry, before=before, company=company_rules())
    journey.save(update_fields=["live_version", "updated_at", "state", *PLAN])
    if journey.plan_cursor is not None:
        transaction.on_commit(wake_planner)


def _have_all_leave(
    journey: Journey, version: JourneyVersion, *, now: datetime, at_once: int
) -> dict[str, Json]:
    return end_everybody(
        journey, before=version.number, outcome=Outcome.EXITED, reason=BY_PUBLISHING, now=now, at_once=at_once
    )


def _new_version(journey: Journey, *, actor: str, now: datetime) -> JourneyVersion:
    newest = journey.versions.aggregate(newest=Max("number"))["newest"] or 0
    return JourneyVersion.objects.create(
        journey=journey,
        number=newest + 1,
        document=journey.draft,
        published_at=now,
        published_by=actor,
    )
