import pytest

from connectors.domain.bounce import is_hard_bounce


@pytest.mark.parametrize(
    ("code", "text", "is_hard"),
    [
        (550, "5.1.1 User unknown", True),
        (550, "No such user here", True),
        (553, "mailbox name not allowed", True),
        (550, "5.2.1 mailbox disabled", True),
        (552, "5.2.2 mailbox full", False),
        (550, "5.7.1 message refused as spam", False),
        (554, "transaction failed", False),
        (450, "4.2.1 try later", False),
        (451, "greylisted", False),
        (550, "5.1.10 recipient not found", True),
    ],
)
def test_is_hard_bounce(code: int, text: str, is_hard: bool) -> None:
    assert is_hard_bounce(code=code, text=text) is is_hard
