"""What migrations do to data that is there."""

from typing import Any

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from connectors.models import Template, TemplateVersion

pytestmark = pytest.mark.django_db


def migrated_to(name: str) -> Any:
    """Migrate this app and return its models as they were then."""
    executor = MigrationExecutor(connection)
    executor.migrate([("connectors", name)])
    return MigrationExecutor(connection).loader.project_state([("connectors", name)]).apps


def newest() -> str:
    leaves = MigrationExecutor(connection).loader.graph.leaf_nodes("connectors")
    return str(leaves[0][1])


def test_templates_become_versions() -> None:
    last = newest()
    old = migrated_to("0004_called_off_while_sending").get_model("connectors", "Template")
    old.objects.create(slug="hi", name="Hi", subject="Hello", body="<p>you</p>", version=3)
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")

    migrated_to(last)

    template = Template.objects.get()
    content = {"subject": "Hello", "body": "<p>you</p>"}
    assert (template.content, template.version, template.draft) == (content, 3, None)
    version = TemplateVersion.objects.get()
    assert (version.number, version.content, version.template_id) == (3, content, template.pk)
    back = migrated_to("0004_called_off_while_sending").get_model("connectors", "Template")
    assert back.objects.values_list("subject", "body", "version").get() == ("Hello", "<p>you</p>", 3)
    migrated_to(last)
