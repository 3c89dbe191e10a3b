"""What stands out about a person, as a rule to start from."""

from collections import Counter
from datetime import datetime, timedelta
from typing import Any, Final

from profiles import catalogue
from profiles.models import Event, Person
from profiles.queries import people_count, person_ids_of
from segments.domain.likeness import DAYS, likeness
from segments.models import Membership

_LATEST: Final = 2_000  # events looked at


def condition_like(person: Person, *, now: datetime) -> dict[str, Any]:
    """A condition that holds for this person and for people like them."""
    shares = {
        line.path: {
            one.value: one.seen / line.seen for one in line.values if isinstance(one.value, str | bool)
        }
        for line in catalogue.traits()
        if line.seen
    }
    events = Event.objects.filter(person_id__in=person_ids_of(person), ts__gt=now - timedelta(days=DAYS))
    names = events.order_by("-ts").values_list("name__name", flat=True)[:_LATEST]
    everybody = max(people_count().value, 1)
    stays = Membership.objects.present().filter(person=person).select_related("segment")
    return likeness(
        traits=person.traits,
        shares=shares,
        habits=Counter(names),
        segments={stay.segment.slug: stay.segment.member_count / everybody for stay in stays},
    )
