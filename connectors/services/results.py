"""Results of deliveries come back as messages about the person, like anything else that happened.

Their ids are made from the delivery and what happened, so that telling twice counts once.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from django.db import IntegrityError, transaction

from connectors.domain.message import Json
from connectors.domain.source_kinds import INTERNAL_SLUG
from connectors.domain.vendor import ON_CONTACTS
from connectors.models import Delivery, Source
from connectors.services.drafting import origin_of
from profiles.models import Identity
from profiles.services import accept_messages

BOUNCED = "Email Bounced"


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """Something that happened to a delivery, to be told about its person."""

    delivery: Delivery
    person: UUID  # the public id
    event: str
    at: datetime
    what: str  # tells this happening from others of the delivery: "sent", "bounced", "click:…"
    properties: dict[str, Json]
    consent: Mapping[str, bool] = field(default_factory=dict)  # what the person said with it


def tell_results(results: Sequence[Result], *, now: datetime) -> None:
    """Put messages about these results into the inbox, in the caller's transaction."""
    if results:
        accept_messages(
            source_id=internal_source().pk, messages=[_message(result) for result in results], received_at=now
        )


def internal_source() -> Source:
    """The source of the product's own messages, made when first needed."""
    found = Source.objects.filter(slug=INTERNAL_SLUG, kind="internal").first()
    return found or _new_internal_source()


def _new_internal_source() -> Source:
    try:
        with transaction.atomic():
            # No key opens it: the HTTP door knows sources of kind "http" alone.
            return Source.objects.create(
                slug=INTERNAL_SLUG,
                name="Wayfare",
                kind="internal",
                trust=Source.Trust.SERVER,
                write_key=INTERNAL_SLUG,
            )
    except IntegrityError:  # another worker was faster
        return Source.objects.get(slug=INTERNAL_SLUG, kind="internal")


def properties_of(delivery: Delivery) -> dict[str, Json]:
    """What every message about a delivery says."""
    return {
        "delivery": str(delivery.uuid),
        "channel": delivery.channel,
        "class": delivery.message_class,
        **origin_of(delivery),
        **({"template": delivery.template.slug} if delivery.template else {}),
        **({"connection": delivery.connection.slug} if delivery.connection else {}),
        **({"action": delivery.action} if delivery.action else {}),
    }


def _message(result: Result) -> dict[str, Json]:
    message: dict[str, Json] = {
        "type": "track",
        "event": result.event,
        "messageId": f"{result.delivery.uuid}:{result.what}",
        "timestamp": result.at.isoformat(),
        "_person": str(result.person),
        "properties": properties_of(result.delivery) | result.properties,
    }
    context: dict[str, Json] = {}
    if result.what == "sent" and (identity := _contact_identity(result.delivery)):
        context["externalIds"] = [identity]
    if result.consent:
        context["consent"] = {"categoryPreferences": dict(result.consent)}
    return message | ({"context": context} if context else {})


def _contact_identity(delivery: Delivery) -> dict[str, str] | None:
    """What a CRM calls the person from now on; None where that already names somebody.

    A CRM that gives two people one contact must not make one person of them.
    """
    connection = delivery.connection
    if delivery.action not in ON_CONTACTS or not delivery.external_id or connection is None:
        return None
    if Identity.objects.filter(kind=connection.slug, value=delivery.external_id).exists():
        return None
    return {"type": connection.slug, "id": delivery.external_id, "collection": "users", "encoding": "none"}
