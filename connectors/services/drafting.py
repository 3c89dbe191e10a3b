"""From a row of the outbox to what its channel makes content from."""

from datetime import datetime
from typing import Any

from connectors.domain.message import ChannelKind, Draft, Json, MailSource, MessageClass
from connectors.models import Delivery
from connectors.queries import Addressee


def draft_of(delivery: Delivery, *, kind: ChannelKind, addressee: Addressee, now: datetime) -> Draft:
    """Bring together the delivery, its template and its person as they are at `now`."""
    fields = dict(delivery.fields)
    mail = _mail(delivery, fields=fields) if kind.writes_to else MailSource()
    return Draft(
        id=delivery.uuid,
        recipient=addressee.recipient,
        action=delivery.action,
        message_class=MessageClass(delivery.message_class),
        mail=mail,
        fields=fields,
        variables=variables_of(addressee, context=delivery.context, now=now),
        origin=origin_of(delivery),
        decided_at=delivery.decided_at,
    )


def variables_of(addressee: Addressee, *, context: dict[str, Json], now: datetime) -> dict[str, Json]:
    """What templates may read. `person` has the traits by their own names beside a few of ours."""
    person = addressee.person
    return {
        "event": None,
        "journey": None,
        "run": None,
        **context,
        "person": {
            **person.traits,
            "traits": person.traits,
            "id": str(person.uuid),
            **({"email": addressee.reach.address} if addressee.reach.address else {}),
        },
        "now": now.isoformat(),
        "zone": addressee.zone,
    }


def origin_of(delivery: Delivery) -> dict[str, Any]:
    """Where a delivery comes from, in words that other systems can store."""
    journey = delivery.context.get("journey") or {}
    return {"journey": journey.get("slug"), "run": delivery.run_id, "step": delivery.step or None}


def _mail(delivery: Delivery, *, fields: dict[str, Json]) -> MailSource:
    """The templates of a mail: of the template, or written into the step itself.

    Of a channel that writes to people only: a task in a CRM has a field "subject" too.
    """
    if delivery.template is not None:
        return MailSource(subject=delivery.template.subject, body=delivery.template.body)
    return MailSource(subject=str(fields.pop("subject", "")), body=str(fields.pop("body", "")))
