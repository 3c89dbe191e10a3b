"""Asking for a comparison of a segment's members with what a full scan says; `segments.auditing` makes it."""

from datetime import datetime
from typing import Final

from django.db import transaction

from cdp_site import audit
from segments.models import Segment, SegmentAudit
from segments.services.publishing import WrongState, wake_builder

KEPT: Final = 10  # audits of a segment


@transaction.atomic
def request_audit(slug: str, *, is_mending: bool, actor: str, now: datetime) -> SegmentAudit:
    """Have a live segment compared in the background. Nobody is moved unless asked to mend.

    Raises:
        Segment.DoesNotExist: no segment has the slug.
        WrongState: it is not live, so its members are not kept up to date.
    """
    segment = Segment.objects.get(slug=slug)
    if segment.state != Segment.State.LIVE:
        raise WrongState(slug=slug, state=segment.state)
    asked = SegmentAudit.objects.create(segment=segment, asked_at=now, asked_by=actor, is_mending=is_mending)
    newest = segment.audits.order_by("-id").values("id")[:KEPT]
    segment.audits.exclude(id__in=list(newest.values_list("id", flat=True))).delete()
    audit.record(
        actor,
        "segment.audit",
        object_kind="segment",
        object_id=slug,
        after={"audit": asked.pk, "is_mending": is_mending},
    )
    transaction.on_commit(wake_builder)
    return asked
