"""What a journey's decision to send becomes: a row of the outbox, and the variables of its templates."""

from datetime import datetime

from connectors.services import NewDelivery
from journeys.domain.engine import Outgoing
from journeys.live import OpenRun, entry_document
from profiles.domain.facts import Event, Facts, Json


def delivery_of(run: OpenRun, message: Outgoing, *, event: Event | None, now: datetime) -> NewDelivery:
    cause = event or run.entry
    seen = _document(cause)
    entry = seen if run.entry is cause else _document(run.entry)
    return NewDelivery(
        key=f"{run.id}:{message.step}:{message.visit}",
        person_id=run.person,
        journey_id=run.version.journey_id,
        run_id=run.id,
        step=message.step,
        channel=message.channel,
        connection=message.connection,
        action=message.action,
        template=message.template,
        message_class=message.message_class,
        fields=message.fields,
        context={
            "event": seen,
            "entry": entry,
            "journey": {"slug": run.version.slug, "name": run.version.name, "version": run.version.number},
            "run": {"id": run.id, "entered_at": run.entered_at.isoformat(), "key": run.key},
        },
        decided_at=now,
    )


def _document(event: Event | None) -> dict[str, Json] | None:
    return entry_document(event) if event else None


def variables_of(facts: Facts, *, run: OpenRun, now: datetime) -> dict[str, Json]:
    cause = facts.event or facts.entry
    return {
        "person": {**facts.traits, "traits": facts.traits, "id": str(facts.uuid)},
        "event": _document(cause),
        "entry": _document(facts.entry),
        "journey": {"slug": run.version.slug, "name": run.version.name},
        "run": {"id": run.id, "entered_at": run.entered_at.isoformat()},
        "now": now.isoformat(),
    }
