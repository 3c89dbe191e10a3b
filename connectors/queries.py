"""Reads of connectors: who may be written to and where, what is due, what happened to a delivery."""

import logging
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db import connection
from django.db.models import QuerySet
from django.db.models.fields.json import KT
from django.db.models.functions import Coalesce

from cdp_site.models import Company
from connectors import suppression
from connectors.domain.addresses import address_of
from connectors.domain.consent import SCOPE_MARKETING, Reach
from connectors.domain.message import Recipient
from connectors.domain.template import Content, content_of
from connectors.models import (
    Connection,
    Delivery,
    DeliveryAttempt,
    Destination,
    Suppression,
    Template,
)
from connectors.registry import CHANNELS
from profiles.models import Identity, Person

logger = logging.getLogger(__name__)

_MOST_MERGES = 20  # how many merges in a row are followed; the log of merges is a tree


@dataclass(frozen=True, slots=True, kw_only=True)
class Addressee:
    """One person as a delivery needs them."""

    person: Person
    recipient: Recipient
    reach: Reach
    zone: str


def samples_of(template: Template, *, limit: int) -> list[Delivery]:
    """The newest deliveries of a template, one for each person: what its previews are made with."""
    newest: dict[int, Delivery] = {}
    for delivery in Delivery.objects.filter(template=template).order_by("-id")[: limit * 4]:
        newest.setdefault(delivery.person_id, delivery)
    return list(newest.values())[:limit]


def topics_of_templates() -> dict[str, str]:
    """What the mails in force are about: template -> topic, those about nothing in particular left out."""
    found = Template.objects.mails().in_force().annotate(topic=KT("content__topic"))
    return dict(found.exclude(topic__isnull=True).exclude(topic="").values_list("slug", "topic"))


def parts_in_force() -> dict[str, Content]:
    """The layouts and blocks that mails are made of, by slug."""
    found = Template.objects.parts().in_force()
    return {slug: content_of(raw) for slug, raw in found.values_list("slug", "content")}


def suppressed_scopes(addresses: Collection[str], *, channel: str) -> dict[str, frozenset[str]]:
    """Find which addresses must not be written to, and in what; others are absent.

    If the key of the hashes was lost nobody can tell, and all of them count as suppressed for marketing.
    """
    if not addresses:
        return {}
    by_hash = {suppression.hash_of(address, channel=channel): address for address in addresses}
    proof = suppression.proof()
    rows = list(
        Suppression.objects.filter(
            address_hash__in=[*by_hash, proof], channel__in=[channel, suppression.PROOF_CHANNEL]
        ).values_list("address_hash", "scope")
    )
    if all(found != proof for found, _ in rows) and Suppression.objects.exists():
        logger.error("The key of the suppression list is not the one it was written with: no marketing.")
        return dict.fromkeys(addresses, frozenset({SCOPE_MARKETING}))
    scopes: dict[str, frozenset[str]] = {}
    for found, scope in rows:
        if found in by_hash:
            address = by_hash[found]
            scopes[address] = scopes.get(address, frozenset()) | {scope}
    return scopes


def suppressions_of(addresses: Collection[str], *, channel: str) -> list[tuple[str, str, datetime]]:
    """Address, scope and since when, of those that must not be written to."""
    by_hash = {suppression.hash_of(address, channel=channel): address for address in addresses}
    rows = Suppression.objects.filter(address_hash__in=list(by_hash), channel=channel)
    found = rows.order_by("created_at").values_list("address_hash", "scope", "created_at")
    return [(by_hash[hashed], scope, at) for hashed, scope, at in found]


def reach_of(person_ids: Collection[int], *, writes_to: str) -> dict[int, Reach]:
    """Read what decides whether people may be written to; the ids of merged people are answered too."""
    return {id_: found.reach for id_, found in addressees(person_ids, writes_to=writes_to).items()}


def addressees(person_ids: Collection[int], *, writes_to: str) -> dict[int, Addressee]:
    """Read people as deliveries need them, by the id asked for; those merged are their survivors.

    Args:
        writes_to: the kind of address wanted; "" for none.
    """
    people = _survivors(person_ids)
    held = _identities({person.pk for person in people.values()})
    addresses = {
        person.pk: _address(person, held=held.get(person.pk, []), kind=writes_to)
        for person in people.values()
    }
    scopes = suppressed_scopes({found for found in addresses.values() if found}, channel=writes_to)
    company_zone = Company.objects.values_list("time_zone", flat=True).first() or "UTC"
    return {
        id_: _addressee(
            person,
            address=addresses[person.pk],
            held=held.get(person.pk, []),
            suppressed=scopes.get(addresses[person.pk], frozenset()),
            zone=person.time_zone or company_zone,
        )
        for id_, person in people.items()
    }


def survivor_of(person_id: int) -> Person | None:
    """Find a person, or whom they were merged into; None: there is nobody any more."""
    return _survivors([person_id]).get(person_id)


def due_destinations(*, now: datetime) -> list[str]:
    """Name the lanes that have something due and are open: not paused, their connection in use."""
    closed = {
        f"connection:{slug}"
        for slug in Connection.objects.filter(is_active=False).values_list("slug", flat=True)
    }
    closed |= set(Destination.objects.filter(paused_until__gt=now).values_list("name", flat=True))
    with connection.cursor() as cursor:
        cursor.execute(_DUE_DESTINATIONS, {"now": now})
        return [name for (name,) in cursor.fetchall() if name not in closed]


# One probe of the index `delivery_due` a lane, however many rows wait in it.
_DUE_DESTINATIONS = """
WITH RECURSIVE lane(name) AS (
    (SELECT destination FROM connectors_delivery
      WHERE state IN ('queued', 'sending') ORDER BY destination LIMIT 1)
    UNION ALL
    SELECT (SELECT destination FROM connectors_delivery
             WHERE state IN ('queued', 'sending') AND destination > lane.name
             ORDER BY destination LIMIT 1)
      FROM lane WHERE lane.name IS NOT NULL
)
SELECT name FROM lane
 WHERE EXISTS (SELECT 1 FROM connectors_delivery
                WHERE state IN ('queued', 'sending') AND destination = lane.name AND due_at <= %(now)s)
"""


def claimed(ids: Iterable[int], *, leases: Collection[datetime]) -> list[Delivery]:
    """Read the deliveries of claims that are still held, oldest first."""
    return list(
        Delivery.objects.filter(id__in=list(ids), state=Delivery.State.SENDING, due_at__in=leases)
        .select_related("connection", "template")
        .order_by("id")
    )


def open_attempts(ids: Iterable[int]) -> dict[int, DeliveryAttempt]:
    """Find the attempts whose outcome nobody recorded, by delivery."""
    return {
        attempt.delivery_id: attempt
        for attempt in DeliveryAttempt.objects.filter(delivery_id__in=list(ids), finished_at=None).order_by(
            "number"
        )
    }


def unknown_attempts(delivery: Delivery) -> int:
    """Count the attempts since the last queueing that ended without anybody knowing how."""
    return delivery.attempts.filter(
        is_success=None, started_at__gte=delivery.queued_at, finished_at__isnull=False
    ).count()


def sent_lately(person_ids: Collection[int], *, since: datetime) -> list[tuple[int, datetime, str]]:
    """Messages to these people that left since, or may still leave: person, when, class."""
    if not person_ids:
        return []
    to_people = [name for name, kind in CHANNELS.items() if kind.writes_to]
    at = Coalesce("sent_at", "decided_at")
    rows = Delivery.objects.filter(
        person_id__in=sorted(person_ids),
        channel__in=to_people,
        state__in=[Delivery.State.QUEUED, Delivery.State.SENDING, Delivery.State.SENT],
        called_off="",
    ).annotate(at=at)
    return list(rows.filter(at__gt=since).values_list("person_id", "at", "message_class"))


def commit_durably() -> None:
    """Have this transaction's commit wait for the disk, however the connection is set up."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL synchronous_commit TO on")


def failing_destinations() -> QuerySet[Destination]:
    """Lanes that failed last time, the worst first."""
    return Destination.objects.filter(failure_count__gt=0).order_by("-failure_count", "name")


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryFilter:
    """What a list of deliveries is narrowed to; None and "" narrow nothing."""

    person_ids: tuple[int, ...] | None = None
    journey_id: int | None = None
    journey: str = ""  # slug
    state: str = ""
    connection: str = ""  # slug
    channel: str = ""
    destination: str = ""  # a lane, as in Delivery.destination


def deliveries_found(wanted: DeliveryFilter) -> QuerySet[Delivery]:
    """List deliveries, the newest first."""
    found = Delivery.objects.select_related("connection", "template", "person").order_by("-id")
    if wanted.person_ids is not None:
        found = found.filter(person_id__in=wanted.person_ids)
    if wanted.journey_id is not None:
        found = found.filter(journey_id=wanted.journey_id)
    if wanted.journey:
        found = found.filter(context__journey__slug=wanted.journey)
    if wanted.state:
        found = found.filter(state=wanted.state)
    if wanted.connection:
        found = found.filter(connection__slug=wanted.connection)
    if wanted.channel:
        found = found.filter(channel=wanted.channel)
    if wanted.destination:
        found = found.filter(destination=wanted.destination)
    return found


def _survivors(person_ids: Collection[int]) -> dict[int, Person]:
    """Follow merges to the people who are there now."""
    current = {id_: id_ for id_ in person_ids}  # asked -> reached so far
    people = {}
    for _ in range(_MOST_MERGES):
        people = Person.objects.in_bulk(list(set(current.values())))
        merged = {id_: person.merged_into_id for id_, person in people.items() if person.merged_into_id}
        if not merged:
            break
        current = {asked: merged.get(reached) or reached for asked, reached in current.items()}
    return {asked: people[reached] for asked, reached in current.items() if reached in people}


def _identities(person_ids: Collection[int]) -> dict[int, list[Identity]]:
    held: dict[int, list[Identity]] = {}
    for identity in Identity.objects.filter(person_id__in=list(person_ids)).order_by("first_seen_at", "id"):
        assert identity.person_id is not None
        held.setdefault(identity.person_id, []).append(identity)
    return held


def _address(person: Person, *, held: Iterable[Identity], kind: str) -> str:
    if not kind:
        return ""
    return address_of(
        named=person.traits.get(kind), held={identity.value for identity in held if identity.kind == kind}
    )


def _addressee(
    person: Person, *, address: str, held: Iterable[Identity], suppressed: frozenset[str], zone: str
) -> Addressee:
    newest: Mapping[str, str] = {identity.kind: identity.value for identity in held}
    return Addressee(
        person=person,
        recipient=Recipient(id=person.uuid, address=address, identities=newest),
        reach=Reach(address=address, consent=person.consent, suppressed=suppressed),
        zone=zone,
    )
