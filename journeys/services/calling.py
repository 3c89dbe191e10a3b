"""Have people asked by the API whether they enter."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from django.db import transaction

from cdp_site.wakeup import wake
from journeys.domain.definition import parse_journey
from journeys.domain.nodes import ApiEntry
from journeys.domain.parse.storing import require, unstorable
from journeys.models import EntryDue, Journey
from journeys.services.recording import record_change
from journeys.services.states import WrongState
from profiles.domain.facts import Json
from profiles.domain.identity import USER
from profiles.models import Identity


class NotByApi(Exception):
    """The journey does not begin by the API."""

    def __init__(self, slug: str) -> None:
        super().__init__(slug)
        self.slug = slug


def enter_people(
    slug: str, people: Sequence[str], *, properties: Mapping[str, Json], actor: str, now: datetime
) -> tuple[int, list[str]]:
    """Have people asked into a journey that begins by the API.

    Args:
        people: customer numbers.
        properties: of the entry message; what tells runs apart is read from it.

    Returns:
        How many will be asked, and the customer numbers that nobody has.

    Raises:
        Journey.DoesNotExist: no journey has the slug.
        WrongState: it is not live.
        NotByApi: it begins otherwise.
    """
    require(unstorable(properties, "properties"))
    with transaction.atomic():
        journey = Journey.objects.select_related("live_version").get(slug=slug)
        if journey.state != Journey.State.LIVE or journey.live_version is None:
            raise WrongState(slug=slug, state=journey.state)
        if not isinstance(parse_journey(journey.live_version.document).entry.on, ApiEntry):
            raise NotByApi(slug)
        known = dict(
            Identity.objects.filter(kind=USER, value__in=people, person__isnull=False).values_list(
                "value", "person_id"
            )
        )
        EntryDue.objects.bulk_create(
            [
                EntryDue(
                    journey=journey,
                    person_id=person,
                    due_at=now,
                    cause=EntryDue.Cause.API,
                    properties=dict(properties),
                )
                for person in sorted(set(known.values()))
            ]
        )
        record_change(actor, "journey.enter", journey, after={"people": len(known)})
        transaction.on_commit(lambda: wake("runs"))
    return len(set(known.values())), [name for name in dict.fromkeys(people) if name not in known]
