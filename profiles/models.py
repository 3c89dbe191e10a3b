"""People, their identities, events, traits, consent and histories; the inbox in front of them.

Event, EventDedup and their partitions are made by hand-written SQL in the first migration; Django's
state knows them as managed models so that flush and makemigrations work.
"""

import uuid

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVectorField
from django.db import models
from django.db.models.functions import Now

from cdp_site.privacy import NOT_PERSONAL, Erase, PersonalData, not_personal
from profiles.fields import NumericField


class PersonQuerySet(models.QuerySet["Person"]):
    def current(self) -> "PersonQuerySet":
        """Leave out those merged into somebody else."""
        return self.filter(merged_into=None)


class Person(models.Model):
    """One customer or anonymous visitor."""

    uuid = models.UUIDField(default=uuid.uuid4, unique=True)  # the public id
    traits = models.JSONField(default=dict)  # key -> value; replaced whole, per key
    trait_times = models.JSONField(
        default=dict
    )  # key -> microseconds of the newest change, removals included
    consent = models.JSONField(default=dict)  # category -> true (granted) | false (denied)
    consent_times = models.JSONField(default=dict)  # category -> microseconds of the newest change
    first_seen_at = models.DateTimeField()
    last_seen_at = models.DateTimeField()
    time_zone = models.CharField(max_length=64, blank=True)  # "" until one is known that both clocks accept
    locale = models.CharField(max_length=35, blank=True)
    search = SearchVectorField(null=True)  # name, email, phone, customer number
    merged_into = models.ForeignKey("self", null=True, on_delete=models.CASCADE, related_name="merged_people")

    objects = PersonQuerySet.as_manager()
    personal_data = PersonalData(
        erase=Erase.DELETE,
        person="id",
        export=True,
        retain="until erased",
        columns=("traits", "consent"),
        impersonal=("trait_times", "consent_times"),
    )

    class Meta:
        indexes = [
            GinIndex(fields=["search"], name="person_search", fastupdate=True),  # the search box
            # Everybody there is, without their traits.
            models.Index(fields=["id"], condition=models.Q(merged_into=None), name="person_there"),
        ]

    def __str__(self) -> str:
        return str(self.uuid)


class Identity(models.Model):
    """One identifier of a person: (kind, value) belongs to at most one person at a time."""

    kind = models.CharField(max_length=40)  # user_id, email, phone, anonymous_id, or an external system
    value = models.CharField(max_length=512)  # normalised
    # Null only inside the transaction that inserts it: the row is the lock on a new identity.
    person = models.ForeignKey(Person, null=True, on_delete=models.CASCADE, related_name="identities")
    source_id = models.IntegerField(null=True)  # connectors.Source that first named it
    first_seen_at = models.DateTimeField(db_default=Now())
    is_verified = models.BooleanField(default=False)

    personal_data = PersonalData(
        erase=Erase.DELETE, person="person_id", export=True, retain="as the person", columns=("value",)
    )

    class Meta:
        constraints = [models.UniqueConstraint(fields=["kind", "value"], name="identity_kind_value")]

    def __str__(self) -> str:
        return f"{self.kind}:{self.value}"


class IdentityLink(models.Model):
    """History: from `at` on, this identity belonged to this person."""

    identity_id = models.BigIntegerField()
    person_id = models.BigIntegerField()
    at = models.DateTimeField()  # received time of the message that linked it
    arrival = models.BigIntegerField()
    reason = models.CharField(max_length=20)  # seen, linked, login, merged, unmerged, moved
    source_id = models.IntegerField(null=True)

    personal_data = PersonalData(erase=Erase.DELETE, person="person_id", export=True, retain="as the person")

    class Meta:
        indexes = [
            models.Index(fields=["person_id"], name="identity_link_person"),  # erase, export, un-merge
            models.Index(fields=["identity_id", "at"], name="identity_link_identity"),  # whose was it then?
        ]

    def __str__(self) -> str:
        return f"{self.identity_id} -> {self.person_id}"


class EventName(models.Model):
    """Dictionary of event names, so that events carry four bytes."""

    id = models.AutoField(primary_key=True)
    name = models.CharField(max_length=200, unique=True)
    source_id = models.IntegerField(null=True)  # that used it first; its number of names is capped
    first_seen_at = models.DateTimeField(db_default=Now())
    message_count = models.BigIntegerField(db_default=0)  # about: a worker that is killed forgets seconds
    last_seen_at = models.DateTimeField(null=True)

    personal_data = NOT_PERSONAL

    def __str__(self) -> str:
        return self.name


class KnownProperty(models.Model):
    """What was seen at one place of an event's properties or, without an event, of people's traits.

    Learned from samples and read by forms alone; see `profiles.domain.catalogue` for what is kept.
    """

    event_name = models.ForeignKey(
        EventName, null=True, on_delete=models.CASCADE, db_constraint=False, db_index=False
    )
    path = models.CharField(max_length=120)  # items[].sku: the part of each object in a list
    seen = models.BigIntegerField(default=0)  # samples that had it
    types = models.JSONField(default=dict)  # type -> samples
    # JSON text -> samples. Only choices that several people made: see is_shareable of the domain.
    values = models.JSONField(default=dict)
    is_scattered = models.BooleanField(default=False)  # too many different values: none is kept
    last_seen_at = models.DateTimeField()

    personal_data = not_personal("types", "values")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["event_name", "path"], name="known_property_place", nulls_distinct=False
            )
        ]

    def __str__(self) -> str:
        return f"{self.event_name_id or 'traits'}: {self.path}"


class Event(models.Model):
    """One thing somebody did. Monthly range partitions on `ts`; append-only.

    There is no unique index: `EventDedup` keeps repeated messages out before they come here.
    """

    pk = models.CompositePrimaryKey("person_id", "ts", "message_id")
    person_id = models.BigIntegerField()  # as resolved at ingest; PersonOverride maps merged ids
    ts = models.DateTimeField()  # when it happened, corrected for the client's clock
    name = models.ForeignKey(EventName, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False)
    identity_id = models.BigIntegerField()  # the identity it came by; never changes
    message_id = models.UUIDField()  # md5 of source and the client's message id
    received_at = models.DateTimeField()
    arrival = models.BigIntegerField()  # total order of arrival: inbox row * 2^20 + place in it
    source_id = models.IntegerField()
    revenue = NumericField(null=True)
    path = models.TextField(null=True)  # noqa: DJ001 - of web events; null: none, a third of all rows
    properties = models.JSONField(default=dict)
    context = models.JSONField(default=dict)

    personal_data = PersonalData(
        erase=Erase.DELETE,
        person="person_id",
        export=True,
        retain="EVENT_MONTHS",
        columns=("path", "properties", "context"),
    )

    class Meta:
        db_table = "profiles_event"

    def __str__(self) -> str:
        return f"{self.name_id} by {self.person_id} at {self.ts:%Y-%m-%d %H:%M:%S}"


class EventDedup(models.Model):
    """Message ids seen lately. Weekly partitions on `received_on`; old ones are dropped."""

    pk = models.CompositePrimaryKey("message_id", "received_on")
    message_id = models.UUIDField()
    received_on = models.DateField()

    personal_data = PersonalData(erase=Erase.EXPIRE, person=None, export=False, retain="two weeks")

    class Meta:
        db_table = "profiles_event_dedup"

    def __str__(self) -> str:
        return str(self.message_id)


class PersonTotal(models.Model):
    """Lifetime count, first, last and revenue of one event name for one person."""

    pk = models.CompositePrimaryKey("person_id", "name_id")
    person_id = models.BigIntegerField()
    name = models.ForeignKey(EventName, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False)
    count = models.BigIntegerField()
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()
    revenue = NumericField(null=True)
    # When each was, in order; see `profiles.times`. Whatever changes the count sets it to null.
    times = ArrayField(models.DateTimeField(), null=True)

    personal_data = PersonalData(erase=Erase.DELETE, person="person_id", export=True, retain="as the person")

    class Meta:
        # "Who ever did it?" and "who never did?", without the times.
        indexes = [models.Index(fields=["name", "person_id"], include=["first_at"], name="person_total_name")]

    def __str__(self) -> str:
        return f"{self.person_id} {self.name_id}: {self.count}"


class TraitChange(models.Model):
    """History of one trait: from `at` on it had this value (null: removed). Written only on change."""

    person_id = models.BigIntegerField()
    key = models.CharField(max_length=200)
    at = models.DateTimeField()  # event time of the message that brought it
    arrival = models.BigIntegerField()
    value = models.JSONField(null=True)
    source_id = models.IntegerField(null=True)
    identity_id = models.BigIntegerField(null=True)
    origin = models.CharField(max_length=20, db_default="message")  # message, journey, computed

    personal_data = PersonalData(
        erase=Erase.DELETE, person="person_id", export=True, retain="as the person", columns=("value",)
    )

    class Meta:
        # "What was it at that moment?" and "since when?".
        indexes = [models.Index(fields=["person_id", "key", "-at"], name="trait_change_as_of")]

    def __str__(self) -> str:
        return f"{self.person_id} {self.key}"


class ConsentChange(models.Model):
    """History of consent: from `at` on, this category was granted or denied."""

    person_id = models.BigIntegerField()
    category = models.CharField(max_length=100)
    at = models.DateTimeField()
    arrival = models.BigIntegerField()
    is_granted = models.BooleanField()
    source_id = models.IntegerField(null=True)
    identity_id = models.BigIntegerField(null=True)
    origin = models.CharField(max_length=40)  # message, preference page, one-click, api, merge

    personal_data = PersonalData(erase=Erase.DELETE, person="person_id", export=True, retain="as the person")

    class Meta:
        indexes = [models.Index(fields=["person_id", "category", "-at"], name="consent_change_as_of")]

    def __str__(self) -> str:
        return f"{self.person_id} {self.category}: {self.is_granted}"


class PersonOverride(models.Model):
    """Cache: events still stored under `old_person_id` belong to `new_person_id`. Flat, rebuildable."""

    old_person_id = models.BigIntegerField(primary_key=True)
    new_person_id = models.BigIntegerField(db_index=True)  # flattening when the survivor is merged again
    created_at = models.DateTimeField(db_default=Now())

    personal_data = PersonalData(
        erase=Erase.DELETE, person="new_person_id", export=False, retain="until the events are squashed"
    )

    def __str__(self) -> str:
        return f"{self.old_person_id} -> {self.new_person_id}"


class PersonMerge(models.Model):
    """Truth about merges: append-only, with the evidence. Un-merge reads it."""

    old_person_id = models.BigIntegerField(db_index=True)
    new_person_id = models.BigIntegerField(db_index=True)
    at = models.DateTimeField()
    arrival = models.BigIntegerField()
    reason = models.CharField(max_length=20)  # registered, alias, email, by_hand
    evidence = models.JSONField(default=dict)  # the identities that met
    actor = models.CharField(max_length=150)  # "source:<slug>" or a user name
    undone_at = models.DateTimeField(null=True)

    personal_data = PersonalData(
        erase=Erase.DELETE, person="new_person_id", export=True, retain="as the person", columns=("evidence",)
    )

    def __str__(self) -> str:
        return f"{self.old_person_id} -> {self.new_person_id}"


class Inbox(models.Model):
    """Accepted messages that wait for the drain: one row per request and lane."""

    lane = models.SmallIntegerField()  # 0-7 live, 8-15 historical
    source_id = models.IntegerField()
    received_at = models.DateTimeField()
    body = models.BinaryField()  # the envelope of profiles.domain.envelope

    personal_data = PersonalData(
        erase=Erase.EXPIRE, person=None, export=False, retain="until drained", columns=("body",)
    )

    class Meta:
        indexes = [models.Index(fields=["lane", "id"], name="inbox_lane")]  # the drain's claim

    def __str__(self) -> str:
        return f"{self.id} in lane {self.lane}"


class DeadLetter(models.Model):
    """A message that could not be stored, kept with its error until somebody replays or drops it."""

    class Stage(models.TextChoices):
        DOOR = "door", "refused at the door"
        DRAIN = "drain", "failed while being stored"

    stage = models.CharField(max_length=10, choices=Stage.choices)
    source_id = models.IntegerField()
    lane = models.SmallIntegerField(default=0)
    received_at = models.DateTimeField()
    created_at = models.DateTimeField(db_default=Now())
    code = models.CharField(max_length=60)  # machine word: "no_user_anon_id", "DataError"
    error = models.TextField()  # one sentence with the place of the fault
    body = models.BinaryField()  # an envelope with this one message
    resolved_at = models.DateTimeField(null=True)
    resolution = models.CharField(max_length=20, blank=True)  # replayed, dropped

    personal_data = PersonalData(
        erase=Erase.EXPIRE, person=None, export=False, retain="DEAD_LETTER_DAYS", columns=("error", "body")
    )

    class Meta:
        indexes = [  # the operations page counts and lists the open ones
            models.Index(fields=["-id"], name="dead_letter_open", condition=models.Q(resolved_at=None))
        ]

    def __str__(self) -> str:
        return f"{self.stage} {self.code}"
