"""Segments, their versions, and who was a member when; the revision of the live rules."""

from django.db import models
from django.db.models.functions import Now

from cdp_site.privacy import NOT_PERSONAL, Erase, PersonalData, not_personal


class SegmentQuerySet(models.QuerySet["Segment"]):
    def live(self) -> "SegmentQuerySet":
        return self.filter(state=Segment.State.LIVE)


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
    built_at = models.DateTimeField(null=True)  # null while the first build is under way
    created_at = models.DateTimeField(db_default=Now())
    updated_at = models.DateTimeField(db_default=Now())

    objects = SegmentQuerySet.as_manager()
    personal_data = not_personal("condition")

    def __str__(self) -> str:
        return self.name


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

    segment = models.ForeignKey(Segment, on_delete=models.CASCADE, related_name="memberships")
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
        ]

    def __str__(self) -> str:
        return f"{self.person_id} in {self.segment_id}"


class RulesRevision(models.Model):
    """One row, id 1: raised by every publication, so that workers know their rules are old."""

    revision = models.BigIntegerField(default=0)

    personal_data = NOT_PERSONAL

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="rules_revision_one_row")]

    def __str__(self) -> str:
        return str(self.revision)
