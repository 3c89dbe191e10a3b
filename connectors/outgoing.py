"""Calls to other systems over HTTP, bounded in every way.

Only public addresses are reached unless WAYFARE_ALLOW_PRIVATE_DESTINATIONS says otherwise: names are
resolved here and the very address that was judged is connected to, so that a name cannot change its
meaning in between. Redirects are not followed. A call ends at its deadline, however slowly the other
side drips its answer; no more of an answer is read than is worth keeping.

httpcore and not httpx above it: the network backend, where both bounds live, is httpcore's to choose.
"""

import socket
import ssl
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Any

import httpcore
from django.conf import settings
from django.utils.translation import gettext

from connectors.domain.destination import is_public
from connectors.domain.message import DeliveryError, Fault

SECONDS = 15.0  # for a whole call; what receivers of webhooks are commonly given
CONNECT_SECONDS = 5.0
KEPT_BYTES = 64 * 1024  # of an answer
_USER_AGENT = "Wayfare"

SocketOption = tuple[int, int, int] | tuple[int, int, bytes | bytearray] | tuple[int, int, None, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a system answered."""

    status: int
    headers: Mapping[str, str]  # names in lower case
    body: bytes  # its beginning


class PrivateAddress(Exception):
    """The name leads into the own network only."""


class Caller:
    """Calls one system; keeps its connection for the next call. Used by one thread at a time."""

    def __init__(self, *, seconds: float = SECONDS, kept_bytes: int = KEPT_BYTES) -> None:
        self._seconds = seconds
        self._kept_bytes = kept_bytes
        self._network = _Network(allow_private=settings.WAYFARE_ALLOW_PRIVATE_DESTINATIONS)
        self._pool = httpcore.ConnectionPool(
            ssl_context=_tls(), network_backend=self._network, max_connections=1, keepalive_expiry=10
        )

    def post(self, url: str, *, headers: Mapping[str, str], body: bytes) -> Answer:
        """Post and return the answer, whatever its status.

        Raises:
            DeliveryError: there was no answer.
        """
        return self.call("POST", url, headers=headers, body=body)

    def call(self, method: str, url: str, *, headers: Mapping[str, str], body: bytes | None) -> Answer:
        """Make one call and return its answer, whatever its status.

        Raises:
            DeliveryError: there was no answer.
        """
        self._network.deadline = time.monotonic() + self._seconds
        try:
            with self._pool.stream(
                method,
                url,
                headers=[("User-Agent", _USER_AGENT), *headers.items()],
                content=body,
                extensions={"timeout": {"connect": CONNECT_SECONDS, "read": self._seconds}},
            ) as response:
                return Answer(
                    status=response.status,
                    headers={key.decode("latin-1").lower(): _text(value) for key, value in response.headers},
                    body=_beginning(response.iter_stream(), at_most=self._kept_bytes),
                )
        except PrivateAddress as error:
            raise _refused_address() from error
        except (httpcore.ConnectError, httpcore.ConnectTimeout, socket.gaierror) as error:
            raise _down(gettext("The destination cannot be reached.")) from error
        except (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError) as error:
            raise _down(gettext("The destination did not answer.")) from error

    def close(self) -> None:
        self._pool.close()


def raise_unless_taken(answer: Answer, *, now: datetime) -> None:
    """Raise for an answer that does not say the message was taken.

    Raises:
        DeliveryError: any status but 2xx.
    """
    if not 200 <= answer.status < 300:
        raise error_of(answer, now=now)


def error_of(answer: Answer, *, now: datetime) -> DeliveryError:
    """What the status of an answer that is not 2xx means."""
    return DeliveryError(
        _reason(answer.status),
        permanent=_is_permanent(answer.status),
        fault=_fault(answer.status),
        retry_after=retry_after(answer.headers.get("retry-after", ""), now=now),
        response=record_of(answer),
    )


def record_of(answer: Answer) -> dict[str, Any]:
    """What is kept of an answer with the attempt."""
    return {"status": answer.status, "body": answer.body.decode(errors="replace").replace("\0", "")[:2000]}


def retry_after(text: str, *, now: datetime) -> timedelta | None:
    """Read a Retry-After header: seconds or a date; None for anything else."""
    text = text.strip()
    if text.isascii() and text.isdecimal():
        return timedelta(seconds=min(int(text), 10**8))
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return None
    return max(at.replace(tzinfo=at.tzinfo or UTC) - now, timedelta())


def _is_permanent(status: int) -> bool:
    if 300 <= status < 400:
        return True
    # A wrong or expired credential is put right by somebody, and nothing should be lost until then.
    may_pass = {401, 403, 407, 408, 409, 423, 425, 429}
    return 400 <= status < 500 and status not in may_pass


def _fault(status: int) -> Fault:
    if status == 410:
        return Fault.GONE
    return Fault.DESTINATION if status >= 500 or status in {401, 403, 407, 408, 429} else Fault.MESSAGE


def _reason(status: int) -> str:
    if 300 <= status < 400:
        return gettext("The destination redirects (status %(status)s); redirects are not followed.") % {
            "status": status
        }
    if status in {401, 403}:
        return gettext("The destination does not accept our credentials (status %(status)s).") % {
            "status": status
        }
    if status == 410:
        return gettext("The destination wants no more messages (status 410).")
    return gettext("The destination refused the message (status %(status)s).") % {"status": status}


def _down(reason: str) -> DeliveryError:
    return DeliveryError(reason, permanent=False, fault=Fault.DESTINATION)


def _refused_address() -> DeliveryError:
    reason = gettext(
        "The destination lies in a private network, which is not called unless "
        "WAYFARE_ALLOW_PRIVATE_DESTINATIONS is set."
    )
    return DeliveryError(reason, permanent=True, fault=Fault.MESSAGE)


def _text(value: bytes) -> str:
    return value.decode("latin-1")


def _beginning(pieces: Iterable[bytes], *, at_most: int) -> bytes:
    kept = bytearray()
    for piece in pieces:
        kept += piece
        if len(kept) >= at_most:
            break
    return bytes(kept[:at_most])


@lru_cache(maxsize=1)  # reading the certificates takes 20 ms
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()


class _Network(httpcore.NetworkBackend):
    """Connects to judged addresses only, and ends everything at one deadline."""

    def __init__(self, *, allow_private: bool) -> None:
        self._allow_private = allow_private
        self._sync = httpcore.SyncBackend()
        self.deadline = 0.0

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[SocketOption] | None = None,
    ) -> httpcore.NetworkStream:
        failure: Exception = httpcore.ConnectError()
        for address in self._addresses(host, port=port):
            try:
                stream = self._sync.connect_tcp(
                    address,
                    port,
                    timeout=self.left(timeout),
                    local_address=local_address,
                    socket_options=socket_options,
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
            else:
                return _Stream(stream, network=self)
        raise failure

    def left(self, timeout: float | None) -> float:
        """Seconds that an operation may still take."""
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise httpcore.ReadTimeout
        return left if timeout is None else min(timeout, left)

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)

    def _addresses(self, host: str, *, port: int) -> list[str]:
        found = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)
        addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
        allowed = [address for address in addresses if self._allow_private or is_public(address)]
        if addresses and not allowed:
            raise PrivateAddress
        return allowed


class _Stream(httpcore.NetworkStream):
    """A connection whose every operation ends at the network's deadline."""

    def __init__(self, stream: httpcore.NetworkStream, *, network: _Network) -> None:
        self._stream = stream
        self._network = network

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, timeout=self._network.left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, timeout=self._network.left(timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        secured = self._stream.start_tls(
            ssl_context, server_hostname=server_hostname, timeout=self._network.left(timeout)
        )
        return _Stream(secured, network=self._network)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)
