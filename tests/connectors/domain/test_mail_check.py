import pytest

from connectors.domain.mail_check import Link, LinkFault, fault_of, links_in, placeholders_in


@pytest.mark.parametrize(
    ("address", "fault"),
    [
        ("https://shop.example/a?b=%20c#d", None),
        ("HTTP://shop.example", None),
        ("mailto:mia@example.com", None),
        ("tel:+4912345", None),
        ("", LinkFault.EMPTY),
        (" # ", LinkFault.EMPTY),
        ("/cart", LinkFault.RELATIVE),
        ("shop.example/cart", LinkFault.RELATIVE),
        ("https:///cart", LinkFault.NO_HOST),
        ("https://[::1", LinkFault.NO_HOST),
        ("https://shop.example/a b", LinkFault.SPACES),
        ("javascript:alert(1)", LinkFault.SCHEME),
        ("file:///etc/passwd", LinkFault.SCHEME),
        ("https://shop.example/{{ person.id }}", LinkFault.PLACEHOLDER),
        ("https://shop.example/%7B%7Bperson.id%7D%7D", LinkFault.PLACEHOLDER),
        ("*|UNSUB|*", LinkFault.PLACEHOLDER),
    ],
)
def test_fault_of(address: str, fault: LinkFault | None) -> None:
    assert fault_of(address) is fault


def test_links_in__words_and_pictures() -> None:
    html = (
        '<a href="https://a.example">To <b>the</b>\n shop</a> <a name="x">no</a>'
        '<a href="#"><img alt="Logo"></a>'
    )
    assert links_in(html) == [
        Link(words="To the shop", address="https://a.example", fault=None),
        Link(words="Logo", address="#", fault=LinkFault.EMPTY),
    ]


def test_placeholders_in() -> None:
    assert placeholders_in(["Hi {{ name }}", "*|FNAME|*, {{"]) == ["{{", "}}", "*|FNAME|*"]
