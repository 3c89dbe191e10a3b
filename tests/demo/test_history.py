"""What the demo tells about the real customers' past."""

from collections import Counter
from datetime import UTC, datetime

from cdp_site.demo.history import ORDERED, messages_of, visits_in
from cdp_site.demo.orders import read_orders
from tests.demo.test_orders import FILE

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def test_messages_of__one_order_a_line_with_the_files_amount() -> None:
    orders = read_orders(FILE)
    told = [message for message in messages_of(orders, now=NOW) if message.get("event") == ORDERED]

    assert [(message["userId"], message["properties"]["revenue"]) for message in told] == [
        ("cdnow-00001", 11.77),
        ("cdnow-00008", 77.0),
        ("cdnow-00008", 77.0),
        ("cdnow-00020", 0.0),
    ]


def test_messages_of__ids_are_unique_and_the_same_each_time() -> None:
    orders = read_orders(FILE)
    first = [message["messageId"] for message in messages_of(orders, now=NOW)]
    again = [message["messageId"] for message in messages_of(orders, now=datetime(2027, 1, 1, tzinfo=UTC))]

    assert first == again
    assert set(Counter(first).values()) == {1}


def test_messages_of__visits_are_labelled_and_anonymous_until_the_first_order() -> None:
    orders = read_orders(FILE)
    messages = list(messages_of(orders, now=NOW))
    visits = [message for message in messages if message["type"] == "page"]

    assert len(visits) == visits_in(orders)
    assert all(message["properties"]["generated"] is True for message in visits)
    own = [message for message in messages if message["anonymousId"] == "cdnow-device-00008"]
    assert ["userId" in message for message in own] == [False, False, True, True, True, True, True]
    assert [message["timestamp"] for message in own[:4]] == sorted(
        message["timestamp"] for message in own[:4]
    )
