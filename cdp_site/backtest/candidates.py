"""Who may enter a journey, as far as is known without playing anybody: reads."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cdp_site.backtest.queries import ids_of, rows_of
from journeys.domain.nodes import Entry, Present
from profiles.arrays import bare
from profiles.domain.arrival import LIVE_WITHIN
from segments.domain.conditions import EventCount


@dataclass(frozen=True, slots=True, kw_only=True)
class Whom:
    """Who may enter a journey, as far as is known without playing anybody."""

    entry: Entry
    people: Sequence[int] | None  # only these
    begins_at: datetime


def candidates(whom: Whom, *, after: int, limit: int) -> list[int]:
    """The next people who may enter, by id."""
    statement, values = _candidates(whom)
    found = rows_of(
        f"{statement} AND id > %(after)s ORDER BY id LIMIT %(limit)s", after=after, limit=limit, **values
    )
    return [row[0] for row in found]


def count_candidates(whom: Whom) -> int:
    """How many people may enter."""
    statement, values = _candidates(whom)
    return int(rows_of(f"SELECT count(*) FROM ({statement}) AS found", **values)[0][0])


def _candidates(whom: Whom) -> tuple[str, dict[str, Any]]:
    statement = "SELECT id FROM profiles_person AS p WHERE merged_into_id IS NULL"
    values: dict[str, Any] = {}
    if whom.people is not None:
        statement += " AND id = ANY(%(only)s::bigint[])"
        values["only"] = bare(whom.people)
    if isinstance(whom.entry.on, EventCount) and whom.entry.present is Present.NEW:
        # Nobody enters who never did what the journey waits for; totals are kept for ever.
        statement += (
            " AND EXISTS (SELECT FROM profiles_persontotal AS t WHERE t.person_id = p.id"
            " AND t.name_id = ANY(%(names)s::int[]) AND t.last_at >= %(begins)s::timestamptz - %(late)s)"
        )
        values |= {"names": bare(ids_of({whom.entry.on.name})), "begins": whom.begins_at, "late": LIVE_WITHIN}
    return statement, values
