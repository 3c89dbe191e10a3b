"""Who held which identity when, among people who are one today. Pure."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from profiles.domain.identity import Key

MERGED = "merged"


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """From this message on, an identity belonged to a person."""

    identity_id: int
    key: Key
    person: int
    at: datetime
    arrival: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Joined:
    """From this message on, or by hand where `arrival` is 0, `old` was part of `new`."""

    old: int
    new: int
    at: datetime
    arrival: int


@dataclass(slots=True, kw_only=True)
class Holders:
    """The owners of identities through time.

    Somebody who was new and merged within one batch was never stored: they appear here under negative ids.
    """

    owners: Mapping[int, Sequence[tuple[int, int]]]  # identity -> (arrival, person), in order
    links: Sequence[Link]  # led to whom they were made for
    merges: Sequence[Joined]  # in order
    unstored: frozenset[int] = field(default_factory=frozenset)

    def owner(self, identity_id: int, arrival: int) -> int | None:
        """Whose the identity was when a message arrived; None: nobody's that is known."""
        changes = self.owners.get(identity_id, ())
        place = bisect_right(changes, arrival, key=lambda change: change[0])
        return changes[place - 1][1] if place else None


def holders_of(links: Iterable[Link], merges: Iterable[Joined], *, new_id: Callable[[], int]) -> Holders:
    """Reconstruct who people were from the logs of links and merges.

    Args:
        new_id: gives ids for people who were never stored.
    """
    ordered = sorted((link for link in links if link.arrival), key=lambda link: link.arrival)
    lost: dict[tuple[int, int], int] = {}  # person and message that took somebody -> who that was
    taken: dict[int, list[tuple[int, int, int]]] = defaultdict(list)  # identity -> message, taker, taken
    joined = list(merges)
    for link in ordered:
        if link.reason != MERGED:
            continue
        place = (link.person, link.arrival)
        if place not in lost:
            lost[place] = new_id()
            joined.append(Joined(old=lost[place], new=link.person, at=link.at, arrival=link.arrival))
        taken[link.identity_id].append((link.arrival, link.person, lost[place]))
    owners: dict[int, list[tuple[int, int]]] = defaultdict(list)
    led: list[Link] = []
    for link in ordered:
        if link.reason == MERGED:
            continue
        person = next(
            (
                old
                for arrival, taker, old in taken.get(link.identity_id, ())
                if taker == link.person and link.arrival < arrival
            ),
            link.person,
        )
        owners[link.identity_id].append((link.arrival, person))
        led.append(_given(link, person))
    return Holders(
        owners=owners,
        links=led,
        merges=sorted(joined, key=lambda one: (one.at, one.arrival)),
        unstored=frozenset(lost.values()),
    )


def _given(link: Link, person: int) -> Link:
    return Link(
        identity_id=link.identity_id,
        key=link.key,
        person=person,
        at=link.at,
        arrival=link.arrival,
        reason=link.reason,
    )
