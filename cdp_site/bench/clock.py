"""Members who come and go by the passing of time alone, in the product as it runs.

A hundred thousand people are in a segment about the last seven days and out of one about thirty days without
an order. Nothing of theirs is due while we look: what the idle product takes above an empty one is the price
of waiting for them. Then a few people come to their moments, and a reader notes when each is seen to have
moved.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

import psutil
from django.db import connection
from django.utils import timezone

from cdp_site.bench.running import Missed, running_product
from connectors.models import Source
from connectors.source_services import SourceDraft, make_source
from profiles import partitions
from profiles.services import accept_messages
from segments.models import Membership, Segment
from segments.services import publish_segment, save_segment

PEOPLE: Final = 100_000
PROBES: Final = 20
IDLE: Final = 60.0  # seconds
GOAL_CPU: Final = 2.0  # per cent of a core above an empty product
GOAL_LATE_MS: Final = 2_000.0
_SETTLING: Final = 20.0  # seconds after a start or a build
_PATIENCE: Final = 900.0  # seconds a build of everybody may take
_AHEAD: Final = timedelta(seconds=20)  # from sending the probes to their moments
_LOOK: Final = 0.02

ACTIVE: Final = {"event": "Page Viewed", "during": {"last": "P7D"}}
LAPSED: Final = {"none": [{"event": "Order Completed", "during": {"last": "P30D"}}]}


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockRow:
    """One figure with its goal."""

    what: str
    value: float
    unit: str
    goal: float | None = None


def measure(*, people: int = PEOPLE, idle: float = IDLE) -> list[ClockRow]:
    """Compare an idle product with and without members who wait for the clock; time the clock's moves.

    Raises:
        Missed: a build or a move did not happen in time.
        Unexpected: the product does not start.
    """
    source = make_source(
        SourceDraft(slug="clock", name="Clock", trust=Source.Trust.SERVER), actor="command:bench"
    )
    with running_product() as (_, parent):
        empty = _idle_share(parent, seconds=idle)
        _fill(people)
        began = time.monotonic()
        for slug, condition in (("active", ACTIVE), ("lapsed", LAPSED)):
            save_segment(slug, name=slug, condition=condition, actor="command:bench", now=timezone.now())
            publish_segment(slug, actor="command:bench", now=timezone.now())
        _wait_for_builds()
        built = time.monotonic() - began
        full = _idle_share(parent, seconds=idle)
        late = _lateness(source)
    return [
        ClockRow(what=f"two segments of {people:,} people built", value=built, unit="s"),
        ClockRow(what="idle, empty", value=empty, unit="% of a core"),
        ClockRow(what=f"idle, {people:,} members, above empty", value=full - empty, unit="%", goal=GOAL_CPU),
        ClockRow(what="left a segment late, at most", value=late["active"], unit="ms", goal=GOAL_LATE_MS),
        ClockRow(what="entered a segment late, at most", value=late["lapsed"], unit="ms", goal=GOAL_LATE_MS),
    ]


def _idle_share(parent: int, *, seconds: float) -> float:
    """The per cent of a core that the product and its database connections take while nothing happens."""
    time.sleep(_SETTLING)
    before = _cpu_times(parent)
    began = time.monotonic()
    time.sleep(seconds)
    taken = sum(cpu - before.get(pid, 0.0) for pid, cpu in _cpu_times(parent).items())
    return 100 * taken / (time.monotonic() - began)


def _cpu_times(parent: int) -> dict[int, float]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        backends = [pid for (pid,) in cursor.fetchall()]
    children = [child.pid for child in psutil.Process(parent).children(recursive=True)]
    found = {}
    for pid in (parent, *children, *backends):
        try:
            times = psutil.Process(pid).cpu_times()
        except psutil.NoSuchProcess:  # it ended since we listed it
            continue
        found[pid] = times.user + times.system
    return found


def _fill(people: int) -> None:
    """Write people who were seen within six days and ordered within twenty-nine: nothing is due for a day."""
    now = timezone.now()
    days = [now.date() - timedelta(days=day) for day in range(32)]
    partitions.ensure_event_days(days, today=now.date())
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO profiles_eventname (name) VALUES ('Page Viewed'), ('Order Completed')"
            " ON CONFLICT (name) DO NOTHING"
        )
        cursor.execute(
            "INSERT INTO profiles_person (uuid, first_seen_at, last_seen_at, time_zone, locale, traits,"
            " trait_times, consent, consent_times)"
            " SELECT gen_random_uuid(), %s, %s, '', '', '{}', '{}', '{}', '{}' FROM generate_series(1, %s)",
            [now - timedelta(days=40), now, people],
        )
        for name, days_back in (("Page Viewed", 5), ("Order Completed", 28)):
            cursor.execute(
                "INSERT INTO profiles_event (person_id, ts, name_id, identity_id, message_id, received_at,"
                " arrival, source_id, properties, context)"
                " SELECT p.id, %(now)s - make_interval(secs => 3600 + random() * %(days)s * 86400), n.id, 1,"
                " gen_random_uuid(), %(now)s, p.id, 1, '{}', '{}'"
                " FROM profiles_person AS p, profiles_eventname AS n WHERE n.name = %(name)s",
                {"now": now, "days": days_back, "name": name},
            )
        cursor.execute(
            "INSERT INTO profiles_persontotal (person_id, name_id, count, first_at, last_at)"
            " SELECT person_id, name_id, count(*), min(ts), max(ts) FROM profiles_event GROUP BY 1, 2"
        )
        for table in ("profiles_person", "profiles_event", "profiles_persontotal"):
            cursor.execute(f"VACUUM (ANALYZE) {table}")


def _wait_for_builds() -> None:
    ends_at = time.monotonic() + _PATIENCE
    while Segment.objects.live().filter(built_at=None).exists():
        if time.monotonic() > ends_at:
            raise Missed(f"the segments were not built within {_PATIENCE:.0f} seconds")
        time.sleep(1.0)


def _lateness(source: Source) -> dict[str, float]:
    """Segment -> how many milliseconds after its moment the last of the probes was seen to have moved."""
    now = timezone.now()
    turn = now + _AHEAD
    moments = {f"probe-{number}": turn + timedelta(milliseconds=50 * number) for number in range(PROBES)}
    messages: list[Mapping[str, Any]] = []
    for user, at in moments.items():
        for name, days in (("Order Completed", 30), ("Page Viewed", 7)):
            seen_at = at - timedelta(days=days)
            messages.append(
                {
                    "type": "track",
                    "event": name,
                    "userId": user,
                    "messageId": f"{user}-{days}",
                    "timestamp": seen_at.isoformat(),
                }
            )
    accept_messages(source_id=source.pk, messages=messages, received_at=now)
    late = {"active": 0.0, "lapsed": 0.0}
    waiting = {(slug, user) for slug in late for user in moments}
    while waiting:
        moved = _moved(list(moments))
        seen_at = timezone.now()
        for slug, user in sorted(waiting & moved):
            waiting.discard((slug, user))
            late[slug] = max(late[slug], (seen_at - moments[user]).total_seconds() * 1e3)
        if seen_at > turn + timedelta(seconds=60):
            raise Missed(f"{len(waiting)} of {2 * PROBES} moves by the clock did not happen within a minute")
        time.sleep(_LOOK)
    return late


def _moved(users: Sequence[str]) -> set[tuple[str, str]]:
    """Who has left the segment about visits, and who has entered the one about orders."""
    stays = Membership.objects.filter(person__identities__value__in=users)
    gone = stays.filter(segment__slug="active", left_at__isnull=False)
    come = stays.filter(segment__slug="lapsed", left_at=None)
    return {
        *(("active", user) for user in gone.values_list("person__identities__value", flat=True)),
        *(("lapsed", user) for user in come.values_list("person__identities__value", flat=True)),
    }
