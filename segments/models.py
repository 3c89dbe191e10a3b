"""Segments, their versions, and who was a member when; the revision of the live rules."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now

from cdp_site.privacy import NOT_PERSONAL, Erase, PersonalData, not_personal


class SegmentQuerySet(models.QuerySet["Segment"]):
    def live(self) -> "SegmentQuerySet":
        return self.filter(state=Segment.State.LIVE)

    def begin_anew(self) -> int:
        """Have the background ask everybody, from the beginning."""
        return self.update(
            built_at=None, build_total=None, build_done=0, build_started_at=None, build_cursor=0
        )


class Segment(models.Model):
    """A named condition whose members are kept up to date."""

    class State(models.TextChoices):
        DRAFT = "draft", "Draft"
        LIVE = "live", "Live"
        PAUSED = "paused", "Paused"
        ARCHIVED = "archived", "Archived"

    slug = models.SlugField(max_length=80, unique=True)
    name = models.CharField(max_length=120)
    state = models.CharField(max_length=10, choices=State.choices, default=State.DRAFT)
    version = models.IntegerField(default=1)  # number of the SegmentVersion in force
    condition = models.JSONField()  # {"language": 1, "if": <condition>}
    member_count = models.BigIntegerField(default=0)  # as of the last build or refresh
    built_at = models.DateTimeField(null=True)  # null while a build waits or is under way
    # How far a build is: people to look at again, and how many of them were. Null between builds.
    build_total = models.BigIntegerField(null=True)
    build_done = models.BigIntegerField(default=0)
    build_started_at = models.DateTimeField(null=True)
    build_cursor = models.BigIntegerField(
        default=0
    )  # people up to this id were asked; a cut build goes on there
    error = models.CharField(
        max_length=2000, blank=True
    )  # why somebody could not be asked, "" again once built
    created_at = models.DateTimeField(db_default=Now())
    updated_at = models.DateTimeField(db_default=Now())

    objects = SegmentQuerySet.as_manager()
    personal_data = not_personal("condition")

    def __str__(self) -> str:
        return self.name

    @property
    def is_list(self) -> bool:
        """Whether there is no rule: nobody is in it but those added by hand."""
        return bool(self.condition["if"] == {"any": []})


class SegmentVersion(models.Model):
    """One published condition of a segment; never changes."""

    segment = models.ForeignKey(Segment, on_delete=models.CASCADE, related_name="versions")
    number = models.IntegerField()
    condition = models.JSONField()
    published_at = models.DateTimeField()
    published_by = models.CharField(max_length=150)

    personal_data = not_personal("condition")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["segment", "number"], name="segment_version_number")]

    def __str__(self) -> str:
        return f"{self.segment_id} v{self.number}"


class MembershipQuerySet(models.QuerySet["Membership"]):
    def present(self) -> "MembershipQuerySet":
        return self.filter(left_at=None)


class Membership(models.Model):
    """A stay in a segment: entered, perhaps left, and why. A return is a new row."""

    segment = models.ForeignKey(Segment, on_delete=models.CASCADE, related_name="memberships", db_index=False)
    person = models.ForeignKey(
        "profiles.Person", on_delete=models.CASCADE, db_constraint=False, db_index=False
    )
    origin_person_id = models.BigIntegerField(null=True)  # who entered, if merged since; un-merge reads it
    entered_at = models.DateTimeField()
    left_at = models.DateTimeField(null=True)
    # {"entered": <reasons>, "left": <reasons>, "absorbed": [<stays that were open at a merge too>]}
    why = models.JSONField(default=dict)

    objects = MembershipQuerySet.as_manager()
    personal_data = PersonalData(
        erase=Erase.DELETE, person="person_id", export=True, retain="as the person", columns=("why",)
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["person", "segment"], condition=models.Q(left_at=None), name="membership_one_stay"
            )
        ]
        indexes = [
            models.Index(fields=["person"], name="membership_person"),  # the profile; the drain's facts
            models.Index(
                fields=["segment", "-entered_at", "-id"],
                condition=models.Q(left_at=None),
                name="membership_newest",  # the members list
            ),
            models.Index(
                fields=["segment", "left_at"],
                condition=models.Q(left_at__isnull=False),
                name="membership_left",  # growth over time
            ),
        ]

    def __str__(self) -> str:
        return f"{self.person_id} in {self.segment_id}"


class SegmentDue(models.Model):
    """When a person's answer to a segment's condition may next change though nothing happens to them.

    Of members and of others; nobody whose answer the clock alone cannot change has a row. The row is the
    queue: the sweep asks again at exactly `due_at` and writes the next moment, or drops the row.
    """

    pk = models.CompositePrimaryKey("person_id", "segment_id")
    segment = models.ForeignKey(
        Segment, on_delete=models.CASCADE, related_name="dues", db_constraint=False, db_index=False
    )
    person = models.ForeignKey(
        "profiles.Person", on_delete=models.CASCADE, db_constraint=False, db_index=False
    )
    due_at = models.DateTimeField()

    personal_data = PersonalData(erase=Erase.DELETE, person="person_id", export=False, retain="as the person")

    class Meta:
        db_table = "segments_due"
        indexes = [
            models.Index(fields=["due_at"], name="segment_due_at"),  # the sweep's claim and its waking
            models.Index(fields=["segment"], name="segment_due_segment"),  # clearing a segment put away
        ]

    def __str__(self) -> str:
        return f"{self.person_id} for {self.segment_id} at {self.due_at}"


class ManualMemberQuerySet(models.QuerySet["ManualMember"]):
    def in_force(self) -> "ManualMemberQuerySet":
        return self.filter(ended_at=None)


class ManualMember(models.Model):
    """Somebody added to a segment, or kept out of it, by hand, whatever its rule says. History is kept."""

    segment = models.ForeignKey(Segment, on_delete=models.CASCADE, related_name="manual_members")
    person = models.ForeignKey(
        "profiles.Person", on_delete=models.CASCADE, db_constraint=False, db_index=False
    )
    origin_person_id = models.BigIntegerField(null=True)  # whom it was said of, if merged since
    is_added = models.BooleanField()  # False: removed, though the rule may hold
    at = models.DateTimeField()
    by = models.CharField(max_length=150)
    ended_at = models.DateTimeField(null=True)  # null while in force

    objects = ManualMemberQuerySet.as_manager()
    personal_data = PersonalData(erase=Erase.DELETE, person="person_id", export=True, retain="as the person")

    class Meta:
        db_table = "segments_manual"
        constraints = [
            models.UniqueConstraint(
                fields=["person", "segment"], condition=models.Q(ended_at=None), name="manual_one_in_force"
            )
        ]
        indexes = [
            models.Index(fields=["person", "segment", "at"], name="manual_person"),  # the drain's facts
            models.Index(fields=["segment", "-id"], name="manual_segment"),  # builds; who was added by whom
        ]

    def __str__(self) -> str:
        return f"{self.person_id} {'in' if self.is_added else 'out of'} {self.segment_id}"


class SegmentAudit(models.Model):
    """One comparison of a segment's members with what a full scan says they should be."""

    segment = models.ForeignKey(Segment, on_delete=models.CASCADE, related_name="audits")
    asked_at = models.DateTimeField()
    asked_by = models.CharField(max_length=150)
    is_mending = models.BooleanField(default=False)  # whether those found wrong are put right
    finished_at = models.DateTimeField(null=True)
    missing = models.BigIntegerField(default=0)  # who should be in and were not
    surplus = models.BigIntegerField(default=0)  # who were in and should not be
    sample = ArrayField(models.BigIntegerField(), default=list)  # some of either, at most 20 ids
    mended = models.BigIntegerField(default=0)

    # The sample names people by internal ids only, for a few days; whoever is erased is found there no more.
    personal_data = PersonalData(erase=Erase.EXPIRE, person=None, export=False, retain="the last ten audits")

    class Meta:
        indexes = [models.Index(fields=["segment", "-id"], name="segment_audit_newest")]

    def __str__(self) -> str:
        return f"audit {self.pk} of {self.segment_id}"


class SegmentDraft(models.Model):
    """The rows of a rule that somebody saved before it was complete. Gone once the rule is sound."""

    segment = models.OneToOneField(Segment, primary_key=True, on_delete=models.CASCADE, related_name="draft")
    rows = models.JSONField()  # segments.forms.rows.to_state
    based_on = models.CharField(max_length=64)  # fingerprint of the condition it was begun from

    personal_data = not_personal("rows")

    def __str__(self) -> str:
        return f"unfinished rule of {self.segment_id}"


class ComputedTraitQuerySet(models.QuerySet["ComputedTrait"]):
    def live(self) -> "ComputedTraitQuerySet":
        return self.filter(state=ComputedTrait.State.LIVE)


class ComputedTrait(models.Model):
    """A trait that is made of what people did, and kept up to date."""

    class State(models.TextChoices):
        LIVE = "live", "Live"
        PAUSED = "paused", "Paused"  # values stay as they are

    key = models.CharField(max_length=200, unique=True)  # of the trait
    name = models.CharField(max_length=120)
    state = models.CharField(max_length=10, choices=State.choices, default=State.LIVE)
    definition = models.JSONField()  # segments.domain.computed, "language": 1
    fifths = models.JSONField(default=dict)  # of all customers, for rfm: segments.domain.computed.fifths_json
    built_at = models.DateTimeField(null=True)  # null while everybody has still to be asked
    build_total = models.BigIntegerField(null=True)  # as of segments
    build_done = models.BigIntegerField(default=0)
    build_cursor = models.BigIntegerField(default=0)
    created_at = models.DateTimeField(db_default=Now())
    updated_at = models.DateTimeField(db_default=Now())

    objects = ComputedTraitQuerySet.as_manager()
    personal_data = not_personal("definition", "fifths")

    def __str__(self) -> str:
        return self.name


class ComputedDue(models.Model):
    """When a person's computed trait may next change though nothing happens to them; as `SegmentDue`."""

    pk = models.CompositePrimaryKey("person_id", "computed_id")
    computed = models.ForeignKey(
        ComputedTrait, on_delete=models.CASCADE, related_name="dues", db_constraint=False, db_index=False
    )
    person = models.ForeignKey(
        "profiles.Person", on_delete=models.CASCADE, db_constraint=False, db_index=False
    )
    due_at = models.DateTimeField()

    personal_data = PersonalData(erase=Erase.DELETE, person="person_id", export=False, retain="as the person")

    class Meta:
        db_table = "segments_computed_due"
        indexes = [
            models.Index(fields=["due_at"], name="computed_due_at"),  # the sweep's claim and its waking
            models.Index(fields=["computed"], name="computed_due_computed"),
        ]

    def __str__(self) -> str:
        return f"{self.person_id} for {self.computed_id} at {self.due_at}"


class RulesRevision(models.Model):
    """One row, id 1: raised by every publication, so that workers know their rules are old."""

    revision = models.BigIntegerField(default=0)

    personal_data = NOT_PERSONAL

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="rules_revision_one_row")]

    def __str__(self) -> str:
        return str(self.revision)
