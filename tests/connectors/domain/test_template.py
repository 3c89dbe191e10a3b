"""Languages, parts and defaults of templates."""

import pytest

from connectors.domain.template import (
    Content,
    Wording,
    content_of,
    defaults_of,
    plain_path,
    source_of,
    texts_of,
    to_json,
    with_defaults,
    wording_in,
)

HELLO = Content(
    subject="Hello",
    body="Hi",
    translations={
        "de": Wording(subject="Hallo", body="Servus"),
        "de-AT": Wording(subject="Grüß Gott"),
        "pt-BR": Wording(subject="Olá", body="Oi"),
    },
    defaults={"person.firstName": "there"},
    parts=("footer",),
)


@pytest.mark.parametrize(
    ("locale", "language", "subject", "body"),
    [
        ("en", "en", "Hello", "Hi"),
        ("en-GB", "en", "Hello", "Hi"),
        ("de", "de", "Hallo", "Servus"),
        ("de-DE", "de", "Hallo", "Servus"),
        ("de_at", "de-AT", "Grüß Gott", "Hi"),  # what a translation leaves out is said in the own language
        ("pt", "pt-BR", "Olá", "Oi"),
        ("pt-PT", "pt-BR", "Olá", "Oi"),
        ("fr", "en", "Hello", "Hi"),
        ("", "en", "Hello", "Hi"),
    ],
)
def test_wording_in__the_nearest_language(locale: str, language: str, subject: str, body: str) -> None:
    assert wording_in(HELLO, locale) == (language, Wording(subject=subject, body=body))


def test_json__round_trip() -> None:
    assert content_of(to_json(HELLO)) == HELLO
    assert content_of({}) == Content()


def test_texts_of() -> None:
    assert texts_of(HELLO) == {
        "subject": "Hello",
        "body": "Hi",
        "translations.de.subject": "Hallo",
        "translations.de.body": "Servus",
        "translations.de-AT.subject": "Grüß Gott",
        "translations.pt-BR.subject": "Olá",
        "translations.pt-BR.body": "Oi",
    }


def test_source_of__takes_the_parts_it_needs_in_the_same_language() -> None:
    parts = {
        "main": Content(body="[{% block content %}{% endblock %}]", parts=("logo", "loop")),
        "footer": Content(body="Bye", translations={"de": Wording(body="Tschüss")}),
        "logo": Content(body="*"),
        "loop": Content(body="…", parts=("loop", "main")),
        "other": Content(body="unused"),
    }
    content = Content(subject="s", body="b", layout="main", sender="a@b.c", parts=("footer", "gone"))
    source = source_of(content, locale="de-CH", parts=parts, version=3)
    assert source.parts == {
        "main": parts["main"].body,
        "footer": "Tschüss",
        "logo": "*",
        "loop": "…",
    }
    assert (source.layout, source.sender, source.version) == ("main", "a@b.c", 3)


def test_defaults_of__the_mails_own_word_counts_first() -> None:
    parts = {"footer": Content(defaults={"person.firstName": "friend", "person.city": "town"})}
    assert defaults_of(HELLO, parts=parts) == {"person.firstName": "there", "person.city": "town"}


def test_with_defaults__where_there_is_nothing() -> None:
    traits = {"firstName": "", "city": "Ulm", "address": {"street": None}, "age": 0}
    variables = {"person": {**traits, "traits": traits}, "event": None}
    defaults = {
        "person.firstName": "there",
        "person.city": "town",
        "person.address.street": "your street",
        "person.age": "old",
        "person.city.name": "never",
        "event.properties.name": "it",
    }
    made = with_defaults(variables, defaults)
    person = {"firstName": "there", "city": "Ulm", "address": {"street": "your street"}, "age": 0}
    assert made == {"person": {**person, "traits": person}, "event": {"properties": {"name": "it"}}}
    assert variables["event"] is None
    assert traits["firstName"] == ""


def test_plain_path() -> None:
    assert plain_path(["person", "traits", "First Name"]) == "person.First Name"
    assert plain_path(["person", "traits"]) == "person.traits"
    assert plain_path(["event", "properties", "name"]) == "event.properties.name"
