"""The times of events beside their counts; null until they are noted."""

import django.contrib.postgres.fields
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("profiles", "0004_trait_origin")]

    operations = [
        migrations.AddField(
            model_name="persontotal",
            name="times",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.DateTimeField(), null=True, size=None
            ),
        ),
    ]
