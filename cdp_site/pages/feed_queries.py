"""The newest events with what a gate may ask about them."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from connectors.models import Source
from profiles.domain.facts import Event
from profiles.models import ConsentChange, EventName, PersonOverride
from profiles.models import Event as StoredEvent

# Looked back ever further until there is enough: where much happens, a minute is a lot to sort.
_BACK: Final = (timedelta(minutes=1), timedelta(minutes=20), timedelta(hours=8), timedelta(days=7))
_BACK_FURTHER: Final = (timedelta(days=120), timedelta(days=3650))


@dataclass(frozen=True, slots=True, kw_only=True)
class Happened:
    """An event, whose it is now, who told it, and which consents it changed."""

    event: Event
    person: int
    source: str  # slug
    changed: Mapping[str, bool]


def newest_events(*, limit: int, now: datetime) -> list[Happened]:
    """The newest events, the newest first."""
    rows = _newest(limit=limit, now=now)
    people = {row.person_id for row in rows}
    now_of = dict(
        PersonOverride.objects.filter(old_person_id__in=people).values_list("old_person_id", "new_person_id")
    )
    names = dict(EventName.objects.filter(pk__in={row.name_id for row in rows}).values_list("pk", "name"))
    sources = dict(Source.objects.filter(pk__in={row.source_id for row in rows}).values_list("pk", "slug"))
    changed = _changed(rows)
    return [
        Happened(
            event=Event(
                name=names[row.name_id],
                ts=row.ts,
                arrival=row.arrival,
                received_at=row.received_at,
                message_id=str(row.message_id),
                properties=row.properties,
                context=row.context,
            ),
            person=now_of.get(row.person_id, row.person_id),
            source=sources.get(row.source_id, ""),
            changed=changed.get(row.arrival, {}),
        )
        for row in rows
    ]


def _newest(*, limit: int, now: datetime) -> Sequence[StoredEvent]:
    ids = list(EventName.objects.values_list("pk", flat=True))  # the index begins with the name
    rows: list[StoredEvent] = []
    for back in (*_BACK, *_BACK_FURTHER):
        found = StoredEvent.objects.filter(name_id__in=ids, ts__gt=now - back).order_by("-ts", "-arrival")
        rows = list(found[:limit])
        if len(rows) == limit:
            break
    return rows


def _changed(rows: Sequence[StoredEvent]) -> Mapping[int, Mapping[str, bool]]:
    """Arrival of a message -> the consents it changed."""
    found: dict[int, dict[str, bool]] = defaultdict(dict)
    entries = ConsentChange.objects.filter(
        person_id__in={row.person_id for row in rows}, arrival__in=[row.arrival for row in rows]
    )
    for arrival, category, is_granted in entries.values_list("arrival", "category", "is_granted"):
        found[arrival][category] = is_granted
    return found
