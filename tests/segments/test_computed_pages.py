"""Computed traits in the browser, as one without scripts shows them."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from cdp_site.models import AuditEntry
from cdp_site.web import Role
from segments.domain.computed import Compute, parse_computed
from segments.domain.describe import describe_computed
from segments.forms.computed import KINDS, computed_for, key_after
from segments.models import ComputedTrait
from segments.services.computing import TraitInUse, delete_computed
from tests import build
from tests.journeys.documents import branch, case, journey
from tests.segments.test_views import text
from tests.segments.test_views_writing import staff

__all__ = ["staff"]

pytestmark = pytest.mark.django_db
SPENT: dict[str, Any] = {
    "compute": "sum",
    "event": "Order Completed",
    "property": "total",
    "during": {"last": "P90D"},
}
TRAITS = "/segments/+traits/"


def form(**fields: str) -> dict[str, Any]:
    """What somebody sends who asks for the sum of `total` in the last 90 days."""
    return {
        "name": "Spent in 90 days",
        "key": "spent_90",
        "suggested": "",
        "compute": "sum",
        "property": "total",
        "n": ["r1||group", "r2|r1|event"],
        "r1.op": "all",
        "r2.event": "Order Completed",
        "r2.count_op": "at_least",
        "r2.count": "1",
        "r2.during": "last",
        "r2.during_amount": "90",
        "r2.during_unit": "days",
        "do": "save",
        **fields,
    }


def made(**fields: Any) -> ComputedTrait:
    fields = {"key": "spent", "name": "Spent", "definition": SPENT, "built_at": build.NOON, **fields}
    return ComputedTrait.objects.create(**fields)


class TestForm:
    def test_every_kind__has_words_and_a_sentence(self) -> None:
        assert set(KINDS) == set(Compute)
        for compute in Compute:
            with_property = {} if compute in ("count", "days_since") else {"property": "total"}
            definition = parse_computed({"compute": compute, "event": "Order", **with_property})
            assert "“Order”" in describe_computed(definition)

    def test_sentence(self) -> None:
        said = describe_computed(parse_computed(SPENT))
        assert said == "the sum of total over “Order Completed” in the last 90 days"

    @pytest.mark.parametrize(
        "definition",
        [
            SPENT,
            {"compute": "count", "event": "Order", "where": [{"property": "x", "op": "is", "value": 1}]},
            {"compute": "days_since", "event": "Order", "during": {"last": "P1DT1H"}},  # shown as JSON
        ],
    )
    def test_opening_and_saving__changes_nothing(self, definition: dict[str, Any]) -> None:
        opened = computed_for(definition, key="k", name="K")
        assert opened.is_sound
        assert opened.definition == parse_computed(definition)

    @pytest.mark.parametrize(
        ("name", "key"), [("Spent in 90 days!", "spent_in_90_days"), ("3rd café", "rd_cafe"), ("订单", "")]
    )
    def test_key_after_a_name(self, name: str, key: str) -> None:
        assert key_after(name) == key


class TestWriting:
    def test_new__is_saved_and_audited(self, staff: Client) -> None:
        assert staff.post(f"{TRAITS}+new/", form()).headers["Location"] == TRAITS
        trait = ComputedTrait.objects.get(key="spent_90")
        assert (trait.name, trait.definition) == ("Spent in 90 days", SPENT | {"language": 1})
        assert AuditEntry.objects.get(object_kind="computed_trait").actor == "mia"

    def test_key__follows_the_name_until_somebody_writes_one(self, staff: Client) -> None:
        page = staff.post(f"{TRAITS}+new/", form(do="", key="")).content.decode()
        assert 'name="key" class="rebuild" value="spent_in_90_days"' in page
        page = staff.post(f"{TRAITS}+new/", form(do="", key="mine", suggested="old")).content.decode()
        assert 'name="key" class="rebuild" value="mine"' in page

    @pytest.mark.parametrize(
        ("fields", "said"),
        [
            ({"name": " "}, "Give the trait a name."),
            ({"key": "a b"}, "Letters, digits and underscores only"),
            ({"property": ""}, "Choose a property."),
            ({"property": "a..b"}, "Must be the path of a property"),
            ({"r2.event": ""}, "Choose an event."),
            ({"r2.during_amount": "x"}, "Must be a whole number above zero."),
            ({"key": "taken"}, "Another computed trait has this key."),
            ({"key": "plan"}, "People already have a trait of this key, sent by a source"),
            ({"key": "firstName"}, "People are named, found or written to by a trait of this key"),
        ],
    )
    def test_faults__stand_at_their_field(self, staff: Client, fields: dict[str, str], said: str) -> None:
        made(key="taken")
        build.person(traits={"plan": "pro"})
        page = staff.post(f"{TRAITS}+new/", form(**fields)).content.decode()
        assert said in page
        assert ComputedTrait.objects.count() == 1

    def test_tests__must_not_depend_on_the_day(self, staff: Client) -> None:
        where = {"r3.source": "property", "r3.path": "at", "r3.op": "date:within_last", "r3.amount": "3"}
        sent = form(**where, n=["r1||group", "r2|r1|event", "r3|r2|where"])  # type: ignore[arg-type]
        assert "Must not depend on the day" in staff.post(f"{TRAITS}+new/", sent).content.decode()

    @pytest.mark.parametrize("sent", [{}, form(compute="magic"), form(n=["r1||group"])])  # type: ignore[arg-type]
    def test_other_forms__are_refused(self, staff: Client, sent: dict[str, Any]) -> None:
        assert staff.post(f"{TRAITS}+new/", sent).status_code == 400
        assert staff.post(f"{TRAITS}+samples/", sent).status_code == 400

    def test_change__keeps_the_key(self, staff: Client) -> None:
        made()
        assert 'value="Order Completed"' in text(staff, f"{TRAITS}spent/")
        staff.post(f"{TRAITS}spent/", form(compute="average", key="other"))
        assert ComputedTrait.objects.get().key == "spent"
        assert ComputedTrait.objects.get().definition["compute"] == "average"

    def test_samples__are_of_those_who_did_it_last(self, staff: Client) -> None:
        now = timezone.now()
        for name, amounts in (("Ada", (10, 20)), ("Ben", (5,))):
            person = build.person(traits={"name": name})
            for amount in amounts:
                at = now - timedelta(days=amount)
                properties = {"total": amount}
                build.event(person=person, name="Order Completed", at=at, properties=properties)
        build.person(traits={"name": "Cleo"})
        page = staff.post(f"{TRAITS}+samples/", form()).content.decode()
        assert page.index("Ben") < page.index("Ada") < page.index('<b class="num">30</b>')
        assert "Cleo" not in page
        page = staff.post(f"{TRAITS}+samples/", form(compute="rfm")).content.decode()
        assert '<b class="num">133</b>' in page
        assert (
            "Choose an event." in staff.post(f"{TRAITS}+samples/", form(**{"r2.event": ""})).content.decode()
        )


class TestList:
    def test_empty(self, staff: Client) -> None:
        assert "No computed traits yet" in text(staff, TRAITS)
        assert TRAITS in text(staff, "/segments/")

    def test_says_what_it_is_and_who_uses_it(self, staff: Client) -> None:
        made(built_at=None, build_total=200, build_done=50)
        asked = {"trait": "spent", "op": "at_least", "value": 100}
        build.segment(slug="a", name="Big ones", condition={"language": 1, "if": asked})
        wait = {"id": "s1", "kind": "wait_until", "if": asked, "timeout": "P1D", "then": [], "else": []}
        build.journey(slug="j", name="Thanks", document=build.journey_document(wait))
        page = text(staff, TRAITS)
        assert "the sum of total over" in page
        assert "50 of 200" in page
        assert "Big ones" in page
        assert "Thanks" in page
        assert "every 3s" in text(staff, TRAITS, htmx=True)
        page = staff.post(f"{TRAITS}spent/delete/").content.decode()
        assert "Change these first" in page
        assert "Thanks" in page
        assert ComputedTrait.objects.exists()

    def test_asks_a_fixed_number_of_queries(self, staff: Client, django_assert_max_num_queries: Any) -> None:
        for number in range(9):
            made(key=f"k{number}")
            asked = {"trait": f"k{number}", "op": "known"}
            build.segment(condition={"language": 1, "if": asked})
        with django_assert_max_num_queries(
            4 + 4
        ):  # who asks, their roles, the company's zone; four of its own
            staff.get(TRAITS)

    def test_pause_resume_delete(self, staff: Client) -> None:
        made()
        staff.post(f"{TRAITS}spent/state/", {"do": "pause"})
        assert "Paused" in text(staff, TRAITS)
        staff.post(f"{TRAITS}spent/state/", {"do": "resume"})
        assert ComputedTrait.objects.get().built_at is None
        assert staff.post(f"{TRAITS}spent/state/", {"do": "dance"}).status_code == 400
        staff.post(f"{TRAITS}spent/delete/")
        assert not ComputedTrait.objects.exists()

    @pytest.mark.parametrize("state", ["live", "paused"])
    def test_delete__not_what_a_journey_asks_for(self, staff: Client, state: str) -> None:
        trait = made()
        asks = branch("rich", cases=[case("Rich", condition={"trait": trait.key, "op": "known"}, steps=[])])
        build.journey(slug="rich", document=journey(steps=[asks]), state=state)
        staff.post(f"{TRAITS}{trait.key}/delete/")
        with pytest.raises(TraitInUse, match="rich"):
            delete_computed(trait.key, actor="mia")
        assert ComputedTrait.objects.exists()

    def test_service__reads_only(self, client: Client) -> None:
        made()
        client.force_login(build.user(role=Role.SERVICE))
        page = text(client, TRAITS)
        assert "+new" not in page
        assert "spent/delete" not in page

    def test_of_another_release__says_so(self, staff: Client) -> None:
        made(definition={"compute": "magic"})
        assert "was written by another release" in text(staff, TRAITS)
        assert staff.get(f"{TRAITS}spent/").headers["Location"] == TRAITS
