"""The network names every rule that a stimulus can touch, and both engines name the same."""

import threading
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from profiles.domain.exact import LazyObject, decode_json
from profiles.domain.facts import Event, Facts, Stay
from segments.domain.conditions import reads
from segments.domain.evaluate import holds
from segments.domain.parse import parse_condition
from segments.network import (
    ConsentStimulus,
    IdentityStimulus,
    ListStimulus,
    LiveRule,
    MergeStimulus,
    MessageStimulus,
    NetworkRefused,
    RuleNetwork,
    SegmentStimulus,
    Stimulus,
    TraitStimulus,
    ZoneStimulus,
    prove,
)
from segments.network.durable import IS_INSTALLED, MOST_TERMS
from tests.segments import worlds
from tests.segments.at_length import at_length
from tests.segments.domain.people import happened
from tests.segments.worlds import DAY, NOW, Member, facts_of, hints_of

durable_only = pytest.mark.skipif(not IS_INSTALLED, reason="durable_rules is not installed")


def network(*documents: Mapping[str, Any], engine: str = "auto", check_every: int = 1) -> RuleNetwork:
    """Rules numbered from 0."""
    rules = [
        LiveRule(id=place, condition=parse_condition(dict(document), allow_entry=True))
        for place, document in enumerate(documents)
    ]
    return RuleNetwork(rules, engine=engine, check_every=check_every)


def touched(found: RuleNetwork, event: Event) -> set[Any]:
    return set(found.touched(MessageStimulus(event=event)))


def viewed(**properties: Any) -> Event:
    return happened("Viewed", properties=properties)


def asks(*where: Mapping[str, Any], name: str = "Viewed") -> dict[str, Any]:
    return {"event": name, "where": [dict(test) for test in where]}


def test_message__touches_rules_whose_name_and_tests_fit() -> None:
    path_is_x = {"property": "path", "op": "is", "value": "/x"}
    found = network(
        asks(),
        asks(path_is_x),
        asks(path_is_x, {"property": "n", "op": "greater", "value": 5}),
        asks(name="Other"),
        {"none": [asks(path_is_x) | {"count": {"op": "exactly", "value": 0}, "during": {"last": "P7D"}}]},
        {"trait": "a", "op": "known"},
    )
    assert touched(found, viewed(path="/x")) == {0, 1, 4}
    assert touched(found, viewed(path="/x", n=6)) == {0, 1, 2, 4}
    assert touched(found, viewed(path="/y", n=6)) == {0}
    assert touched(found, happened("Unheard")) == set()


def test_message__touches_every_step_of_a_sequence_and_what_totals_count() -> None:
    is_a = {"property": "sku", "op": "is", "value": "a"}
    same = {"property": "sku", "op": "is", "same_as": {"step": 0, "property": "sku"}}
    steps = [asks(is_a), {"event": "Bought", "where": [same], "within": "P1D", "not": True}]
    found = network(
        {"sequence": steps},
        {"total": "sum", "event": "Viewed", "property": "n", "where": [is_a], "op": "is", "value": 0},
        {"last": "Viewed", "where": [is_a], "had": [{"property": "n", "op": "is", "value": 1}]},
        {"engagement": "opened"},
    )
    assert touched(found, viewed(sku="a")) == {0, 1, 2}
    assert touched(found, viewed(sku="b")) == set()
    assert touched(found, happened("Bought", properties={"sku": "b"})) == {0}
    assert touched(found, happened("Email Opened", properties={"by": "human"})) == {3}
    assert touched(found, happened("Email Opened", properties={"by": "machine"})) == set()


def test_message__names_may_end_in_a_star() -> None:
    found = network(asks(name="Vi*"), asks(name="*"), asks(name="Viewed"), asks(name="View *"))
    assert touched(found, viewed()) == {0, 1, 2}
    assert touched(found, happened("Vi")) == {0, 1}
    assert touched(found, happened("X")) == {1}
    assert found.mentions("anything")
    assert not network(asks(name="Vi*")).mentions("V")


def test_message__what_it_cannot_tell_counts_as_a_touch() -> None:
    same = {"property": "cart", "op": "is", "same_as": {"entry": "properties.cart"}}
    late = {"property": "at", "op": "within_last", "value": "P1D"}
    path = {"property": "path", "op": "is", "value": "/x"}
    found = network(asks(same), asks(late), asks(same, path))
    assert touched(found, viewed()) == {0, 1}
    assert touched(found, viewed(path="/x")) == {0, 1, 2}


def test_message__context_leaves_are_touched_where_they_differ_from_no_message() -> None:
    mobile = {"context": "device", "op": "is", "value": "mobile"}
    found = network(mobile, mobile | {"op": "is_not"}, {"context": "device", "op": "unknown"})
    assert touched(found, happened("Any", context={"device": "mobile"})) == {0, 1, 2}
    assert touched(found, happened("Any", context={"device": "tv"})) == {2}
    assert touched(found, happened("Any")) == set()


def test_traits__only_where_the_answer_differs() -> None:
    found = network(
        {"trait": "plan", "op": "is", "value": "pro"},
        {"trait": "plan", "op": "known"},
        {"trait": "plan.size", "op": "at_least", "value": 3},
        {"trait": "born", "op": "anniversary", "value": "today"},
    )

    def changed(key: str, before: Any, after: Any) -> set[Any]:
        return set(found.touched(TraitStimulus(changes={key: (before, after)})))

    assert changed("plan", "pro", "free") == {0}
    assert changed("plan", None, "pro") == {0, 1}
    assert changed("plan", "a", "b") == set()
    assert changed("plan", {"size": 2}, {"size": 3}) == {2}
    assert changed("born", "2000-01-01", "2000-01-02") == {3}
    assert changed("timezone", "UTC", "Europe/Berlin") == {3}
    assert changed("other", None, 1) == set()


def test_other_stimuli__touch_who_reads_them() -> None:
    found = network(
        {"consent": "mail", "is": "granted"},
        {"known": "email"},
        {"segment": "vip", "is": "left"},
        {"event": "x", "during": {"between": ["2026-01-01", "2026-02-01"]}},
        {"list": "beta"},
        {"has_been": {"trait": "plan", "op": "known"}, "for": {"op": "at_least", "value": "P1D"}},
        {"bucket": "a", "from": 0, "to": 50},
    )
    cases: list[tuple[Stimulus, set[int]]] = [
        (ConsentStimulus(categories=frozenset({"mail", "sms"})), {0}),
        (ConsentStimulus(categories=frozenset({"sms"})), set()),
        (IdentityStimulus(kinds=frozenset({"email"})), {1}),
        (SegmentStimulus(slug="vip"), {2}),
        (SegmentStimulus(slug="new"), set()),
        (ListStimulus(slug="beta"), {4}),
        (ListStimulus(slug="vip"), set()),
        (TraitStimulus(changes={"plan": ("a", "a")}), {5}),  # its history may have changed
        (ZoneStimulus(), {3}),
        (MergeStimulus(), {0, 1, 2, 3, 4, 5, 6}),
    ]
    for stimulus, expected in cases:
        assert set(found.touched(stimulus)) == expected, stimulus


def test_rules__yes_and_one_are_two() -> None:
    flags = {"property": "flags", "op": "includes"}
    found = network(asks(flags | {"value": 1}), asks(flags | {"value": True}))
    assert touched(found, viewed(flags=[True])) == {1}
    assert touched(found, viewed(flags=[1])) == {0}
    traits = network(*({"trait": "flags", "op": "one_of", "value": [value]} for value in (1, True)))
    assert traits.touched(TraitStimulus(changes={"flags": (None, True)})) == {1}


# Both engines, generated


def compared(documents: Iterable[Mapping[str, Any]], events: Iterable[Event]) -> RuleNetwork:
    durable = network(*documents, check_every=1)
    closures = network(*documents, engine="closures")
    for event in events:
        assert touched(durable, event) == touched(closures, event)
    assert (durable.counters.failures, durable.counters.differences) == (0, 0)
    durable.close()
    return durable


generated = settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck), database=None)


@generated
@given(data=st.data())
def test_engines__agree_on_generated_rules(data: st.DataObject) -> None:
    documents = data.draw(st.lists(worlds.events_asked, min_size=1, max_size=12))
    member = data.draw(worlds.members(hints_of(documents)))
    compared(documents, worlds.events_in_memory(member))


PROPERTY_VALUES = [
    *("a", "A", "", "1", "true", "é", "x" * 70_000, '"}{', "sid", "id"),
    *(0, 1, -1, True, False, None, 1.5, -0.0, 2**53, 2**53 + 1, -(2**63), 10**400, 1e22, 1e-7, 5e-324),
    *(Decimal("1.5"), Decimal("0.1"), Decimal("0.1000000000000000000001"), Decimal("1e400"), Decimal("NaN")),
    *(float("inf"), float("nan"), [], ["a"], {}, {"a": 1}, [1, True, "a"]),
]
TESTS: list[dict[str, Any]] = [
    {"op": "is", "value": "a"},
    {"op": "is", "value": "true"},
    {"op": "is", "value": 1},
    {"op": "is", "value": 0.1},
    {"op": "is", "value": 2**53 + 1},
    {"op": "is_not", "value": "a"},
    {"op": "is_not", "value": 1},
    {"op": "is", "value": "A", "ignore_case": True},
    {"op": "greater", "value": 1},
    {"op": "greater", "value": 0.1},
    {"op": "at_least", "value": 1.5},
    {"op": "less", "value": 10**30},
    {"op": "at_most", "value": 1e-7},
    {"op": "between", "value": [0, 1.5]},
    {"op": "is_true"},
    {"op": "is_false"},
    {"op": "known"},
    {"op": "unknown"},
    {"op": "one_of", "value": ["a", 1]},
    {"op": "starts_with", "value": "x"},
    {"op": "matches", "value": "^.$"},
    {"op": "includes", "value": True},
]


def test_engines__agree_on_every_value_and_test() -> None:
    documents = [asks({"property": "p"} | test) for test in TESTS]
    documents += [
        asks({"property": "p"} | test, {"context": "q"} | other) for test in TESTS for other in TESTS
    ]
    events = [
        happened("Viewed", properties={"p": value}, context={"q": other})
        for value in PROPERTY_VALUES
        for other in PROPERTY_VALUES[::5]
    ]
    compared(documents, [*events, happened("Viewed")])


def test_engines__agree_far_beyond_one_ruleset() -> None:
    many = [asks({"property": "p", "op": "is", "value": f"v{n}"}) for n in range(700)]
    alike = [asks({"property": "p", "op": "is", "value": "same"})] * 300
    orders = [asks({"property": f"n{n % 90}", "op": "greater", "value": n}) for n in range(300)]
    long = [asks(*({"property": f"k{n}", "op": "known"} for n in range(20)))]
    full = {f"k{n}": 1 for n in range(20)} | {f"n{n}": 150 for n in range(90)}
    events = [viewed(p=f"v{n}") for n in range(0, 700, 7)] + [viewed(p="same"), viewed(**full)]
    compared([*many, *alike, *orders, *long], events)


@durable_only
def test_durable__is_what_runs() -> None:
    found = network(asks({"property": "p", "op": "is", "value": "a"}), check_every=1)
    assert found.engine == "durable"
    assert touched(found, viewed(p="a")) == {0}
    assert found.counters.checks == 1
    assert found.counters.outside == 0


@durable_only
def test_durable__what_lies_outside_is_answered_by_closures() -> None:
    found = network(asks({"property": "p", "op": "greater", "value": 1}))
    assert touched(found, viewed(p=2**60)) == {0}
    assert touched(found, viewed(p=Decimal("1.000000000000000000001"))) == {0}
    assert touched(found, viewed(p=1e-7)) == set()
    assert found.counters.outside == 3


@durable_only
def test_durable__a_broken_ruleset_is_answered_by_closures_and_built_again() -> None:
    found = network(asks({"property": "p", "op": "is", "value": "a"}), check_every=1000)
    matcher = found._matchers["Viewed"]
    for broken in range(1, 6):
        if matcher._shards is not None:
            matcher._shards[0].close()
        assert touched(found, viewed(p="a")) == {0}
        assert found.counters.failures == min(broken, 4)
    assert matcher._shards is None  # given up: the closures keep it
    assert touched(found, viewed(p="b")) == set()


@durable_only
def test_durable__threads_take_turns() -> None:
    documents = [asks({"property": "p", "op": "is", "value": n % 7}) for n in range(MOST_TERMS)]
    found = network(*documents, check_every=10**9)
    expected = {n: {place for place in range(MOST_TERMS) if place % 7 == n} for n in range(8)}
    wrong: list[int] = []

    def ask() -> None:
        for number in range(2_000):
            if touched(found, viewed(p=number % 8)) != expected[number % 8]:
                wrong.append(number)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def memory() -> int:
    """Resident megabytes."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 // 2**20


@durable_only
def test_durable__leaks_nothing() -> None:
    documents = [asks({"property": "p", "op": "is", "value": f"v{n}"}) for n in range(120)]
    events = [viewed(p=f"v{n}") for n in range(120)]

    def replaced() -> None:
        found = network(*documents, check_every=10**9)
        for event in events:
            found.touched(MessageStimulus(event=event))
        found.close()

    for _ in range(20):
        replaced()
    before = memory()
    for _ in range(100):
        replaced()
    assert memory() - before < 15  # leaking rulesets alone would be some 150


def test_closures__run_when_asked_for() -> None:
    found = network(asks({"property": "p", "op": "is", "value": "a"}), engine="closures")
    assert found.engine == "closures"
    assert touched(found, viewed(p="a")) == {0}


def test_close__leaves_an_answering_network() -> None:
    found = network(asks({"property": "p", "op": "is", "value": "a"}))
    found.close()
    found.close()
    assert touched(found, viewed(p="a")) == {0}


def test_properties__may_be_decoded_late() -> None:
    event = happened("Viewed", properties=LazyObject(b'{"p": {"q": 1.10}}'))
    assert touched(network(asks({"property": "p.q", "op": "is", "value": 1.1})), event) == {0}


@durable_only
def test_prove__builds_in_a_process_of_its_own() -> None:
    same = {"property": "p", "op": "is", "same_as": {"entry": "properties.p"}}
    prove([parse_condition(asks(same, {"property": "q", "op": "is", "value": "é"}), allow_entry=True)])


@durable_only
def test_prove__gives_up_in_time() -> None:
    with pytest.raises(NetworkRefused, match=r"more than 0\.001 seconds"):
        prove([parse_condition(asks())], seconds=0.001)


# Every rule whose answer changes is named, in either direction


contexts = st.builds(
    lambda path, test: {"context": path} | test, st.sampled_from(["a", "b"]), worlds.comparisons()
)
asked = st.recursive(
    worlds.leaves | contexts,
    lambda inner: st.builds(
        lambda word, parts: {word: parts},
        st.sampled_from(["all", "any", "none"]),
        st.lists(inner, max_size=3),
    ),
    max_leaves=5,
)


def must_name(documents: Sequence[Mapping[str, Any]], before: Facts, after: Facts, stimulus: Stimulus) -> int:
    """Every rule whose answer differs is among those touched; give how many differ."""
    found = network(*documents)
    named = found.touched(stimulus)
    found.close()
    differing = 0
    for place, document in enumerate(documents):
        condition = parse_condition(dict(document), allow_entry=True)
        if holds(condition, before, NOW) is not holds(condition, after, NOW):
            differing += 1
            assert place in named, f"{document} differs after {stimulus}"
    return differing


@generated
@given(data=st.data())
def test_touched__names_what_a_message_changes(data: st.DataObject) -> None:
    documents = data.draw(st.lists(asked, min_size=1, max_size=6))
    member = data.draw(worlds.members(hints_of(documents)))
    history = worlds.events_in_memory(member)
    latest = max(history, key=lambda event: event.arrival)
    facts = facts_of(member, at=NOW)

    def seen(events: list[Event], event: Event | None) -> Facts:
        return replace(
            facts, events_of=lambda name: [one for one in events if worlds.fits(one.name, name)], event=event
        )

    before = seen([one for one in history if one is not latest], None)
    must_name(documents, before, seen(history, latest), MessageStimulus(event=latest))


@generated
@given(data=st.data())
def test_touched__names_what_changed_values_change(data: st.DataObject) -> None:
    documents = data.draw(st.lists(asked, min_size=1, max_size=6))
    people = worlds.members(hints_of(documents))
    one, other = (facts_of(data.draw(people), at=NOW) for _ in range(2))
    changes = {
        key: (one.traits.get(key), other.traits.get(key)) for key in one.traits.keys() | other.traits.keys()
    }
    must_name(documents, one, replace(one, traits=other.traits), TraitStimulus(changes=changes))
    kinds = one.identities ^ other.identities
    past = {key: (one.traits.get(key), one.traits.get(key)) for key in worlds.KEYS}
    must_name(documents, one, replace(one, trait_history=other.trait_history), TraitStimulus(changes=past))
    for slug in worlds.SLUGS:
        lists = {**one.lists, slug: other.lists.get(slug, ())}
        must_name(documents, one, replace(one, lists=lists), ListStimulus(slug=slug))
    must_name(documents, one, replace(one, identities=other.identities), IdentityStimulus(kinds=kinds))
    categories = frozenset(one.consent.keys() | other.consent.keys())
    must_name(documents, one, replace(one, consent=other.consent), ConsentStimulus(categories=categories))
    must_name(documents, one, replace(one, zone=other.zone), ZoneStimulus())
    must_name(documents, one, other, MergeStimulus())


@generated
@given(data=st.data())
def test_touched__names_what_an_entered_segment_changes(data: st.DataObject) -> None:
    documents = data.draw(st.lists(asked, min_size=1, max_size=6))
    one = facts_of(data.draw(worlds.members(hints_of(documents))), at=NOW)
    slug = data.draw(st.sampled_from(worlds.SLUGS))
    entered = dict(one.stays) | {slug: [*one.stays.get(slug, ()), Stay(entered_at=NOW)]}
    must_name(documents, one, replace(one, stays=entered), SegmentStimulus(slug=slug))


test_engines__agree_at_length = at_length(test_engines__agree_on_generated_rules, examples=3_000)
test_touched__message_at_length = at_length(test_touched__names_what_a_message_changes, examples=3_000)
test_touched__values_at_length = at_length(test_touched__names_what_changed_values_change, examples=3_000)
test_touched__segment_at_length = at_length(
    test_touched__names_what_an_entered_segment_changes, examples=3_000
)


def test_touched__generated_messages_do_change_answers() -> None:
    """The generated tests above would pass for nothing if nothing ever differed."""
    member = Member(
        events=(worlds.Did(name="Order", ago=DAY, properties='{"a": 1}', context="{}", is_stray=False),)
    )
    [event] = worlds.events_in_memory(member)
    before = replace(facts_of(member, at=NOW), events_of=lambda name: [])
    after = replace(facts_of(member, at=NOW), event=event)
    documents = [
        asks({"property": "a", "op": "is", "value": 1}, name="Order"),
        {"none": [asks(name="Order")]},
    ]
    assert must_name(documents, before, after, MessageStimulus(event=event)) == 2


def test_reads__says_what_the_network_listens_for() -> None:
    document = {"all": [asks(), {"trait": "a", "op": "known"}, {"consent": "mail", "is": "granted"}]}
    found = reads(parse_condition(document))
    rules = network(document)
    assert all(rules.mentions(name) for name in found.event_names)
    assert rules.touched(ConsentStimulus(categories=found.consents)) == {0}
    assert decode_json("1.50") == Decimal("1.50")
