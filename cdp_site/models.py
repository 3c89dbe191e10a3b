"""Tables of the site itself: who changed what, API tokens, company-wide settings, heartbeats, back-tests."""

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
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


_UNFINISHED = ("waiting", "running")


class BackTestQuerySet(models.QuerySet["BackTest"]):
    def unfinished(self) -> "BackTestQuerySet":
        """Those that wait for the background or are under way."""
        return self.filter(state__in=_UNFINISHED)

    def finished(self) -> "BackTestQuerySet":
        return self.exclude(state__in=_UNFINISHED)


class BackTest(models.Model):
    """One replay of stored events through a version of a journey, and what it came to."""

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting"
        RUNNING = "running", "Running"
        DONE = "done", "Done"
        CANCELLED = "cancelled", "Cancelled"
        FAILED = "failed", "Failed"

    journey_id = models.BigIntegerField()  # a plain id: this app knows no journeys
    version_number = models.IntegerField(null=True)  # null: the draft
    document = models.JSONField()  # the journey's, as it was when this was asked for
    begins_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    people = ArrayField(models.BigIntegerField(), null=True)  # only these; null: everybody
    asked_by = models.CharField(max_length=150)
    asked_at = models.DateTimeField()
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    cursor = models.BigIntegerField(default=0)  # people up to this id were played; a cut one goes on there
    total = models.BigIntegerField(null=True)  # people to play
    done = models.BigIntegerField(default=0)
    message_count = models.BigIntegerField(default=0)  # played
    seconds = models.FloatField(default=0)  # worked on it
    tally = models.JSONField(default=dict)  # journeys.domain.tally
    error = models.TextField(blank=True)  # why it failed
    finished_at = models.DateTimeField(null=True)

    objects = BackTestQuerySet.as_manager()
    # People by internal ids only; whoever is erased is found there no more.
    personal_data = PersonalData(
        erase=Erase.EXPIRE,
        person=None,
        export=False,
        retain="the last ten of a journey",
        columns=("error",),
        impersonal=("document", "tally"),
    )

    class Meta:
        indexes = [models.Index(fields=["journey_id", "-id"], name="backtest_newest")]

    def __str__(self) -> str:
        return f"back-test {self.pk} of {self.journey_id}"


class BackTestDecision(models.Model):
    """One line of a back-test's ledger."""

    backtest = models.ForeignKey(BackTest, on_delete=models.CASCADE, related_name="decisions")
    person_id = models.BigIntegerField(db_index=True)  # erasing finds them
    run = models.BigIntegerField(null=True)  # counts the runs of the back-test; null: not entered
    at = models.DateTimeField()
    step = models.CharField(max_length=60, blank=True)
    outcome = models.CharField(max_length=30)
    reason = models.CharField(max_length=200, blank=True)
    tree = models.JSONField(null=True)  # needed, seen, held

    personal_data = PersonalData(
        erase=Erase.DELETE, person="person_id", export=False, retain="as its back-test", columns=("tree",)
    )

    def __str__(self) -> str:
        return f"{self.outcome} at {self.step or 'entry'}"
