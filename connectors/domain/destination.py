"""Which network addresses may be called when the company's own network must not be."""

from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from urllib.parse import urlsplit

_NAT64 = IPv6Network("64:ff9b::/96")  # carries an IPv4 address in its last 32 bits


class UrlFault(StrEnum):
    """Why an address cannot be called."""

    UNREADABLE = "unreadable"
    SCHEME = "scheme"
    NO_HOST = "no_host"
    USER = "user"
    CHARACTERS = "characters"


def is_public(text: str) -> bool:
    """Tell whether an IP address lies in the public internet, whatever it is wrapped in."""
    address = ip_address(text.partition("%")[0])  # a scope like %eth0 says nothing about reachability
    return all(
        inner.is_global and not inner.is_multicast and not inner.is_reserved for inner in _unwrapped(address)
    )


def url_fault(url: str) -> UrlFault | None:
    """Say what is wrong with a destination's address; None if it can be called."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return UrlFault.UNREADABLE
    if parts.scheme not in ("http", "https"):
        return UrlFault.SCHEME
    if not parts.hostname or port == 0:
        return UrlFault.NO_HOST
    if parts.username or parts.password:
        return UrlFault.USER
    if not url.isprintable() or " " in url:
        return UrlFault.CHARACTERS
    return None


def is_private_literal(url: str) -> bool:
    """Tell whether an address names a private IP outright; a name is judged when it is resolved."""
    host = urlsplit(url).hostname or ""
    try:
        return not is_public(host)
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _unwrapped(address: IPv4Address | IPv6Address) -> list[IPv4Address | IPv6Address]:
    """The addresses a packet may end at."""
    if isinstance(address, IPv4Address):
        return [address]
    if address.ipv4_mapped:
        return [address.ipv4_mapped]
    inside: list[IPv4Address | IPv6Address] = [address]
    if address in _NAT64:
        inside.append(IPv4Address(int(address) & 0xFFFFFFFF))
    if address.sixtofour:
        inside.append(address.sixtofour)
    if address.teredo:
        inside.extend(address.teredo)
    return inside
