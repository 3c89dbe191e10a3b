"""What is not as it should be, in words, and what to do about it. Decides from the gathered state alone."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from django.utils.translation import gettext as _

from cdp_site.pages.operations_queries import State

SLOW_AFTER = timedelta(seconds=30)  # what waits longer is worth a look


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """Something that needs somebody."""

    problem: str
    remedy: str
    is_severe: bool = False


def advice_on(state: State) -> list[Advice]:
    """List what needs somebody, the severe first."""
    found = [*_about_workers(state), *_about_lag(state), *_about_failures(state), *_about_store(state)]
    return sorted(found, key=lambda advice: not advice.is_severe)


def _about_workers(state: State) -> Iterator[Advice]:
    silent = [cluster for cluster in state.clusters if cluster.is_silent]
    if len(silent) == len(state.clusters):
        yield Advice(
            problem=_("No worker gives a sign of life: messages are kept, but nothing is done with them."),
            remedy=_("Start the product with “make run”, or look at the log of its workers."),
            is_severe=True,
        )
        return
    for cluster in silent:
        yield Advice(
            problem=_("The cluster “%(name)s” gives no sign of life.") % {"name": cluster.name},
            remedy=_(
                "The watchdog restarts it within seconds. If this stays, look at the log of “make run”."
            ),
            is_severe=True,
        )


def _about_lag(state: State) -> Iterator[Advice]:
    if state.oldest_at and state.now - state.oldest_at > SLOW_AFTER:
        yield Advice(
            problem=_("Messages wait longer than half a minute before they are worked on."),
            remedy=_(
                "If their number grows, add a worker machine; if it shrinks, a peak is being worked off."
            ),
        )
    if state.overdue_since and state.now - state.overdue_since > SLOW_AFTER:
        yield Advice(
            problem=_("People wait in journeys beyond the time that was set."),
            remedy=_("Timers follow the inbox: they wait until older messages are done. See the lag below."),
        )


def _about_failures(state: State) -> Iterator[Advice]:
    dead = sum(way.dead for way in state.ways)
    if dead:
        yield Advice(
            problem=_("Deliveries failed for good: %(count)s.") % {"count": dead},
            remedy=_("Mend the destination, then replay them on the page of deliveries."),
        )
    if state.letter_count:
        yield Advice(
            problem=_("Messages could not be stored: %(count)s.") % {"count": state.letter_count},
            remedy=_("See “Dead letters” for the reason. Mend it and replay them, or drop them."),
        )


def _about_store(state: State) -> Iterator[Advice]:
    if state.store.stray_rows:
        yield Advice(
            problem=_("Rows lie in a default partition: %(count)s.") % {"count": state.store.stray_rows},
            remedy=_(
                "Their month got no partition in time. Move them into one while the workers stand still."
            ),
            is_severe=True,
        )
