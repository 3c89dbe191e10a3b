"""Why somebody did not enter a journey, in sentences."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from markupsafe import Markup

from cdp_site.backtest.asking import Asked, Obstacle, WhyNot
from cdp_site.jinja import moment
from cdp_site.pages.timeline.decisions import decision_sentence
from cdp_site.pages.timeline.events import fill
from cdp_site.pages.timeline.phrases import reasons
from journeys.domain.definition import JourneyError, parse_journey
from journeys.domain.describe import trigger_summary, trigger_title
from journeys.domain.entering import EntryDecision
from profiles.domain.facts import Json

_SENTENCES: Final[Mapping[Obstacle, str]] = {
    Obstacle.NOTHING: gettext_noop("Entered <b>%(journey)s</b> on %(entered)s."),
    Obstacle.NOBODY: gettext_noop("Nothing is stored of this person."),
    Obstacle.NO_MESSAGE: gettext_noop(
        "Did not enter <b>%(journey)s</b>: what it waits for (%(trigger)s) did not come from %(since)s "
        "to %(at)s."
    ),
    Obstacle.NO_MATCH: gettext_noop(
        "Did not enter <b>%(journey)s</b>: messages came, but none as its entry asks for them (%(trigger)s)."
    ),
    Obstacle.TOO_LATE: gettext_noop(
        "Did not enter <b>%(journey)s</b>: the message came more than a day late, and history lets nobody in."
    ),
    Obstacle.NOT_LIVE: gettext_noop(
        "Did not enter <b>%(journey)s</b>: everything held, but nobody could enter it at that time."
    ),
    Obstacle.NOT_CALLED: gettext_noop(
        "Did not enter <b>%(journey)s</b>: nothing that people do lets them in (%(trigger)s), and nobody was "
        "called in from %(since)s to %(at)s."
    ),
}
_WOULD: Final = gettext_noop("Would enter the draft of <b>%(journey)s</b>.")
_LET_IN: Final = gettext_noop("Would have been let in to <b>%(journey)s</b>.")
_LET_IN_EARLIER: Final = gettext_noop(
    "Would have been let in to <b>%(journey)s</b>, had it come within a day."
)
_LET_IN_THEN: Final = gettext_noop(
    "Would have been let in to <b>%(journey)s</b>, had it taken people in at that time."
)
MOST_LINES: Final = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedLine:
    """What could have let somebody in, and how often it met with the same answer."""

    at: datetime  # the last time
    count: int
    sentence: Markup
    why: Sequence[Any]


def why_sentence(why: WhyNot) -> Markup:
    """Sum the answer up."""
    if why.obstacle is Obstacle.REFUSED:
        refused = next(one.decision for one in why.asked if one.decision is not None)
        return _decided(why, refused, tree=refused.ledger.tree)
    message = _SENTENCES[why.obstacle]
    if why.obstacle is Obstacle.NOTHING and (why.is_draft or why.last_entered_at is None):
        message = _WOULD
    said = {
        "journey": why.journey.name,
        "trigger": _trigger(why, is_full=why.obstacle is Obstacle.NO_MATCH),
        "since": moment(why.since),
        "at": moment(why.at),
        "entered": moment(why.last_entered_at) if why.last_entered_at else "",
    }
    return fill(_(message), {key: said[key] for key in said if f"%({key})s" in message})


def asked_lines(why: WhyNot, *, told: Collection[datetime] = ()) -> list[AskedLine]:
    """What came that could have let somebody in, the latest first; what met with the same answer is one.

    Args:
        told: moments of which the reader is told otherwise, as by the ledger.
    """
    same: dict[tuple[str, Any], AskedLine] = {}
    for one in why.asked:
        if one.at in told:
            continue
        sentence, seen = _asked(why, one), reasons(one.decision.ledger.tree) if one.decision else []
        known = same.get((sentence, repr(seen)))
        line = known or AskedLine(at=one.at, count=0, sentence=sentence, why=seen)
        same[sentence, repr(seen)] = replace(line, count=line.count + 1)
    return list(same.values())[:MOST_LINES]


def _asked(why: WhyNot, one: Asked) -> Markup:
    if one.decision is None:
        said = {"name": one.name, "trigger": _trigger(why, is_full=True)}
        return fill(_("<b>%(name)s</b> came, but not as the entry asks for it: %(trigger)s"), said)
    if not (one.is_refused or one.has_entered):
        return fill(_(_let_in(why, one)), {"journey": why.journey.name})
    return _decided(why, one.decision)  # the reasons stand below it


def _decided(why: WhyNot, decision: EntryDecision, *, tree: Json = None) -> Markup:
    ledger = decision.ledger
    said = {"outcome": ledger.outcome.value, "reason": ledger.reason, "journey": why.journey.name}
    return decision_sentence(said | {"tree": tree} if tree else said)


def _let_in(why: WhyNot, one: Asked) -> str:
    """What is said where everything held, though they did not enter by it."""
    if one.is_history:
        return _LET_IN_EARLIER
    if why.is_draft:
        return _WOULD
    return _LET_IN if one.was_live else _LET_IN_THEN


def _trigger(why: WhyNot, *, is_full: bool = False) -> str:
    document = why.journey.draft
    if not why.is_draft and why.journey.live_version is not None:
        document = why.journey.live_version.document
    try:
        on = parse_journey(document).entry.on
    except JourneyError:
        return ""
    words = trigger_summary if is_full else trigger_title
    return words(on, translator=translation)
