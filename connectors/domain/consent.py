"""Whether somebody may be written to: asked when deciding and again when sending.

Marketing needs the consent category `<channel>_marketing` granted; a category nobody answered counts as
no. A mail may be about a topic, which people choose apart: whoever said no to the topic gets none of it,
whoever was never asked gets it with the rest. Service and transactional messages need none. A suppression
stops what its scope covers: "marketing" stops marketing, "all" stops everything on its channel.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from connectors.domain.message import MessageClass

SCOPE_ALL = "all"
SCOPE_MARKETING = "marketing"


class Refusal(StrEnum):
    """Why somebody may not be written to; also the `reason` in the ledger."""

    NO_ADDRESS = "no_address"
    SUPPRESSED = "suppressed"
    CONSENT_DENIED = "consent_denied"
    CONSENT_UNSET = "consent_unset"
    TOPIC_DENIED = "topic_denied"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """What decides whether one person may be written to through one channel."""

    address: str  # "" where none is known
    consent: Mapping[str, bool] = field(default_factory=dict)  # category -> granted
    suppressed: frozenset[str] = frozenset()  # scopes of the address's suppressions


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """May it go out, and if not, why."""

    is_allowed: bool
    reason: str = ""  # a Refusal, "" when allowed


ALLOWED = Verdict(is_allowed=True)


def may_send(reach: Reach, *, writes_to: str, message_class: str, topic: str = "") -> Verdict:
    """Decide for one person and one message.

    Args:
        writes_to: "email", or "" for a channel that talks to systems: those need nobody's consent.
        topic: slug of what the message is about; "" for nothing in particular.
    """
    if not writes_to:
        return ALLOWED
    if not reach.address:
        return _refused(Refusal.NO_ADDRESS)
    if SCOPE_ALL in reach.suppressed:
        return _refused(Refusal.SUPPRESSED)
    if message_class == MessageClass.MARKETING:
        return _may_advertise(reach, category=consent_category(writes_to), topic=topic)
    return ALLOWED


def consent_category(writes_to: str) -> str:
    """The category that marketing through this channel needs."""
    return f"{writes_to}_marketing"


def topic_category(topic: str) -> str:
    """The consent category that a topic is chosen by."""
    return f"topic.{topic}"


def _may_advertise(reach: Reach, *, category: str, topic: str) -> Verdict:
    if SCOPE_MARKETING in reach.suppressed:
        return _refused(Refusal.SUPPRESSED)
    granted = reach.consent.get(category)
    if granted is None:
        return _refused(Refusal.CONSENT_UNSET)
    if not granted:
        return _refused(Refusal.CONSENT_DENIED)
    is_unwanted = bool(topic) and reach.consent.get(topic_category(topic)) is False
    return _refused(Refusal.TOPIC_DENIED) if is_unwanted else ALLOWED


def _refused(refusal: Refusal) -> Verdict:
    return Verdict(is_allowed=False, reason=refusal.value)
