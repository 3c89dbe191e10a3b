"""Messages of one visitor stay in one lane and in order."""

from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from profiles.domain.envelope import open_envelope
from profiles.domain.lanes import LANES, Frame, lane_of, sort_messages


def raw(**fields: Any) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode({"type": "page"} | fields))


def test_sort__one_visitor_one_envelope() -> None:
    raws = [raw(anonymousId="a1"), raw(anonymousId="a1", userId="u1"), raw(anonymousId="a1")]
    outcome = sort_messages(raws, frame=Frame(sent_at="now", ip="192.0.2.1"))
    (lane,) = outcome.lanes
    opened = open_envelope(outcome.lanes[lane])
    assert lane == lane_of("a1", is_historical=False)
    assert [bytes(one) for one in opened.messages] == [bytes(one) for one in raws]
    assert (opened.sent_at, opened.ip, opened.type) == ("now", "192.0.2.1", None)


def test_sort__a_bad_message_costs_the_others_nothing() -> None:
    raws = [raw(userId="u1"), raw(), msgspec.Raw(b"3"), raw(userId="u1", name="second")]
    outcome = sort_messages(raws, frame=Frame(kind="page"))
    assert [(item.index, item.fault.code) for item in outcome.rejected] == [
        (1, "no_user_anon_id"),
        (2, "invalid_message"),
    ]
    (kept,) = [open_envelope(body) for body in outcome.lanes.values()]
    assert [bytes(one) for one in kept.messages] == [bytes(raws[0]), bytes(raws[3])]
    aside = open_envelope(outcome.rejected[1].body)
    assert ([bytes(one) for one in aside.messages], aside.type) == ([b"3"], "page")


@given(st.lists(st.text(min_size=1, max_size=3).filter(str.strip), min_size=1, max_size=40), st.booleans())
def test_sort__order_within_a_visitor(visitors: list[str], is_historical: bool) -> None:
    raws = [raw(anonymousId=f"d{visitor}", name=str(place)) for place, visitor in enumerate(visitors)]
    outcome = sort_messages(raws, frame=Frame(is_historical=is_historical))
    assert not outcome.rejected
    first = LANES if is_historical else 0
    found: dict[str, list[int]] = {}
    for lane, body in outcome.lanes.items():
        assert first <= lane < first + LANES
        for one in open_envelope(body).messages:
            message = msgspec.json.decode(one)
            found.setdefault(message["anonymousId"], []).append(int(message["name"]))
            key = message["anonymousId"].strip()
            assert lane == lane_of(key, is_historical=is_historical)
    assert all(places == sorted(places) for places in found.values())
    assert sum(map(len, found.values())) == len(visitors)


def test_lanes__people_spread() -> None:
    lanes = {lane_of(f"visitor-{number}", is_historical=False) for number in range(200)}
    assert lanes == set(range(LANES))
