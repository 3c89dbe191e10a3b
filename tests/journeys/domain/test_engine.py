from datetime import datetime, timedelta

import pytest

from journeys.domain.decision import Kind
from journeys.domain.definition import parse_journey
from journeys.domain.engine import (
    RUN_OUTCOMES,
    Ending,
    Means,
    Outcome,
    Outgoing,
    State,
    StepError,
    advance,
    restarted,
    started,
)
from tests.journeys.documents import (
    Document,
    branch,
    case,
    crm,
    has_plan,
    is_vip,
    journey,
    leave,
    send,
    set_trait,
    wait,
    wait_until,
    webhook,
)
from tests.journeys.story import NOON, Story, as_written, at, facts_of, message

ENTERED = (Outcome.ENTERED, "", "")
FINISHED = (Outcome.FINISHED, "", "")


def told(*steps: Document, goal: Document | None = None, exit_when: Document | None = None) -> Story:
    return Story(document=journey(steps=list(steps), goal=goal, exit_when=exit_when))


def until(moment: datetime) -> str:
    return moment.isoformat()


# Waits


def test_wait__counts_from_the_moment_it_is_reached() -> None:
    story = told(wait("a"), wait("b", length="P1D")).happens("Cart Updated")
    assert story.due_at == at(hours=4)
    story.passes(until=at(hours=4))
    assert story.state == State(step="b", visit=2, since=at(hours=4), due_at=at(days=1, hours=4))
    story.passes(until=at(days=2))
    assert story.outcomes == [
        ENTERED,
        (Outcome.WAITING, "a", until(at(hours=4))),
        (Outcome.WAITED, "a", ""),
        (Outcome.WAITING, "b", until(at(days=1, hours=4))),
        (Outcome.WAITED, "b", ""),
        FINISHED,
    ]


def test_wait__is_over_exactly_when_it_is_due() -> None:
    story = told(wait("a")).happens("Cart Updated")
    assert story.passes(until=at(hours=4) - timedelta(microseconds=1)).state is not None
    assert story.passes(until=at(hours=4)).state is None


def test_wait__messages_do_not_prolong_it() -> None:
    story = told(wait("a")).happens("Cart Updated").happens("Page Viewed", when=at(hours=3))
    assert story.due_at == at(hours=4)
    assert story.decisions[-1].ledger == ()
    assert story.decisions[-1].state == story.state


@pytest.mark.parametrize(
    ("ordered_at", "steps", "waited"),
    [
        pytest.param(at(hours=1), ["then"], Outcome.SATISFIED, id="while waiting"),
        pytest.param(at(hours=71, seconds=3599), ["then"], Outcome.SATISFIED, id="just in time"),
        pytest.param(at(hours=72), ["else"], Outcome.TIMED_OUT, id="exactly at the time-out is late"),
        pytest.param(at(hours=80), ["else"], Outcome.TIMED_OUT, id="too late"),
    ],
)
def test_wait_until__takes_its_way(ordered_at: datetime, steps: list[str], waited: Outcome) -> None:
    story = told(wait_until(timeout="P3D", then=[crm("then")], otherwise=[crm("else")]), crm("below"))
    story.happens("Cart Updated").happens("Order Completed", when=ordered_at)
    assert [sent.step for sent in story.sent] == [*steps, "below"]
    assert waited in [outcome for outcome, _step, _reason in story.outcomes]


def test_wait_until__what_came_before_it_counts() -> None:
    story = told(wait("a"), wait_until(timeout="P3D", then=[crm("then")]))
    story.happens("Cart Updated").happens("Order Completed", when=at(hours=2)).passes(until=at(hours=4))
    assert [sent.step for sent in story.sent] == ["then"]
    assert (Outcome.WAITING, "u", until(at(days=3, hours=4))) not in story.outcomes


def test_wait_until__what_came_before_the_entry_does_not() -> None:
    story = told(wait_until(timeout="P3D")).happens("Order Completed", when=at(hours=-1))
    assert story.happens("Cart Updated").state is not None


def test_wait_until__without_a_timeout_waits_for_ever() -> None:
    story = told(wait_until()).happens("Cart Updated").passes(until=at(days=4000))
    assert story.state is not None
    assert story.due_at is None
    assert (Outcome.WAITING, "u", "") in story.outcomes
    assert story.happens("Order Completed", when=at(days=4001)).state is None


def test_wait_until__keeps_the_reasons() -> None:
    story = told(wait_until(timeout="P1D")).happens("Cart Updated").passes(until=at(days=1))
    (timed_out, _finished) = story.decisions[-1].ledger
    assert timed_out.tree["held"] is False
    assert timed_out.tree["seen"] == 0


# Branches


@pytest.mark.parametrize(
    ("traits", "taken", "sent"),
    [
        ({"vip": True, "plan": "gold"}, "VIP", ["vip"]),
        ({"plan": "gold"}, "Gold", ["gold"]),
        ({}, "else", ["rest"]),
    ],
)
def test_branch__first_case_that_holds(traits: dict[str, object], taken: str, sent: list[str]) -> None:
    cases = [
        case("VIP", condition=is_vip(), steps=[crm("vip")]),
        case("Gold", condition=has_plan("gold"), steps=[crm("gold")]),
    ]
    story = told(branch(cases=cases, otherwise=[crm("rest")]), crm("below"))
    story.traits = dict(traits)
    story.happens("Cart Updated")
    assert (Outcome.BRANCHED, "b", taken) in story.outcomes
    assert [each.step for each in story.sent] == [*sent, "below"]


def test_branch__keeps_the_reasons_of_every_case_asked() -> None:
    cases = [
        case("VIP", condition=is_vip(), steps=[]),
        case("Gold", condition=has_plan("gold"), steps=[]),
        case("Silver", condition=has_plan("silver"), steps=[]),
    ]
    story = told(branch(cases=cases))
    story.traits = {"plan": "gold"}
    story.happens("Cart Updated")
    tree = story.decisions[-1].ledger[0].tree
    assert (tree["node"], tree["held"]) == ("any", True)
    assert [child["held"] for child in tree["children"]] == [False, True]


# Messages


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        (
            send(message_class="service", template="welcome"),
            Outgoing(
                step="s",
                visit=1,
                kind=Kind.SEND,
                channel="email",
                template="welcome",
                message_class="service",
            ),
        ),
        (
            crm(),
            Outgoing(
                step="c",
                visit=1,
                kind=Kind.CRM,
                channel="crm",
                connection="crm",
                action="create_task",
                fields={"subject": "Call {{ person.firstName }}"},
            ),
        ),
        (
            webhook(),
            Outgoing(
                step="h",
                visit=1,
                kind=Kind.WEBHOOK,
                channel="webhook",
                connection="hook",
                fields={"who": "{{ person.id }}"},
            ),
        ),
    ],
    ids=["send", "crm", "webhook"],
)
def test_message__is_queued(step: Document, expected: Outgoing) -> None:
    story = told(step).happens("Cart Updated")
    assert story.sent == [expected]
    assert story.outcomes == [ENTERED, (Outcome.QUEUED, expected.step, ""), FINISHED]


@pytest.mark.parametrize(
    ("consent", "reason"),
    [({}, "consent_unset"), ({"email_marketing": False}, "consent_denied"), ({"email_marketing": True}, "")],
    ids=["never asked", "denied", "granted"],
)
def test_send__marketing_needs_consent(consent: dict[str, bool], reason: str) -> None:
    story = told(send(message_class="marketing"), crm("below"))
    story.consent = consent
    story.happens("Cart Updated")
    assert ("s" in [each.step for each in story.sent]) is (reason == "")
    assert story.outcomes[1] == ((Outcome.NOT_SENT if reason else Outcome.QUEUED), "s", reason)
    assert story.sent[-1].step == "below"  # who does not get the mail goes on all the same


@pytest.mark.parametrize("message_class", ["service", "transactional"])
def test_send__other_classes_need_no_consent(message_class: str) -> None:
    story = told(send(message_class=message_class))
    story.consent = {"email_marketing": False}
    assert len(story.happens("Cart Updated").sent) == 1


def test_send__consent_missing_keeps_the_reason() -> None:
    story = told(send(message_class="marketing")).happens("Cart Updated")
    (not_sent, _finished) = story.decisions[-1].ledger
    assert not_sent.tree["needed"] == {"consent": "email_marketing", "is": "granted"}
    assert not_sent.tree["seen"] == "unset"


def test_send__the_caller_may_refuse() -> None:
    definition = parse_journey(journey(steps=[send("s"), crm("c")]))
    decision = advance(
        definition,
        state=started(definition),
        facts=facts_of().within(entry=message("Cart Updated"), event=None),
        now=NOON,
        means=Means(
            render=as_written,
            refuse=lambda outgoing: "suppressed" if outgoing.channel == "email" else "",
        ),
    )
    assert [each.step for each in decision.messages] == ["c"]
    assert (decision.ledger[0].outcome, decision.ledger[0].reason) == (Outcome.NOT_SENT, "suppressed")


# Traits


def test_set_trait__later_steps_see_it() -> None:
    cases = [case("Gold", condition=has_plan("gold"), steps=[crm("gold")])]
    story = told(set_trait(plan="gold"), branch(cases=cases)).happens("Cart Updated")
    assert story.traits == {"plan": "gold"}
    assert [each.step for each in story.sent] == ["gold"]
    assert (Outcome.TRAIT_SET, "t", "plan") in story.outcomes


def test_set_trait__is_rendered_for_the_person() -> None:
    definition = parse_journey(journey(steps=[set_trait(plan="{{ person.level }}")]))
    decision = advance(
        definition,
        state=started(definition),
        facts=facts_of(traits={"level": "gold"}).within(entry=message("Cart Updated"), event=None),
        now=NOON,
        means=Means(
            render=lambda value, facts: facts.traits["level"] if value == "{{ person.level }}" else value
        ),
    )
    assert [(write.key, write.value) for write in decision.trait_writes] == [("plan", "gold")]


def test_set_trait__null_removes_it() -> None:
    story = told(
        {**set_trait(), "set": {"plan": None}},
        branch(cases=[case("Any", condition={"trait": "plan", "op": "known"}, steps=[crm("known")])]),
    )
    story.traits = {"plan": "gold"}
    assert story.happens("Cart Updated").sent == []


# Exit, goal, exit rule


def test_exit__leaves_with_its_reason() -> None:
    story = told(crm("a"), leave("x", reason="converted")).happens("Cart Updated")
    decision = story.decisions[-1]
    assert decision.ending == Ending(outcome=Outcome.EXITED, reason="converted")
    assert story.outcomes[-1] == (Outcome.EXITED, "x", "converted")
    assert not decision.cancels_queued  # what was queued on the way still leaves


GOAL: Document = {
    "if": {"event": "Order Completed", "during": {"since": "entry"}},
    "steps": [crm("g1", action="create_deal"), set_trait("g2", plan="buyer")],
}


@pytest.mark.parametrize(
    "steps",
    [
        pytest.param([wait("a", length="P30D")], id="in a wait"),
        pytest.param([wait("a"), wait_until("u", condition=is_vip(), timeout="P30D")], id="in a wait until"),
    ],
)
def test_goal__ends_the_run_in_the_middle_of_a_wait(steps: list[Document]) -> None:
    story = told(*steps, crm("never"), goal=GOAL).happens("Cart Updated")
    story.happens("Order Completed", when=at(days=2))
    decision = story.decisions[-1]
    assert decision.ending == Ending(outcome=Outcome.CONVERTED)
    assert decision.cancels_queued
    assert [each.step for each in story.sent] == ["g1"]
    assert story.traits == {"plan": "buyer"}
    assert [outcome for outcome, _step, _reason in story.outcomes[-3:]] == [
        Outcome.CONVERTED,
        Outcome.QUEUED,
        Outcome.TRAIT_SET,
    ]
    assert story.passes(until=at(days=100)).decisions[-1] is decision


def test_goal__comes_before_the_exit_rule_and_the_wait() -> None:
    ordered = {"event": "Order Completed", "during": {"since": "entry"}}
    story = told(wait_until(then=[crm("then")]), goal=GOAL, exit_when=ordered).happens("Cart Updated")
    story.happens("Order Completed", when=at(hours=1))
    assert [outcome for outcome, _step, _reason in story.outcomes[2:]] == [
        Outcome.CONVERTED,
        Outcome.QUEUED,
        Outcome.TRAIT_SET,
    ]


def test_exit_when__comes_before_the_wait() -> None:
    ordered = {"event": "Order Completed", "during": {"since": "entry"}}
    story = told(wait_until(then=[crm("then")]), exit_when=ordered).happens("Cart Updated")
    story.happens("Order Completed", when=at(hours=1))
    assert story.sent == []
    assert story.decisions[-1].ending == Ending(outcome=Outcome.EXITED, reason="exit_when")
    assert story.decisions[-1].cancels_queued


def test_exit_when__is_asked_before_the_first_step() -> None:
    story = told(crm("a"), exit_when={"segment": "unsubscribed", "is": "member"})
    story.segments = ["unsubscribed"]
    assert story.happens("Cart Updated").sent == []
    assert [outcome for outcome, _step, _reason in story.outcomes] == [Outcome.ENTERED, Outcome.EXITED]


def test_goal__is_asked_at_timers() -> None:
    quiet = {"none": [{"event": "Page Viewed", "during": {"last": "P1D"}}]}
    story = told(wait("a", length="P2D"), crm("never"), goal=quiet)
    story.events.append(message("Page Viewed", when=at(hours=-1)))
    story.happens("Cart Updated").passes(until=at(days=2))
    assert story.decisions[-1].ending == Ending(outcome=Outcome.CONVERTED)


# Runs


def test_visits__count_on_over_a_restart() -> None:
    definition = parse_journey(journey(steps=[crm("a"), wait("w")]))
    again = restarted(definition, State(step="w", visit=2, since=NOON, due_at=at(hours=4)))
    assert again == State(step="a", visit=2)
    decision = advance(
        definition,
        state=again,
        facts=facts_of().within(entry=message("Cart Updated"), event=None),
        now=at(hours=1),
        means=Means(render=as_written),
    )
    assert [(each.step, each.visit) for each in decision.messages] == [("a", 3)]
    assert decision.state == State(step="w", visit=4, since=at(hours=1), due_at=at(hours=5))


def test_advance__goes_fifty_steps_and_then_on_at_once() -> None:
    story = told(*(crm(f"c{number}") for number in range(120))).happens("Cart Updated")
    assert [len(decision.messages) for decision in story.decisions] == [50]
    assert story.state == State(step="c50", visit=50, due_at=NOON)
    story.passes(until=NOON)
    assert [len(decision.messages) for decision in story.decisions] == [50, 50, 20]
    assert [each.step for each in story.sent] == [f"c{number}" for number in range(120)]


def test_advance__names_the_step_that_raised() -> None:
    definition = parse_journey(journey(steps=[crm("a"), set_trait("bad", plan="{{ broken }}")]))

    def broken(value: object, facts: object) -> object:
        raise ZeroDivisionError("in the template")

    with pytest.raises(StepError) as caught:
        advance(
            definition,
            state=started(definition),
            facts=facts_of().within(entry=message("Cart Updated"), event=None),
            now=NOON,
            means=Means(render=broken),
        )
    assert caught.value.step == "bad"
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


def test_advance__names_no_step_where_the_goal_raised() -> None:
    definition = parse_journey(journey(goal=GOAL))
    outside = facts_of(message("Order Completed"))  # of a run: there is no entry message
    with pytest.raises(StepError) as caught:
        advance(
            definition, state=started(definition), facts=outside, now=NOON, means=Means(render=as_written)
        )
    assert caught.value.step == ""


def test_advance__a_step_that_is_gone() -> None:
    definition = parse_journey(journey())
    with pytest.raises(StepError) as caught:
        advance(
            definition, state=State(step="gone"), facts=facts_of(), now=NOON, means=Means(render=as_written)
        )
    assert caught.value.step == "gone"


@pytest.mark.parametrize(
    "state",
    [
        State(step="a"),
        State(step="a", visit=3, since=NOON),
        State(step="a", visit=3, since=NOON, due_at=at(seconds=0.000001)),
    ],
)
def test_state__survives_json(state: State) -> None:
    assert State.from_json(state.to_json()) == state
    assert state.to_json()["language"] == 1


def test_state__of_another_language() -> None:
    with pytest.raises(ValueError, match="language 2"):
        State.from_json({**State(step="a").to_json(), "language": 2})


def test_outcomes__fit_their_columns() -> None:
    assert max(len(outcome.value) for outcome in Outcome) <= 30
    assert max(len(outcome.value) for outcome in RUN_OUTCOMES) <= 20
