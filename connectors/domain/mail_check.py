"""What is wrong with a mail that can be seen in its HTML alone: links and placeholders, its length."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from html.parser import HTMLParser
from typing import Final
from urllib.parse import urlsplit

CLIPPED_BYTES: Final = 102 * 1024  # Gmail shows no more of a mail
LONG_BYTES: Final = 90 * 1024
_SCHEMES: Final = frozenset({"http", "https", "mailto", "tel", "sms"})
# Of other systems, or of ours where they stand in what is never filled in: a customer's trait for one.
_PLACEHOLDER: Final = re.compile(
    r"\{\{|\}\}|\{%|%7B%7B|%7D%7D|\*\|[\w:]+\|\*|\[\[\w+\]\]|%recipient[.\w]*%", re.I
)
_SPACES: Final = re.compile(r"\s")


class LinkFault(StrEnum):
    EMPTY = "empty"
    PLACEHOLDER = "placeholder"
    RELATIVE = "relative"
    SCHEME = "scheme"
    NO_HOST = "no_host"
    SPACES = "spaces"


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """One link of a mail."""

    words: str
    address: str
    fault: LinkFault | None


def links_in(text: str) -> list[Link]:
    """Every link, in order, with what is wrong with it; nothing is asked of the network."""
    reader = _Reader()
    reader.feed(text)
    reader.close()
    return [
        Link(words=" ".join("".join(words).split()), address=address, fault=fault_of(address))
        for address, words in reader.links
    ]


def fault_of(address: str) -> LinkFault | None:
    """What is wrong with the address of a link; None for nothing that can be seen."""
    address = address.strip()
    if not address.strip("#"):
        return LinkFault.EMPTY
    if _PLACEHOLDER.search(address):
        return LinkFault.PLACEHOLDER
    if _SPACES.search(address):
        return LinkFault.SPACES
    try:
        found = urlsplit(address)
        host = found.hostname
    except ValueError:
        return LinkFault.NO_HOST
    if not found.scheme:
        return LinkFault.RELATIVE
    if found.scheme not in _SCHEMES:
        return LinkFault.SCHEME
    return LinkFault.NO_HOST if found.scheme in ("http", "https") and not host else None


def placeholders_in(texts: Iterable[str]) -> list[str]:
    """What looks as if it should have been filled in; each once."""
    return list(dict.fromkeys(found for text in texts for found in _PLACEHOLDER.findall(text)))


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.links: list[tuple[str, list[str]]] = []
        self._is_inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if tag in ("a", "area") and "href" in found:
            self.links.append((found["href"] or "", []))
            self._is_inside = tag == "a"
        elif tag == "img" and self._is_inside and found.get("alt"):
            self.links[-1][1].append(found["alt"] or "")

    def handle_endtag(self, tag: str) -> None:
        self._is_inside = self._is_inside and tag != "a"

    def handle_data(self, data: str) -> None:
        if self._is_inside:
            self.links[-1][1].append(data)
