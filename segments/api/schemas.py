"""What goes in and out of the management API of segments. Names are those of the OpenAPI components."""

from typing import Any, Final

from django.utils import translation
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from segments.models import Segment
from segments.queries import sentence_of, used_in
from segments.services import Mode

MOST_NAMED: Final = 10_000


class SegmentConditionInput(serializers.Serializer[Any]):
    condition = serializers.DictField(help_text="As in the documentation of conditions.")


class SegmentInput(SegmentConditionInput):
    slug = serializers.SlugField(max_length=80)
    name = serializers.CharField(max_length=120)
    publish = serializers.BooleanField(default=True, help_text="False: save a draft that has no members.")


class SegmentChange(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=120, required=False)
    condition = serializers.DictField(required=False, help_text="Replaces the draft.")
    publish = serializers.BooleanField(
        required=False, help_text="Put the draft in force. Left out: if the segment is live."
    )


class SegmentPreviewInput(SegmentConditionInput):
    as_of = serializers.DateTimeField(required=False, help_text="A past moment; now when left out.")
    people = serializers.ListField(
        child=serializers.CharField(max_length=512),
        required=False,
        max_length=MOST_NAMED,
        help_text="Customer numbers or ids: ask about these people only, and list all that match.",
    )


class SegmentPersonOutput(serializers.Serializer[Any]):
    id = serializers.UUIDField(source="uuid")
    user_id = serializers.CharField()
    email = serializers.CharField()
    name = serializers.CharField(source="naming.name")
    first_seen_at = serializers.DateTimeField()
    last_seen_at = serializers.DateTimeField()


class SegmentPreviewOutput(serializers.Serializer[Any]):
    count = serializers.IntegerField()
    total = serializers.IntegerField(help_text="People there are.")
    share = serializers.FloatField(help_text="Of everybody, from 0 to 1.")
    sentence = serializers.CharField()
    people = SegmentPersonOutput(many=True, help_text="A sample; all that match when `people` was given.")


class SegmentProgress(serializers.Serializer[Any]):
    done = serializers.IntegerField(source="build_done")
    total = serializers.IntegerField(source="build_total")
    started_at = serializers.DateTimeField(source="build_started_at")


class SegmentOutput(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    slug = serializers.CharField()
    name = serializers.CharField()
    state = serializers.CharField()
    condition = serializers.DictField(source="condition.if", help_text="The draft.")
    sentence = serializers.SerializerMethodField()
    version = serializers.IntegerField(help_text="The published version in force.")
    member_count = serializers.IntegerField()
    built_at = serializers.DateTimeField(help_text="Null while members are being found.")
    build = serializers.SerializerMethodField(help_text="How far a build is; null when none is under way.")
    is_list = serializers.BooleanField(help_text="There is no rule: members are added by hand only.")
    error = serializers.CharField(help_text="Why somebody could not be asked; empty when all is well.")
    used_in = serializers.SerializerMethodField(help_text="Segments that ask about this one.")
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()

    def get_sentence(self, segment: Segment) -> str:
        return sentence_of(segment, translator=translation)

    @extend_schema_field(SegmentProgress(allow_null=True))
    def get_build(self, segment: Segment) -> Any:
        return None if segment.build_total is None else SegmentProgress(segment).data

    def get_used_in(self, segment: Segment) -> list[str]:
        return [other.slug for other in used_in(segment.slug)]


class SegmentLineOutput(SegmentOutput):
    used_in = None  # type: ignore[assignment]  # asks each segment about all others: only for one


class SegmentMemberOutput(serializers.Serializer[Any]):
    person = SegmentPersonOutput()
    entered_at = serializers.DateTimeField()
    traits = serializers.DictField(help_text="Those of `columns` that the person has.")


class SegmentCopyInput(serializers.Serializer[Any]):
    slug = serializers.SlugField(max_length=80)
    name = serializers.CharField(max_length=120)


class SegmentVersionOutput(serializers.Serializer[Any]):
    number = serializers.IntegerField()
    condition = serializers.DictField(source="condition.if")
    published_at = serializers.DateTimeField()
    published_by = serializers.CharField()


class SegmentAuditInput(serializers.Serializer[Any]):
    mend = serializers.BooleanField(default=False, help_text="Put right whoever is found wrong.")


class SegmentAuditOutput(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    asked_at = serializers.DateTimeField()
    asked_by = serializers.CharField()
    is_mending = serializers.BooleanField()
    finished_at = serializers.DateTimeField(allow_null=True, help_text="Null until it is made.")
    missing = serializers.IntegerField(help_text="Who should be in and were not.")
    surplus = serializers.IntegerField(help_text="Who were in and should not be.")
    mended = serializers.IntegerField()
    sample = SegmentPersonOutput(source="people", many=True, help_text="Some of either.")


class SegmentEffectOutput(serializers.Serializer[Any]):
    slug = serializers.CharField(source="segment.slug")
    name = serializers.CharField(source="segment.name")
    before = serializers.IntegerField()
    after = serializers.IntegerField()


class SegmentOverlapOutput(serializers.Serializer[Any]):
    first = serializers.IntegerField(help_text="Members of this segment.")
    second = serializers.IntegerField(help_text="Members of the other.")
    both = serializers.IntegerField()


class SegmentDayOutput(serializers.Serializer[Any]):
    on = serializers.DateField()
    entered = serializers.IntegerField()
    left = serializers.IntegerField()
    members = serializers.IntegerField(help_text="When the day ended.")


class SegmentMembersInput(serializers.Serializer[Any]):
    mode = serializers.ChoiceField(choices=[mode.value for mode in Mode], required=False)
    people = serializers.ListField(
        child=serializers.CharField(max_length=512),
        required=False,
        max_length=MOST_NAMED,
        help_text="With `mode`: customer numbers, ids or email addresses.",
    )
    add = serializers.ListField(
        child=serializers.CharField(max_length=512), required=False, max_length=MOST_NAMED
    )
    remove = serializers.ListField(
        child=serializers.CharField(max_length=512), required=False, max_length=MOST_NAMED
    )

    def validate(self, data: dict[str, Any]) -> dict[str, Any]:
        if ("mode" in data) != ("people" in data) or not data:
            raise serializers.ValidationError(_("Give `mode` and `people`, or `add`, or `remove`."))
        return data


class SegmentMembersChanged(serializers.Serializer[Any]):
    added = serializers.IntegerField()
    removed = serializers.IntegerField(help_text="Kept out, whatever the rule says.")
    forgotten = serializers.IntegerField(help_text="What was said by hand was taken back.")
    unknown = serializers.ListField(child=serializers.CharField(), help_text="Names that are nobody's.")


class RowFaultOutput(serializers.Serializer[Any]):
    row = serializers.IntegerField()
    message = serializers.CharField()


class SegmentFileTaken(serializers.Serializer[Any]):
    rows = serializers.IntegerField()
    added = serializers.IntegerField()
    removed = serializers.IntegerField()
    forgotten = serializers.IntegerField()
    fault_count = serializers.IntegerField()
    faults = RowFaultOutput(many=True, help_text="The first 200.")


class ListInput(serializers.Serializer[Any]):
    slug = serializers.SlugField(max_length=80)
    name = serializers.CharField(max_length=120)
