"""Write services of connectors: the outbox and what comes back from it.

Deliveries are queued in the transaction of their decision and sent after it by `send_due`. Everything
that happens to them later enters the person's history through the inbox, like any other message.
"""

from connectors.domain.message import NewDelivery
from connectors.services.callbacks import Taken, take_callback
from connectors.services.checking import check_connection, contact_fields
from connectors.services.connecting import (
    ConnectionDraft,
    pause_connection,
    resume_connection,
    save_connection,
    secrets_of,
)
from connectors.services.feeding import FeedDraft, store_feed
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
from connectors.services.templates import (
    TemplateConflict,
    TemplateDraft,
    checked,
    create_template,
    draft_content,
    publish_template,
    save_draft,
    save_template,
    take_version,
)
from connectors.services.trial_mails import TrialMail, send_trial_mail

__all__ = [
    "ConnectionDraft",
    "FeedDraft",
    "NewDelivery",
    "Preview",
    "Sample",
    "Taken",
    "TemplateConflict",
    "TemplateDraft",
    "TrialMail",
    "cancel_for_runs",
    "check_connection",
    "checked",
    "contact_fields",
    "create_template",
    "draft_content",
    "pause_connection",
    "preview_mail",
    "preview_with",
    "publish_template",
    "queue_deliveries",
    "record_click",
    "record_open",
    "replay_deliveries",
    "repoint_people",
    "resume_connection",
    "save_connection",
    "save_draft",
    "save_template",
    "secrets_of",
    "send_due",
    "send_trial_mail",
    "store_feed",
    "suppress",
    "take_callback",
    "take_version",
    "unsubscribe",
]
