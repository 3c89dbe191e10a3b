"""What is done to a journey, in the log of changes."""

from collections.abc import Mapping

from cdp_site import audit
from journeys.models import Journey
from profiles.domain.facts import Json


def record_change(
    actor: str,
    verb: str,
    journey: Journey,
    *,
    before: Mapping[str, Json] | None = None,
    after: Mapping[str, Json] | None = None,
) -> None:
    audit.record(actor, verb, object_kind="journey", object_id=journey.slug, before=before, after=after)
