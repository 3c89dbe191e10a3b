"""Every way in which a sentence can be written is found by the collector."""

import gettext
import io
from pathlib import Path

import pytest
from django.core.management import call_command
from pytest_django import Settings

from cdp_site.catalogue import Message, in_python, in_template, pot_of, pseudo_of


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("_('One')", Message(text="One")),
        ("translation.gettext('One')", Message(text="One")),
        ("x = gettext_lazy('One ' 'two')", Message(text="One two")),
        ("gettext_noop('One')", Message(text="One")),
        ("ngettext('%(n)s cat', '%(n)s cats', n)", Message(text="%(n)s cat", plural="%(n)s cats")),
        ("pgettext('verb', 'Post')", Message(text="Post", context="verb")),
    ],
)
def test_in_python(source: str, message: Message) -> None:
    assert list(in_python(source)) == [(message, 1)]


@pytest.mark.parametrize("source", ["print('One')", "_(one)", "_(f'{one}')", "_('')"])
def test_in_python__leaves_the_rest(source: str) -> None:
    assert list(in_python(source)) == []


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ('{{ _("One") }}', Message(text="One")),
        ("{{ gettext('One %(x)s', x=1) }}", Message(text="One %(x)s")),
        ("{% trans %}One  two{% endtrans %}", Message(text="One  two")),
        (
            "{% trans n=cats|length %}One cat{% pluralize %}{{ n }} cats{% endtrans %}",
            Message(text="One cat", plural="%(n)s cats"),
        ),
    ],
)
def test_in_template(source: str, message: Message) -> None:
    assert list(in_template(source)) == [(message, 1)]


def test_pseudo_of__gettext_reads_it() -> None:
    words = [
        Message(text="One"),
        Message(text="%(n)s cat", plural="%(n)s cats"),
        Message(text="Post", context="verb"),
    ]
    read = gettext.GNUTranslations(io.BytesIO(pseudo_of(words)))
    assert read.gettext("One") == "⟦One⟧"
    assert read.gettext("Two") == "Two"
    assert read.ngettext("%(n)s cat", "%(n)s cats", 3) == "⟦%(n)s cats⟧"
    assert read.pgettext("verb", "Post") == "⟦Post⟧"


def test_pot_of__quotes_and_names_places() -> None:
    text = pot_of({Message(text='Say "hi"\n', plural="b", context="c"): "x.py:3"})
    assert '#: x.py:3\nmsgctxt "c"\nmsgid "Say \\"hi\\"\\n"\nmsgid_plural "b"' in text


def test_messages__writes_what_translators_need(tmp_path: Path, settings: Settings) -> None:
    settings.LOCALE_PATHS = [tmp_path / "locale"]
    said = io.StringIO()
    call_command("messages", "--pseudo", stdout=said)
    template = (tmp_path / "locale" / "django.pot").read_text()
    assert 'msgid "People"' in template
    assert (tmp_path / "locale" / "eo" / "LC_MESSAGES" / "django.mo").exists()
    assert int(said.getvalue().split()[0]) > 500
