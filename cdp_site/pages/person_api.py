"""Management API of people: find one, read the profile, the timeline, and why a journey did what it did."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.http import Http404
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from cdp_site.api import NewestFirst, role_required
from cdp_site.backtest.asking import why_not
from cdp_site.pages.person_queries import Profile, Story, profile_of, story_of
from cdp_site.pages.timeline import Cursor, Group, Wanted, entries_of, line_of
from cdp_site.pages.timeline.decisions import decision_sentence
from cdp_site.pages.timeline.phrases import reasons
from cdp_site.pages.why_words import why_sentence
from journeys.domain.definition import JourneyError
from journeys.models import Journey
from profiles.models import Person, PersonTotal
from profiles.queries import (
    identities_by_person,
    person_by_identity,
    person_ids_of,
    person_of,
    totals_by_person,
)

MOST_ENTRIES = 200


class IdentityOutput(serializers.Serializer[Any]):
    kind = serializers.CharField()
    value = serializers.CharField()
    # Declared fields are taken out of the class: these names hide nothing of the framework's.
    source = serializers.CharField(  # type: ignore[assignment]
        help_text="The source that named it first; empty when it is gone."
    )
    is_verified = serializers.BooleanField()
    first_seen_at = serializers.DateTimeField()


class StayOutput(serializers.Serializer[Any]):
    slug = serializers.CharField(source="segment.slug")
    name = serializers.CharField(source="segment.name")
    entered_at = serializers.DateTimeField()


class RunOutput(serializers.Serializer[Any]):
    journey = serializers.CharField(source="slug")
    version = serializers.IntegerField()
    entered_at = serializers.DateTimeField()
    step = serializers.CharField(source="step_id", help_text="Where the person is now; empty once it ended.")
    due_at = serializers.DateTimeField()
    ended_at = serializers.DateTimeField()
    outcome = serializers.CharField()
    reason = serializers.CharField()
    error = serializers.CharField()


class MergeOutput(serializers.Serializer[Any]):
    at = serializers.DateTimeField()
    reason = serializers.CharField()
    evidence = serializers.DictField()
    actor = serializers.CharField()
    undone_at = serializers.DateTimeField()


class TotalOutput(serializers.Serializer[Any]):
    event = serializers.CharField(source="name.name")
    count = serializers.IntegerField()
    first_at = serializers.DateTimeField()
    last_at = serializers.DateTimeField()
    revenue = serializers.DecimalField(max_digits=None, decimal_places=None, allow_null=True)


class PersonLine(serializers.Serializer[Any]):
    id = serializers.UUIDField(source="uuid")
    traits = serializers.DictField()
    consent = serializers.DictField(child=serializers.BooleanField())
    identities = serializers.SerializerMethodField()
    time_zone = serializers.CharField()
    locale = serializers.CharField()
    first_seen_at = serializers.DateTimeField()
    last_seen_at = serializers.DateTimeField()

    def get_identities(self, person: Person) -> list[dict[str, str]]:
        held: Mapping[int, Sequence[tuple[str, str]]] = self.context["identities"]
        return [{"kind": kind, "value": value} for kind, value in held.get(person.pk, ())]


class PersonLineWithTotals(PersonLine):
    totals = serializers.SerializerMethodField()

    @extend_schema_field(TotalOutput(many=True))
    def get_totals(self, person: Person) -> Any:
        counted: Mapping[int, Sequence[PersonTotal]] = self.context["totals"]
        return TotalOutput(counted.get(person.pk, ()), many=True).data


class PersonOutput(serializers.Serializer[Any]):
    id = serializers.UUIDField(source="person.uuid")
    name = serializers.CharField(source="naming.name")
    traits = serializers.DictField(source="person.traits")
    consent = serializers.DictField(source="person.consent", child=serializers.BooleanField())
    time_zone = serializers.CharField(source="person.time_zone")
    locale = serializers.CharField(source="person.locale")
    first_seen_at = serializers.DateTimeField(source="person.first_seen_at")
    last_seen_at = serializers.DateTimeField(source="person.last_seen_at")
    identities = IdentityOutput(many=True)
    segments = StayOutput(many=True)
    runs = RunOutput(many=True)
    merges = MergeOutput(many=True)
    totals = TotalOutput(many=True)


class EntryOutput(serializers.Serializer[Any]):
    at = serializers.DateTimeField()
    kind = serializers.CharField(help_text="event, delivery, decision, entered, left, consent or merge")
    sentence = serializers.CharField()
    data = serializers.DictField()  # type: ignore[assignment]


class TimelineOutput(serializers.Serializer[Any]):
    next = serializers.URLField(allow_null=True)
    results = EntryOutput(many=True)


class DecisionOutput(serializers.Serializer[Any]):
    at = serializers.DateTimeField()
    step = serializers.CharField()
    outcome = serializers.CharField()
    reason = serializers.CharField()
    tree = serializers.DictField(allow_null=True, help_text="What was needed, what was seen, what held.")


class WhyOutput(serializers.Serializer[Any]):
    entered = serializers.BooleanField()
    sentence = serializers.CharField()
    decisions = DecisionOutput(many=True)


class PersonList(APIView):
    """List people, newest first; with `identity=kind:value` the one who holds it."""

    permission_classes = [role_required()]

    @extend_schema(
        parameters=[
            OpenApiParameter("identity", str, description="kind:value, such as user_id:42"),
            OpenApiParameter("with", str, enum=["totals"], description="Each one's totals by event as well."),
        ],
        responses=PersonLineWithTotals(many=True),
    )
    def get(self, request: Request) -> Response:
        pages = NewestFirst()
        people = Person.objects.current()
        if identity := request.query_params.get("identity"):
            people = people.filter(pk=_holder(identity))
        found: list[Person] = pages.paginate_queryset(people, request, view=self) or []
        ids = [person.pk for person in found]
        context: dict[str, Any] = {"identities": identities_by_person(ids)}
        line: type[PersonLine] = PersonLine
        if request.query_params.get("with") == "totals":
            context["totals"], line = totals_by_person(ids), PersonLineWithTotals
        return pages.get_paginated_response(line(found, many=True, context=context).data)


class PersonDetail(APIView):
    """Show one person. The id of somebody who was merged leads to the person they became part of."""

    permission_classes = [role_required()]

    @extend_schema(responses=PersonOutput)
    def get(self, request: Request, uuid: UUID) -> Response:
        profile: Profile = profile_of(_person_or_404(uuid))
        return Response(PersonOutput(profile).data)


class PersonTimeline(APIView):
    """Page through what happened, newest first: events, decisions, deliveries, segments, consent, merges."""

    permission_classes = [role_required()]

    @extend_schema(
        parameters=[
            OpenApiParameter("show", str, many=True, enum=list(Group), description="Only these groups."),
            OpenApiParameter("words", str, description="Only entries that hold this text."),
            OpenApiParameter("limit", int, description=f"Entries a page; 50, at most {MOST_ENTRIES}."),
            OpenApiParameter("after", str, description="Cursor: where the page before ended."),
        ],
        responses=TimelineOutput,
    )
    def get(self, request: Request, uuid: UUID) -> Response:
        person = _person_or_404(uuid)
        limit = _limit(request)
        wanted = Wanted(
            groups=frozenset(
                Group(name) for name in request.query_params.getlist("show") if name in list(Group)
            ),
            words=request.query_params.get("words", "").strip(),
            after=_cursor(request),
        )
        entries = entries_of(person_ids_of(person), wanted=wanted, limit=limit + 1)
        shown = [
            {
                "at": entry.at,
                "kind": entry.source.name.lower(),
                "sentence": line_of(entry).sentence.striptags(),
                "data": entry.data,
            }
            for entry in entries[:limit]
        ]
        return Response(
            {
                "next": _next(request, entries[limit - 1].cursor) if len(entries) > limit else None,
                "results": shown,
            }
        )


class PersonWhy(APIView):
    """Tell what a journey decided about a person, oldest first, with the reasons; or what kept them out.

    Where nothing was decided, or the draft is asked about, what could have let the person in is asked about
    now, with what was known of them at each time.
    """

    permission_classes = [role_required()]

    @extend_schema(
        parameters=[
            OpenApiParameter("journey", str, required=True, description="Slug of the journey."),
            OpenApiParameter("at", datetime, description="Only what was decided until then."),
            OpenApiParameter("version", str, enum=["live", "draft"], description="What is live by default."),
        ],
        responses=WhyOutput,
    )
    def get(self, request: Request, uuid: UUID) -> Response:
        person = _person_or_404(uuid)
        slug = request.query_params.get("journey", "")
        journey = Journey.objects.select_related("live_version").filter(slug=slug).first()
        if journey is None:
            raise serializers.ValidationError({"journey": [_("There is no journey with this slug.")]})
        at = _moment(request)
        story = story_of(person, journey=journey, until=at)
        is_draft = request.query_params.get("version") == "draft"
        if is_draft or not has_decided_entry(story):
            told = _kept_out(person, journey, at=at, is_draft=is_draft, story=story)
            if told is not None:
                return Response(told)
        return Response(
            WhyOutput(
                {"entered": story.has_entered, "sentence": sentence_of(story), "decisions": story.decisions}
            ).data
        )


def has_decided_entry(story: Story) -> bool:
    """Whether the ledger says anything of the person's entering."""
    return any(one.outcome in ("entered", "not_entered") for one in story.decisions)


def _kept_out(
    person: Person, journey: Journey, *, at: datetime | None, is_draft: bool, story: Story
) -> Mapping[str, Any] | None:
    """What kept somebody out; None where the journey's document cannot be asked."""
    try:
        why = why_not(person, journey, at=at or timezone.now(), is_draft=is_draft)
    except JourneyError:
        return None
    decided = [
        {
            "at": one.at,
            "step": "",
            "outcome": one.decision.ledger.outcome.value,
            "reason": one.decision.ledger.reason,
            "tree": one.decision.ledger.tree,
        }
        for one in reversed(why.asked)
        if one.decision is not None and (one.is_refused or one.has_entered)
    ]
    decisions: Sequence[Any] = story.decisions if story.decisions and not is_draft else decided
    return WhyOutput(
        {"entered": False, "sentence": why_sentence(why).striptags(), "decisions": decisions}
    ).data


def sentence_of(story: Story) -> str:
    """Sum a journey's decisions about somebody up: whether they entered, and because of what."""
    entries = [one for one in story.decisions if one.outcome in ("entered", "not_entered")]
    if not entries:
        return _("Nothing was decided: no message that starts this journey came since it was published.")
    entered = [one for one in entries if one.outcome == "entered"]
    chosen = (entered or entries)[-1]
    said = decision_sentence(
        {"outcome": chosen.outcome, "reason": chosen.reason, "journey": story.journey.name}
    ).striptags()
    told = [line for line in reasons(chosen.tree) if line.is_held == bool(entered) and line.seen]
    if not told:
        return said
    because = "; ".join(
        _("%(needed)s (seen: %(seen)s)") % {"needed": one.needed, "seen": one.seen} for one in told
    )
    return _("%(decision)s. Because: %(reasons)s.") % {"decision": said, "reasons": because}


def _person_or_404(uuid: UUID) -> Person:
    person = person_of(uuid)
    if person is None:
        raise Http404
    return person


def _holder(identity: str) -> int:
    kind, colon, value = identity.partition(":")
    if not colon or not value:
        raise serializers.ValidationError({"identity": [_("Write it as kind:value, such as user_id:42.")]})
    person = person_by_identity(kind, value)
    return person.pk if person else 0


def _limit(request: Request) -> int:
    field = serializers.IntegerField(min_value=1, max_value=MOST_ENTRIES)
    try:
        return int(field.run_validation(request.query_params.get("limit", 50)))
    except serializers.ValidationError as error:
        raise serializers.ValidationError({"limit": error.detail}) from error


def _cursor(request: Request) -> Cursor | None:
    text = request.query_params.get("after")
    cursor = Cursor.read(text) if text else None
    if text and cursor is None:
        raise serializers.ValidationError({"after": [_("This is no cursor of a timeline.")]})
    return cursor


def _moment(request: Request) -> datetime | None:
    text = request.query_params.get("at")
    if not text:
        return None
    try:
        at = parse_datetime(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise serializers.ValidationError({"at": [_("Write it as ISO 8601 with a zone.")]})
    return at


def _next(request: Request, cursor: Cursor) -> str:
    query = request.query_params.copy()
    query["after"] = str(cursor)
    return str(request.build_absolute_uri(f"{request.path}?{query.urlencode()}"))
