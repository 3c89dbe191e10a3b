import pytest

from connectors.domain.destination import UrlFault, is_private_literal, is_public, url_fault


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.215.14", True),
        ("2606:2800:21f:cb07:6820:80da:af6b:8b2c", True),
        ("127.0.0.1", False),
        ("10.1.2.3", False),
        ("192.168.0.1", False),
        ("172.16.0.1", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("0.0.0.0", False),
        ("255.255.255.255", False),
        ("224.0.0.1", False),
        ("::1", False),
        ("::", False),
        ("fe80::1%eth0", False),
        ("fd00::1", False),
        ("ff02::1", False),
        ("::ffff:127.0.0.1", False),
        ("::ffff:93.184.215.14", True),
        ("64:ff9b::7f00:1", False),
        ("2002:7f00:1::", False),
    ],
)
def test_is_public(address: str, public: bool) -> None:
    assert is_public(address) is public


@pytest.mark.parametrize(
    ("url", "fault"),
    [
        ("https://crm.example/api", None),
        ("http://127.0.0.1:8080/x", None),
        ("http://[::1]:8080/x", None),
        ("ftp://crm.example/", UrlFault.SCHEME),
        ("file:///etc/passwd", UrlFault.SCHEME),
        ("https://", UrlFault.NO_HOST),
        ("https://user:secret@crm.example/", UrlFault.USER),
        ("https://crm.example:99999/", UrlFault.UNREADABLE),
        ("https://[bad/", UrlFault.UNREADABLE),
        ("https://crm.example/a b", UrlFault.CHARACTERS),
    ],
)
def test_url_fault(url: str, fault: UrlFault | None) -> None:
    assert url_fault(url) == fault


@pytest.mark.parametrize(
    ("url", "private"),
    [
        ("http://127.0.0.1:8080/x", True),
        ("http://[::1]/", True),
        ("http://localhost/", True),
        ("http://crm.localhost/", True),
        ("http://10.0.0.7/", True),
        ("https://93.184.215.14/", False),
        ("https://crm.example/", False),
    ],
)
def test_is_private_literal(url: str, private: bool) -> None:
    assert is_private_literal(url) is private
