"""Events in windows, segments, consent, groups; reasons; questions that make no sense."""

from datetime import timedelta
from decimal import Decimal
from time import perf_counter
from typing import Any

import pytest
from msgspec import structs
from msgspec.structs import replace

from profiles.domain.exact import decode_json
from profiles.domain.facts import Event, Facts, Stay, TraitChange
from segments.domain.evaluate import EvaluationError, evaluate, holds
from segments.domain.explain import explain
from segments.domain.parse import parse_condition
from tests.segments.domain.people import NOW, happened, somebody

DAY = timedelta(days=1)
TICK = timedelta(microseconds=1)


def ask(document: Any, facts: Facts) -> bool:
    """Ask both ways: with reasons and fast."""
    condition = parse_condition(document, allow_entry=True)
    answer = evaluate(condition, facts, NOW)
    assert holds(condition, facts, NOW) is answer.holds is answer.reason.held
    return answer.holds


VIEWED = {"event": "Page Viewed"}


@pytest.mark.parametrize(
    ("count", "numbers"),
    [
        (None, {1, 2, 3}),
        ({"op": "at_least", "value": 2}, {2, 3}),
        ({"op": "at_least", "value": 0}, {0, 1, 2, 3}),
        ({"op": "at_most", "value": 1}, {0, 1}),
        ({"op": "exactly", "value": 0}, {0}),
        ({"op": "exactly", "value": 2}, {2}),
    ],
)
def test_event__counts(count: Any, numbers: set[int]) -> None:
    document = VIEWED | ({"count": count} if count else {})
    held = {n for n in range(4) if ask(document, somebody(events=[happened() for _ in range(n)]))}
    assert held == numbers


@pytest.mark.parametrize(
    ("during", "inside", "outside"),
    [
        (None, [timedelta(), 9000 * DAY], [-TICK]),
        ({"last": "P7D"}, [timedelta(), 7 * DAY - TICK], [7 * DAY, -TICK]),
        ({"before_last": "P7D"}, [7 * DAY, 8 * DAY], [7 * DAY - TICK]),
        (
            {"between": ["2026-11-20T12:00:00Z", "2026-11-22T12:00:00Z"]},
            [3 * DAY, DAY + TICK],
            [3 * DAY + TICK, DAY],
        ),
        ({"between": ["2026-11-23T11:00:00Z", "2026-11-24T12:00:00Z"]}, [timedelta()], [-TICK]),
    ],
)
def test_event__windows_are_half_open(during: Any, inside: list[timedelta], outside: list[timedelta]) -> None:
    document = VIEWED | ({"during": during} if during else {})
    assert all(ask(document, somebody(events=[happened(ago=ago)])) for ago in inside)
    assert not any(ask(document, somebody(events=[happened(ago=ago)])) for ago in outside)


def test_event__between_days_are_the_person_s() -> None:
    document = VIEWED | {"during": {"between": ["2026-11-20", "2026-11-21"]}}
    late = [happened(ts=NOW - 2 * DAY - timedelta(hours=14))]  # 20 November 22:00 UTC
    assert ask(document, somebody(events=late, zone="UTC"))
    assert not ask(document, somebody(events=late, zone="Asia/Tokyo"))


def test_event__being_processed_counts_ahead_of_now() -> None:
    ahead = happened(ago=-timedelta(seconds=3))
    assert not ask(VIEWED, somebody(events=[ahead]))
    assert ask(VIEWED, somebody(events=[ahead], event=ahead))
    assert ask(VIEWED, somebody(event=ahead))


def test_event__being_processed_counts_once() -> None:
    twice = VIEWED | {"count": {"op": "at_least", "value": 2}}
    for ago in (timedelta(), -timedelta(seconds=3), DAY):
        event = happened(ago=ago)
        assert not ask(twice, somebody(events=[event], event=event))
        assert ask(
            twice,
            somebody(events=[structs.replace(event, message_id=happened().message_id), event], event=event),
        ) is (ago >= timedelta())


def test_event__being_processed_must_fit() -> None:
    event = happened("Order Completed", ago=8 * DAY)
    assert not ask(VIEWED, somebody(event=event))
    assert not ask({"event": "Order Completed", "during": {"last": "P7D"}}, somebody(event=event))
    assert not ask(
        {"event": "Order Completed", "where": [{"property": "x", "op": "is", "value": 1}]},
        somebody(event=event),
    )


def test_event__where_looks_at_properties_and_context() -> None:
    event = happened(properties={"path": "/x", "n": 3}, context={"page": {"path": "/y"}})
    both = [
        {"property": "path", "op": "is", "value": "/x"},
        {"context": "page.path", "op": "starts_with", "value": "/y"},
    ]
    assert ask(VIEWED | {"where": both}, somebody(events=[event]))
    both[1] = {"context": "path", "op": "known"}
    assert not ask(VIEWED | {"where": both}, somebody(events=[event]))


def test_event__name_may_end_in_a_star() -> None:
    facts = somebody(events=[happened("Order Completed"), happened("Order Paid"), happened("Other")])
    assert ask({"event": "Order *", "count": {"op": "exactly", "value": 2}}, facts)
    assert ask({"event": "*", "count": {"op": "exactly", "value": 3}}, facts)


def in_run(entry: Event, *events: Event) -> Facts:
    return somebody(events=[entry, *events], entry=entry)


def test_since_entry__is_strictly_after_in_the_order_of_arrival() -> None:
    since = VIEWED | {"during": {"since": "entry"}}
    before, entry = happened(), happened()
    after = happened()  # the same time, arrived later
    assert not ask(since, in_run(entry, before))
    assert ask(since, in_run(entry, after))
    assert not ask(since, replace(in_run(entry), event=entry))
    assert ask(since, replace(in_run(entry), event=happened(ago=-DAY)))


@pytest.mark.parametrize(
    ("op", "mine", "theirs", "answer"),
    [
        ("is", "c1", "c1", True),
        ("is", 7, 7.0, True),
        ("is", "7", 7, False),
        ("is", True, True, True),
        ("is", ["a"], ["a"], False),  # only what stands for itself can be compared
        ("is_not", None, None, True),
        ("is_not", "a", None, True),
        ("is", "a", None, False),
        ("greater", 5, 4, True),
        ("greater", 5, "4", False),
    ],
)
def test_same_as__compares_with_the_entry_message(op: str, mine: Any, theirs: Any, answer: bool) -> None:
    where = [{"property": "cart", "op": op, "same_as": {"entry": "properties.cart"}}]
    facts = in_run(happened("Cart", properties={"cart": theirs}), happened(properties={"cart": mine}))
    assert ask(VIEWED | {"where": where}, facts) is answer


@pytest.mark.parametrize(
    "document",
    [
        VIEWED | {"during": {"since": "entry"}},
        VIEWED | {"where": [{"property": "x", "op": "is", "same_as": {"entry": "properties.x"}}]},
    ],
)
def test_entry__asked_outside_of_a_run_is_an_error(document: Any) -> None:
    condition = parse_condition(document, allow_entry=True)
    with pytest.raises(EvaluationError):
        holds(condition, somebody(events=[happened()]), NOW)


STAYS = [Stay(entered_at=NOW - 9 * DAY, left_at=NOW - 8 * DAY), Stay(entered_at=NOW - 2 * DAY)]


@pytest.mark.parametrize(
    ("document", "stays", "answer"),
    [
        ({"is": "member"}, STAYS, True),
        ({"is": "member"}, STAYS[:1], False),
        ({"is": "member"}, [], False),
        ({"is": "not_member"}, [], True),
        ({"is": "not_member"}, STAYS, False),
        ({"is": "member", "during": {"last": "P3D"}}, STAYS, True),
        ({"is": "member", "during": {"last": "P1D"}}, STAYS, False),
        ({"is": "left"}, STAYS[:1], True),
        ({"is": "left"}, STAYS, False),  # is in it again
        ({"is": "left"}, [], False),
        ({"is": "left", "during": {"last": "P9D"}}, STAYS[:1], True),
        ({"is": "left", "during": {"last": "P8D"}}, STAYS[:1], False),
        ({"is": "member"}, [Stay(entered_at=NOW, left_at=None)], True),
        ({"is": "member"}, [Stay(entered_at=NOW - DAY, left_at=NOW)], False),
        ({"is": "left"}, [Stay(entered_at=NOW - DAY, left_at=NOW)], True),
        ({"is": "member"}, [Stay(entered_at=NOW - DAY, left_at=NOW + TICK)], True),
        ({"is": "member"}, [Stay(entered_at=NOW + TICK)], False),
    ],
)
def test_segment__by_stays(document: Any, stays: list[Stay], answer: bool) -> None:
    assert ask({"segment": "vip"} | document, somebody(stays={"vip": stays})) is answer


@pytest.mark.parametrize("state", ["granted", "denied", "unset"])
def test_consent__has_three_states(state: str) -> None:
    consents: list[tuple[str, dict[str, bool]]] = [
        ("granted", {"mail": True}),
        ("denied", {"mail": False}),
        ("unset", {"other": True}),
    ]
    for actual, consent in consents:
        assert ask({"consent": "mail", "is": state}, somebody(consent=consent)) is (state == actual)


def test_known__asks_for_a_kind_of_identity() -> None:
    assert ask({"known": "email"}, somebody(identities=["email"]))
    assert not ask({"known": "email"}, somebody(identities=["user_id"]))


def test_context__is_that_of_the_message_being_processed() -> None:
    mobile = {"context": "device.type", "op": "is", "value": "mobile"}
    event = happened(context={"device": {"type": "mobile"}})
    assert ask(mobile, somebody(event=event))
    assert not ask(mobile, somebody(events=[event]))
    assert ask(mobile | {"op": "is_not"}, somebody())


T: dict[str, Any] = {"all": []}
F: dict[str, Any] = {"any": []}


@pytest.mark.parametrize(
    ("document", "answer"),
    [
        ({"all": []}, True),
        ({"any": []}, False),
        ({"none": []}, True),
        ({"all": [T, F]}, False),
        ({"any": [F, T]}, True),
        ({"none": [F, F]}, True),
        ({"none": [F, T]}, False),
        ({"all": [T, {"none": [{"any": [F, {"all": [T, T]}]}]}]}, False),
    ],
)
def test_groups(document: Any, answer: bool) -> None:
    assert ask(document, somebody()) is answer


def test_reason__tells_what_was_needed_and_seen() -> None:
    document = {
        "all": [
            VIEWED | {"count": {"op": "exactly", "value": 3}, "during": {"last": "P7D"}},
            {"none": [{"trait": "plan", "op": "is", "value": "pro"}]},
            {"consent": "mail", "is": "granted"},
            {"known": "email"},
            {"segment": "vip", "is": "member"},
        ]
    }
    facts = somebody(events=[happened(), happened(ago=8 * DAY)], traits={"plan": "x" * 500})
    reason = evaluate(parse_condition(document), facts, NOW).reason.to_json()
    assert reason["node"] == "all"
    assert reason["held"] is False
    assert [child["node"] for child in reason["children"]] == ["event", "none", "consent", "known", "segment"]
    assert [child["held"] for child in reason["children"]] == [False, True, False, False, False]
    assert reason["children"][0] == {"node": "event", "held": False, "needed": document["all"][0], "seen": 1}
    assert reason["children"][1]["children"][0]["seen"] == "x" * 200 + "…"
    assert [child["seen"] for child in reason["children"][2:]] == ["unset", False, "not_member"]


def test_reason__keeps_yes_and_one_apart() -> None:
    for value in (1, True, 1):
        document = {"trait": "x", "op": "includes", "value": value}
        reason = evaluate(parse_condition(document), somebody(), NOW).reason.to_json()
        assert repr(reason["needed"]) == repr(document)


def test_reason__bounds_numbers() -> None:
    traits = {"x": decode_json("[1e999999, 1.50, 2.0, 1e-999999]")}
    reason = evaluate(parse_condition({"trait": "x", "op": "known"}), somebody(traits=traits), NOW).reason
    assert reason.to_json()["seen"] == ["1E+999999", 1.5, 2, 0.0]


def test_explain__reads_reasons_as_lines() -> None:
    document = {"any": [VIEWED, {"trait": "plan", "op": "is", "value": "pro"}]}
    lines = explain(evaluate(parse_condition(document), somebody(events=[happened()]), NOW).reason.to_json())
    assert [(line.depth, line.needed, line.seen, line.is_held) for line in lines] == [
        (0, "At least one of these", "", True),
        (1, "did “Page Viewed” at least 1 time", "1 time", True),
        (1, "plan is “pro”", "not known", False),
    ]


@pytest.mark.parametrize(
    ("document", "seen", "said"),
    [
        ({"total": "sum", "event": "Order", "property": "n", "op": "greater", "value": 1}, 6, "6"),
        ({"total": "average", "event": "Order", "property": "n", "op": "is", "value": 2}, 2, "2"),
        ({"total": "min", "event": "Paid", "property": "n", "op": "is", "value": 2}, None, "not known"),
        ({"total": "distinct", "event": "Order", "property": "n", "op": "is", "value": 3}, 3, "3"),
        ({"last": "Order", "had": [{"property": "n", "op": "is", "value": 1}]}, [1], "1"),
        ({"first": "Order", "had": [{"property": "n", "op": "is", "value": 3}]}, [3], "3"),
        ({"last": "Paid", "had": [{"property": "n", "op": "unknown"}]}, None, "not known"),
        ({"sequence": [{"event": "Order"}, {"event": "Order"}]}, True, "yes"),
        ({"engagement": "opened"}, 0, "0 times"),
        ({"list": "beta"}, True, "yes"),
        ({"bucket": "a", "from": 0, "to": 100}, True, "yes"),
        (
            {"has_been": {"trait": "plan", "op": "known"}, "for": {"op": "at_least", "value": "P1D"}},
            "2026-11-21T12:00:00Z",
            "since 2026-11-21T12:00:00Z",
        ),
    ],
)
def test_reason__of_each_kind_of_part(document: Any, seen: Any, said: str) -> None:
    events = [happened("Order", ago=timedelta(days=n), properties={"n": n}) for n in (1, 2, 3)]
    facts = replace(
        somebody(events=events, traits={"plan": "pro"}),
        lists={"beta": [Stay(entered_at=NOW)]},
        trait_history={"plan": [TraitChange(at=NOW - timedelta(days=2), arrival=1, value="pro")]},
    )
    reason = evaluate(parse_condition(document), facts, NOW).reason
    assert reason.seen == seen
    assert explain(reason.to_json())[0].seen == said


def test_reason__of_an_average_may_be_as_large_as_numbers_are() -> None:
    asked = {"total": "average", "event": "Order", "property": "n", "op": "is", "value": 1e308}
    events = [happened("Order", ago=timedelta(days=n), properties={"n": Decimal("1e308")}) for n in (1, 2)]
    answer = evaluate(parse_condition(asked), somebody(events=events), NOW)
    assert (answer.holds, answer.reason.seen) == (True, 10**308)


def test_sequence__the_message_being_processed_takes_its_place() -> None:
    both = parse_condition({"sequence": [{"event": "A"}, {"event": "B", "within": "PT1H"}]})
    before = somebody(events=[happened("A", ago=timedelta(minutes=5))], event=happened("B"))
    assert holds(both, before, NOW)
    late = happened("A", ago=timedelta(minutes=5))
    assert holds(both, somebody(events=[happened("B")], event=late), NOW)
    assert not holds(both, somebody(events=[happened("B", ago=timedelta(minutes=9))], event=late), NOW)


def test_sequence__tries_other_chains_where_steps_are_compared() -> None:
    """The first of two that fit the first step leads nowhere."""
    same = {"property": "sku", "op": "is", "same_as": {"step": 0, "property": "sku"}}
    steps = [{"event": "Viewed"}, {"event": "Bought", "where": [same], "within": "PT1H"}]
    events = [
        happened(name, ago=timedelta(minutes=ago), properties={"sku": sku})
        for name, ago, sku in (("Viewed", 50, "a"), ("Viewed", 40, "b"), ("Bought", 30, "b"))
    ]
    assert holds(parse_condition({"sequence": steps}), somebody(events=events), NOW)
    assert not holds(parse_condition({"sequence": steps}), somebody(events=events[::2]), NOW)


def test_sequence__is_quick_over_a_long_history() -> None:
    """Comparisons look up what they need: thousands of events are no square of thousands."""
    same = {"property": "sku", "op": "is", "same_as": {"step": 0, "property": "sku"}}
    asked = parse_condition({"sequence": [{"event": "Viewed"}, {"event": "Bought", "where": [same]}]})
    events = [
        happened("Viewed", ago=timedelta(hours=1, seconds=n), properties={"sku": n}) for n in range(4_000)
    ]
    events += [happened("Bought", ago=timedelta(seconds=n), properties={"sku": -n}) for n in range(1, 4_000)]
    facts = somebody(events=events)
    started = perf_counter()
    assert not holds(asked, facts, NOW)
    assert perf_counter() - started < 2  # the square would be a minute
