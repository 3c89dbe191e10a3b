"""Sources, connections, templates, the outbox and who must not be written to."""

import uuid

from django.db import models
from django.db.models.functions import Now

from cdp_site.privacy import NOT_PERSONAL, Erase, PersonalData, not_personal
from connectors.domain.template import TemplateKind


class Source(models.Model):
    """A place messages come from: an SDK's write key, or a webhook of another system."""

    class Trust(models.TextChoices):
        PUBLIC = "public", "Public"  # a browser key: may link a device, never merge two known people
        SERVER = "server", "Server"  # the company's own back end

    slug = models.SlugField(max_length=80, unique=True)
    name = models.CharField(max_length=120)
    kind = models.CharField(max_length=40, default="http")  # http, crm, standard_webhook, ...
    trust = models.CharField(max_length=10, choices=Trust.choices, default=Trust.PUBLIC)
    write_key = models.CharField(max_length=64, unique=True)
    secret = models.TextField(blank=True)  # of signed webhooks; encrypted by connectors.vault
    settings = models.JSONField(default=dict)
    is_historical = models.BooleanField(default=False)  # its messages start no journeys
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(db_default=Now())
    last_message_at = models.DateTimeField(null=True)  # to some ten seconds

    personal_data = not_personal("settings")

    def __str__(self) -> str:
        return self.name


class Connection(models.Model):
    """A destination: a CRM, a webhook, a mail account."""

    slug = models.SlugField(max_length=80, unique=True)
    name = models.CharField(max_length=120)
    kind = models.CharField(max_length=40)  # a key of connectors.registry
    settings = models.JSONField(default=dict)
    secret = models.TextField(blank=True)  # encrypted by connectors.vault
    is_active = models.BooleanField(default=True)
    disabled_reason = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(db_default=Now())

    personal_data = not_personal("settings")

    def __str__(self) -> str:
        return self.name


class Topic(models.Model):
    """What mails can be about: people choose which they want."""

    slug = models.SlugField(max_length=80, unique=True)
    name = models.CharField(max_length=120)
    description = models.CharField(max_length=300, blank=True)
    # language -> {"name", "description"}; whoever reads another sees the two above
    translations = models.JSONField(default=dict)
    is_active = models.BooleanField(default=True)  # on offer; what was said of it counts either way
    created_at = models.DateTimeField(db_default=Now())

    personal_data = not_personal("translations")

    def __str__(self) -> str:
        return self.name


class TemplateQuerySet(models.QuerySet["Template"]):
    def mails(self) -> "TemplateQuerySet":
        return self.filter(kind=TemplateKind.MAIL)

    def parts(self) -> "TemplateQuerySet":
        """What mails are made of: layouts and blocks."""
        return self.exclude(kind=TemplateKind.MAIL)

    def in_force(self) -> "TemplateQuerySet":
        return self.filter(version__gt=0)


class Feed(models.Model):
    """What a connection is told without any journey: which messages, and what becomes of them there."""

    connection = models.OneToOneField(Connection, on_delete=models.CASCADE, related_name="feed")
    condition = models.JSONField()  # the relevance gate; {"language": 1, "if": …}
    actions = models.JSONField(default=list)  # the first that fits: {"event", "action", "fields"}
    is_active = models.BooleanField(default=False)
    updated_at = models.DateTimeField(db_default=Now())

    personal_data = not_personal("condition", "actions")

    def __str__(self) -> str:
        return f"feed of {self.connection_id}"


class Template(models.Model):
    """What a mail says, or a layout or block that mails are made of: in force, and as a draft beside it."""

    slug = models.SlugField(max_length=80, unique=True)
    name = models.CharField(max_length=120)
    kind = models.CharField(
        max_length=10, choices=[(kind.value, kind.value) for kind in TemplateKind], default=TemplateKind.MAIL
    )
    content = models.JSONField(default=dict)  # domain.template.to_json; {} before the first publication
    version = models.IntegerField(default=0)  # number of the TemplateVersion in force; 0 for none
    draft = models.JSONField(null=True)  # null: nothing differs from what is in force
    revision = models.IntegerField(default=0)  # of draft and name; tells two writers apart
    created_at = models.DateTimeField(db_default=Now())
    updated_at = models.DateTimeField(db_default=Now())

    objects = TemplateQuerySet.as_manager()
    personal_data = not_personal("content", "draft")

    def __str__(self) -> str:
        return self.name


class TemplateVersion(models.Model):
    """One published content of a template; never changes."""

    template = models.ForeignKey(Template, on_delete=models.CASCADE, related_name="versions")
    number = models.IntegerField()
    content = models.JSONField()
    published_at = models.DateTimeField()
    published_by = models.CharField(max_length=150)

    personal_data = not_personal("content")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["template", "number"], name="template_version_number")]

    def __str__(self) -> str:
        return f"{self.template_id} v{self.number}"


class DeliveryQuerySet(models.QuerySet["Delivery"]):
    def waiting(self) -> "DeliveryQuerySet":
        return self.filter(state__in=[Delivery.State.QUEUED, Delivery.State.SENDING])


class Delivery(models.Model):
    """One message on its way out: an outbox row, written with the decision, sent after commit."""

    class State(models.TextChoices):
        QUEUED = "queued", "Queued"
        SENDING = "sending", "Sending"  # an attempt is recorded, its outcome is not known yet
        SENT = "sent", "Sent"
        DEAD = "dead", "Failed"  # gave up; can be replayed
        BLOCKED = "blocked", "Not sent"  # consent or suppression, asked again when sending
        CANCELLED = "cancelled", "Cancelled"  # its run ended before it left

    uuid = models.UUIDField(default=uuid.uuid4, unique=True)  # in links and as the idempotency key sent out
    key = models.CharField(max_length=120, unique=True)  # "run:step:visit"
    # Plain ids: connectors knows nothing of journeys.
    person = models.ForeignKey(
        "profiles.Person", on_delete=models.CASCADE, db_constraint=False, db_index=False
    )
    journey_id = models.BigIntegerField(null=True)
    run_id = models.BigIntegerField(null=True)
    step = models.CharField(max_length=60, blank=True)
    channel = models.CharField(max_length=40)  # a key of connectors.registry
    connection = models.ForeignKey(Connection, null=True, on_delete=models.PROTECT)
    destination = models.CharField(max_length=120)  # the lane: "email", "connection:<slug>"
    action = models.CharField(max_length=60, blank=True)  # create_deal, create_task, upsert_contact
    template = models.ForeignKey(Template, null=True, on_delete=models.PROTECT)
    message_class = models.CharField(max_length=20, default="service")  # marketing, service, transactional
    fields = models.JSONField(default=dict)  # templates by name, rendered with `context`
    context = models.JSONField(default=dict)  # event, entry, journey, run as they were when decided
    rendered = models.JSONField(null=True)  # what goes out: rendered once, every retry sends the same
    state = models.CharField(max_length=10, choices=State.choices, default=State.QUEUED)
    due_at = models.DateTimeField(null=True)  # null once it needs no further attempt
    attempt_count = models.IntegerField(default=0)  # the number of the last attempt
    failure_count = models.IntegerField(default=0)  # attempts that failed since `queued_at`
    queued_at = models.DateTimeField(db_default=Now())  # patience counts from here; a replay begins anew
    last_error = models.TextField(blank=True)
    # Why it must not leave any more, where its run ended while a sender had it; asked before each call.
    called_off = models.CharField(max_length=200, blank=True, default="", db_default="")
    external_id = models.CharField(max_length=200, blank=True)  # the other system's id for what we made
    decided_at = models.DateTimeField()
    created_at = models.DateTimeField(db_default=Now())
    sent_at = models.DateTimeField(null=True)

    objects = DeliveryQuerySet.as_manager()
    personal_data = PersonalData(
        erase=Erase.SCRUB,
        person="person_id",
        export=True,
        retain="as the person",
        columns=("context", "rendered", "fields", "last_error"),
    )

    class Meta:
        indexes = [
            # The send cluster's claim, fair per destination.
            models.Index(
                fields=["destination", "due_at"],
                condition=models.Q(state__in=["queued", "sending"]),
                name="delivery_due",
            ),
            models.Index(fields=["person", "-id"], name="delivery_person"),  # profile, timeline
            models.Index(fields=["run_id", "state"], name="delivery_run"),  # cancel when the run ends
            models.Index(fields=["journey_id", "-id"], name="delivery_journey"),  # the deliveries page
            models.Index(fields=["-id"], condition=models.Q(state="dead"), name="delivery_dead"),
            # The overview counts what left lately.
            models.Index(fields=["sent_at"], condition=models.Q(state="sent"), name="delivery_sent"),
        ]

    def __str__(self) -> str:
        return f"{self.channel} {self.key}"


class Destination(models.Model):
    """A lane of the outbox that failed lately: how often in a row, and until when it is left alone."""

    name = models.CharField(max_length=120, primary_key=True)  # as in Delivery.destination
    failure_count = models.IntegerField(default=0)  # in a row; 0 once something arrived
    paused_until = models.DateTimeField(null=True)
    last_error = models.TextField(blank=True)
    failed_at = models.DateTimeField(null=True)

    personal_data = NOT_PERSONAL

    def __str__(self) -> str:
        return self.name


class DeliveryAttempt(models.Model):
    """One try at a delivery: written before the call, completed after it."""

    delivery = models.ForeignKey(Delivery, on_delete=models.CASCADE, related_name="attempts")
    number = models.IntegerField()
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)  # null: the process died during the call
    is_success = models.BooleanField(null=True)
    reason = models.TextField(blank=True)
    request = models.JSONField(default=dict)  # secrets masked
    response = models.JSONField(default=dict)

    personal_data = PersonalData(
        erase=Erase.SCRUB,
        person=None,
        export=False,
        retain="ATTEMPT_DAYS",
        columns=("reason", "request", "response"),
    )

    class Meta:
        constraints = [models.UniqueConstraint(fields=["delivery", "number"], name="attempt_number")]

    def __str__(self) -> str:
        return f"{self.delivery_id} attempt {self.number}"


class Suppression(models.Model):
    """An address that must not be written to; kept as a keyed hash so that it survives erasure."""

    address_hash = models.CharField(max_length=64)  # HMAC-SHA256 with a key of its own
    channel = models.CharField(max_length=40)  # email, sms
    reason = models.CharField(max_length=30)  # unsubscribed, bounced, complained, by_hand
    scope = models.CharField(max_length=20, default="marketing")  # marketing, all
    created_at = models.DateTimeField(db_default=Now())

    personal_data = PersonalData(erase=Erase.NONE, person=None, export=False, retain="for ever, as a hash")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["address_hash", "channel", "scope"], name="suppression_address")
        ]

    def __str__(self) -> str:
        return f"{self.channel} {self.reason}"
