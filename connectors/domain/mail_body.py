"""What is done to the HTML of a mail before it leaves: tracked links, the open pixel, the text part."""

import html
import re
from collections.abc import Callable
from html.parser import HTMLParser

# Bounded work from each "<a": each alternative begins with another character, and "<" ends the search.
_LINK_TAG = re.compile(r"<(?:a|area)(?=[\s/])(?:[^<>\"']|\"[^\"]*\"|'[^']*'){0,4000}>", re.IGNORECASE)
_HREF = re.compile(r"""(\shref\s*=\s*)("[^"]*"|'[^']*'|[^\s"'>]+)""", re.IGNORECASE)
_UNTRACKED = re.compile(r"\sdata-untracked(?=[\s=>/])", re.IGNORECASE)
_START_OF_BODY = re.compile(r"<body(?=[\s>])(?:[^<>\"']|\"[^\"]*\"|'[^']*'){0,4000}>", re.IGNORECASE)
_END_OF_BODY = re.compile(r"</body\s*>", re.IGNORECASE)

_HIDDEN = "display:none;font-size:1px;line-height:1px;max-height:0;max-width:0;opacity:0;overflow:hidden"
_FILLING = "&#847;&zwnj;&nbsp;" * 60

_OWN_DARK = re.compile(r"prefers-color-scheme\s*:\s*dark", re.IGNORECASE)

_INVISIBLE = {"head", "style", "script", "title"}
_BLOCKS = {"p", "div", "table", "tr", "ul", "ol", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "section"}


def with_links(text: str, *, link: Callable[[str], str]) -> str:
    """Replace the web address of each link by what `link` makes of it.

    The rest stays as it is, byte for byte, comments for mail programs included. A link marked
    `data-untracked` and anything but http(s) is left alone.
    """

    def replace_address(found: re.Match[str]) -> str:
        value = found[2][1:-1] if found[2][0] in "\"'" else found[2]
        address = html.unescape(value).strip()
        if not address.lower().startswith(("http://", "https://")):
            return found[0]
        return f'{found[1]}"{html.escape(link(address))}"'

    def replace_tag(found: re.Match[str]) -> str:
        tag = found[0]
        return tag if _UNTRACKED.search(tag) else _HREF.sub(replace_address, tag, count=1)

    return _LINK_TAG.sub(replace_tag, text)


def with_pixel(text: str, *, address: str) -> str:
    """Add the picture whose loading says that the mail was opened."""
    pixel = f'<img src="{html.escape(address)}" width="1" height="1" alt="">'
    ends = list(_END_OF_BODY.finditer(text))
    if not ends:
        return text + pixel
    return text[: ends[-1].start()] + pixel + text[ends[-1].start() :]


def with_preheader(html_: str, *, text: str) -> str:
    """Add what mail programs show beside the subject, and readers of the mail itself do not see."""
    if not text:
        return html_
    # What follows keeps mail programs from going on with the first words of the body.
    hidden = f'<div style="{_HIDDEN}" aria-hidden="true">{html.escape(text)}{_FILLING}</div>'
    body = _START_OF_BODY.search(html_)
    at = body.end() if body else 0
    return html_[:at] + hidden + html_[at:]


def in_the_dark(text: str) -> str:
    """The mail as a program in dark colours shows it.

    One that has dark colours of its own chooses them by its frame; of others the colours are turned over,
    as such programs do, and those of pictures back again.
    """
    if _OWN_DARK.search(text):
        return text
    turn = "filter:invert(1) hue-rotate(180deg)"
    return f"{text}<style>html{{background:#fff;{turn}}}img{{{turn}}}</style>"


def as_looked_at(text: str, *, pixels: str) -> str:
    """The mail for a reader of ours: no link leads anywhere, and nobody is told that it was opened.

    Args:
        pixels: how the addresses of opening pixels begin.
    """
    pixel = re.compile(rf'<img src="{re.escape(html.escape(pixels))}[^"]*" width="1" height="1" alt="">')
    return _LINK_TAG.sub(lambda found: _HREF.sub("", found[0], count=1), pixel.sub("", text))


def links_of(text: str) -> list[tuple[str, str]]:
    """The words and the address of each link to a web page, in order."""
    reader = _LinkReader()
    reader.feed(text)
    reader.close()
    found = ((" ".join("".join(words).split()), address) for address, words in reader.links)
    return [(words or address, address) for words, address in found]


class _LinkReader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.links: list[tuple[str, list[str]]] = []
        self.is_inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        address = dict(attrs).get("href") or ""
        if tag in ("a", "area") and address.startswith(("http://", "https://")):
            self.links.append((address, []))
            self.is_inside = tag == "a"

    def handle_endtag(self, tag: str) -> None:
        if tag == "a":
            self.is_inside = False

    def handle_data(self, data: str) -> None:
        if self.is_inside:
            self.links[-1][1].append(data)


def text_of(text: str) -> str:
    """Write HTML as plain text: paragraphs, list items, and each link's address after its words."""
    reader = _TextReader()
    reader.feed(text)
    reader.close()
    lines = [" ".join(line.split()) for line in "".join(reader.pieces).split("\n")]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip() + "\n"


class _TextReader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.pieces: list[str] = []
        self.hidden = 0  # how many invisible elements we are inside of
        self.addresses: list[str] = []  # of the links we are inside of

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "body":
            self.hidden = 0  # a head that was never closed hides nothing
        elif tag in _INVISIBLE:
            self.hidden += 1
        elif tag == "a":
            self.addresses.append(dict(attrs).get("href") or "")
        elif tag == "br":
            self.pieces.append("\n")
        elif tag == "li":
            self.pieces.append("\n- ")
        elif tag in _BLOCKS:
            self.pieces.append("\n\n")

    def handle_endtag(self, tag: str) -> None:
        if tag in _INVISIBLE:
            self.hidden = max(0, self.hidden - 1)
        elif tag == "a" and self.addresses:
            address = self.addresses.pop()
            if address:
                self.pieces.append(f" ({address})")
        elif tag in _BLOCKS:
            self.pieces.append("\n\n")

    def handle_data(self, data: str) -> None:
        if not self.hidden:
            self.pieces.append(re.sub(r"\s+", " ", data))
