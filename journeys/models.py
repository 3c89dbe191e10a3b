"""Journeys, their versions, runs through them, and the ledger of decisions."""

from django.db import models
from django.db.models.functions import Now

from cdp_site.privacy import NOT_PERSONAL, Erase, PersonalData, not_personal


class JourneyQuerySet(models.QuerySet["Journey"]):
    def live(self) -> "JourneyQuerySet":
        """Journeys that people may enter now."""
        return self.filter(state=Journey.State.LIVE)


class Journey(models.Model):
    """An if-then programme: one draft that is edited, at most one live version that people enter."""

    class State(models.TextChoices):
        DRAFT = "draft", "Draft"  # never published
        LIVE = "live", "Live"
        PAUSED = "paused", "Paused"  # people keep their place; nothing moves
        STOPPED = "stopped", "Stopped"  # nobody enters; everybody inside was ended

    slug = models.SlugField(max_length=80, unique=True)
    name = models.CharField(max_length=120)
    state = models.CharField(max_length=10, choices=State.choices, default=State.DRAFT)
    draft = models.JSONField()  # the document being edited, "language": 1
    draft_revision = models.IntegerField(default=1)  # raised by each change; the two-editors check
    live_version = models.ForeignKey("JourneyVersion", null=True, on_delete=models.SET_NULL, related_name="+")
    # Of an entry by a timetable: when it comes next. Null where nobody enters by one.
    next_at = models.DateTimeField(null=True)
    # People up to this id were looked at for who is to be asked to enter; null where that is done.
    plan_cursor = models.BigIntegerField(null=True)
    is_planning_present = models.BooleanField(default=False)  # and those who are present are to be asked too
    # What is being done with everybody inside, where they are too many for doing it while it is published or
    # stopped: journeys.crowds.Crowd. Null once it is done.
    moving = models.JSONField(null=True)
    created_at = models.DateTimeField(db_default=Now())
    updated_at = models.DateTimeField(db_default=Now())

    objects = JourneyQuerySet.as_manager()
    personal_data = not_personal("draft", "moving")

    def __str__(self) -> str:
        return self.name


class JourneyVersion(models.Model):
    """One published document; never changes."""

    journey = models.ForeignKey(Journey, on_delete=models.CASCADE, related_name="versions")
    number = models.IntegerField()
    document = models.JSONField()
    published_at = models.DateTimeField()
    published_by = models.CharField(max_length=150)

    personal_data = not_personal("document")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["journey", "number"], name="journey_version_number")]

    def __str__(self) -> str:
        return f"{self.journey_id} v{self.number}"


class DraftState(models.Model):
    """One change of a draft that can be undone, or done again: it holds the document on its other side.

    Of a change that stands it holds the draft before it; of one that was undone, the draft after it. Undoing
    and doing again swap this document with the draft.
    """

    journey = models.ForeignKey(Journey, on_delete=models.CASCADE, related_name="draft_states")
    number = models.IntegerField()  # in the order of the changes
    revision = models.IntegerField()  # of the draft that the document was
    document = models.JSONField()
    part = models.CharField(max_length=60, blank=True)  # what was typed into; "" for changes of the structure
    saved_by = models.CharField(max_length=150)
    saved_at = models.DateTimeField()
    is_undone = models.BooleanField(default=False)

    personal_data = not_personal("document")

    class Meta:
        db_table = "journeys_draft_state"
        constraints = [models.UniqueConstraint(fields=["journey", "number"], name="draft_state_number")]

    def __str__(self) -> str:
        return f"{self.journey_id} change {self.number}"


class RunQuerySet(models.QuerySet["Run"]):
    def open(self) -> "RunQuerySet":
        return self.filter(ended_at=None)


class Run(models.Model):
    """One person's way through one version. The row is the queue: `due_at` says when to look again."""

    journey = models.ForeignKey(Journey, on_delete=models.CASCADE, related_name="runs", db_index=False)
    version = models.ForeignKey(JourneyVersion, on_delete=models.CASCADE, related_name="runs")
    person = models.ForeignKey(
        "profiles.Person", on_delete=models.CASCADE, db_constraint=False, db_index=False
    )
    origin_person_id = models.BigIntegerField()  # who entered, before any merge
    key = models.CharField(max_length=300, default="")  # JSON text of the entry key; "" without one
    entered_at = models.DateTimeField()  # received time of the entry message
    entry = models.JSONField(null=True)  # the entry message: see journeys.services.entry_document
    state = models.JSONField(default=dict)  # journeys.domain.engine.State, "language": 1
    due_at = models.DateTimeField(null=True)  # null: only a message can move it
    ended_at = models.DateTimeField(null=True)
    outcome = models.CharField(max_length=20, blank=True)  # one of journeys.domain.engine.RUN_OUTCOMES
    reason = models.CharField(max_length=200, blank=True)
    error = models.TextField(blank=True)  # why it is parked

    objects = RunQuerySet.as_manager()
    personal_data = PersonalData(
        erase=Erase.DELETE,
        person="person_id",
        export=True,
        retain="as the person",
        columns=("key", "entry", "error"),
        impersonal=("state",),
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["person", "journey", "key"], condition=models.Q(ended_at=None), name="run_one_open"
            )
        ]
        indexes = [
            # "Not null" keeps the planner from reading all of an index for open runs of which it thinks there
            # are few, as when a crowd has just come in: only who asks by the column itself may use it.
            # The sweep's claim.
            models.Index(
                fields=["due_at"], condition=models.Q(ended_at=None, due_at__isnull=False), name="run_due"
            ),
            models.Index(fields=["person", "journey", "-entered_at"], name="run_person"),  # re-entry, profile
            models.Index(fields=["journey", "-id"], name="run_journey"),  # the people in a journey
            # How many people are inside, and where.
            models.Index(
                fields=["journey"], condition=models.Q(ended_at=None, journey__isnull=False), name="run_open"
            ),
        ]

    def __str__(self) -> str:
        return f"run {self.id} of {self.journey_id}"


class EntryDue(models.Model):
    """Somebody is to be asked whether they enter a journey, though no message of theirs says so."""

    class Cause(models.TextChoices):
        DATE = "date", "Date"  # their date comes then
        SCHEDULE = "schedule", "Schedule"
        PRESENT = "present", "Present"  # they were what the journey waits for when it was published
        API = "api", "API"

    journey = models.ForeignKey(Journey, on_delete=models.CASCADE, related_name="entries_due")
    person = models.ForeignKey(
        "profiles.Person", on_delete=models.CASCADE, db_constraint=False, db_index=False
    )
    due_at = models.DateTimeField()
    cause = models.CharField(max_length=10, choices=Cause.choices)
    properties = models.JSONField(default=dict)  # what the entry message holds

    personal_data = PersonalData(
        erase=Erase.DELETE, person="person_id", export=False, retain="until asked", columns=("properties",)
    )

    class Meta:
        db_table = "journeys_entry_due"
        constraints = [
            models.UniqueConstraint(
                fields=["person", "journey"], condition=models.Q(cause="date"), name="entry_one_date"
            )
        ]
        indexes = [
            models.Index(fields=["due_at"], name="entry_due"),  # the sweep's claim
            models.Index(fields=["person", "due_at"], name="entry_due_person"),  # before a message is decided
        ]

    def __str__(self) -> str:
        return f"{self.person_id} into {self.journey_id} at {self.due_at}"


class ThrottleUse(models.Model):
    """How many messages of a journey have a place in one period of its throttle."""

    journey = models.ForeignKey(Journey, on_delete=models.CASCADE, related_name="+")
    channel = models.CharField(max_length=40)
    begins_at = models.DateTimeField()
    count = models.IntegerField()

    personal_data = NOT_PERSONAL

    class Meta:
        db_table = "journeys_throttle"
        constraints = [
            models.UniqueConstraint(fields=["journey", "channel", "begins_at"], name="throttle_period")
        ]

    def __str__(self) -> str:
        return f"{self.journey_id} {self.channel} from {self.begins_at}"


class Decision(models.Model):
    """The ledger: one decision with its reasons. Monthly range partitions on `at`; append-only."""

    pk = models.CompositePrimaryKey("person_id", "at", "id")
    id = models.BigIntegerField()  # from its own sequence: the order of deciding
    person_id = models.BigIntegerField()
    at = models.DateTimeField()  # the moment it speaks of: received time, or the timer's due time
    journey_id = models.BigIntegerField()
    version_id = models.BigIntegerField(null=True)
    run_id = models.BigIntegerField(null=True)  # null: not entered
    step = models.CharField(max_length=60, blank=True)  # "" for entry, goal and exit decisions
    outcome = models.CharField(max_length=30)  # see journeys.domain.engine.Outcome
    reason = models.CharField(max_length=200, blank=True)
    tree = models.JSONField(null=True)  # needed, seen, held: segments.domain.evaluate.Reason as JSON
    message_id = models.UUIDField(null=True)  # the message that asked; null for timers
    delivery_id = models.BigIntegerField(null=True)

    personal_data = PersonalData(
        erase=Erase.DELETE, person="person_id", export=True, retain="LEDGER_MONTHS", columns=("tree",)
    )

    class Meta:
        db_table = "journeys_decision"

    def __str__(self) -> str:
        return f"{self.outcome} at {self.step or 'entry'}"
