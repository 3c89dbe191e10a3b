import pytest

from connectors.domain.consent import Reach, may_send

ADA = "ada@example.com"
YES = {"email_marketing": True}
NO = {"email_marketing": False}


@pytest.mark.parametrize(
    ("address", "consent", "suppressed", "message_class", "reason"),
    [
        (ADA, YES, (), "marketing", ""),
        (ADA, {}, (), "marketing", "consent_unset"),
        (ADA, NO, (), "marketing", "consent_denied"),
        (ADA, {"sms_marketing": True}, (), "marketing", "consent_unset"),
        (ADA, YES, ("marketing",), "marketing", "suppressed"),
        (ADA, YES, ("all",), "marketing", "suppressed"),
        (ADA, NO, ("marketing",), "service", ""),
        (ADA, {}, (), "service", ""),
        (ADA, {}, (), "transactional", ""),
        (ADA, YES, ("all",), "service", "suppressed"),
        (ADA, YES, ("all", "marketing"), "transactional", "suppressed"),
        ("", YES, (), "marketing", "no_address"),
        ("", {}, (), "service", "no_address"),
    ],
)
def test_may_send__email(
    address: str, consent: dict[str, bool], suppressed: tuple[str, ...], message_class: str, reason: str
) -> None:
    reach = Reach(address=address, consent=consent, suppressed=frozenset(suppressed))
    verdict = may_send(reach, writes_to="email", message_class=message_class)
    assert (verdict.reason, verdict.is_allowed) == (reason, reason == "")


@pytest.mark.parametrize(
    ("consent", "topic", "message_class", "reason"),
    [
        (YES, "news", "marketing", ""),  # never asked about the topic
        ({**YES, "topic.news": True}, "news", "marketing", ""),
        ({**YES, "topic.news": False}, "news", "marketing", "topic_denied"),
        ({**YES, "topic.news": False}, "offers", "marketing", ""),
        ({**YES, "topic.news": False}, "", "marketing", ""),
        ({**NO, "topic.news": True}, "news", "marketing", "consent_denied"),
        ({"topic.news": False}, "news", "service", ""),
    ],
)
def test_may_send__topics(consent: dict[str, bool], topic: str, message_class: str, reason: str) -> None:
    reach = Reach(address=ADA, consent=consent)
    assert may_send(reach, writes_to="email", message_class=message_class, topic=topic).reason == reason


def test_may_send__systems_need_nobodys_consent() -> None:
    reach = Reach(address="", consent=NO, suppressed=frozenset({"all"}))
    assert may_send(reach, writes_to="", message_class="marketing").is_allowed
