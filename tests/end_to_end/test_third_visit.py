"""Somebody looks at one page three times in a week, registers, gets a mail, and orders or does not."""

import re

import pytest

from journeys.models import Run
from profiles.models import Event, Person, PersonMerge
from tests.end_to_end import story
from tests.end_to_end.product import Product


@pytest.fixture
def told(product: Product) -> Product:
    story.publish(product)
    return product


def come_back(product: Product, device: str = "laptop") -> None:
    """Three anonymous visits within a week, the third one now."""
    for days in (0, 2, 3):
        product.pass_time(days=days)
        product.tell(story.visit(device))
        product.settle()


def come_back_and_register(product: Product, *, user: str = "ada", consent: bool = True) -> None:
    come_back(product, f"{user}-laptop")
    product.pass_time(minutes=5)
    product.tell(story.agree(f"{user}-laptop", to_mails=consent), story.register(f"{user}-laptop", user=user))
    product.settle()


def test_third_visit__registering_makes_the_earlier_visits_theirs(told: Product) -> None:
    come_back_and_register(told)

    ada = told.person("ada")
    assert told.person("ada-laptop", kind="anonymous_id") == ada
    assert Event.objects.filter(person_id=ada.pk, name__name="Page Viewed").count() == 3
    assert Person.objects.current().count() == 1


def test_third_visit__the_mail_lands_once_and_is_filled_in(told: Product) -> None:
    come_back_and_register(told)

    (mail,) = told.mails.mails
    assert mail.recipients == ("ada@example.com",)
    assert mail.parsed["Subject"] == "Still thinking, Ada?"
    assert "Hello Ada," in mail.part("text/html")
    assert mail.parsed["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


def test_third_visit__an_order_is_the_goal_and_becomes_a_deal(told: Product) -> None:
    come_back_and_register(told)
    told.pass_time(hours=30)
    told.tell(story.order("ada-laptop", user="ada"))
    told.settle()
    told.pass_time(days=5)

    assert told.actions() == [("create_deal", "ada")]
    (deal,) = told.crm.things.values()
    assert deal["fields"] == {"amount": 249}
    assert told.ledger("ada")[-2:] == [("converted", "", ""), ("queued", "deal", "")]
    assert Run.objects.get().outcome == "converted"


def test_third_visit__no_order_within_two_days_becomes_a_task(told: Product) -> None:
    come_back_and_register(told)
    told.pass_time(hours=47)
    assert told.actions() == []

    told.pass_time(hours=2)

    assert told.actions() == [("create_task", "ada")]
    (task,) = told.crm.things.values()
    assert task["fields"] == {"subject": "Call Ada"}
    told.tell(story.order("ada-laptop", user="ada"))
    told.settle()
    assert told.actions() == [("create_task", "ada")]  # late: the run is over


def test_third_visit__a_click_alone_never_reaches_the_crm(told: Product) -> None:
    come_back_and_register(told)
    link = re.search(r'href="(http[^"]*/c/[^"]+)"', told.mails.mails[0].part("text/html"))
    assert link is not None
    told.pass_time(minutes=10)

    answer = told.client.get(link[1], headers={"User-Agent": "Mozilla/5.0 (X11; Linux) Firefox/140.0"})
    told.settle()

    assert answer.status_code == 302
    assert answer["Location"].startswith("https://shop.example/products/trail-tent")
    clicked = Event.objects.get(name__name="Email Link Clicked")
    assert clicked.person_id == told.person("ada").pk
    assert told.crm.requests == []


def test_third_visit__without_consent_nothing_is_sent_and_the_reason_is_kept(told: Product) -> None:
    come_back_and_register(told, consent=False)

    assert told.mails.mails == []
    assert ("not_sent", "mail", "consent_denied") in told.ledger("ada")


def test_third_visit__the_visits_of_two_devices_count_together(told: Product) -> None:
    told.tell(story.visit("phone"))
    told.pass_time(days=1)
    told.tell(story.visit("laptop"))
    told.tell(story.agree("laptop"), story.register("laptop", user="ada"))
    told.pass_time(hours=1)
    told.tell(story.register("phone", user="ada"))
    told.pass_time(hours=1)
    assert told.mails.mails == []

    told.tell(story.visit("phone", user="ada"))
    told.settle()

    assert [mail.recipients for mail in told.mails.mails] == [("ada@example.com",)]
    assert PersonMerge.objects.count() == 1


def test_third_visit__too_late_is_refused_with_what_was_seen(told: Product) -> None:
    for days in (0, 5, 4):
        told.pass_time(days=days)
        told.tell(story.visit("laptop"))
        told.settle()

    outcomes = told.ledger("laptop", kind="anonymous_id")
    assert outcomes == [("not_entered", "", "filter")] * 3
    assert not Run.objects.exists()


def test_third_visit__one_who_never_registers_is_let_go(told: Product) -> None:
    come_back(told)
    told.pass_time(days=2)

    assert Run.objects.get().reason == "did not register"
    assert told.mails.mails == []
    assert told.crm.requests == []
