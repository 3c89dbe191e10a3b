"""What a new rule is saved as."""

import pytest
from django.utils import timezone

from segments.drafting import Rule, create_rule

pytestmark = pytest.mark.django_db


def test_create_rule__cuts_a_long_name_between_words() -> None:
    rule = Rule(name=f"{'word ' * 14}and more", rows=[], condition={"any": []})
    segment = create_rule(rule, actor="mia", now=timezone.now())
    assert segment.slug == "-".join(["word"] * 14)
