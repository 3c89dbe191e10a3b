"""Real customers in the product: their history is imported, and what the product knows is read back.

The import speaks /v1/import with a server's key; a part of it is sent twice, as a client does that never
got its answer. Reading back goes through the API, person by person, so that nothing but what the product
stored can make the sums come out right.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

from cdp_site.demo.client import Api, Door, Json, batches_of, until
from cdp_site.demo.history import ORDERED, VIEWED, messages_of, user_of, visits_in
from cdp_site.demo.orders import Figures, Order, figures_of
from cdp_site.demo.report import Finding

_BATCH: Final = 500  # messages a request
_AGAIN: Final = 4  # requests that are sent twice
_PATIENCE: Final = 120.0  # seconds for the import to be drained


@dataclass(frozen=True, slots=True, kw_only=True)
class Customers:
    """The sample of real customers, on its way into the product."""

    door: Door
    api: Api
    orders: Sequence[Order]

    def tell(self, *, now: datetime) -> int:
        """Import everybody's history; give how many messages were sent, repeats included."""
        messages = list(messages_of(self.orders, now=now))
        batches = list(batches_of(messages, size=_BATCH))
        for batch in [*batches, *batches[:_AGAIN]]:
            self.door.tell(*batch, path="import")
        return len(messages) + sum(len(batch) for batch in batches[:_AGAIN])

    def wait(self) -> None:
        """Wait until the last of them has arrived; whether everything is right is not asked here."""
        expected = figures_of(self.orders).repeat_buyers
        condition = {"event": ORDERED, "count": {"op": "at_least", "value": 2}}
        until(lambda: self.api.count(condition) >= expected, what="the import", seconds=_PATIENCE, pause=0.5)

    def findings(self) -> Iterator[Finding]:
        """Compare what the product knows of every single customer with the file."""
        expected = figures_of(self.orders)
        known = list(self._known())
        bought = [totals[ORDERED] for totals in known if ORDERED in totals]
        counts = [total["count"] for total in bought]
        revenue = sum((Decimal(total["revenue"]) for total in bought), Decimal(0))
        visits = sum(totals[VIEWED]["count"] for totals in known if VIEWED in totals)
        like = f"orders, {expected.doubles} like another in all but the line"
        yield Finding("customers", expected=expected.customers, found=len(bought))
        yield Finding(like, expected=expected.orders, found=sum(counts))
        yield Finding("revenue in dollars", expected=expected.revenue, found=revenue)
        yield Finding(
            "repeat buyers", expected=expected.repeat_buyers, found=sum(count > 1 for count in counts)
        )
        yield Finding("visits made up for the demo", expected=visits_in(self.orders), found=visits)
        yield from self._by_rule(expected)

    def _by_rule(self, expected: Figures) -> Iterator[Finding]:
        """The same through conditions, which count in another way: over the events themselves."""
        members = {segment["slug"]: segment["member_count"] for segment in self.api.every("/segments/")}
        repeat_buyers = members.get("repeat-buyers", 0)
        yield Finding("members of “Repeat buyers”", expected=expected.repeat_buyers, found=repeat_buyers)
        most = Counter(order.customer for order in self.orders).most_common(1)[0][1]
        condition = {"event": ORDERED, "count": {"op": "at_least", "value": most}}
        yield Finding(f"people with {most} orders", expected=1, found=self.api.count(condition))

    def _known(self) -> Iterator[dict[str, Json]]:
        """The totals, by event, of everybody who holds a number of one of the customers."""
        wanted = {user_of(order.customer) for order in self.orders}
        for person in self.api.every("/people/", {"with": "totals"}):
            if wanted & {held["value"] for held in person["identities"] if held["kind"] == "user_id"}:
                yield {total["event"]: total for total in person["totals"]}
