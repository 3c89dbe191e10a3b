"""However messages arrive, in one batch or in many, late, twice, by a wrong clock: the same is decided."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import pytest
from django.apps import apps
from django.db import connection
from django.test import override_settings

from cdp_site.pipeline.rules import forget_rules
from cdp_site.privacy import Erase
from journeys.models import Decision, Run
from profiles.models import Event
from tests.end_to_end import story
from tests.end_to_end.product import NOON, Message, Product


def test_exactly_three__one_request_with_five_views_starts_once(product: Product) -> None:
    story.publish(product)
    product.tell(*[story.visit("laptop") for _ in range(5)])
    product.settle()

    assert Run.objects.count() == 1
    outcomes = [outcome for outcome, _step, _reason in product.ledger("laptop", kind="anonymous_id")]
    assert outcomes.count("entered") == 1
    assert outcomes.count("not_entered") == 4


def test_retry__the_same_request_twice_counts_once(product: Product) -> None:
    story.publish(product)
    messages = [{**story.visit("laptop"), "messageId": f"v{number}"} for number in range(3)]
    messages += [
        {**story.agree("laptop"), "messageId": "c1"},
        {**story.register("laptop", user="ada"), "messageId": "i1"},
        {**story.order("laptop", user="ada"), "messageId": "o1"},
    ]
    for _ in range(3):
        product.tell(*messages)
        product.settle()

    assert Event.objects.filter(name__name="Order Completed").count() == 1
    assert Event.objects.filter(name__name="Page Viewed").count() == 3
    assert product.actions() == [("create_deal", "ada")]
    assert len(product.mails.mails) <= 1


def test_clock__three_days_ahead_is_stored_at_the_right_time(product: Product) -> None:
    ahead = NOON + timedelta(days=3)
    product.tell({**story.visit("laptop"), "timestamp": ahead.isoformat()}, sent_at=ahead)
    product.settle()

    assert Event.objects.get().ts == NOON


# -- the same messages in other portions -----------------------------------------------------------


def week() -> list[tuple[timedelta, Message]]:
    """Three people's messages of four days, with the moment each is received."""
    hours: list[tuple[float, Message]] = [
        (0, story.visit("ada-laptop")),
        (1, story.visit("ben-laptop")),
        (20, story.visit("ada-laptop")),
        (21, story.visit("ben-laptop")),
        (22, story.visit("cleo-phone")),
        (40, story.visit("ada-laptop")),
        (40.1, story.agree("ada-laptop")),
        (40.2, story.register("ada-laptop", user="ada")),
        (41, story.visit("ben-laptop")),
        (41.1, story.agree("ben-laptop", to_mails=False)),
        (41.2, story.register("ben-laptop", user="ben")),
        (42, story.visit("cleo-laptop")),
        (42.1, story.agree("cleo-laptop")),
        (42.2, story.register("cleo-laptop", user="cleo")),
        (42.5, story.register("cleo-phone", user="cleo")),
        (43, story.visit("cleo-phone", user="cleo")),
        (60, story.order("ada-laptop", user="ada", revenue=89)),
        # Exactly when Ben's two days are over: late.
        (89.2, story.order("ben-laptop", user="ben", revenue=59)),
        (92, story.visit("cleo-phone", user="cleo")),
    ]
    return [
        (timedelta(hours=at), {**message, "messageId": f"w{number}"})
        for number, (at, message) in enumerate(hours)
    ]


def ledgers(product: Product) -> dict[str, list[tuple[Any, ...]]]:
    """Everything that was decided, told by people's own names and not by row numbers."""
    told: dict[str, list[tuple[Any, ...]]] = {}
    for user in ("ada", "ben", "cleo"):
        person = product.person(user)
        rows = Decision.objects.filter(person_id=person.pk).order_by("at", "id")
        told[user] = [
            (row.at - NOON, row.outcome, row.step, row.reason, row.tree, row.message_id) for row in rows
        ]
        told[f"{user}'s mail and CRM"] = [
            (delivery.decided_at - NOON, delivery.channel, delivery.action, delivery.step)
            for delivery in product.deliveries(user)
        ]
    return told


Way = Callable[[Product, Sequence[tuple[timedelta, Message]]], None]


def as_it_comes(product: Product, messages: Sequence[tuple[timedelta, Message]]) -> None:
    """Each message is stored and decided before the next one arrives."""
    for after, message in messages:
        product.clock.now = NOON + after
        product.settle()
        product.tell(message)
        product.drain()
    product.pass_time(days=3)


def in_portions(size: int) -> Way:
    def way(product: Product, messages: Sequence[tuple[timedelta, Message]]) -> None:
        """The drain stands still and wakes after so many messages; timers and sending wait with it."""
        for number, (after, message) in enumerate(messages, start=1):
            product.clock.now = NOON + after
            product.tell(message)
            if number % size == 0:
                product.drain()
        product.pass_time(days=3)

    return way


def stopped_for_an_hour(product: Product, messages: Sequence[tuple[timedelta, Message]]) -> None:
    """As it comes, but from hour 40 to 41.15 nothing is drained or swept."""
    for after, message in messages:
        product.clock.now = NOON + after
        is_stopped = timedelta(hours=40) <= after < timedelta(hours=41.15)
        if not is_stopped:
            product.settle()
        product.tell(message)
        if not is_stopped:
            product.settle()
    product.pass_time(days=3)


def by_closures(product: Product, messages: Sequence[tuple[timedelta, Message]]) -> None:
    """In portions, with the matcher that stands in where durable-rules cannot be had."""
    with override_settings(RULES_ENGINE="closures"):
        forget_rules()
        in_portions(4)(product, messages)
    forget_rules()


@pytest.fixture
def expected(product: Product) -> dict[str, list[tuple[Any, ...]]]:
    """The decisions when every message is decided at once, checked against the story itself."""
    story.publish(product)
    as_it_comes(product, week())
    told = ledgers(product)
    assert [(entry[1], entry[2]) for entry in told["ada"]][-2:] == [("converted", ""), ("queued", "deal")]
    assert (told["ben"][-2][2], told["ben"][-1][1]) == ("call", "finished")
    assert [entry[3] for entry in told["cleo's mail and CRM"]] == ["mail", "call"]
    return told


@pytest.mark.parametrize(
    "way",
    [in_portions(100), in_portions(4), in_portions(1), stopped_for_an_hour, by_closures],
    ids=["in one batch", "in five", "one by one, late timers", "stopped for an hour", "by closures"],
)
def test_portions__give_identical_ledgers(
    expected: dict[str, list[tuple[Any, ...]]], way: Way, product: Product
) -> None:
    begin_anew(product)
    way(product, week())

    assert ledgers(product) == expected


def begin_anew(product: Product) -> None:
    """Forget everybody and everything they did; sources, templates and the journey stay."""
    tables = [
        model._meta.db_table
        for model in apps.get_models()
        if (declared := getattr(model, "personal_data", None)) and declared.erase is not Erase.NONE
    ]
    with connection.cursor() as cursor:
        cursor.execute(f"TRUNCATE {', '.join(tables)} CASCADE")
    product.clock.now = NOON
