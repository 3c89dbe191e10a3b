"""What the operator sees, what is advised, and the two buttons for dead letters."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from cdp_site.models import AuditEntry
from cdp_site.pages import operations_queries as queries
from cdp_site.pages.operations_advice import advice_on
from cdp_site.web import Role
from connectors.models import Destination
from profiles.models import DeadLetter, Inbox
from tests import build

pytestmark = pytest.mark.django_db
SECOND = timedelta(seconds=1)


@pytest.fixture
def healthy() -> queries.State:
    """The state of a product in which everything works."""
    for cluster in queries.CLUSTERS:
        build.heartbeat(cluster=cluster, at=build.NOON)
    return queries.state(now=build.NOON)


class TestState:
    def test_lanes__count_and_age(self) -> None:
        for lane, seconds in ((0, 10), (0, 40), (3, 20), (9, 500)):
            build.inbox_row(lane=lane, received_at=build.NOON - seconds * SECOND)
        state = queries.state(now=build.NOON)
        assert [lane.count for lane in state.lanes] == [2, 0, 0, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0]
        assert (state.waiting, state.historical) == (3, 1)
        assert state.oldest_at == build.NOON - 40 * SECOND

    def test_clusters__silent_ones_and_those_never_started(self) -> None:
        build.heartbeat(cluster="live", at=build.NOON - 10 * SECOND)
        build.heartbeat(cluster="send", at=build.NOON - 40 * SECOND, restarts=2)
        found = {one.name: one for one in queries.clusters(now=build.NOON)}
        assert [found[name].is_silent for name in ("live", "send", "bulk")] == [False, True, True]
        assert found["bulk"].seen_at is None

    def test_overdue_runs__of_live_journeys_only(self) -> None:
        for state in ("live", "paused"):
            build.run(
                journey=build.journey(state=state), person=build.person(), due_at=build.NOON - 60 * SECOND
            )
        build.run(journey=build.journey(), person=build.person(), due_at=build.NOON + SECOND)
        assert queries.overdue_runs(now=build.NOON) == (1, build.NOON - 60 * SECOND)

    def test_ways__the_worst_first(self) -> None:
        person = build.person()
        build.connection(slug="crm", name="Sales")
        build.delivery(person=person, state="queued", due_at=build.NOON)
        build.delivery(person=person, state="dead", destination="connection:crm", channel="crm")
        Destination.objects.create(
            name="email", failure_count=2, paused_until=build.NOON, last_error="refused"
        )
        crm, email = queries.ways()
        assert (crm.label, crm.dead, crm.waiting) == ("Sales", 1, 0)
        assert (email.label, email.waiting, email.oldest_at, email.failure_count) == (
            "Email",
            1,
            build.NOON,
            2,
        )

    def test_letters__show_what_was_sent(self) -> None:
        build.dead_letter(error="It broke.", source_id=build.source(name="Shop").pk)
        build.dead_letter(resolved_at=build.NOON)
        (letter,) = queries.open_letters()
        assert letter.message == '{"type":"page","anonymousId":"a1"}'
        assert letter.source == "Shop"


class TestAdvice:
    def problems(self, state: queries.State) -> list[str]:
        return [advice.problem for advice in advice_on(state)]

    def test_none_when_everything_works(self, healthy: queries.State) -> None:
        assert advice_on(healthy) == []

    @pytest.mark.parametrize(
        ("change", "words"),
        [
            ({"letter_count": 3}, "could not be stored: 3"),
            ({"overdue_since": build.NOON - 60 * SECOND}, "beyond the time"),
            (
                {
                    "lanes": [
                        queries.Lane(
                            number=0, is_historical=False, count=1, oldest_at=build.NOON - 60 * SECOND
                        )
                    ]
                },
                "wait longer",
            ),
        ],
    )
    def test_names_the_problem(self, healthy: queries.State, change: dict[str, Any], words: str) -> None:
        (problem,) = self.problems(replace(healthy, **change))
        assert words in problem

    def test_historical_messages_may_wait(self, healthy: queries.State) -> None:
        lane = queries.Lane(number=8, is_historical=True, count=9, oldest_at=build.NOON - timedelta(hours=9))
        assert advice_on(replace(healthy, lanes=[lane])) == []

    def test_one_silent_cluster_is_named(self, healthy: queries.State) -> None:
        silent = [replace(one, is_silent=one.name == "send") for one in healthy.clusters]
        assert self.problems(replace(healthy, clusters=silent)) == [
            "The cluster “send” gives no sign of life."
        ]

    def test_all_silent_is_one_severe_problem__above_the_others(self, healthy: queries.State) -> None:
        silent = [replace(one, is_silent=True) for one in healthy.clusters]
        advice = advice_on(replace(healthy, clusters=silent, letter_count=1))
        assert [one.is_severe for one in advice] == [True, False]

    def test_rows_in_a_default_partition(self, healthy: queries.State) -> None:
        (advice,) = advice_on(replace(healthy, store=replace(healthy.store, stray_rows=2)))
        assert advice.is_severe
        assert "2" in advice.problem


class TestDeadLetters:
    def post(self, client: Client, *, role: Role, **form: Any) -> int:
        client.force_login(build.user(role=role, name=f"the-{role}"))
        return client.post(reverse("dead-letters"), form).status_code

    def test_replay__puts_them_back_and_says_so_in_the_log(self, client: Client) -> None:
        letter, other = build.dead_letter(lane=3), build.dead_letter()
        assert self.post(client, role=Role.ADMIN, do="replay", letter=[letter.pk]) == 302
        row = Inbox.objects.get()
        assert (row.lane, bytes(row.body)) == (3, bytes(letter.body))
        assert list(DeadLetter.objects.filter(resolved_at=None)) == [other]
        entry = AuditEntry.objects.get()
        assert (entry.actor, entry.verb, entry.object_id) == (
            "the-admin",
            "dead_letter.replayed",
            str(letter.pk),
        )

    def test_drop__empties_them(self, client: Client) -> None:
        letter = build.dead_letter()
        self.post(client, role=Role.ADMIN, do="drop", letter=[letter.pk])
        letter.refresh_from_db()
        assert (bytes(letter.body), letter.resolution) == (b"", "dropped")
        assert not Inbox.objects.exists()

    @pytest.mark.parametrize(
        "form",
        [{"do": "replay"}, {"do": "replay", "letter": "x"}, {"letter": "1"}, {"do": "eat", "letter": "1"}],
    )
    def test_nonsense_changes_nothing(self, client: Client, form: dict[str, str]) -> None:
        build.dead_letter()
        assert self.post(client, role=Role.ADMIN, **form) == 302
        assert DeadLetter.objects.filter(resolved_at=None).count() == 1

    def test_by_reason__one_press_for_all_of_it(self, client: Client) -> None:
        """Whoever sends garbage sends much of it."""
        for number in range(60):
            build.dead_letter(code="no_user_anon_id", error=f"Fault {number:03}")
        other = build.dead_letter(code="DataError", error="It broke.")
        client.force_login(build.user(role=Role.ADMIN))
        html = client.get(reverse("operations"), {"reason": "no_user_anon_id"}).content.decode()
        assert "No person named" in html
        assert "Failed while being stored" in html
        assert "<code>no_user_anon_id</code></small> 60" in html
        assert "It broke." not in html
        assert "?reason=no_user_anon_id&amp;before=" in html
        address = reverse("dead-letters")
        client.post(address, {"do": "drop_all"})  # without a reason nothing is meant
        client.post(address, {"do": "drop_all", "reason": "no_user_anon_id"})
        assert list(DeadLetter.objects.filter(resolved_at=None)) == [other]
        client.post(address, {"do": "replay_all", "reason": "DataError"})
        assert Inbox.objects.count() == 1

    def test_only_administrators_may(self, client: Client) -> None:
        letter = build.dead_letter()
        for role in (Role.SERVICE, Role.MARKETER):
            assert self.post(client, role=role, do="drop", letter=[letter.pk]) == 403
            assert b"Drop ticked" not in client.get(reverse("operations")).content


class TestPage:
    def test_shows_the_state(self, client: Client) -> None:
        client.force_login(build.user())
        build.inbox_row(received_at=timezone.now() - 90 * SECOND)
        build.dead_letter(error="properties.revenue: <b>")
        html = client.get(reverse("operations")).content.decode()
        assert "the oldest came 1 minute ago" in html
        assert "properties.revenue: &lt;b&gt;" in html
        assert "No worker gives a sign of life" in html

    def test_number_of_queries__does_not_grow(
        self, client: Client, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        client.force_login(build.user())
        for number in range(3):
            build.dead_letter()
            build.inbox_row(lane=number)
            build.connection()
            build.delivery(person=build.person(), state="dead")
        with django_assert_num_queries(4 + 21):
            client.get(reverse("operations"))
        with django_assert_num_queries(4 + 18):
            client.get(reverse("operations"), headers={"HX-Request": "true"})

    def test_letters_in_pages(self, client: Client) -> None:
        client.force_login(build.user())
        letters = [build.dead_letter(error=f"Fault {number:03}") for number in range(60)]
        html = client.get(reverse("operations")).content.decode()
        assert "Fault 059" in html
        assert "Fault 009" not in html
        assert f"?before={letters[10].pk}#dead-letters" in html
        assert "Fault 009" in client.get(reverse("operations"), {"before": letters[10].pk}).content.decode()


class TestMachines:
    def test_alive(self, client: Client, django_assert_num_queries: DjangoAssertNumQueries) -> None:
        with django_assert_num_queries(0):
            assert client.get(reverse("healthz")).content == b"ok"

    def test_ready(self, client: Client) -> None:
        assert client.get(reverse("readyz")).content == b"ready"

    def test_metrics(self, client: Client) -> None:
        build.inbox_row(lane=2)
        build.dead_letter()
        build.heartbeat(cluster="live", restarts=3)
        build.delivery(person=build.person(traits={"name": "Ann"}), state="dead")
        text = client.get(reverse("metrics")).content.decode()
        for line in (
            'wayfare_inbox_rows{lane="2"} 1.0',
            'wayfare_cluster_restarts{cluster="live"} 3.0',
            'wayfare_deliveries{channel="email",state="dead"} 1.0',
            "wayfare_dead_letters 1.0",
        ):
            assert line in text

    def test_favicon__for_browsers_that_guess(self, client: Client) -> None:
        assert client.get("/favicon.ico").headers["Location"].endswith("favicon.svg")
