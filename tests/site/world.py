"""A small company in which every kind of thing exists once. Data stand in §, to tell them from words."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.urls import reverse

from cdp_site.models import BackTest, BackTestDecision
from cdp_site.pages.backtest_pages import NOT_PLAYED
from connectors.domain.template import Wording
from connectors.models import Template, Topic
from journeys.domain.decision import Outcome
from journeys.domain.tally import Tally, Told
from journeys.models import Journey
from profiles.models import Person, PersonMerge
from segments.models import ComputedTrait, Segment
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
    deliveries: Sequence[UUID]
    backtest: BackTest

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
            reverse("segments:segment-list"),
            *(f"/segments/{self.segment.slug}/{rest}" for rest in SEGMENT_PAGES),
            reverse("segments:segment-new"),
            *(
                f"{reverse('segments:segment-new')}?from={slug}"
                for slug in ("", "segment:vip", "viewed-and-left")
            ),
            f"{reverse('segments:segment-list')}?q=nothing",
            *(f"/segments/+traits/{rest}" for rest in TRAIT_PAGES),
            reverse("journeys:journey-list"),
            reverse("journeys:journey-starters"),
            *(f"/journeys/{self.journey.slug}/{rest}" for rest in JOURNEY_PAGES),
            reverse("backtest-page", args=[self.journey.slug, self.backtest.pk]),
            reverse("connectors:template-list"),
            *(f"/messages/{rest}" for rest in MESSAGE_PAGES),
            reverse("connectors:delivery-list"),
            *(reverse("connectors:delivery-page", args=[uuid]) for uuid in self.deliveries),
            reverse("connectors:connection-list"),
            *(f"/connections/{rest}" for rest in CONNECTION_PAGES),
            reverse("connectors:source-list"),
            reverse("connectors:source-create"),
        ]


CONNECTION_PAGES = ("+new/", "+new/hubspot/", "+new/webhook/", "c-1/", "c-1/feed/")
SEGMENT_PAGES = (
    "",
    "?q=nobody&column=§plan§",
    "growth/?with=everything",
    "history/",
    "edit/",
    "publish/",
    "uses/",
    "moves/",
    "build/",
)
MESSAGE_PAGES = (
    "+new/",
    "+people/?as=§Uwe",
    "+variables/?event=§Page§",
    "+topics/",
    "+topics/t-topic/",
    "t-1/",
    "t-1/?version=1",
    "t-1/edit/",
    "t-1/edit/?lang=de",
    "t-1/publish/",
    "t-1/uses/",
    "t-layout/edit/",
)
TRAIT_PAGES = ("", "+new/", "tents/", "rfm/", "tents/delete/", "rfm/delete/")
JOURNEY_PAGES = (
    "",
    "backtest/",
    "try/",
    "why/",
    "publish/",
    "results/?days=365&window=1",
    *(f"?step={part}" for part in ("@entry", "@goal", "@exit", *(f"s{number}" for number in range(1, 16)))),
)


def told_journey() -> dict[str, Any]:
    """A journey with every kind of step and of condition, and a reference that leads nowhere."""
    tests = [{"property": "§path§", "op": "is", "value": "§/tents§"}]
    often = {"op": "exactly", "value": 3}
    viewed = {"event": "§Page§", "where": tests, "count": often, "during": {"last": "P7D"}}
    ordered = {"event": "§Order§", "during": {"since": "entry"}}
    asked = {
        "any": [
            {"trait": "§plan§", "op": "one_of", "value": ["§a§", "§b§"]},
            {"none": [{"segment": "§vip§", "is": "left"}, {"known": "email"}]},
            {"consent": "§email_marketing§", "is": "granted"},
            {"context": "§device§", "op": "is_true"},
        ]
    }
    crm = {"kind": "crm", "connection": "§crm§", "fields": {"§subject§": "§Call§"}}
    return {
        "language": 1,
        "entry": {"on": {"event": "§Page§", "where": tests}, "if": viewed, "reentry": {"not_within": "P30D"}},
        "goal": {"if": ordered, "steps": [{"id": "g1", "action": "create_deal", **crm}]},
        "exit_when": asked,
        "settings": {"quiet_hours": {"from": "21:00", "to": "08:00"}},
        "steps": [
            {"id": "s1", "kind": "wait", "for": "PT4H"},
            {
                "id": "s2",
                "kind": "wait_until",
                "if": ordered,
                "timeout": "P2D",
                "then": [{"id": "s3", "kind": "exit"}],
                "else": [
                    {
                        "id": "s4",
                        "kind": "branch",
                        "cases": [
                            {
                                "name": "§first§",
                                "if": asked,
                                "steps": [{"id": "s5", "action": "create_task", **crm}],
                            },
                            {"name": "§second§", "if": viewed, "steps": []},
                        ],
                        "else": [{"id": "s6", "kind": "send", "channel": "email", "template": "§gone§"}],
                    }
                ],
            },
            {"id": "s7", "kind": "webhook", "connection": "§hook§"},
            {"id": "s8", "kind": "set_trait", "set": {"§plan§": "§gold§"}},
            {"id": "s9", "kind": "wait", "until": {"from": "22:00", "to": "06:00", "days": ["fri", "sat"]}},
            {
                "id": "s10",
                "kind": "wait",
                "until_date": {"trait": "§born§", "offset": "-P1M2D", "at": "09:00"},
            },
            {
                "id": "s11",
                "kind": "split",
                "salt": "§salt§",
                "variants": [
                    {"name": "§A§", "share": 45, "steps": [{"id": "s12", "kind": "list", "list": "vip"}]}
                ],
                "hold_out": 55,
            },
            {
                "id": "s13",
                "kind": "repeat",
                "times": 3,
                "until": ordered,
                "steps": [{"id": "s14", "kind": "list", "list": "vip", "change": "remove"}],
            },
            {"id": "s15", "kind": "go_to_journey", "journey": "third-visit"},
        ],
    }


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
    _traits()
    journey = build.journey(slug="third-visit", name="§Third visit§", document=told_journey())
    deliveries = _deliveries(person, journey)
    world = World(
        person=person,
        merged=merged,
        journey=journey,
        segment=segment,
        deliveries=deliveries,
        backtest=_backtest(person, journey),
    )
    _events(world, source_id=shop.pk)
    _decisions(world)
    _upkeep()
    build.merged(old=merged, new=person)
    PersonMerge.objects.update(evidence={"identities": ["anonymous_id:§zz1§"]}, actor="§source§")
    return world


def _backtest(person: Person, journey: Journey) -> BackTest:
    """One that is done, with everything that its page can show."""
    tally = Tally(not_played=Counter(dict.fromkeys(NOT_PLAYED, 2)), clashes=Counter({journey.slug: 1}))
    lines = [
        Told(run=1, at=build.NOON, step=step, outcome=Outcome(outcome), reason=reason)
        for step, outcome, reason in PLAYED
    ]
    tally.add(person.pk, lines, zone="UTC")
    row = BackTest.objects.create(
        journey_id=journey.pk,
        document=journey.draft,
        begins_at=build.NOON - timedelta(days=2),
        ends_at=build.NOON,
        asked_by="§mia§",
        asked_at=build.NOON,
        state=BackTest.State.DONE,
        total=1,
        done=1,
        message_count=9,
        seconds=1.5,
        tally=tally.to_json(),
        finished_at=build.NOON,
    )
    for one in lines:
        BackTestDecision.objects.create(
            backtest=row,
            person_id=person.pk,
            run=one.run,
            at=one.at,
            step=one.step,
            outcome=one.outcome.value,
            reason=one.reason,
            tree=TREE if one.outcome is Outcome.BRANCHED else None,
        )
    return row


PLAYED = (
    ("", "not_entered", "filter"),
    ("", "entered", ""),
    ("s1", "waiting", "2026-11-23T16:00:00+00:00"),
    ("s4", "branched", "§first§"),
    ("s6", "queued", ""),
    ("s6", "not_sent", "cap"),
    ("", "converted", ""),
)


def _traits() -> None:
    tests = [{"property": "§name§", "op": "contains", "value": "§T§"}]
    tents = {"compute": "last", "event": "Product Viewed", "property": "§name§", "where": tests}
    fields = {"state": "paused", "built_at": build.NOON}
    ComputedTrait.objects.create(key="tents", name="§Tents§", definition=tents, **fields)
    rfm = {"compute": "rfm", "event": "Order Completed", "property": "revenue"}
    ComputedTrait.objects.create(key="rfm", name="§RFM§", definition=rfm, build_total=9, build_done=4)
    asked = {"language": 1, "if": {"trait": "rfm.recency", "op": "at_least", "value": 4}}
    build.segment(slug="lately", name="§Lately§", condition=asked)


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
    ("split", "§A§"),
    ("repeated", "until"),
    ("held", "quiet_hours"),
    ("listed", "§vip§"),
    ("unlisted", "§vip§"),
    ("moved_on", "§third-visit§"),
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


def _templates() -> Template:
    """A mail with a draft, in two languages, in a layout."""
    around = "<mjml>{% block content %}{% endblock %}</mjml>"
    build.template(slug="t-layout", name="§Layout§", kind="layout", subject="", body=around)
    Topic.objects.create(
        slug="t-topic", name="§News§", description="§Each week§", translations={"de": {"name": "§Neues§"}}
    )
    template = build.template(
        slug="t-1",
        name="§Back§",
        subject="§Still looking?§",
        preheader="§10§",
        layout="t-layout",
        translations={"de": Wording(subject="§Noch da?§")},
        defaults={"person.plan": "§none§"},
        sender="§Mia§ <mia@example.com>",
    )
    draft = {**template.content, "body": "§{{ person.missing }}", "layout": ""}
    Template.objects.filter(pk=template.pk).update(draft=draft, revision=1)
    return template


def _deliveries(person: Person, journey: Journey) -> list[UUID]:
    template = _templates()
    crm = build.connection(slug="c-1", name="§CRM§")
    made = []
    for state in ("queued", "sending", "sent", "dead", "blocked", "cancelled"):
        error = {"dead": "§401§", "blocked": "consent_unset"}.get(state, "")
        mail = build.delivery(
            person=person,
            state=state,
            template=template,
            journey_id=journey.pk,
            last_error=error,
            rendered={"to": "§uwe@example.com§", "subject": "§Hello§", "html": "<p>§Hi§</p>", "text": "§Hi§"},
        )
        action = build.delivery(
            person=person,
            state=state,
            channel="crm",
            destination="connection:c-1",
            connection=crm,
            action="create_task",
            last_error=error,
            journey_id=journey.pk,
        )
        if state in ("sent", "dead"):
            build.attempt(delivery=mail, is_success=state == "sent", reason=error)
        made += [mail.uuid, action.uuid]
    return made


def _upkeep() -> None:
    build.heartbeat(cluster="live")
    build.heartbeat(cluster="send", at=build.NOON, restarts=2, restarted_at=build.NOON)
    build.inbox_row()
    build.dead_letter(error="§out of range§")
    build.dead_letter(stage="door", error="§no id§", source_id=99_999)
