"""One sentence for an entry of the journeys' ledger."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from markupsafe import Markup

from cdp_site.jinja import moment
from cdp_site.pages.timeline.events import fill
from journeys.domain.because import because
from journeys.domain.decision import Outcome, Refusal

Data = Mapping[str, Any]  # outcome, reason, step, journey; step_name and tree where they are at hand

_SENTENCES: Final[Mapping[Outcome, str]] = {
    Outcome.ENTERED: gettext_noop("Entered the journey <b>%(journey)s</b>"),
    Outcome.NOT_ENTERED: gettext_noop("Did not enter the journey <b>%(journey)s</b>: %(reason)s"),
    Outcome.RESTARTED: gettext_noop("Began the journey <b>%(journey)s</b> anew"),
    Outcome.MOVED: gettext_noop("Goes on by a new version of <b>%(journey)s</b>"),
    Outcome.WAITING: gettext_noop("Waits in <b>%(journey)s</b>"),
    Outcome.WAITED: gettext_noop("Waited long enough in <b>%(journey)s</b>"),
    Outcome.SATISFIED: gettext_noop("What <b>%(journey)s</b> waited for came true"),
    Outcome.TIMED_OUT: gettext_noop("What <b>%(journey)s</b> waited for did not come in time"),
    Outcome.BRANCHED: gettext_noop("Took the way <b>%(reason)s</b> in <b>%(journey)s</b>"),
    Outcome.SPLIT: gettext_noop("Was drawn into <b>%(reason)s</b> in <b>%(journey)s</b>"),
    Outcome.REPEATED: gettext_noop("<b>%(journey)s</b> repeats steps: %(reason)s"),
    Outcome.HELD: gettext_noop("<b>%(journey)s</b> holds a message back: %(reason)s"),
    Outcome.LISTED: gettext_noop("<b>%(journey)s</b> added to the list <b>%(reason)s</b>"),
    Outcome.UNLISTED: gettext_noop("<b>%(journey)s</b> took off the list <b>%(reason)s</b>"),
    Outcome.MOVED_ON: gettext_noop("Went from <b>%(journey)s</b> to the journey <b>%(reason)s</b>"),
    Outcome.QUEUED: gettext_noop("<b>%(journey)s</b> decided to send something"),
    Outcome.NOT_SENT: gettext_noop("<b>%(journey)s</b> sent nothing: %(reason)s"),
    Outcome.TRAIT_SET: gettext_noop("<b>%(journey)s</b> set <b>%(reason)s</b>"),
    Outcome.CONVERTED: gettext_noop("Reached the goal of <b>%(journey)s</b>"),
    Outcome.EXITED: gettext_noop("Left the journey <b>%(journey)s</b>: %(reason)s"),
    Outcome.FINISHED: gettext_noop("Came to the end of the journey <b>%(journey)s</b>"),
    Outcome.ENDED: gettext_noop("Was taken out of the journey <b>%(journey)s</b>"),
    Outcome.MERGED: gettext_noop("Continues in <b>%(journey)s</b> with an older run of the same person"),
    Outcome.PARKED: gettext_noop("The journey <b>%(journey)s</b> stopped on an error"),
}
_REASONS: Final[Mapping[str, str]] = {
    "filter": gettext_noop("its conditions did not hold"),
    "no_key": gettext_noop("the message lacks the field that tells runs apart"),
    "already_inside": gettext_noop("already inside"),
    "entered_before": gettext_noop("it may be entered once only"),
    "too_soon": gettext_noop("too soon after the last time"),
    "closed": gettext_noop("the journey they were sent to is not live"),
    "loop": gettext_noop("journeys sent them to each other without end"),
    "cap": gettext_noop("it would have been one message too many"),
    "quiet_hours": gettext_noop("quiet hours"),
    "throttle": gettext_noop("too many at a time"),
    "no_date": gettext_noop("there is no date to wait for"),
    "past_date": gettext_noop("the date to wait for is over"),
    "hold_out": gettext_noop("those who are held out"),
    "until": gettext_noop("what the rounds were for came true"),
    "times": gettext_noop("all rounds are done"),
    "error": gettext_noop("the journey's entry cannot be asked; see the log"),
    "consent_denied": gettext_noop("consent was refused"),
    "consent_unset": gettext_noop("consent was never given"),
    "topic_denied": gettext_noop("the topic is not wanted"),
    "suppressed": gettext_noop("the address must not be written to"),
    "no_address": gettext_noop("no address is known"),
    "exit_when": gettext_noop("the exit rule holds"),
    "moved": gettext_noop("the step they were at is gone"),
    "publishing": gettext_noop("a new version was published"),
    "else": gettext_noop("everyone else"),
}


def decision_sentence(data: Data) -> Markup:
    """Say what was decided."""
    journey = data["journey"] or _("a journey that was deleted")
    known = {outcome.value: message for outcome, message in _SENTENCES.items()}
    message = known.get(data["outcome"])
    if message is None:
        said = {"journey": journey, "outcome": data["outcome"]}
        return fill(_("<b>%(journey)s</b>: %(outcome)s"), said)
    if data["outcome"] == Outcome.WAITING.value and data["reason"]:
        until = moment(datetime.fromisoformat(data["reason"]))
        return fill(_("Waits in <b>%(journey)s</b> until %(until)s"), {"journey": journey, "until": until})
    if data["outcome"] == Outcome.QUEUED.value and data.get("step_name"):
        said = {"journey": journey, "step": data["step_name"]}
        return fill(_("<b>%(journey)s</b> decided to send <b>%(step)s</b>"), said)
    return fill(_(message), {"journey": journey, "reason": _why(data)})


def _why(data: Data) -> str:
    """The reason in words; where a condition failed, the part of it that decided."""
    if data["reason"] == Refusal.FILTER.value and data.get("tree"):
        return because(data["tree"], translator=translation) or reason_words(data["reason"])
    return reason_words(data["reason"])


def reason_words(reason: str) -> str:
    """A reason of the ledger in words; a name that somebody gave stays as it is."""
    known = _REASONS.get(reason)
    return _(known) if known else reason or _("no reason given")


def reason_shown(data: Data) -> str:
    """The reason of a decision as its details show it; "" where the sentence says all."""
    if not data["reason"] or data["outcome"] == Outcome.WAITING.value:
        return ""
    return reason_words(data["reason"])
