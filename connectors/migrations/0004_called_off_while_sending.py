from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("connectors", "0003_index_what_was_sent")]

    operations = [
        migrations.AddField(
            model_name="delivery",
            name="called_off",
            field=models.CharField(blank=True, db_default="", default="", max_length=200),
        )
    ]
