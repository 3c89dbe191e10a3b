from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.domain.links import (
    Click,
    Unsubscribe,
    click_token,
    open_token,
    read_click,
    read_open,
    read_unsubscribe,
    unsubscribe_token,
)

DELIVERY = UUID("5f0e2b1a-0000-4000-8000-000000000001")
KEY = b"k" * 32
OTHER_KEY = b"j" * 32
CLICK = Click(delivery=DELIVERY, url="https://shop.example/ä?x=1&y=2#top")
UNSUBSCRIBE = Unsubscribe(delivery=DELIVERY, address_hash="ab" * 32)


def test_read_click__what_was_signed() -> None:
    assert read_click(click_token(CLICK, key=KEY), keys=[KEY]) == CLICK


def test_read_open__what_was_signed() -> None:
    assert read_open(open_token(DELIVERY, key=KEY), keys=[KEY]) == DELIVERY


def test_read_unsubscribe__what_was_signed() -> None:
    assert read_unsubscribe(unsubscribe_token(UNSUBSCRIBE, key=KEY), keys=[KEY]) == UNSUBSCRIBE


def test_read__an_older_key_still_reads() -> None:
    assert read_click(click_token(CLICK, key=OTHER_KEY), keys=[KEY, OTHER_KEY]) == CLICK
    assert read_click(click_token(CLICK, key=OTHER_KEY), keys=[KEY]) is None


def test_read__a_token_serves_one_purpose() -> None:
    clicked = click_token(CLICK, key=KEY)
    assert read_open(clicked, keys=[KEY]) is None
    assert read_unsubscribe(clicked, keys=[KEY]) is None
    assert read_click(open_token(DELIVERY, key=KEY), keys=[KEY]) is None
    assert read_click(unsubscribe_token(UNSUBSCRIBE, key=KEY), keys=[KEY]) is None


@pytest.mark.parametrize("token", ["", "x", "====", "ä", "a" * 5, "https://evil.example"])
def test_read__nonsense(token: str) -> None:
    assert read_click(token, keys=[KEY]) is None
    assert read_open(token, keys=[KEY]) is None
    assert read_unsubscribe(token, keys=[KEY]) is None


@given(place=st.integers(min_value=0), bit=st.integers(min_value=0, max_value=7), data=st.data())
def test_read_click__no_changed_bit_passes(place: int, bit: int, data: st.DataObject) -> None:
    import base64

    token = click_token(CLICK, key=KEY)
    signed = bytearray(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    signed[place % len(signed)] ^= 1 << bit
    forged = base64.urlsafe_b64encode(signed).decode().rstrip("=")
    assert read_click(forged, keys=[KEY]) is None


def test_click_token__fits_an_address() -> None:
    token = click_token(CLICK, key=KEY)
    assert set(token) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
