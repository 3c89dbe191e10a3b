import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("connectors", "0004_called_off_while_sending")]

    operations = [
        migrations.AddField(
            model_name="template",
            name="kind",
            field=models.CharField(
                choices=[("mail", "mail"), ("layout", "layout"), ("block", "block")],
                db_default="mail",
                default="mail",
                max_length=10,
            ),
        ),
        migrations.AddField(
            model_name="template", name="content", field=models.JSONField(db_default={}, default=dict)
        ),
        migrations.AddField(model_name="template", name="draft", field=models.JSONField(null=True)),
        migrations.AddField(
            model_name="template", name="revision", field=models.IntegerField(db_default=0, default=0)
        ),
        migrations.CreateModel(
            name="TemplateVersion",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("number", models.IntegerField()),
                ("content", models.JSONField()),
                ("published_at", models.DateTimeField()),
                ("published_by", models.CharField(max_length=150)),
                (
                    "template",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="versions",
                        to="connectors.template",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("template", "number"), name="template_version_number")
                ]
            },
        ),
    ]
