import pytest

from connectors.domain.destination import is_public, url_fault


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
        ("https://crm.example/api", ""),
        ("http://127.0.0.1:8080/x", ""),
        ("http://[::1]:8080/x", ""),
        ("ftp://crm.example/", "must begin with http:// or https://"),
        ("file:///etc/passwd", "must begin with http:// or https://"),
        ("https://", "names no host"),
        ("https://user:secret@crm.example/", "must not hold a user name or password"),
        ("https://crm.example:99999/", "is not a web address"),
        ("https://[bad/", "is not a web address"),
        ("https://crm.example/a b", "holds characters that no web address may hold"),
    ],
)
def test_url_fault(url: str, fault: str) -> None:
    assert url_fault(url) == fault
