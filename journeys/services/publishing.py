"""Publish a draft, and decide what becomes of the people inside."""

from collections.abc import Mapping
from datetime import datetime
from enum import Enum

from django.db import transaction
from django.db.models import Max

from journeys.domain.decision import Outcome
from journeys.domain.definition import Definition, Fault, JourneyError, parse_journey
from journeys.domain.moving import BY_PUBLISHING
from journeys.ledger import end_open_runs
from journeys.live import company_rules
from journeys.models import Journey, JourneyVersion
from journeys.moving import AT_ONCE, move_runs
from journeys.planning import PLAN, begin_planning, wake_planner
from journeys.services.drafts import DraftConflict
from journeys.services.recording import record_change
from journeys.services.soundness import check, require_watchable
from profiles.domain.facts import Json
from segments.domain.phrases import Phrase, gettext_noop
from segments.revision import change_rules


class PeopleInside(Enum):
    """What becomes of people who are in an earlier version."""

    FINISH = "finish"  # they go on by the version they entered
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
) -> JourneyVersion:
    """Make the draft the version that people enter from now on; a paused journey stays paused.

    A draft that is the live version already is left alone, and so is everybody inside.

    Args:
        revision: the draft's revision that was looked at; None for whatever it is.
        to: for those who move: step that is gone -> the step they begin instead; see journeys.domain.moving.

    Raises:
        Journey.DoesNotExist: no journey has the slug.
        DraftConflict: the draft was saved since `revision`, or while this looked at it.
        JourneyError: the draft is no sound journey, or `to` names a step it does not have.
    """
    # Trying the rules out takes a process and its time, so it comes before everybody is held off.
    tried = Journey.objects.get(slug=slug).draft
    require_watchable(tried)
    with transaction.atomic():
        rules = change_rules()
        journey = Journey.objects.select_for_update().get(slug=slug)
        if journey.draft_revision != revision if revision is not None else journey.draft != tried:
            raise DraftConflict(slug=slug, revision=journey.draft_revision)
        definition = check(journey.draft)
        _check_ways(to or {}, definition)
        live = journey.live_version
        if live and live.document == journey.draft and journey.state != Journey.State.STOPPED:
            return live
        version = _new_version(journey, actor=actor, now=now)
        _make_live(journey, version, definition)
        inside = _settle(journey, version, people_inside, to=to or {}, now=now)
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
    journey.moving = None  # whoever was still on the way to another version stays where they are
    if journey.state != Journey.State.PAUSED:
        journey.state = Journey.State.LIVE
    begin_planning(journey, definition.entry, before=before, company=company_rules())
    journey.save(update_fields=["live_version", "updated_at", "state", "moving", *PLAN])
    if journey.plan_cursor is not None:
        transaction.on_commit(wake_planner)


def _settle(
    journey: Journey,
    version: JourneyVersion,
    people_inside: PeopleInside,
    *,
    to: Mapping[str, str],
    now: datetime,
) -> dict[str, Json]:
    """Do with the people inside what was chosen; give what the log of changes says of it."""
    match people_inside:
        case PeopleInside.FINISH:
            return {}
        case PeopleInside.MOVE if (count := journey.runs.open().count()) > AT_ONCE:
            Journey.objects.filter(pk=journey.pk).update(moving={"version": version.pk, "to": dict(to)})
            transaction.on_commit(wake_planner)
            return {"to": dict(to), "runs_to_move": count}
        case PeopleInside.MOVE:
            return {"to": dict(to), "runs_moved": move_runs(journey, version, to=to, now=now)}
        case PeopleInside.EXIT:
            ended = end_open_runs(journey, Outcome.EXITED, reason=BY_PUBLISHING, now=now)
            return {"runs_ended": ended}


def _new_version(journey: Journey, *, actor: str, now: datetime) -> JourneyVersion:
    newest = journey.versions.aggregate(newest=Max("number"))["newest"] or 0
    return JourneyVersion.objects.create(
        journey=journey,
        number=newest + 1,
        document=journey.draft,
        published_at=now,
        published_by=actor,
    )
