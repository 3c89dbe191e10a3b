"""Write services of connectors: the outbox and what comes back from it.

Deliveries are queued in the transaction of their decision and sent after it by `send_due`. Everything
that happens to them later enters the person's history through the inbox, like any other message.
"""

from connectors.domain.message import NewDelivery
from connectors.services.queueing import (
    cancel_for_runs,
    queue_deliveries,
    replay_deliveries,
    repoint_people,
)
from connectors.services.sending import send_due
from connectors.services.suppressing import suppress

__all__ = [
    "NewDelivery",
    "cancel_for_runs",
    "queue_deliveries",
    "replay_deliveries",
    "repoint_people",
    "send_due",
    "suppress",
]
