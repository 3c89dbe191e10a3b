"""From a row of the outbox to what its channel makes content from."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from connectors.domain.message import ChannelKind, Draft, Json, MailSource, MessageClass
from connectors.domain.template import Content, content_of, defaults_of, source_of, with_defaults
from connectors.models import Delivery, Template
from connectors.queries import Addressee
from profiles.models import Person


def draft_of(
    delivery: Delivery,
    *,
    kind: ChannelKind,
    addressee: Addressee,
    parts: Mapping[str, Content],
    now: datetime,
) -> Draft:
    """Bring together the delivery, its template and its person as they are at `now`.

    Args:
        parts: the layouts and blocks in force, by slug.
    """
    fields = dict(delivery.fields)
    variables = variables_of(addressee, context=delivery.context, now=now)
    mail = MailSource()
    if kind.writes_to and delivery.template is not None:
        mail, variables = source_for(
            delivery.template, locale=locale_of(addressee.person), parts=parts, variables=variables
        )
    elif kind.writes_to:  # written into the step; a task in a CRM has a field "subject" too
        mail = MailSource(subject=str(fields.pop("subject", "")), body=str(fields.pop("body", "")))
    return Draft(
        id=delivery.uuid,
        recipient=addressee.recipient,
        action=delivery.action,
        message_class=MessageClass(delivery.message_class),
        mail=mail,
        fields=fields,
        variables=variables,
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


def source_for(
    template: Template, *, locale: str, parts: Mapping[str, Content], variables: dict[str, Json]
) -> tuple[MailSource, dict[str, Json]]:
    """What is in force of a template in somebody's language, and the variables with its defaults."""
    content = content_of(template.content)
    source = source_of(content, locale=locale, parts=parts, version=template.version)
    return source, with_defaults(variables, defaults_of(content, parts=parts))


def topic_of(template: Template | None) -> str:
    """The slug of what a mail is about; "" for nothing in particular."""
    return str(template.content.get("topic", "")) if template else ""


def locale_of(person: Person) -> str:
    """The language somebody reads: what was seen of them last, else the trait."""
    return person.locale or str(person.traits.get("locale") or person.traits.get("language") or "")
