from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from journeys.domain.definition import Definition, parse_journey
from journeys.domain.engine import Action, EntryDecision, Outcome, PastRun, Refusal, admit, enter, key_of
from journeys.domain.entering import carried_over, occasion
from tests.journeys.documents import Document, is_vip, journey, wait
from tests.journeys.story import NOON, Story, at, facts_of, message

THIRD_VIEW: Document = {
    "event": "Page Viewed",
    "where": [{"property": "path", "op": "is", "value": "/tents"}],
    "count": {"op": "exactly", "value": 3},
    "during": {"last": "P7D"},
}


def definition(**entry: Any) -> Definition:
    return parse_journey(journey(entry={"on": {"event": "Cart Updated"}, **entry}))


def reentry(policy: str, **rules: str) -> Document:
    return {"policy": policy, **rules}


def past(*, entered_at: datetime, ended_at: datetime | None = None, key: str = "") -> PastRun:
    return PastRun(run_id=7, key=key, entered_at=entered_at, ended_at=ended_at)


# Which messages begin a run


def test_enter__other_messages_are_no_business_of_the_journey() -> None:
    story = Story(document=journey()).happens("Page Viewed")
    assert story.outcomes == []


def test_enter__where_looks_at_the_message_alone() -> None:
    big = {"event": "Cart Updated", "where": [{"property": "total", "op": "greater", "value": 100}]}
    story = Story(document=journey(entry={"on": big, "reentry": reentry("never")}))
    story.happens("Cart Updated", properties={"total": 500}).happens("Cart Updated", properties={"total": 5})
    assert [outcome for outcome, _step, _reason in story.outcomes] == [Outcome.ENTERED, Outcome.WAITING]


def test_enter__names_may_end_in_a_star() -> None:
    story = Story(document=journey(entry={"on": {"event": "Cart *"}})).happens("Cart Opened")
    assert story.state is not None


def test_enter__filter() -> None:
    story = Story(document=journey(entry={"on": {"event": "Cart Updated"}, "if": is_vip()}))
    story.happens("Cart Updated")
    (refused,) = story.entries
    assert refused.action is Action.REFUSE
    assert (refused.ledger.outcome, refused.ledger.reason) == (Outcome.NOT_ENTERED, "filter")
    assert refused.ledger.tree["held"] is False
    story.traits["vip"] = True
    story.happens("Cart Updated", when=at(hours=1))
    assert story.entries[-1].action is Action.ENTER
    assert story.entries[-1].ledger.tree["held"] is True


@pytest.mark.parametrize("apart", [timedelta(0), timedelta(seconds=1), timedelta(days=1)])
def test_enter__exactly_three_starts_once(apart: timedelta) -> None:
    """Five views, in one request or spread out: the third of them starts the journey, no other."""
    story = Story(
        document=journey(
            entry={"on": {"event": "Page Viewed"}, "if": THIRD_VIEW, "reentry": reentry("always")}
        )
    )
    for number in range(5):
        story.happens("Page Viewed", when=NOON + number * apart, properties={"path": "/tents"})
    assert [entry.action for entry in story.entries] == [
        Action.REFUSE,
        Action.REFUSE,
        Action.ENTER,
        Action.REFUSE,
        Action.REFUSE,
    ]
    assert [entry.ledger.tree["seen"] for entry in story.entries] == [1, 2, 3, 4, 5]


def test_enter__views_of_other_pages_do_not_count() -> None:
    story = Story(document=journey(entry={"on": {"event": "Page Viewed"}, "if": THIRD_VIEW}))
    for path in ("/tents", "/stoves", "/tents", "/tents"):
        story.happens("Page Viewed", properties={"path": path})
    assert [entry.action for entry in story.entries][-1] is Action.ENTER


# Which run a message speaks of


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("7", '"7"'),
        (7, "7"),
        (7.0, "7"),
        (Decimal("7.00"), "7"),
        (700, "7e2"),
        (700.0, "7e2"),
        (Decimal("7E+2"), "7e2"),
        (0.25, "25e-2"),
        (-1.5, "-15e-1"),
        (0, "0"),
        (-0.0, "0"),
        (10**40 + 1, "1" + "0" * 39 + "1"),
        (True, "true"),
        ("", '""'),
        ("Zürich", '"Zürich"'),
        ([1, "1"], '[1,"1"]'),
        ({"b": 1, "a": None}, '{"a":null,"b":1}'),
        (None, None),
    ],
)
def test_key_of__compares_by_type(value: Any, text: str | None) -> None:
    journey_ = definition(key="properties.cart.id")
    assert key_of(journey_, message("Cart Updated", properties={"cart": {"id": value}})) == text


def test_key_of__long_keys_are_hashed() -> None:
    journey_ = definition(key="properties.id")
    keys = {
        key_of(journey_, message("Cart Updated", properties={"id": "x" * length})) or ""
        for length in (298, 299, 5000)
    }
    assert {len(key) for key in keys} == {300, 71}
    assert len(keys) == 3


@pytest.mark.parametrize("properties", [{}, {"cart_id": None}, {"cart": {"cart_id": 5}}])
def test_enter__without_the_key(properties: dict[str, Any]) -> None:
    story = Story(document=journey(entry={"on": {"event": "Cart Updated"}, "key": "properties.cart_id"}))
    story.happens("Cart Updated", properties=properties)
    assert story.outcomes == [(Outcome.NOT_ENTERED, "", "no_key")]


def test_key_of__without_a_key_all_runs_are_one() -> None:
    assert key_of(definition(), message("Cart Updated")) == ""


def test_key_of__always_without_a_key_takes_the_message() -> None:
    first, second = message("Cart Updated", arrival=1), message("Cart Updated", arrival=2)
    journey_ = definition(reentry=reentry("always"))
    assert key_of(journey_, first) != key_of(journey_, second)
    assert key_of(journey_, first) == first.message_id


# Who may come again

ENDED = past(entered_at=at(days=-10), ended_at=at(days=-5))
OPEN = past(entered_at=at(days=-10))


@pytest.mark.parametrize(
    ("rules", "history", "action", "reason"),
    [
        ({}, [], Action.ENTER, ""),
        ({}, [ENDED], Action.ENTER, ""),
        ({}, [OPEN], Action.REFUSE, Refusal.INSIDE.value),
        (reentry("never"), [], Action.ENTER, ""),
        (reentry("never"), [ENDED], Action.REFUSE, Refusal.BEFORE.value),
        (reentry("never"), [OPEN], Action.REFUSE, Refusal.INSIDE.value),
        (reentry("after_exit"), [ENDED], Action.ENTER, ""),
        (reentry("after_exit"), [ENDED, OPEN], Action.REFUSE, Refusal.INSIDE.value),
        (reentry("always"), [OPEN], Action.ENTER, ""),  # each message is a key of its own
        (
            reentry("after_exit", not_within="P10D"),
            [ENDED],
            Action.ENTER,
            "",
        ),  # exactly ten days: apart enough
        (reentry("after_exit", not_within="P11D"), [ENDED], Action.REFUSE, Refusal.TOO_SOON.value),
        (reentry("always", not_within="P11D"), [OPEN], Action.REFUSE, Refusal.TOO_SOON.value),
        (reentry("always", not_within="P10D"), [OPEN], Action.ENTER, ""),
        (reentry("after_exit", again="restart"), [OPEN], Action.RESTART, ""),
        (reentry("never", again="restart"), [OPEN], Action.RESTART, ""),
        (reentry("after_exit", again="end"), [OPEN], Action.END, "entered_again"),
        (reentry("after_exit", again="end"), [ENDED], Action.ENTER, ""),
        (reentry("after_exit", not_within="P30D", again="restart"), [OPEN], Action.RESTART, ""),
    ],
)
def test_enter__reentry(rules: Document, history: list[PastRun], action: Action, reason: str) -> None:
    event = message("Cart Updated")
    decision = enter(definition(reentry=rules), history=history, event=event, facts=facts_of(event), now=NOON)
    assert decision is not None
    assert (decision.action, decision.ledger.reason) == (action, reason)
    assert decision.run_id == (7 if action in (Action.RESTART, Action.END) else None)


@pytest.mark.parametrize(
    ("policy", "actions"),
    [
        ("never", [Action.ENTER, Action.ENTER, Action.REFUSE]),
        ("after_exit", [Action.ENTER, Action.ENTER, Action.REFUSE]),
        ("always", [Action.ENTER, Action.ENTER, Action.REFUSE]),  # one open run a key
    ],
)
def test_enter__each_key_has_a_history_of_its_own(policy: str, actions: list[Action]) -> None:
    rules = definition(key="properties.cart_id", reentry=reentry(policy))
    history: list[PastRun] = []
    taken = []
    for cart in ("a", "b", "a"):
        event = message("Cart Updated", properties={"cart_id": cart})
        decision = enter(rules, history=history, event=event, facts=facts_of(event), now=NOON)
        assert decision is not None
        taken.append(decision.action)
        history.append(past(entered_at=NOON, key=decision.key))
    assert taken == actions


def test_enter__a_run_with_a_key_of_an_earlier_version_is_in_the_way() -> None:
    event = message("Cart Updated")
    keyed = past(entered_at=at(days=-1), key='"c1"')
    decision = enter(definition(), history=[keyed], event=event, facts=facts_of(event), now=NOON)
    assert decision is not None
    assert decision.ledger.reason == Refusal.INSIDE.value


def test_story__restart_begins_timers_and_history_anew() -> None:
    document = journey(
        entry={"on": {"event": "Cart Updated"}, "reentry": reentry("after_exit", again="restart")},
        steps=[wait("a")],
        goal={"event": "Order Completed", "during": {"since": "entry"}},
    )
    story = Story(document=document).happens("Cart Updated").happens("Cart Updated", when=at(hours=3))
    assert story.due_at == at(hours=7)
    assert story.entry is not None
    assert story.entry.ts == at(hours=3)
    assert (Outcome.RESTARTED, "", "") in story.outcomes


def test_story__end_opens_no_run() -> None:
    document = journey(entry={"on": {"event": "Cart Updated"}, "reentry": reentry("after_exit", again="end")})
    story = Story(document=document).happens("Cart Updated").happens("Cart Updated", when=at(hours=1))
    assert story.state is None
    assert story.outcomes[-1] == (Outcome.ENDED, "", "entered_again")


# Without an entry message of the person's own


@pytest.mark.parametrize("on", [{"segment": "vip", "change": "entered"}, {"date": "birthday"}, {"api": True}])
def test_enter__messages_alone_do_not_begin_other_entries(on: Document) -> None:
    event = message("Cart Updated")
    assert enter(definition(on=on), history=[], event=event, facts=facts_of(event), now=NOON) is None


def test_occasion__is_the_same_for_the_same_person_and_moment() -> None:
    def made(**changes: Any) -> str:
        given: dict[str, Any] = {"name": "Segment Entered", "at": NOON, "cause": None, "facts": facts_of()}
        return occasion(**{**given, "properties": {"segment": "vip"}, **changes}).message_id

    others = [
        made(at=at(seconds=1)),
        made(name="Segment Left"),
        made(facts=facts_of(uuid=UUID(int=2))),
        made(properties={"segment": "gold"}),
    ]
    assert made() == made()
    assert len({made(), *others}) == 5


def test_occasion__what_brought_it_about_has_not_come_since() -> None:
    cause = message("Order Completed", when=at(hours=1), arrival=7)
    entry = occasion("Segment Entered", at=at(hours=2), cause=cause, facts=facts_of(), properties={})
    assert entry.order == cause.order
    assert entry.received_at == at(hours=2)
    timed = occasion("Date Reached", at=at(hours=2), cause=None, facts=facts_of(), properties={})
    assert timed.order < message("Order Completed", when=at(hours=2), arrival=1).order


def test_admit__filter_key_and_history() -> None:
    by_api = definition(
        on={"api": True}, key="properties.visit", **{"if": is_vip()}, reentry=reentry("never")
    )

    def asked(*, vip: bool = True, visit: Any = 7, history: Sequence[PastRun] = ()) -> EntryDecision:
        facts = facts_of(traits={"vip": vip})
        entry = occasion("API", at=NOON, cause=None, facts=facts, properties={"visit": visit})
        return admit(by_api, history=history, entry=entry, facts=facts, now=NOON)

    assert (asked().action, asked().key) == (Action.ENTER, "7")
    assert asked(vip=False).ledger.reason == "filter"
    assert asked(visit=None).ledger.reason == "no_key"
    before = past(key="7", entered_at=at(days=-9), ended_at=at(days=-8))
    assert asked(history=[before]).ledger.reason == "entered_before"
    assert asked(visit=8, history=[before]).action is Action.ENTER


def test_carried_over__keeps_what_it_held_and_counts_from_now() -> None:
    first = message("Cart Updated", when=at(hours=-9), properties={"cart_id": "c1"})
    cause = message("Order Completed", when=at(hours=-1), arrival=7)
    entry = carried_over(first, at=NOON, cause=cause, facts=facts_of(), journey="other")
    assert (entry.name, entry.properties) == ("Cart Updated", {"cart_id": "c1"})
    assert entry.order == cause.order
    assert entry.message_id != first.message_id
