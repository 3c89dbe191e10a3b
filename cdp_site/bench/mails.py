"""Personalised mails: filled in from a compiled template, and sent to a mail server beside us."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import psutil
from django.conf import settings
from django.db import connection
from django.test import override_settings
from django.utils import timezone

from cdp_site.bench.running import Missed
from connectors.domain.message import NewDelivery
from connectors.domain.template import Content, TemplateKind, content_of, source_of
from connectors.models import Delivery, Template
from connectors.queries import parts_in_force
from connectors.rendering import shared_renderer
from connectors.services import TemplateDraft, queue_deliveries, save_template, send_due

RENDERED: Final = 3_000
SENT: Final = 2_000
GOAL: Final = 500.0  # mails a second and core
_PATIENCE: Final = 300.0  # seconds for sending all of them
_PORTION: Final = 500
_WARM: Final = 50  # mails before the clock starts
_SMTP: Final = "django.core.mail.backends.smtp.EmailBackend"

_LAYOUT: Final = """<mjml>
  <mj-head><mj-attributes><mj-all font-family="Arial, sans-serif" /></mj-attributes></mj-head>
  <mj-body background-color="#f5f5f2">{% block content %}{% endblock %}
    <mj-section><mj-column>
      <mj-text><a href="{{ unsubscribe_url }}">Unsubscribe</a></mj-text>
    </mj-column></mj-section>
  </mj-body>
</mjml>"""
_OFFERS: Final = "".join(
    f"<mj-column><mj-image src='https://shop.example/{n}.png' alt='Offer {n}' />"
    f"<mj-text>Offer {n} for {{{{ person.firstName }}}}</mj-text>"
    f"<mj-button href='https://shop.example/offers/{n}?who={{{{ person.id }}}}'>Look</mj-button></mj-column>"
    for n in range(3)
)
_BODY: Final = (
    "<mj-section><mj-column><mj-text>Hello {{ person.firstName }}, news from {{ person.city }}:</mj-text>"
    f"</mj-column></mj-section><mj-section>{_OFFERS}</mj-section><mj-section>{_OFFERS}</mj-section>"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class MailRow:
    """One figure with its goal."""

    what: str
    value: float
    unit: str
    goal: float | None = None


def measure(*, rendered: int = RENDERED, sent: int = SENT) -> list[MailRow]:
    """Fill mails in one after the other, then send as many as are queued.

    Raises:
        Missed: the mails were not sent in time.
    """
    now, actor = timezone.now(), "command:bench"
    mail = Content(subject="For {{ person.firstName }}", body=_BODY, layout="bench-layout")
    for slug, kind, content in (
        ("bench-layout", TemplateKind.LAYOUT, Content(body=_LAYOUT)),
        (
            "bench",
            TemplateKind.MAIL,
            mail,
        ),
    ):
        draft = TemplateDraft(name=slug, content=content, kind=kind)
        save_template(slug, draft=draft, actor=actor, now=now)
    length, per_second = _rendered(rendered)
    by_clock, by_core = _sent(sent)
    return [
        MailRow(what="length of a mail", value=length / 1024, unit="KB"),
        MailRow(what="filled in, one core", value=per_second, unit="mails/s", goal=GOAL),
        MailRow(what="filled in and sent", value=by_clock, unit="mails/s"),
        MailRow(what="filled in and sent, a core of ours", value=by_core, unit="mails/s"),
    ]


def _rendered(count: int) -> tuple[int, float]:
    """The length of a mail, and how many a second: the other process waits while one of the two works."""
    content = content_of(Template.objects.get(slug="bench").content)
    source = source_of(content, locale="", parts=parts_in_force())
    renderer, length, began = shared_renderer(), 0, 0.0
    for number in range(-_WARM, count):
        person = {"id": f"p-{number}", "firstName": f"Ada {number}", "city": "Ulm"}
        if number == 0:
            began = time.perf_counter()
        made = renderer.mail(
            source, variables={"person": person, "unsubscribe_url": "https://shop.example/u"}
        )
        length = len(made.html)
    return length, count / (time.perf_counter() - began)


def _sent(count: int) -> tuple[float, float]:
    """Mails a second by the clock, and for each second of processor time that we and the renderer took."""
    _queue(count)
    with (
        _mail_server() as port,
        override_settings(
            EMAIL_URL=f"smtp://127.0.0.1:{port}",
            EMAIL_BACKEND=_SMTP,
            EMAIL_HOST="127.0.0.1",
            EMAIL_PORT=port,
        ),
    ):
        began, before = time.perf_counter(), _cpu_seconds()
        while time.perf_counter() - began < _PATIENCE:
            if not send_due():
                break
        taken, used = time.perf_counter() - began, _cpu_seconds() - before
    if (arrived := Delivery.objects.filter(state=Delivery.State.SENT).count()) != count:
        raise Missed(f"{arrived} of {count} mails were sent")
    return count / taken, count / used


def _queue(count: int) -> None:
    now = timezone.now()
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO profiles_person (uuid, first_seen_at, last_seen_at, time_zone, locale, traits,"
            " trait_times, consent, consent_times)"
            " SELECT gen_random_uuid(), %(now)s, %(now)s, '', '',"
            " jsonb_build_object('firstName', 'Ada ' || n, 'city', 'Ulm'), '{}', '{}', '{}'"
            " FROM generate_series(1, %(count)s) AS n RETURNING id",
            {"now": now, "count": count},
        )
        people = [row[0] for row in cursor.fetchall()]
        cursor.execute(
            "INSERT INTO profiles_identity (kind, value, person_id, first_seen_at, is_verified)"
            " SELECT 'email', 'ada' || id || '@example.com', id, %s, false FROM profiles_person",
            [now],
        )
    for start in range(0, count, _PORTION):
        queue_deliveries(
            [
                NewDelivery(
                    key=f"bench:{person}", person_id=person, channel="email", template="bench", decided_at=now
                )
                for person in people[start : start + _PORTION]
            ]
        )


@contextmanager
def _mail_server() -> Iterator[int]:
    server = subprocess.Popen(
        [sys.executable, "-m", "cdp_site.bench.sink"],
        cwd=settings.BASE_DIR,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert server.stdout is not None
        line = server.stdout.readline()
        if not line:
            raise Missed("the mail server does not start")
        yield int(line)
    finally:
        server.communicate()  # closes its input, which ends it


def _cpu_seconds() -> float:
    """Processor time of this process and of those that fill templates in; not of the mail server."""
    own = psutil.Process()
    renderers = [child for child in own.children() if any("child.py" in part for part in child.cmdline())]
    return sum(times.user + times.system for times in (one.cpu_times() for one in (own, *renderers)))
