"""What a back-test says beside its ledger: what could not be played as it was, who else wrote at the time."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime

from cdp_site.backtest import queries
from cdp_site.backtest.replay import Played
from cdp_site.models import AuditEntry, BackTest
from cdp_site.pipeline.rules import Rules
from connectors.domain.message import MessageClass
from connectors.models import Delivery
from journeys.domain.decision import Outcome
from journeys.domain.nodes import ApiEntry, Send
from journeys.domain.tally import NEAR, clashing
from journeys.live import LiveVersion
from journeys.models import Decision, Journey, Run
from segments.domain.conditions import Engagement, leaves
from segments.models import SegmentVersion


def told_of_all(row: BackTest, version: LiveVersion) -> Counter[str]:
    """What is known of the whole period before anybody is played."""
    within = {"at__gte": row.begins_at, "at__lt": row.ends_at}
    found = Counter(
        erased=AuditEntry.objects.filter(verb="person.erase", at__gte=row.begins_at).count(),
        sent_here=Decision.objects.filter(
            outcome=Outcome.MOVED_ON.value, reason=version.slug, **within
        ).count(),
        rules=SegmentVersion.objects.filter(
            segment__slug__in=version.reads.segments,
            published_at__gte=row.begins_at,
            published_at__lt=row.ends_at,
        ).count(),
        inside=_inside(row),
    )
    if isinstance(version.definition.entry.on, ApiEntry):
        runs = Run.objects.filter(journey_id=row.journey_id, entry__name="Entered by API")
        found["by_api"] = runs.filter(entered_at__gte=row.begins_at, entered_at__lt=row.ends_at).count()
    found["observed"] = sum(
        isinstance(leaf, Engagement)
        for _, condition in version.definition.conditions()
        for leaf in leaves(condition)
    )
    return +found


def _inside(row: BackTest) -> int:
    runs = Run.objects.filter(journey_id=row.journey_id, entered_at__lt=row.begins_at)
    return runs.exclude(ended_at__lt=row.begins_at).count()


def told_of_some(people: Collection[int], *, rules: Rules) -> Counter[str]:
    """What is known once these people were played."""
    names = rules.needs_of(rules.reads).event_names
    expired = queries.count_expired(people, names=names) if names else 0
    return +Counter(expired=expired)


def clashes(played: Sequence[Played], row: BackTest, version: LiveVersion) -> Counter[str]:
    """How many people got marketing messages of another journey within a day of this one's."""
    mine = {one.person: moments for one in played if (moments := list(_marketing(one, version)))}
    if not mine:
        return Counter()
    theirs: dict[int, list[tuple[str, datetime]]] = defaultdict(list)
    rows = (
        Delivery.objects.filter(
            person_id__in=sorted(mine),
            message_class=MessageClass.MARKETING.value,
            decided_at__gte=row.begins_at - NEAR,
            decided_at__lt=row.ends_at + NEAR,
            state__in=[Delivery.State.QUEUED, Delivery.State.SENDING, Delivery.State.SENT],
        )
        .exclude(journey_id=row.journey_id)
        .exclude(journey_id=None)
        .values_list("person_id", "journey_id", "decided_at")
    )
    slugs = dict(Journey.objects.values_list("pk", "slug"))
    for person, journey, at in rows:
        theirs[person].append((slugs.get(journey or 0, ""), at))
    return Counter(
        journey
        for person, moments in mine.items()
        for journey in clashing(moments, theirs.get(person, ()))
        if journey
    )


def _marketing(one: Played, version: LiveVersion) -> Iterator[datetime]:
    for line in one.lines:
        if line.entry.outcome is Outcome.QUEUED:
            step = version.definition.step(line.entry.step)
            if isinstance(step, Send) and step.message_class is MessageClass.MARKETING:
                yield line.at
