"""What readers of a mail do with it: open it, follow its links, ask for no more."""

import hashlib
from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from django.db import transaction

from connectors.domain.consent import SCOPE_MARKETING, consent_category
from connectors.domain.links import Click, Unsubscribe
from connectors.domain.message import Json
from connectors.domain.reader import Reader
from connectors.models import Delivery
from connectors.queries import survivor_of
from connectors.services.results import Result, tell_results
from connectors.services.suppressing import suppress_hash

CLICKED = "Email Link Clicked"
OPENED = "Email Opened"
UNSUBSCRIBED = "Email Unsubscribed"
UNSUBSCRIBED_REASON = "unsubscribed"  # of a suppression: what a reader may take back
_CHANNEL = "email"


def record_click(click: Click, *, reader: Reader, at: datetime) -> None:
    """Tell that a link was followed; the same link within a second counts once."""
    place = hashlib.sha256(click.url.encode()).hexdigest()[:12]
    properties = {"url": click.url, "by": reader.value}
    tell_of_mail(
        click.delivery,
        event=CLICKED,
        what=f"click:{place}:{int(at.timestamp())}",
        properties=properties,
        at=at,
    )


def record_open(delivery: UUID, *, reader: Reader, at: datetime) -> None:
    """Tell that a mail was opened; the same reader within a minute counts once."""
    minute = int(at.timestamp()) // 60
    tell_of_mail(
        delivery,
        event=OPENED,
        what=f"open:{reader.value}:{minute}",
        properties={"by": reader.value},
        at=at,
    )


def unsubscribe(asked: Unsubscribe, *, at: datetime) -> None:
    """Write no more marketing to an address, and take back its person's consent.

    Works for mails whose delivery and person are long erased.
    """
    with transaction.atomic():
        suppress_hash(asked.address_hash, channel=_CHANNEL, reason=UNSUBSCRIBED_REASON, scope=SCOPE_MARKETING)
        tell_of_mail(
            asked.delivery,
            event=UNSUBSCRIBED,
            what=f"unsubscribed:{int(at.timestamp())}",
            properties={"by": Reader.HUMAN.value},
            at=at,
            consent={consent_category(_CHANNEL): False},
        )


def tell_of_mail(
    delivery_id: UUID,
    *,
    event: str,
    what: str,
    properties: Mapping[str, Json],
    at: datetime,
    consent: dict[str, bool] | None = None,
) -> None:
    """Tell of a mail's person what they did with it; of nobody where the delivery or the person is erased."""
    delivery = Delivery.objects.filter(uuid=delivery_id).select_related("connection", "template").first()
    person = survivor_of(delivery.person_id) if delivery else None
    if delivery is None or person is None:
        return
    subject = (delivery.rendered or {}).get("subject")  # people know a mail by it, not by its template
    result = Result(
        delivery=delivery,
        person=person.uuid,
        event=event,
        at=at,
        what=what,
        properties={**({"subject": subject} if subject else {}), **properties},
        consent=consent or {},
    )
    tell_results([result], now=at)
