"""Write services of connectors: the outbox and what comes back from it.

Deliveries are queued in the transaction of their decision and sent after it by `send_due`. Everything
that happens to them later enters the person's history through the inbox, like any other message.
"""

from connectors.domain.message import NewDelivery
from connectors.services.callbacks import Taken, take_callback
from connectors.services.connecting import ConnectionDraft, save_connection
from connectors.services.content import TemplateDraft, save_template
from connectors.services.previewing import Preview, Sample, preview_mail, preview_with
from connectors.services.queueing import (
    cancel_for_runs,
    queue_deliveries,
    replay_deliveries,
    repoint_people,
)
from connectors.services.reading import record_click, record_open, unsubscribe
from connectors.services.sending import send_due
from connectors.services.suppressing import suppress

__all__ = [
    "ConnectionDraft",
    "NewDelivery",
    "Preview",
    "Sample",
    "Taken",
    "TemplateDraft",
    "cancel_for_runs",
    "preview_mail",
    "preview_with",
    "queue_deliveries",
    "record_click",
    "record_open",
    "replay_deliveries",
    "repoint_people",
    "save_connection",
    "save_template",
    "send_due",
    "suppress",
    "take_callback",
    "unsubscribe",
]
