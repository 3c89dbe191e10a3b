"""Every page as a browser gets it: under the strict policy, without stray text, good without any data."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import django
import pytest
from django.conf import settings
from django.test import Client, override_settings

from cdp_site.catalogue import Message, in_python, messages_in, pseudo_of
from cdp_site.web import Role
from tests import build
from tests.addresses import Address, addresses
from tests.site.world import World, make_world

PAGES = [one for one in addresses() if one.access and one.access.kind == "staff"]
PLAIN = [one for one in PAGES if one.path == f"/{one.route}"]  # those without a parameter


def html_of(client: Client, path: str) -> str:
    response = client.get(path, follow=True)
    assert response.status_code in (200, 405), path
    return response.content.decode() if response.status_code == 200 else ""


@pytest.fixture
def admin(client: Client) -> Client:
    client.force_login(build.user(role=Role.ADMIN, name="§admin§"))
    return client


@pytest.mark.django_db
@pytest.mark.parametrize("address", PLAIN, ids=lambda one: one.route)
def test_page__is_good_without_any_data(admin: Client, address: Address) -> None:
    html_of(admin, address.path)


@pytest.mark.django_db
@pytest.mark.parametrize("address", addresses(), ids=lambda one: one.route)
def test_answer__stands_under_the_strict_policy(admin: Client, address: Address) -> None:
    response = admin.get(address.path)
    if not response.headers.get("Content-Type", "").startswith("text/html"):
        return
    policy = response.headers["Content-Security-Policy"]
    if "sandbox" in policy:  # a frame of foreign content, shut off from everything
        assert "default-src 'none'" in policy
        return
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
    assert_fit_for_the_policy(response.content.decode())


@pytest.mark.django_db
def test_full_pages__stand_under_the_strict_policy(admin: Client) -> None:
    for path in make_world().pages():
        assert_fit_for_the_policy(html_of(admin, path))


def assert_fit_for_the_policy(html: str) -> None:
    assert not re.search(r"\sstyle=|<style|\son[a-z]+=|javascript:", html)
    assert not re.search(r"<script(?![^>]*\bsrc=)", html)
    addressed = re.findall(
        r"<(?:script|link|img|iframe|form)\b[^>]*?\b(?:src|href|action)=\"([^\"]*)\"", html
    )
    assert all(target.startswith(("/", "data:", "#")) for target in addressed)


class VisibleText(HTMLParser):
    """What people can read or have read to them, in the order of the page."""

    NOT_WORDS = frozenset({"script", "style", "code", "pre", "kbd", "title"})
    SPOKEN = frozenset({"placeholder", "aria-label", "title", "alt"})
    VOID = frozenset({"input", "link", "meta", "br", "img", "hr", "path", "rect", "circle"})

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self._silent: list[bool] = [False]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        is_silent = self._silent[-1] or tag in self.NOT_WORDS or named.get("translate") == "no"
        if not is_silent:
            self.texts += [f"⟪{value}⟫" for name, value in attrs if name in self.SPOKEN and value]
        if tag not in self.VOID:
            self._silent.append(is_silent)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            self._silent.pop()

    def handle_data(self, data: str) -> None:
        if not self._silent[-1]:
            self.texts.append(data)


def strays(html: str) -> list[str]:
    """Words outside of brackets: neither translated nor marked as data by §."""
    reader = VisibleText()
    reader.feed(html)
    return [text for text in _outside("\n".join(reader.texts)) if re.search(r"[^\W\d_]{2}", text)]


def _outside(text: str) -> Iterator[str]:
    text = re.sub(r"§[^§]*§|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "", text)
    depth, start = 0, 0
    for place, sign in enumerate(text):
        if sign == "⟦":
            if depth == 0:
                yield text[start:place].strip()
            depth += 1
        elif sign == "⟧":
            depth -= 1
            start = place + 1
    yield text[start:].strip()


class TestStrays:
    def test_sees_bare_text(self) -> None:
        assert strays("<p>⟦Hello⟧ world</p>") == ["world"]

    def test_sees_bare_attributes(self) -> None:
        assert strays('<input placeholder="Name">') == ["⟪Name⟫"]

    def test_lets_data_and_markup_within_sentences_pass(self) -> None:
        assert strays("<p>⟦Viewed <b>§x y§</b>⟧ 12 <code>path</code> §z§</p>") == []


def _djangos_own() -> Iterator[Message]:
    """Sentences of Django's that our pages show: its translators see to them."""
    root = Path(django.__file__).parent
    for name in (
        "contrib/auth/forms.py",
        "contrib/auth/password_validation.py",
        "utils/dates.py",
        "forms/fields.py",
        "template/defaultfilters.py",
    ):
        yield from (message for message, _line in in_python((root / name).read_text()))
    yield from (
        message
        for path in (root / "contrib/auth").glob("*.py")
        for message, _line in in_python(path.read_text())
    )


@pytest.fixture
def pseudo(tmp_path: Path) -> Iterator[None]:
    """A language in which every sentence that went through gettext stands in brackets."""
    target = tmp_path / "en_XA" / "LC_MESSAGES" / "django.mo"
    target.parent.mkdir(parents=True)
    packages = ("cdp_site", "profiles", "segments", "journeys", "connectors")
    found = messages_in(Path(settings.BASE_DIR), packages=packages)
    target.write_bytes(pseudo_of([*found, *_djangos_own()]))
    with override_settings(LANGUAGES=[("en-xa", "Pseudo")], LANGUAGE_CODE="en-xa", LOCALE_PATHS=[tmp_path]):
        yield


@pytest.mark.django_db
@pytest.mark.usefixtures("pseudo")
class TestPseudoLocale:
    def test_empty_pages__every_word_is_translated(self, admin: Client) -> None:
        for address in PLAIN:
            assert strays(html_of(admin, address.path)) == [], address.path

    def test_full_pages__every_word_is_translated(self, admin: Client) -> None:
        world: World = make_world()
        for path in world.pages():
            assert strays(html_of(admin, path)) == [], path

    def test_log_in(self, client: Client) -> None:
        assert strays(client.post("/log-in/", {"username": "§", "password": ""}).content.decode()) == []
