"""Rows for tests, one keyword-only function each. What a test does not name is made up, but valid."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any
from uuid import UUID, uuid4

from django.contrib.auth.models import Group, User
from django.contrib.postgres.fields import ArrayField
from django.db.models import Func, Q, TextField, Value
from django.utils import timezone

from cdp_site.models import AuditEntry, Heartbeat
from cdp_site.web import Role
from connectors.domain.template import Content, to_json
from connectors.models import Connection, Delivery, DeliveryAttempt, Source, Template, TemplateVersion
from journeys.models import Decision, Journey, JourneyVersion, Run
from profiles.domain.envelope import seal_envelope
from profiles.domain.finding import search_words
from profiles.models import (
    ConsentChange,
    DeadLetter,
    Event,
    EventName,
    Identity,
    Inbox,
    KnownProperty,
    Person,
    PersonMerge,
    PersonOverride,
    PersonTotal,
    TraitChange,
)
from segments.models import Membership, Segment

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)  # the moment most tests take place at
PASSWORD = "correct horse battery staple"
_numbers = count(1)


def user(*, role: Role | None = Role.ADMIN, name: str = "", is_superuser: bool = False) -> User:
    """Somebody of the company; no role means a log-in without any."""
    made = User.objects.create_user(
        name or f"user{next(_numbers)}", password=PASSWORD, is_superuser=is_superuser
    )
    if role is not None:
        made.groups.add(Group.objects.get_or_create(name=role.value)[0])
    return made


def source(*, slug: str = "", kind: str = "http", trust: str = "public", **fields: Any) -> Source:
    """A source with a write key of its own."""
    slug = slug or f"source-{next(_numbers)}"
    fields = {"name": slug.capitalize(), **fields}
    return Source.objects.create(slug=slug, kind=kind, trust=trust, write_key=uuid4().hex, **fields)


def person(
    *,
    traits: Mapping[str, Any] | None = None,
    identities: Mapping[str, str | Sequence[str]] | None = None,
    consent: Mapping[str, bool] | None = None,
    first_seen_at: datetime = NOON,
    last_seen_at: datetime | None = None,
    source_id: int | None = None,
    **fields: Any,
) -> Person:
    """A person with identities `{kind: value or values}`, findable by the search box."""
    traits = dict(traits or {})
    held = [
        (kind, value)
        for kind, values in (identities or {}).items()
        for value in ([values] if isinstance(values, str) else values)
    ]
    made = Person.objects.create(
        traits=traits,
        consent=dict(consent or {}),
        first_seen_at=first_seen_at,
        last_seen_at=last_seen_at or first_seen_at,
        **fields,
    )
    Identity.objects.bulk_create(
        Identity(kind=kind, value=value, person=made, source_id=source_id) for kind, value in held
    )
    words = [text for text in traits.values() if isinstance(text, str)]
    words += [value for kind, value in held if kind != "anonymous_id"]
    listed = Value(search_words(words), output_field=ArrayField(TextField()))
    Person.objects.filter(pk=made.pk).update(search=Func(listed, function="array_to_tsvector"))
    return made


def merged(*, old: Person, new: Person, at: datetime = NOON, reason: str = "registered") -> PersonMerge:
    """Make `old` part of `new`, as the pipeline does it: events stay where they are, the rest moves."""
    Person.objects.filter(Q(pk=old.pk) | Q(merged_into=old)).update(merged_into=new)
    for model in (Identity, TraitChange, ConsentChange, Membership, Run, Decision, Delivery):
        model._default_manager.filter(person_id=old.pk).update(person_id=new.pk)
    for total in PersonTotal.objects.filter(person_id=old.pk):
        _add_to_total(new, total.name, count=total.count, first_at=total.first_at, last_at=total.last_at)
    PersonTotal.objects.filter(person_id=old.pk).delete()
    PersonOverride.objects.filter(new_person_id=old.pk).update(new_person_id=new.pk)
    PersonOverride.objects.create(old_person_id=old.pk, new_person_id=new.pk)
    return PersonMerge.objects.create(
        old_person_id=old.pk, new_person_id=new.pk, at=at, arrival=0, reason=reason, actor="source:1"
    )


def event(
    *,
    person: Person,
    name: str = "Page Viewed",
    at: datetime = NOON,
    properties: Mapping[str, Any] | None = None,
    context: Mapping[str, Any] | None = None,
    revenue: Decimal | None = None,
    path: str | None = None,
    source_id: int = 1,
    identity_id: int = 1,
    message_id: UUID | None = None,
    received_at: datetime | None = None,
) -> Event:
    """An event, counted in the person's totals."""
    name_row = EventName.objects.get_or_create(name=name)[0]
    _add_to_total(person, name_row, count=1, first_at=at, last_at=at, revenue=revenue)
    return Event.objects.create(
        person_id=person.pk,
        ts=at,
        name=name_row,
        identity_id=identity_id,
        message_id=message_id or uuid4(),
        received_at=received_at or at,
        arrival=next(_numbers),
        source_id=source_id,
        revenue=revenue,
        path=path,
        properties=dict(properties or {}),
        context=dict(context or {}),
    )


def _add_to_total(
    person: Person,
    name: EventName,
    *,
    count: int,
    first_at: datetime,
    last_at: datetime,
    revenue: Decimal | None = None,
) -> None:
    total, is_new = PersonTotal.objects.get_or_create(
        person_id=person.pk,
        name=name,
        defaults={"count": count, "first_at": first_at, "last_at": last_at, "revenue": revenue},
    )
    if not is_new:
        earned = [amount for amount in (total.revenue, revenue) if amount is not None]
        PersonTotal.objects.filter(person_id=person.pk, name=name).update(
            count=total.count + count,
            first_at=min(total.first_at, first_at),
            last_at=max(total.last_at, last_at),
            revenue=sum(earned) if earned else None,
        )


def known_property(
    path: str, *, event: str | None = None, types: Mapping[str, int], values: Sequence[str] = ()
) -> KnownProperty:
    """What was learned of a property of an event that was seen, or of a trait."""
    return KnownProperty.objects.create(
        event_name=EventName.objects.get(name=event) if event else None,
        path=path,
        types=types,
        values={f'"{value}"': 5 for value in values},
        seen=9,
        last_seen_at=timezone.now(),
    )


def trait_change(*, person: Person, key: str, value: Any, at: datetime = NOON) -> TraitChange:
    """A line of trait history."""
    return TraitChange.objects.create(
        person_id=person.pk, key=key, value=value, at=at, arrival=next(_numbers)
    )


def consent_change(
    *, person: Person, category: str = "email_marketing", is_granted: bool = True, at: datetime = NOON
) -> ConsentChange:
    """A line of consent history."""
    return ConsentChange.objects.create(
        person_id=person.pk,
        category=category,
        is_granted=is_granted,
        at=at,
        arrival=next(_numbers),
        origin="message",
    )


EVERYBODY = {"language": 1, "if": {"all": []}}


def segment(*, slug: str = "", name: str = "", state: str = "live", **fields: Any) -> Segment:
    """A segment; without a condition of its own it matches everybody."""
    slug = slug or f"segment-{next(_numbers)}"
    fields = {"condition": EVERYBODY, "built_at": NOON, **fields}
    return Segment.objects.create(slug=slug, name=name or slug.capitalize(), state=state, **fields)


def membership(
    *, segment: Segment, person: Person, entered_at: datetime = NOON, left_at: datetime | None = None
) -> Membership:
    """A stay in a segment."""
    return Membership.objects.create(segment=segment, person=person, entered_at=entered_at, left_at=left_at)


def journey_document(*steps: Mapping[str, Any], event: str = "Page Viewed") -> dict[str, Any]:
    """A journey's document that is entered by an event."""
    return {"language": 1, "entry": {"on": {"event": event}}, "steps": [dict(step) for step in steps]}


def journey(
    *,
    slug: str = "",
    name: str = "",
    state: str = "live",
    document: Mapping[str, Any] | None = None,
    published_at: datetime = NOON,
) -> Journey:
    """A journey; in every state but draft it has a published version 1."""
    slug = slug or f"journey-{next(_numbers)}"
    draft = dict(document or journey_document())
    made = Journey.objects.create(slug=slug, name=name or slug.capitalize(), state=state, draft=draft)
    if state != "draft":
        made.live_version = JourneyVersion.objects.create(
            journey=made, number=1, document=draft, published_at=published_at, published_by="mia"
        )
        made.save(update_fields=["live_version"])
    return made


def run(
    *,
    journey: Journey,
    person: Person,
    entered_at: datetime = NOON,
    step: str = "",
    due_at: datetime | None = None,
    **fields: Any,
) -> Run:
    """Somebody's way through a journey, waiting at `step`."""
    assert journey.live_version is not None
    state = {"language": 1, "step": step, "visit": 1, "since": entered_at.isoformat(), "due_at": None}
    return Run.objects.create(
        journey=journey,
        version=journey.live_version,
        person=person,
        origin_person_id=person.pk,
        entered_at=entered_at,
        state=state,
        due_at=due_at,
        **fields,
    )


def decision(
    *,
    journey: Journey,
    person: Person,
    outcome: str = "entered",
    at: datetime = NOON,
    run: Run | None = None,
    **fields: Any,
) -> Decision:
    """An entry of the ledger."""
    return Decision.objects.create(
        id=next(_numbers),
        person_id=person.pk,
        at=at,
        journey_id=journey.pk,
        version_id=journey.live_version_id,
        run_id=run.pk if run else None,
        outcome=outcome,
        **fields,
    )


def template(
    *,
    slug: str = "",
    name: str = "",
    kind: str = "mail",
    subject: str = "Hello",
    body: str = "<mjml></mjml>",
    **content: Any,
) -> Template:
    """The content of a mail, or a layout or block; version 1 is in force."""
    slug = slug or f"template-{next(_numbers)}"
    written = to_json(Content(subject=subject, body=body, **content))
    made = Template.objects.create(
        slug=slug, name=name or slug.capitalize(), kind=kind, content=written, version=1
    )
    TemplateVersion.objects.create(
        template=made, number=1, content=written, published_at=NOON, published_by="mia"
    )
    return made


def connection(*, slug: str = "", kind: str = "crm", **fields: Any) -> Connection:
    """A destination."""
    slug = slug or f"connection-{next(_numbers)}"
    fields = {"name": slug.capitalize(), **fields}
    return Connection.objects.create(slug=slug, kind=kind, **fields)


def delivery(
    *,
    person: Person,
    state: str = "sent",
    channel: str = "email",
    destination: str = "email",
    at: datetime = NOON,
    **fields: Any,
) -> Delivery:
    """An outbox row decided at `at`; a sent one left a second later."""
    fields = {"sent_at": at + timedelta(seconds=1) if state == "sent" else None, **fields}
    return Delivery.objects.create(
        key=f"test:{next(_numbers)}",
        person=person,
        state=state,
        channel=channel,
        destination=destination,
        decided_at=at,
        **fields,
    )


def attempt(
    *, delivery: Delivery, number: int = 1, is_success: bool | None = True, reason: str = ""
) -> DeliveryAttempt:
    """One try at a delivery."""
    at = delivery.decided_at
    return DeliveryAttempt.objects.create(
        delivery=delivery, number=number, started_at=at, finished_at=at, is_success=is_success, reason=reason
    )


def inbox_row(*, lane: int = 0, source_id: int = 1, received_at: datetime | None = None) -> Inbox:
    """A message that waits for the drain."""
    return Inbox.objects.create(
        lane=lane,
        source_id=source_id,
        received_at=received_at or timezone.now(),
        body=seal_envelope([b'{"type":"page","anonymousId":"a1"}']),
    )


def dead_letter(*, code: str = "DataError", error: str = "It broke.", **fields: Any) -> DeadLetter:
    """A message that could not be stored."""
    fields = {"stage": "drain", "source_id": 1, "received_at": NOON, **fields}
    body = fields.pop("body", seal_envelope([b'{"type":"page","anonymousId":"a1"}']))
    return DeadLetter.objects.create(code=code, error=error, body=body, **fields)


def heartbeat(*, cluster: str = "live", at: datetime | None = None, **fields: Any) -> Heartbeat:
    """A sign of life of a cluster."""
    return Heartbeat.objects.create(cluster=cluster, at=at or timezone.now(), worker_pid=4711, **fields)


def audit_entry(*, verb: str = "thing.do", at: datetime = NOON, **fields: Any) -> AuditEntry:
    """A line of the log of changes."""
    fields = {"actor": "mia", "object_kind": "thing", "object_id": "1", **fields}
    return AuditEntry.objects.create(verb=verb, at=at, **fields)
