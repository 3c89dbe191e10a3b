"""The ledger: partitioned by month, so made by SQL that Django cannot write."""

from django.db import migrations, models

FORWARD = """
CREATE SEQUENCE journeys_decision_id_seq;
CREATE TABLE journeys_decision (
    id bigint NOT NULL DEFAULT nextval('journeys_decision_id_seq'),
    person_id bigint NOT NULL,
    at timestamptz NOT NULL,
    journey_id bigint NOT NULL,
    version_id bigint,
    run_id bigint,
    step varchar(60) NOT NULL DEFAULT '',
    outcome varchar(30) NOT NULL,
    reason varchar(200) NOT NULL DEFAULT '',
    tree jsonb,
    message_id uuid,
    delivery_id bigint
) PARTITION BY RANGE (at);
-- The profile's timeline and its "why"; the numbers on the steps of a journey.
CREATE INDEX decision_person ON journeys_decision (person_id, at DESC, id DESC);
CREATE INDEX decision_journey ON journeys_decision (journey_id, step, outcome, at);
CREATE TABLE journeys_decision_default PARTITION OF journeys_decision DEFAULT;
"""

BACKWARD = """
DROP TABLE journeys_decision;
DROP SEQUENCE journeys_decision_id_seq;
"""


class Migration(migrations.Migration):
    dependencies = [("journeys", "0001_initial")]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunSQL(FORWARD, BACKWARD)],
            state_operations=[
                migrations.CreateModel(
                    name="Decision",
                    fields=[
                        (
                            "pk",
                            models.CompositePrimaryKey(
                                "person_id",
                                "at",
                                "id",
                                blank=True,
                                editable=False,
                                primary_key=True,
                                serialize=False,
                            ),
                        ),
                        ("id", models.BigIntegerField()),
                        ("person_id", models.BigIntegerField()),
                        ("at", models.DateTimeField()),
                        ("journey_id", models.BigIntegerField()),
                        ("version_id", models.BigIntegerField(null=True)),
                        ("run_id", models.BigIntegerField(null=True)),
                        ("step", models.CharField(blank=True, max_length=60)),
                        ("outcome", models.CharField(max_length=30)),
                        ("reason", models.CharField(blank=True, max_length=200)),
                        ("tree", models.JSONField(null=True)),
                        ("message_id", models.UUIDField(null=True)),
                        ("delivery_id", models.BigIntegerField(null=True)),
                    ],
                    options={
                        "db_table": "journeys_decision",
                    },
                ),
            ],
        ),
    ]
