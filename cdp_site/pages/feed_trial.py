"""What a gate would let pass of what has just happened, and why."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from cdp_site.pages.feed_queries import Happened, newest_events
from cdp_site.pipeline.feeds import is_own_news
from cdp_site.pipeline.gates import explained, person_reads
from profiles.domain.history import PersonState
from segments.domain.conditions import Condition
from segments.domain.evaluate import EvaluationError
from segments.domain.explain import ReasonLine, explain
from segments.domain.phrases import ENGLISH, Translator
from segments.limits import limited
from segments.queries import scope_of
from segments.reasons import states_of

EVENTS: Final = 1000
_SECONDS: Final = 4.0  # of each statement
_SAMPLES: Final = 2  # of each name and answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One message with its answer."""

    person: int
    at: datetime
    is_passing: bool
    why: Sequence[ReasonLine]  # empty: the system told it itself


@dataclass(slots=True, kw_only=True)
class NameLine:
    """The messages of one name."""

    name: str
    passed: int = 0
    held: int = 0
    samples: list[Sample] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """How a gate answered the newest events."""

    lines: Sequence[NameLine]  # those with the most that pass first

    @property
    def passed(self) -> int:
        return sum(line.passed for line in self.lines)

    @property
    def total(self) -> int:
        return sum(line.passed + line.held for line in self.lines)


def try_gate(gate: Condition, *, slug: str, now: datetime, translator: Translator = ENGLISH) -> Trial:
    """Ask a gate about the newest events, of people as they are now.

    Args:
        slug: of the connection.

    Raises:
        TooSlow: there is too much to read for somebody who waits.
    """
    with limited(_SECONDS):
        happened = newest_events(limit=EVENTS, now=now)
        people = list({one.person for one in happened})
        states = states_of(gate, people, now=now, asked=person_reads(gate))
        zone = scope_of(now=now).company_zone
    lines: dict[str, NameLine] = {}
    for one in happened:
        state = states.get(one.person)
        if state is not None:  # erased meanwhile
            line = lines.setdefault(one.event.name, NameLine(name=one.event.name))
            _take(line, one, state, gate=gate, slug=slug, zone=zone, translator=translator)
    return Trial(lines=sorted(lines.values(), key=lambda line: (-line.passed, -line.held, line.name)))


def _take(
    line: NameLine,
    one: Happened,
    state: PersonState,
    *,
    gate: Condition,
    slug: str,
    zone: str,
    translator: Translator,
) -> None:
    why: Sequence[ReasonLine] = ()
    is_passing = False
    if not is_own_news(one.event.name, source=one.source, slug=slug):
        facts = state.facts(company_zone=zone, event=one.event)
        try:
            answer = explained(gate, facts, one.event, changed=one.changed, now=one.event.received_at)
        except EvaluationError:
            return
        is_passing = answer.holds
        if _wanted(line, is_passing=is_passing):
            why = explain(answer.reason.to_json(), translator=translator)
    if _wanted(line, is_passing=is_passing):
        line.samples.append(Sample(person=one.person, at=one.event.ts, is_passing=is_passing, why=why))
    line.passed += is_passing
    line.held += not is_passing


def _wanted(line: NameLine, *, is_passing: bool) -> bool:
    return sum(sample.is_passing is is_passing for sample in line.samples) < _SAMPLES


def people_in(trial: Trial) -> Mapping[int, None]:
    """Everybody who is shown, once."""
    return dict.fromkeys(sample.person for line in trial.lines for sample in line.samples)
