"""Pause, resume and stop a journey."""

from datetime import datetime

from django.db import transaction
from django.db.models import Max

from cdp_site.wakeup import wake
from journeys.crowds import AT_ONCE, ask_everybody, end_everybody
from journeys.domain.decision import Outcome
from journeys.domain.definition import parse_journey
from journeys.live import company_rules
from journeys.models import Journey
from journeys.planning import PLAN, begin_planning, end_planning, wake_planner
from journeys.services.recording import record_change
from segments.revision import change_rules


class WrongState(Exception):
    """The journey is in no state in which that can be done."""

    def __init__(self, *, slug: str, state: str) -> None:
        super().__init__(f"{slug} is {state}")
        self.slug = slug
        self.state = state


def pause_journey(slug: str, *, actor: str, now: datetime) -> Journey:
    """Let everybody stand still; nobody enters. Raises WrongState unless the journey is live."""
    return _change_state(slug, actor=actor, now=now, verb="journey.pause", to=Journey.State.PAUSED)


def resume_journey(slug: str, *, actor: str, now: datetime, at_once: int = AT_ONCE) -> Journey:
    """Let a paused journey go on, and everybody inside be asked anew.

    Waits that are over by now end at once, and so does a run whose goal was reached meanwhile. Nobody enters
    for what happened during the pause. Raises WrongState unless paused.

    Args:
        at_once: runs that are asked at once; more have their turn in the background.
    """
    journey = _change_state(
        slug, actor=actor, now=now, verb="journey.resume", to=Journey.State.LIVE, at_once=at_once
    )
    transaction.on_commit(lambda: wake("runs"))
    return journey


@transaction.atomic
def stop_journey(slug: str, *, actor: str, now: datetime, at_once: int = AT_ONCE) -> Journey:
    """End the runs of everybody inside and let nobody enter. Raises WrongState if it never ran.

    Args:
        at_once: runs that are ended in the transaction; more are ended in the background, and stand still
            until their turn comes.
    """
    change_rules()
    journey = Journey.objects.select_for_update().get(slug=slug)
    before = journey.state
    if before not in (Journey.State.LIVE, Journey.State.PAUSED):
        raise WrongState(slug=slug, state=before)
    end_planning(journey)
    journey.state, journey.updated_at = Journey.State.STOPPED, now
    journey.save(update_fields=["state", "updated_at", *PLAN])
    newest = journey.versions.aggregate(newest=Max("number"))["newest"] or 0
    ended = end_everybody(
        journey, before=newest + 1, outcome=Outcome.ENDED, reason=STOPPED, now=now, at_once=at_once
    )
    after = {"state": Journey.State.STOPPED, **ended}
    record_change(actor, "journey.stop", journey, before={"state": before}, after=after)
    return journey


STOPPED = "stopped"  # the reason in the ledger

_COMES_FROM = {
    Journey.State.PAUSED: {Journey.State.LIVE},
    Journey.State.LIVE: {Journey.State.PAUSED},
}


@transaction.atomic
def _change_state(
    slug: str, *, actor: str, now: datetime, verb: str, to: Journey.State, at_once: int = AT_ONCE
) -> Journey:
    change_rules()
    journey = Journey.objects.select_for_update().get(slug=slug)
    before = journey.state
    if before not in _COMES_FROM[to]:
        raise WrongState(slug=slug, state=before)
    journey.state, journey.updated_at = to, now
    if to == Journey.State.LIVE and journey.live_version is not None:
        ask_everybody(journey, now=now, at_once=at_once)
        entry = parse_journey(journey.live_version.document).entry
        begin_planning(journey, entry, before=entry, company=company_rules())
        transaction.on_commit(wake_planner)
    journey.save(update_fields=["state", "updated_at", *PLAN])
    record_change(actor, verb, journey, before={"state": before}, after={"state": to})
    return journey
