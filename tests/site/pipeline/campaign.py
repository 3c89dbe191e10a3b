"""Journeys on a clock of their own: publish, let messages come, let time pass, see what leaves when."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from cdp_site.pipeline import call_in_present, sweep
from cdp_site.pipeline.rules import forget_rules
from connectors.models import Delivery
from journeys.models import Decision, Journey
from journeys.services import create_journey, publish_journey
from profiles.models import Identity
from tests import build
from tests.site.pipeline.drive import Message, drain, put

SOON = timedelta(seconds=1)


def mail(step_id: str = "mail", *, message_class: str = "service") -> dict[str, Any]:
    return {"id": step_id, "kind": "send", "channel": "email", "template": "hello", "class": message_class}


def task(step_id: str = "task") -> dict[str, Any]:
    return {"id": step_id, "kind": "crm", "connection": "crm", "action": "create_task", "fields": {}}


def written(*steps: Mapping[str, Any], on: Mapping[str, Any], **parts: Any) -> dict[str, Any]:
    """A document; what belongs to the entry is told from its other parts."""
    entry = {key: parts.pop(key) for key in ("if", "key", "present", "reentry") if key in parts}
    return {"language": 1, "entry": {"on": on, **entry}, "steps": list(steps), **parts}


@dataclass(slots=True, kw_only=True)
class World:
    """One company and its clock."""

    now: datetime

    def __post_init__(self) -> None:
        build.template(slug="hello", name="Hello", subject="Hi", body="<mjml></mjml>")
        build.connection(slug="crm", name="CRM")

    def publish(self, slug: str, document: Mapping[str, Any]) -> Journey:
        if not Journey.objects.filter(slug=slug).exists():
            create_journey("mia", slug=slug, name=slug.capitalize(), document=document)
        publish_journey(slug, actor="mia", now=self.now)
        return Journey.objects.get(slug=slug)

    def happens(self, *messages: Message) -> None:
        """Messages are received now, and decided at once."""
        put(*messages, received_at=self.now)
        drain(self.now + SOON)

    def passes(self, *, until: datetime, step: timedelta = timedelta(hours=1)) -> None:
        """Time goes by, with a sweep at every so often."""
        while self.now < until:
            self.now = min(self.now + step, until)
            self.sweep()

    def sweep(self) -> None:
        forget_rules()
        while any(sweep(self.now + SOON).values()):
            pass

    def call_in(self) -> None:
        """What the background does about those who are present, and dates."""
        forget_rules()
        call_in_present(self.now + SOON)
        call_in_present(self.now + SOON)

    def sent(self, step: str = "") -> list[tuple[str, datetime]]:
        """Whom what was decided to be sent to, and when, as long as it may leave."""
        names = dict(Identity.objects.filter(kind="user_id").values_list("person_id", "value"))
        rows = Delivery.objects.filter(state="queued").order_by("decided_at", "id")
        found = rows.filter(step=step) if step else rows
        return [(names[row.person_id], row.decided_at) for row in found]

    def counts(self, journey: Journey) -> Counter[str]:
        """How often each outcome came about, by step."""
        rows = Decision.objects.filter(journey_id=journey.pk).values_list("step", "outcome", "reason")
        return Counter(
            f"{step or '-'}:{outcome}" + (f":{reason}" if outcome in _TOLD else "")
            for step, outcome, reason in rows
        )


_TOLD = ("branched", "not_entered", "not_sent", "held", "split", "moved_on", "exited")


def crowd(size: int) -> Sequence[str]:
    return [f"u{number:02}" for number in range(size)]
