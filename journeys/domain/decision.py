"""The values a journey's engine takes and gives: where a run stands, and what was decided.

All are plain data. What must be written, sent or cancelled follows from a `Decision` alone. They are
structs because tens of thousands are made a second.
"""

from collections.abc import Mapping
from datetime import datetime
from enum import Enum

import msgspec

from profiles.domain.facts import Json

LANGUAGE = 1


class Outcome(Enum):
    """What the ledger says happened. `RUN_OUTCOMES` are those a run can end with."""

    # entering
    ENTERED = "entered"  # a run began
    NOT_ENTERED = "not_entered"  # reason: see `Refusal`
    RESTARTED = "restarted"  # a further entry message began the open run anew
    MOVED = "moved"  # publishing took the run to another version; reason: the step that is gone, if it is
    # steps
    WAITING = "waiting"  # a wait began; reason: until when, "" if only a message can end it
    WAITED = "waited"  # a wait for a time is over; reason: see `Missed`, "" where the time has come
    SATISFIED = "satisfied"  # what a wait was for came true
    TIMED_OUT = "timed_out"  # it did not come true in time
    BRANCHED = "branched"  # reason: the case's name, or "else"
    SPLIT = "split"  # reason: the variant's name, or "hold_out"
    REPEATED = "repeated"  # reason: the number of the round that begins; see `Over` where none does
    HELD = "held"  # a message may not leave yet; reason: see `Hold`
    QUEUED = "queued"  # a message was decided and lies in the outbox
    NOT_SENT = "not_sent"  # reason: one of connectors.domain.consent.Refusal, or CAPPED
    TRAIT_SET = "trait_set"  # reason: the names of the traits
    LISTED = "listed"  # added to a list; reason: its slug
    UNLISTED = "unlisted"  # taken off a list; reason: its slug
    # ends
    CONVERTED = "converted"  # the goal was reached
    EXITED = "exited"  # by `exit_when`, reason "exit_when", or by a step, reason as written there or `Missed`
    MOVED_ON = "moved_on"  # to another journey; reason: its slug
    FINISHED = "finished"  # the last step is done
    ENDED = "ended"  # a further entry message ended it, or somebody stopped the journey
    MERGED = "merged"  # the person became one with another whose run is older
    PARKED = "parked"  # it could not be decided: see the run's error


# What says that somebody has a step behind them; a message that was not sent is counted apart.
PASSED = frozenset(
    {
        Outcome.WAITED,
        Outcome.SATISFIED,
        Outcome.TIMED_OUT,
        Outcome.BRANCHED,
        Outcome.SPLIT,
        Outcome.REPEATED,
        Outcome.QUEUED,
        Outcome.TRAIT_SET,
        Outcome.LISTED,
        Outcome.UNLISTED,
        Outcome.EXITED,
        Outcome.MOVED_ON,
    }
)
RUN_OUTCOMES = frozenset(
    {
        Outcome.CONVERTED,
        Outcome.EXITED,
        Outcome.MOVED_ON,
        Outcome.FINISHED,
        Outcome.ENDED,
        Outcome.MERGED,
        Outcome.PARKED,
    }
)


class Refusal(Enum):
    """Why somebody did not enter: the reasons of `Outcome.NOT_ENTERED`."""

    FILTER = "filter"  # the entry's `if` does not hold
    NO_KEY = "no_key"  # the message lacks the field that tells runs apart
    INSIDE = "already_inside"
    BEFORE = "entered_before"  # and the journey may be entered once only
    TOO_SOON = "too_soon"  # after the last entry
    CLOSED = "closed"  # the journey that another sent them to is not live
    LOOP = "loop"  # journeys sent them to each other too often at one moment
    ERROR = "error"  # the entry cannot be asked; the log has the reason


class Hold(Enum):
    """Why a message waits: the reasons of `Outcome.HELD`."""

    QUIET_HOURS = "quiet_hours"
    THROTTLE = "throttle"


class Missed(Enum):
    """Why a wait for a date is over before it began: reasons of `Outcome.WAITED` and `Outcome.EXITED`."""

    NO_DATE = "no_date"  # the trait holds none
    PAST = "past_date"


class Over(Enum):
    """Why no further round begins: reasons of `Outcome.REPEATED`."""

    UNTIL = "until"  # what the rounds were for holds
    TIMES = "times"  # all rounds are done


CAPPED = "cap"  # the reason of a message that would have been one too many


class LedgerEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One decision as the ledger keeps it."""

    outcome: Outcome
    step: str = ""  # id; "" for entry, goal and exit
    reason: str = ""  # a word or a name, never a sentence
    tree: Json = None  # what was needed and what was seen


class Kind(Enum):
    """Which kind of step a message comes from."""

    SEND = "send"
    CRM = "crm"
    WEBHOOK = "webhook"


class Outgoing(msgspec.Struct, frozen=True, kw_only=True):
    """A message that was decided. Its fields are templates, as they were written."""

    step: str
    visit: int  # with the run and the step, what makes the message one of its own
    kind: Kind
    channel: str  # "email", "crm", "webhook"
    connection: str = ""  # slug
    action: str = ""
    template: str = ""  # slug
    message_class: str = "service"
    fields: Mapping[str, Json] = {}


class TraitWrite(msgspec.Struct, frozen=True, kw_only=True):
    """A trait that a step sets, rendered."""

    step: str
    key: str
    value: Json


class ListWrite(msgspec.Struct, frozen=True, kw_only=True):
    """A list that a step adds the person to or takes them off."""

    step: str
    list: str  # slug
    is_added: bool


class State(msgspec.Struct, frozen=True, kw_only=True):
    """Where an open run stands."""

    step: str  # the step it waits at, or, where `since` is None, the one it begins next
    visit: int = 0  # how many steps the run has begun, over all restarts
    since: datetime | None = None  # when the wait began
    due_at: datetime | None = None  # when the wait ends by itself
    rounds: Mapping[str, int] = {}  # repeat -> the round it is in
    has_place: bool = False  # held by the throttle, which keeps a place for the message
    skips: tuple[str, ...] = ()  # steps that lie ahead since the run was moved, and are done already

    def to_json(self) -> dict[str, Json]:
        """The state as a run's row keeps it."""
        return {
            "language": LANGUAGE,
            "step": self.step,
            "visit": self.visit,
            "since": self.since.isoformat() if self.since else None,
            "due_at": self.due_at.isoformat() if self.due_at else None,
            **({"rounds": dict(self.rounds)} if self.rounds else {}),
            **({"has_place": True} if self.has_place else {}),
            **({"skips": list(self.skips)} if self.skips else {}),
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Json]) -> "State":
        """Read what `to_json` wrote. Raises ValueError for a state of a later language."""
        if document.get("language") != LANGUAGE:
            raise ValueError(f"a run's state in language {document.get('language')!r} cannot be read")
        since, due_at = document["since"], document["due_at"]
        return cls(
            step=document["step"],
            visit=document["visit"],
            since=datetime.fromisoformat(since) if since else None,
            due_at=datetime.fromisoformat(due_at) if due_at else None,
            rounds=document.get("rounds", {}),
            has_place=document.get("has_place", False),
            skips=tuple(document.get("skips", ())),
        )


class Ending(msgspec.Struct, frozen=True, kw_only=True):
    """How a run ended."""

    outcome: Outcome  # one of RUN_OUTCOMES
    reason: str = ""


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """What follows for one run at one moment."""

    state: State | None  # None: the run has ended
    ending: Ending | None = None
    due_at: datetime | None = None  # when to look again, if no message comes before
    ledger: tuple[LedgerEntry, ...] = ()  # in the order of deciding
    messages: tuple[Outgoing, ...] = ()
    trait_writes: tuple[TraitWrite, ...] = ()
    list_writes: tuple[ListWrite, ...] = ()
    goes_to: str = ""  # the slug of the journey that the person goes on to
    cancels_queued: bool = False  # what the run queued before this decision must not leave any more

    @property
    def left_at(self) -> str:
        """The step that ended the run; "" where none did, but the goal, a rule, or the journey's end."""
        is_left = self.ending is not None and self.ending.outcome is Outcome.EXITED and self.ledger
        return self.ledger[-1].step if is_left else ""
