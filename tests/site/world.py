"""A small company in which every kind of thing exists once. Data stand in §, to tell them from words."""

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from django.urls import reverse

from journeys.models import Journey
from profiles.models import Person, PersonMerge
from segments.models import Segment
from tests import build

TREE = {
    "node": "all",
    "held": True,
    "children": [
        {
            "node": "event",
            "held": True,
            "seen": 3,
            "needed": {
                "event": "§Page§",
                "count": {"op": "exactly", "value": 3},
                "during": {"last": "P7D"},
            },
        }
    ],
}


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """The things to look at."""

    person: Person
    merged: Person
    journey: Journey
    segment: Segment

    def pages(self) -> list[str]:
        """Addresses of pages that show them."""
        person = [self.person.uuid]
        return [
            reverse("overview"),
            reverse("profiles:people-list"),
            reverse("profiles:people-list") + "?q=§Uwe",
            reverse("profiles:people-search") + "?q=§Uwe",
            reverse("profiles:people-search") + "?q=nobody",
            reverse("person", args=person),
            reverse("person", args=person) + "?show=orders&words=x&on=2026-11-23",
            reverse("person", args=[self.merged.uuid]),
            reverse("person-why", args=[self.person.uuid, self.journey.slug]),
            reverse("operations"),
            reverse("settings"),
            reverse("audit-log"),
            reverse("api-docs"),
            "/segments/",
            "/journeys/",
            "/messages/",
            "/deliveries/",
            "/connections/",
            "/sources/",
        ]


def make_world() -> World:
    """Build it all at noon of the tests' day."""
    shop = build.source(slug="shop", trust="public", name="§shop§")
    person = build.person(
        traits={
            "firstName": "§Uwe§",
            "lastName": "§Jansen§",
            "§tags§": ["§a§", "§b§"],
            "§vip§": True,
            "§none§": None,
        },
        identities={
            "user_id": "§K-1§",
            "email": "§uwe@example.com§",
            "phone": "+4915112345",
            "anonymous_id": "§a7f3b1d0§",
        },
        consent={"email_marketing": True, "§own§": False},
        source_id=shop.pk,
        time_zone="",
    )
    merged = build.person(identities={"anonymous_id": "§zz1§"})
    segment = build.segment(slug="vip", name="§VIP§")
    journey = build.journey(
        slug="third-visit", name="§Third visit§", document=build.journey_document(event="§Page§")
    )
    world = World(person=person, merged=merged, journey=journey, segment=segment)
    _events(world, source_id=shop.pk)
    _decisions(world)
    _deliveries(world)
    _upkeep()
    build.merged(old=merged, new=person)
    PersonMerge.objects.update(evidence={"identities": ["anonymous_id:§zz1§"]}, actor="§source§")
    return world


def _events(world: World, *, source_id: int) -> None:
    for number, name in enumerate(EVENTS):
        build.event(
            person=world.person,
            name=name,
            at=build.NOON - timedelta(hours=number),
            properties={
                "§name§": "§Tent§",
                "name": "§Tent§",
                "products": [{"§sku§": 1}],
                "subject": "§Hello§",
            },
            revenue=Decimal("12.5") if name == "Order Completed" else None,
            path="/tents" if name == "Page Viewed" else None,
            source_id=source_id,
        )
    build.event(person=world.person, name="§Own event§", source_id=source_id)
    build.event(person=world.person, name="Page Viewed", source_id=99_999)
    build.event(person=world.person, name="Order Completed", properties={}, source_id=source_id)
    build.membership(segment=world.segment, person=world.person, left_at=build.NOON)
    build.membership(segment=world.segment, person=world.person)
    build.consent_change(person=world.person)
    build.consent_change(person=world.person, category="§own§", is_granted=False)


EVENTS = (
    "Page Viewed",
    "Screen Viewed",
    "Identified",
    "Group Joined",
    "Aliased",
    "Product Viewed",
    "Product Added",
    "Product Removed",
    "Products Searched",
    "Cart Updated",
    "Checkout Started",
    "Order Completed",
    "Order Refunded",
    "Order Cancelled",
    "Email Opened",
    "Email Link Clicked",
    "Email Bounced",
    "Signed Up",
    "Signed In",
)
OUTCOMES = (
    ("entered", ""),
    ("not_entered", "filter"),
    ("waiting", "2026-11-25T12:00:00+00:00"),
    ("branched", "§VIP§"),
    ("branched", "else"),
    ("not_sent", "consent_unset"),
    ("trait_set", "§plan§"),
    ("converted", ""),
    ("exited", "exit_when"),
    ("parked", ""),
)


def _decisions(world: World) -> None:
    run = build.run(journey=world.journey, person=world.person, step="s1", due_at=build.NOON)
    build.run(
        journey=world.journey,
        person=world.person,
        ended_at=build.NOON,
        outcome="parked",
        error="§It broke.§",
        key="2",
    )
    for outcome, reason in OUTCOMES:
        build.decision(
            journey=world.journey,
            person=world.person,
            run=run,
            outcome=outcome,
            reason=reason,
            tree=TREE if outcome in ("entered", "not_entered") else None,
        )


def _deliveries(world: World) -> None:
    template = build.template(slug="back", subject="§Still looking?§")
    crm = build.connection(slug="crm", name="§CRM§")
    for state in ("queued", "sending", "sent", "dead", "blocked", "cancelled"):
        build.delivery(person=world.person, state=state, template=template, journey_id=world.journey.pk)
        build.delivery(
            person=world.person,
            state=state,
            channel="crm",
            destination="connection:crm",
            connection=crm,
            action="create_task",
            last_error="§401§" if state == "dead" else "",
            journey_id=world.journey.pk,
        )


def _upkeep() -> None:
    build.heartbeat(cluster="live")
    build.heartbeat(cluster="send", at=build.NOON, restarts=2, restarted_at=build.NOON)
    build.inbox_row()
    build.dead_letter(error="§out of range§")
    build.dead_letter(stage="door", error="§no id§", source_id=99_999)
