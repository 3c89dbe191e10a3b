"""Who loads what stands in a mail: a human, or a program acting before or for one.

Engagement counts humans by default, so a program must not pass for one; where the signs are missing it
still can.
"""

import re
from collections.abc import Mapping
from enum import StrEnum


class Reader(StrEnum):
    HUMAN = "human"
    MACHINE = "machine"  # a mail program's proxy that loads every picture, read or not
    SCANNER = "scanner"  # a security gateway, a crawler, a script
    PREFETCH = "prefetch"  # a browser that loads ahead of a click that may never come


_PROXIES = re.compile(r"GoogleImageProxy|YahooMailProxy|via ggpht\.com", re.IGNORECASE)
_PROGRAMS = re.compile(
    r"bot\b|crawl|spider|scan|preview|python|curl|wget|java/|go-http|okhttp|headless|libwww|barracuda|proofpoint",
    re.IGNORECASE,
)
_BARE_MOZILLA = re.compile(r"^Mozilla/5\.0\s*$")  # Apple's mail privacy proxy says no more than this


def reader_of(headers: Mapping[str, str]) -> Reader:
    """Judge by the request's headers; `headers` looks names up whatever their case."""
    purpose = " ".join(headers.get(name, "") for name in ("Sec-Purpose", "Purpose", "X-Moz"))
    if "prefetch" in purpose.lower() or "preview" in purpose.lower():
        return Reader.PREFETCH
    agent = headers.get("User-Agent", "")
    if _PROXIES.search(agent) or _BARE_MOZILLA.match(agent):
        return Reader.MACHINE
    if not agent or _PROGRAMS.search(agent):
        return Reader.SCANNER
    return Reader.HUMAN
