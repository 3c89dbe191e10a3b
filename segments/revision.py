"""The revision of the live rules: publications take turns with decisions.

Each drain or sweep holds the rules' lock shared while it decides; whoever changes what is live holds it
alone until commit, so no transaction decides by rules of two revisions.
"""

from django.db import connection
from django.db.models import F

from segments.models import RulesRevision

RULES_LOCK = (7302, 1)  # advisory lock: class and object


def change_rules() -> int:
    """Wait until nobody decides, hold everybody off until commit, and return the new revision.

    Call it inside a transaction, before any row of a person is locked: a drain locks in that order.
    """
    hold_rules()
    row, _is_new = RulesRevision.objects.get_or_create(id=1)
    RulesRevision.objects.filter(id=1).update(revision=F("revision") + 1)
    row.refresh_from_db()
    return row.revision


def hold_rules() -> None:
    """Wait until nobody decides, and hold everybody off until commit."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", RULES_LOCK)


def share_rules() -> None:
    """Hold the rules as they are until commit, together with others who decide by them."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock_shared(%s, %s)", RULES_LOCK)
