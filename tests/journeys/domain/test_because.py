import pytest

from journeys.domain.because import because
from segments.domain.evaluate import evaluate
from segments.domain.parse import parse_condition
from tests.journeys.documents import Document, has_plan, is_vip
from tests.journeys.story import NOON, facts_of, message

CONSENT = {"consent": "email_marketing", "is": "granted"}


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        (CONSENT, "consent to email_marketing was not given"),
        ({"all": [{"all": []}, CONSENT, is_vip()]}, "consent to email_marketing was not given"),
        (is_vip(), "needed: vip is yes (seen: not known)"),
        (has_plan("gold"), "needed: plan is “gold” (seen: silver)"),
        ({"any": [is_vip(), has_plan("gold")]}, "needed: vip is yes (seen: not known)"),
        ({"none": [is_vip(), has_plan("silver")]}, "it must not be that: plan is “silver” (seen: silver)"),
        (
            {"event": "Page Viewed", "count": {"op": "exactly", "value": 3}},
            "needed: did “Page Viewed” exactly 3 times (seen: 1 time)",
        ),
        (
            {"none": [{"none": [{"all": []}, is_vip()]}, has_plan("silver")]},
            "it must not be that: plan is “silver” (seen: silver)",
        ),
        (
            {"consent": "email_marketing", "is": "denied"},
            "needed: has denied the consent “email_marketing” (seen: unset)",
        ),
        ({"any": []}, ""),
        ({"all": []}, ""),
        (has_plan("silver"), ""),
    ],
)
def test_because(condition: Document, said: str) -> None:
    facts = facts_of(message("Page Viewed"), traits={"plan": "silver"})
    tree = evaluate(parse_condition(condition), facts, NOON).reason.to_json()
    assert because(tree) == said
