"""`manage.py load`: one document, brought in whole or not at all, found again by slug."""

import json
from collections import Counter
from copy import deepcopy
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from cdp_site.demo.furnishing import CONTENT
from cdp_site.loading import Loaded, LoadError, load_document
from cdp_site.models import AuditEntry
from connectors import vault
from connectors.models import Connection, Source, Template
from journeys.models import Journey
from segments.models import Segment
from tests import build

pytestmark = pytest.mark.django_db

STORY: dict[str, Any] = json.loads(CONTENT.read_text())
VALUES = {
    "DEMO_CRM_URL": "https://crm.example",
    "DEMO_CRM_TOKEN": "secret-token",
    "DEMO_CRM_SECRET": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
}


# One of each; nothing is published, for trying rules out takes a process and a second.
SMALL: dict[str, Any] = {
    "sources": [{"slug": "shop", "name": "Shop"}],
    "connections": [
        {"slug": "crm", "name": "CRM", "kind": "crm", "settings": {"base_url": "${DEMO_CRM_URL}"}}
    ],
    "templates": [{"slug": "hello", "name": "Hello", "subject": "Hello", "body_file": "third-visit.mjml"}],
    "segments": [{"slug": "buyers", "name": "Buyers", "condition": {"event": "Order Completed"}}],
    "journeys": [
        {
            "slug": "hello",
            "name": "Hello",
            "document": {
                "entry": {"on": {"event": "Signed Up"}},
                "steps": [{"id": "s", "kind": "send", "channel": "email", "template": "hello"}],
            },
        }
    ],
}


def load(document: Any, *, values: dict[str, str] | None = None) -> list[Loaded]:
    return load_document(
        document,
        folder=CONTENT.parent,
        values=VALUES if values is None else values,
        actor="command:load",
        now=timezone.now(),
    )


def faults_of(document: Any, **given: Any) -> dict[str, str]:
    with pytest.raises(LoadError) as refusal:
        load(document, **given)
    return dict(refusal.value.faults)


def test_load__brings_in_the_demos_story() -> None:
    loaded = load(STORY)

    assert {item.outcome for item in loaded} == {"made"}
    assert Counter(item.kind for item in loaded) == Counter(
        {kind: len(items) for kind, items in STORY.items() if isinstance(items, list)}
    )
    assert Journey.objects.get(slug="third-visit").state == "live"
    assert Segment.objects.get(slug="repeat-buyers").state == "live"
    connection = Connection.objects.get(slug="crm")
    assert connection.settings["base_url"] == "https://crm.example"
    assert vault.unseal(connection.secret) == "secret-token"
    assert vault.unseal(Source.objects.get(slug="crm").secret) == VALUES["DEMO_CRM_SECRET"]
    assert Template.objects.get(slug="third-visit").content["body"].startswith("<mjml>")
    audited = AuditEntry.objects.count()
    assert {entry.actor for entry in AuditEntry.objects.all()} == {"command:load"}

    assert {item.outcome for item in load(STORY)} == {"unchanged"}
    assert AuditEntry.objects.count() == audited


def test_load__a_connection_with_two_secrets_is_found_unchanged() -> None:
    settings = {"base_url": "https://x.my.salesforce.com", "client_id": "c", "client_secret": "s"}
    one = {"slug": "sf", "name": "SF", "kind": "salesforce", "settings": settings}
    outcomes = [
        load({"connections": [one | {"settings": settings | changes}]})[0].outcome
        for changes in (
            {"refresh_token": "r"},
            {"refresh_token": "r"},
            {"client_secret": ""},
            {"client_id": "d"},
        )
    ]
    assert outcomes == ["made", "unchanged", "unchanged", "changed"]


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("sources", {"name": "Web shop"}),
        ("connections", {"name": "Sales"}),
        ("templates", {"subject": "Again?"}),
        ("segments", {"name": "Customers"}),
        ("segments", {"condition": {"event": "Order Completed", "count": {"op": "at_least", "value": 3}}}),
        ("journeys", {"name": "Third look"}),
    ],
)
def test_load__changes_what_differs_and_that_alone(kind: str, change: dict[str, Any]) -> None:
    load(SMALL)
    document = deepcopy(SMALL)
    document[kind][0] |= change

    changed = [item for item in load(document) if item.outcome != "unchanged"]

    assert [(item.kind, item.slug, item.outcome) for item in changed] == [
        (kind, document[kind][0]["slug"], "changed")
    ]


def test_load__what_is_published_again_becomes_a_new_version() -> None:
    document = deepcopy(SMALL)
    for kind in ("segments", "journeys"):
        document[kind][0]["publish"] = True
    load(document)
    document["segments"][0]["condition"] = {"event": "Order Completed", "during": {"last": "P30D"}}
    document["journeys"][0]["document"]["entry"]["on"]["event"] = "Registered"

    load(document)

    assert Segment.objects.get().version == 2
    live = Journey.objects.get().live_version
    assert live is not None
    assert live.number == 2


SOURCE = {"slug": "shop", "name": "Shop"}
JOURNEY = {
    "slug": "j",
    "name": "J",
    "document": {"entry": {"on": {"event": "A"}}, "steps": [{"id": "w", "kind": "wait", "for": "P1M"}]},
}


@pytest.mark.parametrize(
    ("document", "path"),
    [
        ([], ""),
        ({"people": []}, "people"),
        ({"language": 2}, "language"),
        ({"sources": {}}, "sources"),
        ({"sources": ["shop"]}, "sources[0]"),
        ({"sources": [{"name": "Shop"}]}, "sources[0].slug"),
        ({"sources": [{"slug": "a b", "name": "Shop"}]}, "sources[0].slug"),
        ({"sources": [SOURCE, {"slug": "crm"}]}, "sources[1].name"),
        ({"sources": [SOURCE | {"kind": "fax"}]}, "sources[0].kind"),
        ({"sources": [SOURCE | {"trust": "blind"}]}, "sources[0].trust"),
        ({"sources": [SOURCE | {"is_historical": "no"}]}, "sources[0].is_historical"),
        ({"sources": [SOURCE | {"colour": "red"}]}, "sources[0].colour"),
        ({"sources": [SOURCE | {"name": "${NOWHERE}"}]}, "sources[0].name"),
        ({"connections": [{"slug": "c", "name": "C", "kind": "fax", "settings": {}}]}, "connections[0].kind"),
        (
            {"connections": [{"slug": "c", "name": "C", "kind": "crm", "settings": {"base_url": "ftp://x"}}]},
            "connections[0].settings.base_url",
        ),
        (
            {"templates": [{"slug": "t", "name": "T", "subject": "{{", "body": "<mjml></mjml>"}]},
            "templates[0].subject",
        ),
        (
            {"templates": [{"slug": "t", "name": "T", "subject": "S", "body_file": "nowhere.mjml"}]},
            "templates[0].body_file",
        ),
        (
            {"segments": [{"slug": "s", "name": "S", "condition": {"event": "A", "count": {"op": "about"}}}]},
            "segments[0].condition.count.op",
        ),
        ({"segments": [{"slug": "s", "name": "S"}]}, "segments[0].condition"),
        ({"journeys": [JOURNEY]}, "journeys[0].document.steps[0].for"),
    ],
)
def test_load__names_the_place_of_a_fault(document: Any, path: str) -> None:
    assert list(faults_of(document)) == [path]


def test_load__tells_all_faults_at_once() -> None:
    document = {"sources": [SOURCE | {"kind": "fax"}], "journeys": [JOURNEY]}

    assert list(faults_of(document)) == ["sources[0].kind", "journeys[0].document.steps[0].for"]


def test_load__one_fault_keeps_everything_out() -> None:
    faults_of(SMALL, values={**VALUES, "DEMO_CRM_URL": "nonsense"})

    assert not Source.objects.exists()
    assert not Journey.objects.exists()
    assert not AuditEntry.objects.exists()


def test_load__a_journey_must_find_its_template() -> None:
    document = {"journeys": [SMALL["journeys"][0] | {"publish": True}]}

    assert list(faults_of(document)) == ["journeys[0].document.steps[0].template"]


def test_load__a_source_never_changes_its_kind() -> None:
    build.source(slug="shop", kind="crm")

    assert list(faults_of({"sources": [SOURCE]})) == ["sources[0].kind"]


def test_command__loads_files_with_values_of_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "content.json"
    file.write_text(json.dumps({"sources": [SOURCE | {"name": "${SHOP_NAME}"}]}))
    monkeypatch.setenv("SHOP_NAME", "Larch outdoor")
    said = StringIO()

    call_command("load", str(file), stdout=said)

    assert Source.objects.get().name == "Larch outdoor"
    assert said.getvalue() == "sources: 1 made\n"


@pytest.mark.parametrize("text", ["{", '{"sources": 1}'], ids=["no json", "a fault"])
def test_command__says_which_file_is_wrong(tmp_path: Path, text: str) -> None:
    file = tmp_path / "content.json"
    file.write_text(text)

    with pytest.raises(CommandError, match=r"content\.json"):
        call_command("load", str(file))
