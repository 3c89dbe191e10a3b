"""Templates written by people of the company: what they can say, and what they cannot do."""

import threading
import time
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from connectors.domain.message import MailSource
from connectors.rendering import render_value
from connectors.rendering.renderer import ProcessRenderer, RenderError

PERSON = {
    "id": "p-1",
    "email": "ada@example.com",
    "firstName": "Ada",
    "items": "a trait named like a method",
    "age": 36,
    "tags": ["a", "b"],
    "traits": {"firstName": "Ada"},
}
VARIABLES: dict[str, Any] = {
    "person": PERSON,
    "event": {"name": "Order Completed", "properties": {"revenue": 39.9, "Product Name": "Lamp"}},
    "now": "2026-11-23T23:30:00+00:00",
    "zone": "Europe/Berlin",
}
MJML = (
    "<mjml><mj-body><mj-section><mj-column><mj-text>Hi {{ person.firstName }}</mj-text>"
    '<mj-button href="https://shop.example/?a=1&amp;b=2">Go</mj-button></mj-column></mj-section></mj-body></mjml>'
)


@pytest.fixture(scope="module")
def renderer() -> Iterator[ProcessRenderer]:
    made = ProcessRenderer()
    yield made
    made.close()


def html(renderer: ProcessRenderer, body: str) -> str:
    return renderer.mail(MailSource(subject="s", body=body), variables=VARIABLES).html


@pytest.mark.parametrize(
    ("body", "made"),
    [
        ("{{ person.firstName }}", "Ada"),
        ("{{ person['firstName'] }}", "Ada"),
        ("{{ person.traits.firstName }}", "Ada"),
        ("{{ person.items }}", "a trait named like a method"),
        ("{{ person.nickname|default('you') }}", "you"),
        ("{% if person.nickname is defined %}x{% else %}y{% endif %}", "y"),
        ("{{ event.properties['Product Name'] }}", "Lamp"),
        ("{{ event.properties.revenue }}", "39.9"),
        ("{% for tag in person.tags %}{{ tag }},{% endfor %}", "a,b,"),
        ("{{ now.strftime('%d.%m.%Y %H:%M') }}", "24.11.2026 00:30"),
        ("{{ '<b>' }}", "&lt;b&gt;"),
    ],
)
def test_mail__variables(renderer: ProcessRenderer, body: str, made: str) -> None:
    assert html(renderer, body) == made


def test_mail__subject_is_one_line_of_plain_text(renderer: ProcessRenderer) -> None:
    variables = {"person": {"name": "Ada & Eve\r\nBcc: x@y.z"}}
    source = MailSource(subject="Hi  {{ person.name }}", preheader="{{ person.name }}!")
    made = renderer.mail(source, variables=variables)
    assert made.subject == "Hi Ada & Eve Bcc: x@y.z"
    assert made.preheader == "Ada & Eve Bcc: x@y.z!"


def test_mail__mjml_becomes_html_that_calls_nobody(renderer: ProcessRenderer) -> None:
    made = html(renderer, MJML)
    assert "Hi Ada" in made
    assert 'href="https://shop.example/?a=1&amp;b=2"' in made
    assert "<mj-" not in made
    assert "googleapis" not in made


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("{{ person.nickname }}", "there is no “nickname”; say what to write instead"),
        ("{{ persn.firstName }}", "'persn' is undefined"),
        ("one\ntwo {{ person.nickname }}", "Line 2"),
        ("one\n{% if %}", "Line 2"),
        ("{{ 1 / 0 }}", "ZeroDivisionError"),
        ("{{ person.__class__ }}", "__class__"),
        ("{{ ''.__class__.__mro__ }}", "unsafe"),
        ("{{ person.tags.append('c') }}", "unsafe"),
        ("{{ (1).__class__.__base__.__subclasses__() }}", "unsafe"),
        ("{{ '%s'.format.__globals__ }}", "unsafe"),
        ("{% include '/etc/passwd' %}", "no block “/etc/passwd”"),
        ("<mjml><mj-body><mj-include path='/etc/passwd' type='html'/></mj-body></mjml>", "MJML"),
        ("<mjml><mj-body>", "MJML"),
        ("{{ 'x' * 3000000 }}", "too long"),
        ("{% for i in range(100000) %}{{ 'x' * 100 }}{% endfor %}", "too long"),
        ("{% for i in range(10000000) %}{% endfor %}", "Range too big"),
        ("{{ 'x' * 10000000000 }}", "too much memory"),
        ("{{ 9 ** (9 ** 9) }}", "takes too long"),
        (
            "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
            "Line 1 of the template: The template takes too long",
        ),
    ],
)
def test_mail__faults_are_named_and_bounded(renderer: ProcessRenderer, body: str, said: str) -> None:
    with pytest.raises(RenderError, match=said) as caught:
        html(renderer, body)
    assert caught.value.permanent
    assert html(renderer, "{{ person.firstName }}") == "Ada"  # the next one is served


@pytest.mark.parametrize(
    ("template", "made"),
    [
        ("{{ event.properties.revenue }}", 39.9),
        ("{{ person.age + 1 }}", 37),
        (" {{ person.tags }} ", ["a", "b"]),
        ("{{ person.traits }}", {"firstName": "Ada"}),
        ("Call {{ person.firstName }}", "Call Ada"),
        ("{{ person.firstName }} {{ person.age }}", "Ada 36"),
        ("plain <text>", "plain <text>"),
        (7, 7),
        (None, None),
        (True, True),
        ({"deep": ["{{ person.age }}"]}, {"deep": [36]}),
        ("{{ now }}", "2026-11-24 00:30:00+01:00"),
        ("{{ '}}' }}", "}}"),
    ],
)
def test_fields__keep_types(renderer: ProcessRenderer, template: Any, made: Any) -> None:
    assert renderer.fields({"field": template}, variables=VARIABLES) == {"field": made}


@pytest.mark.parametrize("template", ["{{ person.nickname }}", "x {{ person.nickname }}"])
def test_fields__unknown_variable(renderer: ProcessRenderer, template: str) -> None:
    with pytest.raises(RenderError, match="nickname"):
        renderer.fields({"field": template}, variables=VARIABLES)


def test_fields__exact_decimals_are_numbers(renderer: ProcessRenderer) -> None:
    variables = {"event": {"revenue": Decimal("19.90")}}
    assert renderer.fields({"amount": "{{ event.revenue }}"}, variables=variables) == {"amount": 19.9}


def test_render_value__plain_values_stay() -> None:
    assert render_value(["{{ person.age }}", 7], VARIABLES) == [36, 7]


def test_read__names_which_text_and_line(renderer: ProcessRenderer) -> None:
    with pytest.raises(RenderError) as caught:
        renderer.read({"subject": "fine", "body": "a\nb {{ person."})
    assert (caught.value.name, caught.value.line) == ("body", 2)


PARTS = {
    "main": "<html><body>{% block content %}{% endblock %}{% include 'footer' %}</body></html>",
    "footer": "<p>\n{{ person.street }}</p>",
    "loop": "{% include 'loop' %}",
}


def test_mail__a_layout_and_blocks(renderer: ProcessRenderer) -> None:
    source = MailSource(body="{{ person.firstName }}\n{{ person.city }}", layout="main", parts=PARTS)
    at_home = VARIABLES | {"person": {"firstName": "<Ada>", "city": "Ulm", "street": "A & B"}}
    made = renderer.mail(source, variables=at_home)
    assert made.html == "<html><body>&lt;Ada&gt;\nUlm<p>\nA &amp; B</p></body></html>"
    with pytest.raises(RenderError) as caught:
        renderer.mail(source, variables=VARIABLES | {"person": {"firstName": "Ada"}})
    assert (caught.value.line, caught.value.part, caught.value.name) == (2, "", "body")
    with pytest.raises(RenderError, match="Line 2 of “footer”") as caught:
        renderer.mail(source, variables=VARIABLES | {"person": {"firstName": "Ada", "city": "Ulm"}})
    assert (caught.value.line, caught.value.part) == (2, "footer")
    with pytest.raises(RenderError, match="nested too deeply"):
        renderer.mail(MailSource(body="{% include 'loop' %}", parts=PARTS), variables={})


def test_mail__names_the_text_at_fault(renderer: ProcessRenderer) -> None:
    missing = "{{ person.nickname }}"
    sources = {
        "subject": MailSource(subject=missing),
        "preheader": MailSource(preheader=missing),
        "body": MailSource(body=missing),
    }
    for name, source in sources.items():
        with pytest.raises(RenderError) as caught:
            renderer.mail(source, variables=VARIABLES)
        assert caught.value.name == name


def test_read__what_templates_ask_for(renderer: ProcessRenderer) -> None:
    read = renderer.read(
        {
            "subject": "{{ person['First Name'] }} {{ person.city|default('x') }}",
            "body": "{% if person.vip is defined %}{{ person.vip }}{% endif %}{{ person.city }}\n"
            "{% for item in event.properties.items %}{{ item.name }}{% endfor %}{{ now }}"
            "{{ person.size|upper|default('M') }}{% include 'footer' %}{% block content %}{% endblock %}",
        }
    )
    uses = {use.path: (use.text, use.line, use.has_default) for use in read.uses}
    assert uses == {
        ("person", "First Name"): ("subject", 1, False),
        ("person", "city"): ("subject", 1, False),  # one place has a default, the other has none
        ("person", "vip"): ("body", 1, True),
        ("event", "properties", "items"): ("body", 2, False),
        ("person", "size"): ("body", 2, True),
    }
    assert (read.parts, read.offered) == (("footer",), ("content",))


def test_mail__many_threads_each_get_their_own_answer(renderer: ProcessRenderer) -> None:
    answers: dict[int, str] = {}

    def ask(number: int) -> None:
        for _ in range(20):
            variables = {"person": {"n": number}}
            source = MailSource(body="{{ person.n }}")
            answers[number] = renderer.mail(source, variables=variables).html
            assert answers[number] == str(number)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert answers == {number: str(number) for number in range(6)}


def test_mail__a_large_body_passes_both_ways(renderer: ProcessRenderer) -> None:
    body = "ä" * 400_000
    assert html(renderer, body) == body


def test_close__ends_the_children() -> None:
    renderer = ProcessRenderer()
    html(renderer, "x")
    (child,) = renderer._idle
    renderer.close()
    assert not child.is_alive()


def test_mail__a_child_that_died_is_replaced(renderer: ProcessRenderer) -> None:
    html(renderer, "x")
    for child in renderer._idle:
        child._process.kill()
    time.sleep(0.05)
    assert html(renderer, "y") == "y"
