"""The recipe of docs/segments.md for a webhook on entering a segment does what it says."""

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.conf import settings

from connectors.models import Delivery
from tests import build
from tests.site.pipeline.campaign import World
from tests.site.pipeline.drive import identify

pytestmark = pytest.mark.django_db
START = datetime(2026, 6, 1, 8, 0, tzinfo=UTC)


def test_recipe__tells_of_each_entering() -> None:
    text = (Path(settings.BASE_DIR) / "docs" / "segments.md").read_text()
    (recipe,) = re.findall(r"^```json journey\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    world = World(now=START)
    build.connection(slug="hook", kind="webhook")
    asked = {"trait": "plan", "op": "is", "value": "gold"}
    build.segment(slug="vip", condition={"language": 1, "if": asked})
    world.publish("tell-vip", json.loads(recipe))
    for plan in ("gold", "free", "gold"):
        world.happens(identify("anna", plan=plan))
        world.now += timedelta(hours=1)
    sent = Delivery.objects.order_by("decided_at")
    assert [(one.decided_at, one.channel, one.destination) for one in sent] == [
        (START, "webhook", "connection:hook"),
        (START + timedelta(hours=2), "webhook", "connection:hook"),
    ]
