from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("connectors", "0006_take_templates_over_as_versions")]

    # What went is empty for a moment when this is undone, hence the defaults.
    operations = [
        migrations.AlterField(
            model_name="template", name="subject", field=models.CharField(db_default="", max_length=300)
        ),
        migrations.AlterField(model_name="template", name="body", field=models.TextField(db_default="")),
        migrations.RemoveField(model_name="template", name="subject"),
        migrations.RemoveField(model_name="template", name="body"),
        migrations.AlterField(model_name="template", name="version", field=models.IntegerField(default=0)),
        migrations.AlterField(
            model_name="template",
            name="kind",
            field=models.CharField(
                choices=[("mail", "mail"), ("layout", "layout"), ("block", "block")],
                default="mail",
                max_length=10,
            ),
        ),
        migrations.AlterField(model_name="template", name="content", field=models.JSONField(default=dict)),
        migrations.AlterField(model_name="template", name="revision", field=models.IntegerField(default=0)),
    ]
