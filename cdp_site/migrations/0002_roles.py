"""Make the groups that stand for the three roles."""

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

ROLES = ("marketer", "service", "admin")


def make_roles(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    group = apps.get_model("auth", "Group")
    for name in ROLES:
        group.objects.get_or_create(name=name)


class Migration(migrations.Migration):
    dependencies = [("cdp_site", "0001_initial"), ("auth", "0012_alter_user_first_name_max_length")]

    # Taking it back leaves the groups: people may stand in them.
    operations = [migrations.RunPython(make_roles, migrations.RunPython.noop)]
