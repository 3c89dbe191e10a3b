"""Handing a mail to the mail server, and reading its refusals."""

import smtplib
import time
from collections.abc import Callable
from typing import Any, Never

from anymail.exceptions import AnymailError, AnymailRecipientsRefused
from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.core.mail.backends.base import BaseEmailBackend
from django.core.mail.backends.smtp import EmailBackend
from django.core.mail.message import sanitize_address
from django.utils.translation import gettext

from connectors.domain.bounce import is_hard_bounce
from connectors.domain.message import DeliveryError, Fault, Json

STEP_SECONDS = 15.0  # for each thing said to the server
CALL_SECONDS = 60.0  # for the whole talk about one mail: servers scan before they answer
_SMTP_BACKEND = "django.core.mail.backends.smtp.EmailBackend"


class Transport:
    """A connection to the mail server, kept open from one mail to the next."""

    def __init__(self) -> None:
        self._backend: BaseEmailBackend | None = None

    def send(self, mail: EmailMessage, *, hand_over: Callable[[], None]) -> dict[str, Json]:
        """Send one mail and return what the server said.

        Raises:
            DeliveryError: it was not taken, or nobody can tell.
        """
        backend = self._open()
        handed_over = _HandOver(hand_over)
        try:
            if isinstance(backend, BoundedBackend):
                return backend.send_bounded(mail, hand_over=handed_over)
            handed_over()
            backend.send_messages([mail])
        except smtplib.SMTPResponseException as error:
            self.close()
            raise _refused(error.smtp_code, _text(error.smtp_error)) from error
        except smtplib.SMTPRecipientsRefused as error:
            self.close()
            code, text = next(iter(error.recipients.values()))
            raise _refused(code, _text(text), is_recipient=True) from error
        except (smtplib.SMTPException, AnymailError, OSError) as error:
            self.close()
            _raise_for(error, is_handed_over=handed_over.is_done)
        except ValueError as error:  # an address or header that no mail can carry
            self.close()
            raise DeliveryError(gettext("The mail cannot be written."), permanent=True) from error
        return {}

    def close(self) -> None:
        backend, self._backend = self._backend, None
        if backend is not None:
            backend.close()

    def _open(self) -> BaseEmailBackend:
        if self._backend is None:
            backend = _new_backend()
            try:
                backend.open()
            except (smtplib.SMTPException, OSError) as error:
                backend.close()
                reason = gettext("The mail server cannot be reached or does not let us in.")
                raise DeliveryError(reason, permanent=False, fault=Fault.DESTINATION) from error
            self._backend = backend
        return self._backend


def _new_backend() -> BaseEmailBackend:
    if settings.EMAIL_BACKEND == _SMTP_BACKEND:
        return BoundedBackend(timeout=int(STEP_SECONDS))
    backend: BaseEmailBackend = get_connection(fail_silently=False)
    return backend


class _HandOver:
    """Remembers whether the mail may already be in other hands."""

    def __init__(self, note: Callable[[], None]) -> None:
        self._note = note
        self.is_done = False

    def __call__(self) -> None:
        if not self.is_done:
            self.is_done = True
            self._note()


class _BoundedTalk(smtplib.SMTP):
    """Ends at a deadline, and says when the text of the mail is about to be given away."""

    deadline: float | None = None
    hand_over: Callable[[], None] | None = None

    def send(self, s: Any) -> None:
        self._bound()
        super().send(s)

    def getreply(self) -> tuple[int, bytes]:
        self._bound()
        return super().getreply()

    def data(self, msg: Any) -> tuple[int, bytes]:
        if self.hand_over is not None:
            self.hand_over()
        return super().data(msg)

    def _bound(self) -> None:
        if self.deadline is not None and self.sock is not None:
            left = self.deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError("the talk with the mail server took too long")
            self.sock.settimeout(max(left, 0.001))


class _SecureBoundedTalk(_BoundedTalk, smtplib.SMTP_SSL):
    """The same on a port that speaks TLS from the first byte."""


class BoundedBackend(EmailBackend):
    """Django's SMTP backend with a bound on the whole talk."""

    @property
    def connection_class(self) -> type[smtplib.SMTP]:
        return _SecureBoundedTalk if self.use_ssl else _BoundedTalk

    def send_bounded(self, mail: EmailMessage, *, hand_over: Callable[[], None]) -> dict[str, Json]:
        """Send one mail over the open connection."""
        talk = self.connection
        assert isinstance(talk, _BoundedTalk)
        talk.hand_over = hand_over
        talk.deadline = time.monotonic() + CALL_SECONDS
        encoding = mail.encoding or settings.DEFAULT_CHARSET
        sender = sanitize_address(mail.from_email, encoding)
        recipients = [sanitize_address(address, encoding) for address in mail.recipients()]
        made: Any = mail.message()
        talk.sendmail(sender, recipients, made.as_bytes(linesep="\r\n"))
        return {}


def _refused(code: int, text: str, *, is_recipient: bool = False) -> DeliveryError:
    is_permanent = 500 <= code < 600
    has_bounced = is_permanent and is_hard_bounce(code=code, text=text) and (is_recipient or "5.1." in text)
    if has_bounced:
        fault, reason = Fault.ADDRESS, gettext("The address does not exist (%(code)s).")
    elif code == 421:
        fault, reason = Fault.DESTINATION, gettext("The mail server is not available (%(code)s).")
    else:
        fault, reason = Fault.MESSAGE, gettext("The mail server refused the mail (%(code)s).")
    return DeliveryError(
        reason % {"code": code},
        permanent=is_permanent,
        fault=fault,
        response={"code": code, "text": text[:2000]},
    )


def _raise_for(error: Exception, *, is_handed_over: bool) -> Never:
    if isinstance(error, AnymailRecipientsRefused):
        reason = gettext("The mail provider refused the address.")
        raise DeliveryError(reason, permanent=True, fault=Fault.ADDRESS) from error
    if isinstance(error, AnymailError):
        raise _provider_refused(error) from error
    if is_handed_over:
        reason = gettext("The mail server did not answer; it may or may not have taken the mail.")
        raise DeliveryError(reason, permanent=False, fault=Fault.UNKNOWN) from error
    reason = gettext("The mail server broke the connection off.")
    raise DeliveryError(reason, permanent=False, fault=Fault.DESTINATION) from error


def _provider_refused(error: AnymailError) -> DeliveryError:
    status = getattr(error, "status_code", None) or 0
    is_passing = status == 429 or status >= 500 or status in {0, 401, 403, 408}
    reason = gettext("The mail provider refused the mail (status %(status)s).") % {"status": status}
    return DeliveryError(
        reason, permanent=not is_passing, fault=Fault.DESTINATION if is_passing else Fault.MESSAGE
    )


def _text(raw: bytes | str) -> str:
    text = raw.decode(errors="replace") if isinstance(raw, bytes) else raw
    return text.replace("\0", "")
