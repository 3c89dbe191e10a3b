"""What people want mails about: the topics on offer, and what somebody said about them.

What is said travels through the inbox like anything else that happens to a person, so a page that was just
sent is drawn from what was sent and not from what is stored.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from cdp_site import audit
from connectors.domain.consent import SCOPE_MARKETING, consent_category, topic_category
from connectors.domain.links import Unsubscribe
from connectors.domain.template import nearest_language
from connectors.models import Delivery, Suppression, Topic
from connectors.queries import survivor_of
from connectors.services.drafting import locale_of
from connectors.services.reading import UNSUBSCRIBED_REASON, tell_of_mail, unsubscribe
from profiles.models import Person

CHOSEN = "Email Preferences Changed"
_CHANNEL = "email"


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicDraft:
    """What a topic is to be."""

    name: str
    description: str = ""
    translations: Mapping[str, Mapping[str, str]]  # language -> name, description
    is_active: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicLine:
    """A topic as its reader sees it."""

    slug: str
    name: str
    description: str
    is_wanted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What somebody gets mails about."""

    topics: Sequence[TopicLine]
    gets_any: bool  # False: they asked for nothing at all
    locale: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a reader sent: the topics they want; none: nothing at all."""

    topics: frozenset[str]


def save_topic(slug: str, draft: TopicDraft, *, actor: str) -> Topic:
    """Make the topic `slug`, or change it."""
    with transaction.atomic():
        topic = Topic.objects.select_for_update().filter(slug=slug).first()
        before = _shown(topic) if topic else None
        topic = topic or Topic(slug=slug)
        topic.name, topic.description = draft.name, draft.description
        topic.translations = {language: dict(words) for language, words in draft.translations.items()}
        topic.is_active = draft.is_active
        topic.save()
        audit.record(
            actor,
            "topic.change" if before else "topic.make",
            object_kind="topic",
            object_id=slug,
            before=before,
            after=_shown(topic),
        )
    return topic


def are_topics_on_offer() -> bool:
    return Topic.objects.filter(is_active=True).exists()


def choice_of(asked: Unsubscribe, *, said: Said | None = None) -> Choice:
    """What somebody gets mails about now, or will by what they just said."""
    person = _person(asked)
    consent = dict(person.consent) if person else {}
    is_out = Suppression.objects.filter(
        address_hash=asked.address_hash, channel=_CHANNEL, scope=SCOPE_MARKETING
    ).exists()
    gets_any = consent.get(consent_category(_CHANNEL)) is True and not is_out
    topics = list(Topic.objects.filter(is_active=True).order_by("name"))
    if said is not None:
        gets_any = bool(said.topics)
        consent |= {topic_category(topic.slug): topic.slug in said.topics for topic in topics}
    locale = locale_of(person) if person else ""
    lines = [
        _line(
            topic,
            locale=locale,
            is_wanted=gets_any and consent.get(topic_category(topic.slug)) is not False,
        )
        for topic in topics
    ]
    return Choice(topics=lines, gets_any=gets_any, locale=locale)


def choose_topics(asked: Unsubscribe, *, said: Said, at: datetime) -> None:
    """Keep what somebody wants mails about. No topic at all unsubscribes; any takes back that they were."""
    offered = set(Topic.objects.filter(is_active=True).values_list("slug", flat=True))
    wanted = said.topics & offered
    if not wanted:
        unsubscribe(asked, at=at)
        return
    consent = {topic_category(slug): slug in wanted for slug in offered}
    with transaction.atomic():
        Suppression.objects.filter(
            address_hash=asked.address_hash,
            channel=_CHANNEL,
            scope=SCOPE_MARKETING,
            reason=UNSUBSCRIBED_REASON,
        ).delete()
        tell_of_mail(
            asked.delivery,
            event=CHOSEN,
            what=f"topics:{int(at.timestamp() * 1000)}",
            properties={"topics": sorted(wanted), "by": "human"},
            at=at,
            consent={**consent, consent_category(_CHANNEL): True},
        )


def _person(asked: Unsubscribe) -> Person | None:
    delivery = Delivery.objects.filter(uuid=asked.delivery).first()
    return survivor_of(delivery.person_id) if delivery else None


def _line(topic: Topic, *, locale: str, is_wanted: bool) -> TopicLine:
    words = topic.translations.get(nearest_language(locale, offered=topic.translations), {})
    return TopicLine(
        slug=topic.slug,
        name=words.get("name") or topic.name,
        description=words.get("description") or topic.description,
        is_wanted=is_wanted,
    )


def _shown(topic: Topic) -> dict[str, object]:
    names = ("name", "description", "translations", "is_active")
    return {name: getattr(topic, name) for name in names}
