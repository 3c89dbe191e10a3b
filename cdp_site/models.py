"""Tables of the site itself: who changed what, API tokens, company-wide settings, heartbeats."""

from django.conf import settings
from django.db import models

from cdp_site.privacy import NOT_PERSONAL, Erase, PersonalData, not_personal


class AuditEntry(models.Model):
    """One change somebody made, written by `audit.record` in the transaction of the change."""

    at = models.DateTimeField(db_index=True)
    actor = models.CharField(max_length=150)  # user name, or "system", "command", "api:<user>"
    verb = models.CharField(max_length=60)  # "journey.publish"
    object_kind = models.CharField(max_length=40)
    object_id = models.CharField(max_length=100)
    before = models.JSONField(null=True)
    after = models.JSONField(null=True)

    personal_data = PersonalData(
        erase=Erase.SCRUB,
        person=None,
        export=False,
        retain="AUDIT_DAYS",
        columns=("before", "after"),
    )

    class Meta:
        # The settings page pages through the log of one object.
        indexes = [models.Index(fields=["object_kind", "object_id", "at"], name="audit_object")]

    def __str__(self) -> str:
        return f"{self.verb} {self.object_kind}:{self.object_id}"


class ApiToken(models.Model):
    """A bearer token of the management API; only its hash is kept."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="api_tokens")
    prefix = models.CharField(max_length=12)  # shown on the settings page
    key_hash = models.CharField(max_length=64, unique=True)  # sha256 of the token
    created_at = models.DateTimeField()
    last_used_at = models.DateTimeField(null=True)

    personal_data = NOT_PERSONAL

    def __str__(self) -> str:
        return f"{self.prefix}…"


class Company(models.Model):
    """Company-wide settings: one row, id 1."""

    time_zone = models.CharField(max_length=64, default="UTC")
    settings = models.JSONField(default=dict)  # {"language": 1, "quiet_hours": {...}, "caps": [...]}

    personal_data = not_personal("settings")

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="company_one_row")]

    def __str__(self) -> str:
        return self.time_zone


class Heartbeat(models.Model):
    """The last sign of life of a cluster, read by the watchdog and the operations page."""

    cluster = models.CharField(max_length=20, primary_key=True)  # live, send, bulk
    at = models.DateTimeField()
    worker_pid = models.IntegerField()
    restarts = models.IntegerField(default=0)  # by the watchdog, since the first start
    restarted_at = models.DateTimeField(null=True)

    personal_data = NOT_PERSONAL

    def __str__(self) -> str:
        return f"{self.cluster} at {self.at:%H:%M:%S}"
