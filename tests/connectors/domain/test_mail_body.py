import time

import pytest

from connectors.domain.mail_body import (
    as_looked_at,
    links_of,
    text_of,
    with_links,
    with_pixel,
    with_preheader,
)


def tracked(text: str) -> str:
    return with_links(text, link=lambda url: f"https://t/c?{url}")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('<a href="http://a.b/x">x</a>', '<a href="https://t/c?http://a.b/x">x</a>'),
        ("<a class=b href='http://a.b/x'>x</a>", '<a class=b href="https://t/c?http://a.b/x">x</a>'),
        ("<A HREF=http://a.b/x>x</A>", '<A HREF="https://t/c?http://a.b/x">x</A>'),
        ('<a href="http://a.b/?x=1&amp;y=2">', '<a href="https://t/c?http://a.b/?x=1&amp;y=2">'),
        ('<a title="1 > 0" href="http://a.b/">', '<a title="1 > 0" href="https://t/c?http://a.b/">'),
        ('<area href="http://a.b/">', '<area href="https://t/c?http://a.b/">'),
        ('<a\nhref = "http://a.b/">', '<a\nhref = "https://t/c?http://a.b/">'),
        ('<a href="mailto:a@b.c">', '<a href="mailto:a@b.c">'),
        ('<a href="javascript:alert(1)">', '<a href="javascript:alert(1)">'),
        ('<a href="#top">', '<a href="#top">'),
        ('<a data-untracked href="http://a.b/">', '<a data-untracked href="http://a.b/">'),
        ('<abbr href="http://a.b/">', '<abbr href="http://a.b/">'),
        ('<link href="http://a.b/x.css">', '<link href="http://a.b/x.css">'),
        ("plain http://a.b/", "plain http://a.b/"),
    ],
)
def test_with_links__replaces_web_addresses_of_links(before: str, after: str) -> None:
    assert tracked(before) == after


def test_with_links__leaves_comments_for_mail_programs() -> None:
    kept = "<!doctype html><!--[if mso | IE]><table><![endif]--><p>ok &nbsp; <b>x</b></p>"
    assert tracked(kept) == kept


def test_with_links__is_linear_in_the_text() -> None:
    started = time.process_time()
    for hostile in ('<a "' * 100_000, "<a " + "x " * 200_000, '<a "<a" ' * 50_000, "<a '" + "<a" * 200_000):
        tracked(hostile)
    assert time.process_time() - started < 20  # code that looks at each tag's rest takes minutes


def test_with_pixel__before_the_end_of_the_body() -> None:
    assert with_pixel("<body>x</body></html>", address="http://t/o/1?a=1&b=2") == (
        '<body>x<img src="http://t/o/1?a=1&amp;b=2" width="1" height="1" alt=""></body></html>'
    )
    assert with_pixel("x", address="p").endswith('alt="">')


def test_as_looked_at__leads_nowhere_and_tells_nobody() -> None:
    sent = with_pixel('<body><a class="b" href="http://t/c/1">Go</a></body>', address="http://t/o/1?a=1&b=2")
    assert as_looked_at(sent, pixels="http://t/o/") == '<body><a class="b">Go</a></body>'


def test_links_of__words_and_addresses() -> None:
    found = links_of(
        '<a href="http://t/c/1"><b>Buy</b>\n &amp; win</a><a href="#x">x</a><a href="https://t/p"></a>y'
    )
    assert found == [("Buy & win", "http://t/c/1"), ("https://t/p", "https://t/p")]


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>Hello <b>Ada</b>,</p><p>bye</p>", "Hello Ada,\n\nbye\n"),
        ('<a href="http://a.b/?x=1&amp;y=2">Buy &amp; win</a>', "Buy & win (http://a.b/?x=1&y=2)\n"),
        ("<ul><li>one</li><li>two</li></ul>", "- one\n- two\n"),
        ("<head><title>t</title><style>b{}</style></head><body>x<br>y</body>", "x\ny\n"),
        ("<head><title>t</title><body>shown", "shown\n"),
        ("<script>alert(1)</script>x", "x\n"),
        ("<!--[if mso]>hidden<![endif]-->x", "x\n"),
        ("", "\n"),
    ],
)
def test_text_of(html: str, text: str) -> None:
    assert text_of(html) == text


def test_with_preheader__is_seen_beside_the_subject_alone() -> None:
    made = with_preheader('<html><body class="a>b"><p>Hi</p></body></html>', text="1 < 2")
    head, _, rest = made.partition('<body class="a>b">')
    assert head == "<html>"
    assert rest.startswith('<div style="display:none;')
    assert "1 &lt; 2" in rest
    assert rest.endswith("<p>Hi</p></body></html>")
    assert with_preheader("<p>Hi</p>", text="") == "<p>Hi</p>"
    assert with_preheader("<p>Hi</p>", text="x").endswith("<p>Hi</p>")
