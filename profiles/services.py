"""Write services of profiles: messages in.

`accept` and `accept_messages` are the only ways into the inbox: of the HTTP door, of webhooks, links and
delivery results. What they took is durable when they return (inside a transaction: when that commits) and
is processed soon after.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from django.db import transaction
from django.utils import timezone

from cdp_site import audit
from cdp_site.wakeup import wake
from profiles.domain.lanes import Frame, Rejected, sort_messages
from profiles.domain.messages import mend
from profiles.models import DeadLetter, Event, Inbox, Person, PersonOverride
from profiles.store import intake


def accept(
    *,
    source_id: int,
    received_at: datetime,
    lanes: Mapping[int, bytes],
    rejected: Sequence[Rejected] = (),
) -> None:
    """Put checked messages into the inbox and keep refused ones aside, all or nothing.

    Args:
        lanes: lane -> envelope.
    """
    if rejected:
        with transaction.atomic():
            _keep_aside(rejected, source_id=source_id, received_at=received_at)
            _put(lanes, source_id=source_id, received_at=received_at)
    else:
        _put(lanes, source_id=source_id, received_at=received_at)


def accept_messages(
    *,
    source_id: int,
    messages: Sequence[Mapping[str, Any]],
    received_at: datetime,
    is_historical: bool = False,
) -> list[Rejected]:
    """Put messages that the product itself made into the inbox: of webhooks, links, delivery results.

    They may name a person by `_person` (its public id) or `context.externalIds`, and be of any size.
    Give each a `messageId` that is the same whenever the same thing is told again.

    Returns:
        What was refused; it is kept aside.
    """
    frame = Frame(is_server=True, is_internal=True, is_historical=is_historical)
    outcome = sort_messages([_encode(message) for message in messages], frame=frame)
    accept(source_id=source_id, received_at=received_at, lanes=outcome.lanes, rejected=outcome.rejected)
    return outcome.rejected


def _put(lanes: Mapping[int, bytes], *, source_id: int, received_at: datetime) -> None:
    if lanes:
        intake.put_rows(lanes, source_id=source_id, received_at=received_at)
        transaction.on_commit(_wake_inbox)


def _wake_inbox() -> None:
    wake("inbox")


def _keep_aside(rejected: Sequence[Rejected], *, source_id: int, received_at: datetime) -> None:
    DeadLetter.objects.bulk_create(
        [
            DeadLetter(
                stage=DeadLetter.Stage.DOOR,
                source_id=source_id,
                lane=letter.lane,
                received_at=received_at,
                code=letter.fault.code,
                error=letter.fault.message,
                body=letter.body,
            )
            for letter in rejected
        ],
        batch_size=1000,
    )


def _encode(message: Mapping[str, Any]) -> msgspec.Raw:
    try:
        text = msgspec.json.encode(message)
    except UnicodeEncodeError:  # a lone surrogate, which only the standard library writes, as an escape
        text = json.dumps(message).encode()
    return msgspec.Raw(mend(text))


# -- repairs -------------------------------------------------------------------------------------------


def replay_dead_letters(ids: Sequence[int], *, actor: str) -> int:
    """Put kept messages back into the inbox; give how many went.

    They keep the time they were first received at; one that fails again becomes a new dead letter.
    """
    with transaction.atomic():
        letters = list(
            DeadLetter.objects.select_for_update().filter(id__in=ids, resolved_at=None).order_by("id")
        )
        Inbox.objects.bulk_create(
            [
                Inbox(
                    lane=letter.lane,
                    source_id=letter.source_id,
                    received_at=letter.received_at,
                    body=letter.body,
                )
                for letter in letters
            ],
            batch_size=1000,
        )
        _resolve(letters, resolution="replayed", actor=actor)
        transaction.on_commit(_wake_inbox)
    return len(letters)


def drop_dead_letters(ids: Sequence[int], *, actor: str) -> int:
    """Give kept messages up; their bodies are emptied. Give how many went."""
    with transaction.atomic():
        letters = list(
            DeadLetter.objects.select_for_update().filter(id__in=ids, resolved_at=None).order_by("id")
        )
        DeadLetter.objects.filter(id__in=[letter.id for letter in letters]).update(body=b"")
        _resolve(letters, resolution="dropped", actor=actor)
    return len(letters)


def _resolve(letters: Sequence[DeadLetter], *, resolution: str, actor: str) -> None:
    DeadLetter.objects.filter(id__in=[letter.id for letter in letters]).update(
        resolved_at=timezone.now(), resolution=resolution
    )
    for letter in letters:
        audit.record(
            actor,
            f"dead_letter.{resolution}",
            object_kind="dead_letter",
            object_id=str(letter.id),
            after={"code": letter.code, "stage": letter.stage},
        )


def squash_merged(*, limit: int) -> int:
    """Rewrite the events of merged people to their survivors; give how many people are done.

    Nothing depends on it but speed: until then an override leads every reader to the survivor. People
    somebody else works on are left for the next time.
    """
    done = 0
    for old, new in PersonOverride.objects.order_by("created_at").values_list(
        "old_person_id", "new_person_id"
    )[:limit]:
        with transaction.atomic():
            locked = (
                Person.objects.select_for_update(skip_locked=True).filter(id__in=[old, new]).order_by("id")
            )
            override = PersonOverride.objects.filter(old_person_id=old, new_person_id=new)
            if len(locked) == 2 and override.exists():
                Event.objects.filter(person_id=old).update(person_id=new)
                override.delete()
                done += 1
    return done
