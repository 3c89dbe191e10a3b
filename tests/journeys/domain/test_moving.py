"""What a moved run does next: the engine goes on from where `Move` leaves it."""

from journeys.domain.definition import parse_journey
from journeys.domain.engine import Outcome
from journeys.domain.moving import Move
from tests.journeys.documents import Document, crm, journey, send, set_trait, wait, wait_until
from tests.journeys.story import Story, at


def moved(story: Story, document: Document, *, to: dict[str, str] | None = None) -> Story:
    """The story, going on by another document from a day after its beginning."""
    new = parse_journey(document)
    assert story.state is not None
    move = Move(old=story.definition, new=new, to=to or {})
    decision = move.moved(story.state, due_at=story.due_at, now=at(days=1))
    story.definition, story.state, story.due_at = new, decision.state, decision.due_at
    return story


def test_what_is_behind_never_runs_again() -> None:
    """The order of the steps is turned round; what was sent is not sent anew, not even inside a branch."""
    story = Story(document=journey(steps=[send("one"), send("two"), wait("w", length="P2D"), send("three")]))
    story.happens("Cart Updated")
    turned = [wait("w", length="P2D"), wait_until("u", timeout="P1D", otherwise=[send("two")]), send("one")]
    moved(story, journey(steps=[*turned, send("three"), send("four")])).passes(until=at(days=9))
    assert [message.step for message in story.sent] == ["one", "two", "three", "four"]


def test_a_shorter_wait_is_over_at_the_moment_of_publishing() -> None:
    """What comes after it counts from then: a day's wait behind it is a day's, not over as well."""
    story = Story(document=journey(steps=[wait("w", length="P7D"), send()]))
    story.happens("Cart Updated")
    moved(story, journey(steps=[wait("w", length="PT1H"), wait("day", length="P1D"), send()]))
    assert story.passes(until=at(days=1.9)).sent == []
    assert [message.step for message in story.passes(until=at(days=2)).sent] == ["s"]


def test_goal_and_exit_rule_are_asked_anew() -> None:
    """Somebody who did long ago what the new goal asks for has reached it."""
    story = Story(document=journey(steps=[wait("w", length="P7D"), send()]))
    story.happens("Cart Updated").happens("Order Completed", when=at(hours=1))
    moved(story, journey(steps=[wait("w", length="P7D"), send()], goal={"event": "Order Completed"}))
    story.passes(until=at(days=1))
    assert story.outcomes[-1][0] is Outcome.CONVERTED


def test_goal_reached_and_its_message_gone() -> None:
    """A run that waits with a message of the goal's goes on with what is left of the goal, never back."""
    goal = {"if": {"event": "Order Completed"}, "steps": [send("thanks", message_class="marketing")]}
    document = journey(steps=[wait()], goal=goal, settings={"quiet_hours": {"from": "11:00", "to": "14:00"}})
    for kept, expected in (([], None), ([crm("g2")], "g2")):
        story = Story(document=document, consent={"email_marketing": True})
        story.happens("Cart Updated").happens("Order Completed")
        assert story.state is not None
        steps = [*kept, set_trait("g9")] if kept else []
        rest = {"if": {"event": "Order Completed"}, "steps": steps} if steps else {"event": "Never"}
        old = parse_journey({**document, "goal": {**goal, "steps": [*goal["steps"], *kept]}})
        move = Move(old=old, new=parse_journey(journey(goal=rest)))
        decision = move.moved(story.state, due_at=story.due_at, now=at(days=1))
        assert (decision.state.step if decision.state else None) == expected
        if expected is None:
            assert decision.ending is not None
            assert decision.ending.outcome is Outcome.CONVERTED
