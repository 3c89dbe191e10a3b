"""Events and the window of message ids: partitioned, so made by SQL that Django cannot write."""

import django.db.models.deletion
from django.db import migrations, models

import profiles.fields

FORWARD = """
CREATE TABLE profiles_event (
    person_id bigint NOT NULL,
    ts timestamptz NOT NULL,
    name_id integer NOT NULL,
    identity_id bigint NOT NULL,
    message_id uuid NOT NULL,
    received_at timestamptz NOT NULL,
    arrival bigint NOT NULL,
    source_id integer NOT NULL,
    revenue numeric,
    path text,
    properties jsonb NOT NULL,
    context jsonb NOT NULL
) PARTITION BY RANGE (ts);
CREATE INDEX event_person ON profiles_event (person_id, ts DESC) INCLUDE (name_id, revenue);
CREATE INDEX event_name ON profiles_event (name_id, ts) INCLUDE (person_id, revenue);
CREATE TABLE profiles_event_default PARTITION OF profiles_event DEFAULT;

CREATE TABLE profiles_event_dedup (
    message_id uuid NOT NULL,
    received_on date NOT NULL,
    PRIMARY KEY (message_id, received_on)
) PARTITION BY RANGE (received_on);
CREATE TABLE profiles_event_dedup_default PARTITION OF profiles_event_dedup DEFAULT;

-- Bodies are short-lived JSON. Packed with lz4 they cost a fifth less to store than as they are; a server
-- built without it would use pglz, which costs half as much again: there they stay unpacked.
DO $$ BEGIN
    ALTER TABLE profiles_inbox ALTER COLUMN body SET COMPRESSION lz4;
EXCEPTION WHEN feature_not_supported THEN
    ALTER TABLE profiles_inbox ALTER COLUMN body SET STORAGE EXTERNAL;
END $$;
-- The inbox is emptied as fast as it fills: vacuum it by count, not by share of its size.
ALTER TABLE profiles_inbox SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);
ALTER TABLE profiles_person SET (fillfactor = 85);
ALTER TABLE profiles_persontotal SET (fillfactor = 85);
"""

BACKWARD = """
DROP TABLE profiles_event;
DROP TABLE profiles_event_dedup;
"""


class Migration(migrations.Migration):
    dependencies = [("profiles", "0001_initial")]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunSQL(FORWARD, BACKWARD)],
            state_operations=[
                migrations.CreateModel(
                    name="EventDedup",
                    fields=[
                        (
                            "pk",
                            models.CompositePrimaryKey(
                                "message_id",
                                "received_on",
                                blank=True,
                                editable=False,
                                primary_key=True,
                                serialize=False,
                            ),
                        ),
                        ("message_id", models.UUIDField()),
                        ("received_on", models.DateField()),
                    ],
                    options={
                        "db_table": "profiles_event_dedup",
                    },
                ),
                migrations.CreateModel(
                    name="Event",
                    fields=[
                        (
                            "pk",
                            models.CompositePrimaryKey(
                                "person_id",
                                "ts",
                                "message_id",
                                blank=True,
                                editable=False,
                                primary_key=True,
                                serialize=False,
                            ),
                        ),
                        ("person_id", models.BigIntegerField()),
                        ("ts", models.DateTimeField()),
                        ("identity_id", models.BigIntegerField()),
                        ("message_id", models.UUIDField()),
                        ("received_at", models.DateTimeField()),
                        ("arrival", models.BigIntegerField()),
                        ("source_id", models.IntegerField()),
                        ("revenue", profiles.fields.NumericField(null=True)),
                        ("path", models.TextField(null=True)),
                        ("properties", models.JSONField(default=dict)),
                        ("context", models.JSONField(default=dict)),
                        (
                            "name",
                            models.ForeignKey(
                                db_constraint=False,
                                db_index=False,
                                on_delete=django.db.models.deletion.DO_NOTHING,
                                to="profiles.eventname",
                            ),
                        ),
                    ],
                    options={
                        "db_table": "profiles_event",
                    },
                ),
            ],
        ),
    ]
