from django.db import migrations

# Subject and body become the content in force, and its version. Run again it changes nothing more.
FILL = """
UPDATE connectors_template SET content = jsonb_build_object('subject', subject, 'body', body)
 WHERE content = '{}'::jsonb;
INSERT INTO connectors_templateversion (template_id, number, content, published_at, published_by)
SELECT id, version, content, updated_at, 'system' FROM connectors_template
    ON CONFLICT DO NOTHING;
"""
EMPTY = """
UPDATE connectors_template
   SET subject = left(coalesce(content ->> 'subject', ''), 300), body = coalesce(content ->> 'body', '');
"""


class Migration(migrations.Migration):
    dependencies = [("connectors", "0005_versions_of_templates")]

    operations = [migrations.RunSQL(FILL, EMPTY)]
