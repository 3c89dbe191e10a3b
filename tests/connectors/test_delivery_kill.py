"""Workers that are killed while they send: no mail goes out twice, and none is lost without a word."""

import json
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from django.db import connection
from django.utils import timezone

from connectors.models import Delivery
from connectors.services import NewDelivery, queue_deliveries, send_due
from connectors.services.sending import CALLS_A_DESTINATION
from tests import build, sinks

MAILS = 90
KILLS = 3
PATIENCE = 60.0  # seconds; only to detect a hang


def wait_for_mails(server: sinks.MailServer, *, more_than: int) -> None:
    until = time.monotonic() + PATIENCE
    while len(server.mails) <= more_than:
        assert time.monotonic() < until, "the worker sends nothing"
        time.sleep(0.01)


@pytest.mark.django_db(transaction=True)
def test_send_due__killed_again_and_again(tmp_path: Path, mail_server: sinks.MailServer) -> None:
    mail_server.seconds_before_answer = 0.005
    people = [build.person(identities={"email": f"p{number}@example.com"}) for number in range(MAILS)]
    queue_deliveries(
        [
            NewDelivery(
                key=f"{person.pk}:s:1",
                person_id=person.pk,
                channel="email",
                decided_at=timezone.now(),
                message_class="transactional" if person.pk % 2 == 0 else "service",
                fields={"subject": "s", "body": "b"},
            )
            for person in people
        ]
    )
    options = {
        "database": str(connection.settings_dict["NAME"]),
        "data": str(tmp_path),
        "port": str(mail_server.port),
    }
    for _ in range(KILLS):
        worker = subprocess.Popen(
            [sys.executable, "-m", "tests.connectors.sender_process", json.dumps(options)]
        )
        try:
            wait_for_mails(mail_server, more_than=len(mail_server.mails))
            time.sleep(random.uniform(0, 0.1))
        finally:
            worker.send_signal(signal.SIGKILL)
            worker.wait()
        # As when the leases have run out.
        Delivery.objects.filter(state="sending").update(due_at=timezone.now())
    while any(send_due().values()):
        continue
    sent_to = Counter(mail.recipients[0] for mail in mail_server.mails)
    rows = {row.person_id: row for row in Delivery.objects.all()}
    states = Counter(row.state for row in rows.values())
    # Of those that a kill left in doubt, a transactional one goes out again and any other is given up.
    assert set(states) <= {"sent", "dead"}
    doubtful = [row for row in rows.values() if row.attempts.filter(is_success=None).exists()]
    assert len(doubtful) <= KILLS * CALLS_A_DESTINATION
    for person in people:
        row = rows[person.pk]
        copies = sent_to[f"p{people.index(person)}@example.com"]
        if row not in doubtful:
            assert (row.state, copies) == ("sent", 1)
        elif row.message_class == "service":
            assert row.state == "dead"
            assert copies <= 1
        else:
            assert row.state == "sent"
            assert copies in (1, 2)
