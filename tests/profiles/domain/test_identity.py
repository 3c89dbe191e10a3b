"""Who is it? The rules of identity, without a database."""

from itertools import count

import pytest

from profiles.domain.identity import IdentityGraph, Merge, NoIdentity, by_priority, group_people, normalise

USER, MAIL, DEVICE = ("user_id", "u1"), ("email", "a@example.com"), ("anonymous_id", "d1")
OTHER_USER, OTHER_DEVICE = ("user_id", "u2"), ("anonymous_id", "d2")


def graph(**held: list[tuple[str, str]]) -> IdentityGraph:
    """Persons p1, p2 … with what they hold; new ones are numbered from 100."""
    people = {int(name[1:]): keys for name, keys in held.items()}
    return IdentityGraph(people, new_person=count(100).__next__)


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("user_id", "  42 ", "42"),
        ("user_id", 42, "42"),
        ("user_id", "NULL", None),
        ("user_id", "undefined", None),
        ("user_id", "0", None),
        ("user_id", 0, None),
        ("user_id", True, None),
        ("user_id", None, None),
        ("user_id", {"id": 1}, None),
        ("anonymous_id", "00000000-0000-0000-0000-000000000000", None),
        ("anonymous_id", "anonymous", None),
        ("user_id", "x" * 513, None),
        ("email", " Ada@Example.COM ", "ada@example.com"),
        ("email", "no address", None),
        ("phone", "+49 (30) 123-456", "+4930123456"),
        ("phone", "030 123456", None),
    ],
)
def test_normalise(kind: str, value: object, expected: str | None) -> None:
    assert normalise(kind, value) == expected


def test_by_priority__user_id_first_device_last() -> None:
    shop = ("shopify", "7")
    assert by_priority([DEVICE, MAIL, shop, USER, MAIL]) == [USER, shop, MAIL, DEVICE]


def test_resolve__a_new_visitor_is_a_new_person() -> None:
    found = graph().resolve([DEVICE], is_trusted=False)
    assert (found.person, found.is_new, found.links) == (100, True, ((DEVICE, "seen"),))


def test_resolve__without_any_claim() -> None:
    with pytest.raises(NoIdentity):
        graph().resolve([], is_trusted=True)


def test_resolve__registering_makes_the_anonymous_person_known() -> None:
    found = graph(p1=[DEVICE]).resolve([USER, DEVICE], is_trusted=False)
    assert (found.person, found.links, found.merges) == (1, ((USER, "linked"),), ())


def test_resolve__logging_in_on_a_new_device_merges_its_visits() -> None:
    found = graph(p1=[DEVICE], p2=[USER]).resolve([USER, DEVICE], is_trusted=False)
    assert found.person == 2
    assert found.merges == (Merge(old=1, new=2, reason="registered", evidence=(DEVICE, USER)),)


def test_resolve__a_shared_device_follows_the_latest_login_and_merges_nobody() -> None:
    people = graph(p1=[USER, DEVICE], p2=[OTHER_USER])
    found = people.resolve([OTHER_USER, DEVICE], is_trusted=True)
    assert (found.person, found.merges, found.links) == (2, (), ((DEVICE, "login"),))
    assert people.resolve([DEVICE], is_trusted=False).person == 2
    assert people.resolve([USER, DEVICE], is_trusted=False).person == 1
    assert people.owner(DEVICE) == 1


def test_resolve__a_second_user_id_on_a_device_is_another_person() -> None:
    found = graph(p1=[USER, DEVICE]).resolve([OTHER_USER, DEVICE], is_trusted=True)
    assert (found.person, found.is_new, found.merges) == (100, True, ())


@pytest.mark.parametrize("is_trusted", [True, False])
def test_resolve__two_user_ids_never_meet_by_email(is_trusted: bool) -> None:
    people = graph(p1=[USER, MAIL])
    found = people.resolve([OTHER_USER, MAIL], is_trusted=is_trusted)
    assert (found.person, found.merges) == (100, ())
    assert people.owner(MAIL) == 1


def test_resolve__a_server_may_merge_by_email_somebody_without_user_id() -> None:
    found = graph(p1=[MAIL], p2=[USER]).resolve([USER, MAIL], is_trusted=True)
    assert found.merges == (Merge(old=1, new=2, reason="email", evidence=(MAIL, USER)),)


def test_resolve__a_browser_never_merges_known_people() -> None:
    people = graph(p1=[MAIL], p2=[USER])
    assert people.resolve([USER, MAIL], is_trusted=False).merges == ()
    assert people.owner(MAIL) == 1


def test_resolve__a_browser_may_claim_an_email_nobody_has() -> None:
    people = graph(p1=[DEVICE])
    assert people.resolve([MAIL, DEVICE], is_trusted=False).person == 1
    assert people.owner(MAIL) == 1


def test_resolve__a_browser_is_not_taken_for_the_owner_of_an_email() -> None:
    found = graph(p1=[MAIL, USER]).resolve([MAIL, DEVICE], is_trusted=False)
    assert (found.person, found.via) == (100, DEVICE)


def test_resolve__beyond_the_limit_of_a_kind_an_identity_is_left_out() -> None:
    mails = [("email", f"{number}@example.com") for number in range(5)]
    people = graph(p1=[USER, *mails])
    assert people.resolve([USER, MAIL], is_trusted=True).links == ()
    assert people.owner(MAIL) is None


def test_resolve__an_internal_message_names_its_person() -> None:
    found = graph(p1=[USER], p2=[DEVICE]).resolve([], is_trusted=True, person=1)
    assert (found.person, found.via) == (1, USER)


@pytest.mark.parametrize(
    ("held", "previous", "is_trusted", "person", "old"),
    [
        pytest.param({}, "d1", False, 100, None, id="both unknown"),
        pytest.param({"p1": [DEVICE]}, "d1", False, 1, None, id="a device becomes a user"),
        pytest.param({"p2": [USER]}, "d1", False, 2, None, id="a user gains a device"),
        pytest.param({"p1": [DEVICE], "p2": [USER]}, "d1", False, 2, 1, id="a device is merged"),
        pytest.param({"p1": [OTHER_USER], "p2": [USER]}, "u2", True, 2, 1, id="a server merges users"),
        pytest.param({"p1": [OTHER_USER], "p2": [USER]}, "u2", False, 2, None, id="a browser does not"),
        pytest.param({"p1": [OTHER_USER]}, "u2", True, 1, None, id="a server renames a user"),
        pytest.param({"p1": [OTHER_USER]}, "u2", False, 100, None, id="a browser does not rename"),
        pytest.param({"p2": [USER]}, "u1", True, 2, None, id="to itself: nothing"),
    ],
)
def test_alias(
    held: dict[str, list[tuple[str, str]]], previous: str, is_trusted: bool, person: int, old: int | None
) -> None:
    found = graph(**held).alias(USER, previous, is_trusted=is_trusted)
    assert found.person == person
    assert [merge.old for merge in found.merges] == ([] if old is None else [old])


def test_group_people__follows_chains() -> None:
    merges = [
        Merge(old=1, new=2, reason="alias", evidence=()),
        Merge(old=2, new=3, reason="alias", evidence=()),
    ]
    assert group_people([1, 2, 3, 4], merges) == {3: [1, 2, 3], 4: [4]}
