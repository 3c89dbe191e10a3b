"""Lay the desk: read what rules may ask about the people of a transaction."""

from collections.abc import Collection, Mapping
from datetime import datetime
from functools import reduce

from cdp_site.pipeline.deciding.desk import Desk
from cdp_site.pipeline.deciding.moments import next_due
from cdp_site.pipeline.rules import RuleId, since
from profiles import store
from segments.domain.conditions import Reads
from segments.live import load_stays


def load_due(desk: Desk, people: Collection[int], *, until: datetime, with_dead: bool = False) -> set[int]:
    """Read which runs people are in, and what the clock calls for by then; give whom it calls for.

    Args:
        with_dead: also rows of segments and traits that are paused or gone, which go when their time comes.
    """
    desk.runs.load(people)
    if with_dead or desk.rules.segments:
        desk.dues.load_due(people, until=until)
    if with_dead or desk.rules.computed:
        desk.computed_dues.load_due(people, until=until)
    desk.entrants.load(people, journeys=desk.rules.journeys_that_call, until=until)
    in_time = {person for person in desk.runs.by_person if desk.runs.due(person, until=until) is not None}
    return in_time.union(desk.dues.people, desk.computed_dues.people, desk.entrants.people)


def due_rules(desk: Desk, person: int, *, until: datetime) -> set[RuleId]:
    """The rules that the clock calls for, up to a moment."""
    found: set[RuleId] = set()
    if due := desk.dues.due(person, until=until):
        found |= {("segment", id_) for id_ in due & desk.rules.segments.keys()}
    if due := desk.computed_dues.due(person, until=until):
        found |= {("computed", id_) for id_ in due & desk.rules.computed.keys()}
    if (run := desk.runs.due(person, until=until)) is not None:
        found.add(("run", run.version.id))  # the others are found with it
    found |= {
        ("entry", version.id)
        for journey in desk.entrants.journeys_due(person, until=until)
        if (version := desk.rules.open_version(journey)) is not None
    }
    return found


def load_facts(
    desk: Desk, marked: Mapping[int, Collection[RuleId]], *, now: datetime, until: datetime
) -> None:
    """Read what rules may ask about people, before the transaction's own messages.

    Args:
        marked: person -> the rules that will be asked about them.
        now: the earliest moment of asking, timers that are due aside.
        until: the latest.
    """
    rules, states = desk.rules, desk.states
    asked = {person: _asked_of(desk, person, some, until=until) for person, some in marked.items()}
    # Many are asked the same.
    needs_of = {some: rules.needs_of(some) for some in set(asked.values())}
    needs = {person: needs_of[some] for person, some in asked.items()}
    for person, reads in needs.items():
        desk.watched[person] = wanted_names(reads)
    old = [person for person in marked if not states[person].is_new]
    everything = reduce(Reads.__or__, needs_of.values(), Reads())
    # Journeys and feeds may ask about segments of which none is live.
    asks_for_stays = bool(rules.segments or everything.segments or everything.lists)
    if rules.segments:
        desk.dues.load(old)
    if asks_for_stays:
        desk.manual.load(old, states=states)
    if rules.computed:
        desk.computed_dues.load(old)
    timers = [at for person in old if (at := next_due(desk, person)) is not None]
    store.load_values(states, [person for person in old if not states[person].has_values])
    store.load_events(
        states,
        {person: needs[person].event_names for person in old},
        since=since(everything, now=min([now, *timers])),
    )
    keys = {person: reads.trait_histories for person, reads in needs.items() if reads.trait_histories}
    store.load_histories(states, keys)
    if asks_for_stays:
        load_stays(states, old)
    every_rule = frozenset[RuleId]().union(*needs_of)
    desk.runs.load_past(old, rules.journeys_entered(every_rule))
    if (cap := rules.longest_cap(every_rule)) is not None:
        desk.limits.load(old, since=min([now, *timers]) - cap)
    desk.look_up({state.email for person in marked if (state := states[person]).email})


def _asked_of(desk: Desk, person: int, rules: Collection[RuleId], *, until: datetime) -> frozenset[RuleId]:
    """The rules, and the runs that a timer or a further entry message moves."""
    asked: set[RuleId] = set(rules)
    entered = {desk.rules.versions[id_].journey_id for kind, id_ in rules if kind == "entry"}
    for run in desk.runs.by_person.get(person, ()):
        is_due = run.due_at is not None and run.due_at <= until
        if is_due or run.version.journey_id in entered:
            asked.add(("run", run.version.id))
    return frozenset(asked)


def wanted_names(reads: Reads) -> tuple[frozenset[str], tuple[str, ...]]:
    """Event names, and beginnings of event names, that conditions ask for."""
    starts = tuple(name[:-1] for name in reads.event_names if name.endswith("*"))
    return reads.event_names, starts
