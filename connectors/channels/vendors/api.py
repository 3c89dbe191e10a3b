"""Calls to a vendor's API: logged in, at its pace, with every answer judged.

A 2xx whose body is no JSON is a failure: a log-in page or a proxy answered, not the CRM.
"""

import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from typing import Any, Protocol
from urllib.parse import quote, urlencode

from django.utils import timezone
from django.utils.translation import gettext

from connectors.domain.message import DeliveryError, Fault
from connectors.outgoing import Answer, Caller, error_of, record_of

Json = Any

KEPT_BYTES = 4 * 2**20  # a batch of contacts, or all fields of a large account
UNTIL_TOMORROW = timedelta(hours=1)  # when a day's allowance is used up and nobody says until when
_LONGEST_CODES = 200


class UnknownContact(DeliveryError):
    """The CRM does not know the contact by the id that was given."""

    def __init__(self, name: str) -> None:
        reason = gettext("%(vendor)s does not know this contact any more.") % {"vendor": name}
        super().__init__(reason, permanent=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An answer whose body could be read."""

    answer: Answer
    json: Json  # None where there is no body

    @property
    def status(self) -> int:
        return self.answer.status


class Login(Protocol):
    """How calls prove who they come from."""

    def headers(self, caller: Caller) -> Mapping[str, str]: ...

    def host(self, caller: Caller) -> str:
        """Where the API is, if logging in tells; else ""."""

    def renew(self) -> bool:
        """Forget what was refused; False where there is nothing else to try."""


@dataclass(frozen=True, slots=True)
class TokenLogin:
    """A token that stays the same until somebody changes it."""

    header: str
    value: str

    def headers(self, caller: Caller) -> Mapping[str, str]:
        return {self.header: self.value}

    def host(self, caller: Caller) -> str:
        return ""

    def renew(self) -> bool:
        return False


class OAuthLogin:
    """Short-lived tokens, fetched by client credentials or a refresh token, shared by all threads."""

    def __init__(self, url: str, *, form: Mapping[str, str]) -> None:
        self._url = url
        self._form = form

    def headers(self, caller: Caller) -> Mapping[str, str]:
        return {"Authorization": f"Bearer {self._token(caller)['access_token']}"}

    def host(self, caller: Caller) -> str:
        return str(self._token(caller).get("instance_url") or "")

    def renew(self) -> bool:
        with _tokens_lock:
            return _tokens.pop(self._name, None) is not None

    @property
    def _name(self) -> tuple[str, ...]:
        return (self._url, *(f"{key}={value}" for key, value in sorted(self._form.items())))

    def _token(self, caller: Caller) -> Mapping[str, Json]:
        with _tokens_lock:
            known = _tokens.get(self._name)
        if known is None:
            known = self._fetched(caller)
            with _tokens_lock:
                _tokens[self._name] = known
        return known

    def _fetched(self, caller: Caller) -> Mapping[str, Json]:
        answer = caller.post(
            self._url,
            headers={"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"},
            body=urlencode(self._form).encode(),
        )
        found = read_json(answer)
        if answer.status == HTTPStatus.OK and isinstance(found, dict) and found.get("access_token"):
            return found
        if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR or answer.status == HTTPStatus.TOO_MANY_REQUESTS:
            raise error_of(answer, now=timezone.now())
        code = found.get("error") if isinstance(found, dict) else None
        reason = gettext("Logging in was refused: %(code)s.") % {"code": codes([code or answer.status])}
        # Somebody will put it right; nothing should be lost until then.
        raise DeliveryError(reason, permanent=False, fault=Fault.DESTINATION)


_tokens: dict[tuple[str, ...], Mapping[str, Json]] = {}
_tokens_lock = threading.Lock()


def forget_tokens() -> None:
    """Log in anew, as a process that has just started."""
    with _tokens_lock:
        _tokens.clear()


class Pace:
    """Spreads the calls of one connection over time, for all threads of this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._next = 0.0

    def wait(self, *, calls_a_second: float) -> None:
        with self._lock:
            now = time.monotonic()
            at = max(now, self._next)
            self._next = at + 1 / calls_a_second
        time.sleep(at - now)


_paces: dict[str, Pace] = {}


def pace_of(system: str) -> Pace:
    """The pace that all channels of a connection share."""
    return _paces.setdefault(system, Pace())


@dataclass(frozen=True, slots=True, kw_only=True)
class Api:
    """One vendor's API as one connection reaches it."""

    base_url: str
    login: Login
    caller: Caller
    pace: Pace
    calls_a_second: float
    judge: Callable[[Reply], DeliveryError | None]  # what a vendor's answer means; None: it is well

    def get(self, path: str, *, also: tuple[int, ...] = (), **query: str) -> Reply:
        return self.call("GET", path + (f"?{urlencode(query)}" if query else ""), also=also)

    def call(self, method: str, path: str, *, body: Json = None, also: tuple[int, ...] = ()) -> Reply:
        """Make a call and return its answer.

        Args:
            also: statuses beside 2xx that are an answer and no failure.

        Raises:
            DeliveryError: it failed.
        """
        reply = self._once(method, path, body=body)
        if reply.status == HTTPStatus.UNAUTHORIZED and self.login.renew():
            reply = self._once(method, path, body=body)
        if reply.status in also:
            return reply
        error = self.judge(reply)
        if error is not None:
            raise error
        if not 200 <= reply.status < 300:
            raise error_of(reply.answer, now=timezone.now())
        if reply.json is None and reply.answer.body.strip():
            raise unreadable(reply.answer)
        return reply

    def _once(self, method: str, path: str, *, body: Json) -> Reply:
        self.pace.wait(calls_a_second=self.calls_a_second)
        host = self.login.host(self.caller) or self.base_url
        headers = {"Accept": "application/json", **self.login.headers(self.caller)}
        packed = None
        if body is not None:
            headers["Content-Type"] = "application/json"
            packed = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
        answer = self.caller.call(method, host.rstrip("/") + path, headers=headers, body=packed)
        return Reply(answer=answer, json=read_json(answer))


def read_json(answer: Answer) -> Json:
    """Read a body; None for what is no JSON."""
    try:
        return json.loads(answer.body)
    except (ValueError, RecursionError):
        return None


def refused(
    name: str, *, said: list[Any], told: Json, permanent: bool = True, retry_after: timedelta | None = None
) -> DeliveryError:
    """A refusal of one record, in the vendor's own words of art; its sentences may name people."""
    reason = gettext("%(vendor)s refused the record: %(codes)s.") % {"vendor": name, "codes": codes(said)}
    response = {"body": json.dumps(told, ensure_ascii=False)[:2000]}
    return DeliveryError(reason, permanent=permanent, retry_after=retry_after, response=response)


def used_up(name: str, answer: Answer, *, wait: timedelta) -> DeliveryError:
    """The allowance of calls is used up: everything for this destination waits."""
    return DeliveryError(
        gettext("%(vendor)s takes no further calls for now: its limit is reached.") % {"vendor": name},
        permanent=False,
        fault=Fault.DESTINATION,
        retry_after=wait,
        response=record_of(answer),
    )


def unreadable(answer: Answer) -> DeliveryError:
    """Something answered that does not speak this API."""
    return DeliveryError(
        gettext("The answer cannot be read: it is not what this CRM sends."),
        permanent=False,
        fault=Fault.DESTINATION,
        response=record_of(answer),
    )


def codes(said: list[Any]) -> str:
    """Join the words of art of a refusal, each once."""
    words = dict.fromkeys(str(one) for one in said if one not in (None, ""))
    return ", ".join(words)[:_LONGEST_CODES] or gettext("no reason given")


def part(value: object) -> str:
    """A value as one part of a path."""
    return quote(str(value), safe="")
