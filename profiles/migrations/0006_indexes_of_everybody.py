"""Who is there, and who ever did it, from indexes alone; made beside running writers."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("profiles", "0005_times_of_totals")]

    operations = [
        AddIndexConcurrently(
            model_name="person",
            index=models.Index(fields=["id"], condition=models.Q(("merged_into", None)), name="person_there"),
        ),
        AddIndexConcurrently(
            model_name="persontotal",
            index=models.Index(fields=["name", "person_id"], include=["first_at"], name="person_total_name"),
        ),
    ]
