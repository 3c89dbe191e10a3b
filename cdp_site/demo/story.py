"""Six people live through the story; what each of them does, and what must come of it.

Nothing here writes to the database or looks into it: people act through the shop's write key, or click
links of their mails, and what came of it is read from the API and from the CRM's own records. Visits of
earlier days carry earlier timestamps; the journey's waits are seconds long.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from http import HTTPStatus
from itertools import count
from typing import Any, Final

import httpx

from cdp_site.demo.client import Api, Door, Json, Unexpected, until
from cdp_site.demo.report import Finding
from cdp_site.demo.sites import Crm, Record

JOURNEY: Final = "third-visit"
NEWSLETTER: Final = "newsletter-welcome"
PRODUCT: Final = {"name": "Trail tent", "path": "/products/trail-tent", "price": 249, "currency": "EUR"}
REVENUE: Final = 249
_SOON = 60.0  # seconds a step of the story may take; usually a fraction of one
_LINK = re.compile(r'href="([^"]*/c/[^"]+)"')

Message = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Character:
    """One of the six."""

    name: str
    email: str
    part: str  # what they stand for

    @property
    def identity(self) -> str:
        return f"user_id:{self.email}"


ADA = Character(name="Ada Berg", email="ada@example.com", part="comes back on two devices and orders")
BEN = Character(name="Ben Costa", email="ben@example.com", part="comes back, registers, orders nothing")
CLEO = Character(name="Cleo Diaz", email="cleo@example.com", part="comes back and wants no mail")
DOV = Character(name="Dov Eisen", email="dov@example.com", part="clicks in a newsletter, nothing else")
FAY = Character(name="Fay Grant", email="fay@example.com", part="comes back too late")
GUS = Character(name="Gus Holm", email="gus@example.com", part="sends everything twice")
EVERYBODY: Final = (ADA, BEN, CLEO, DOV, FAY, GUS)


@dataclass(slots=True, kw_only=True)
class Story:
    """The story on its way.

    Args:
        shop: the door of the shop's website.
        shop_url: where the shop is; mails lead back there.
    """

    shop: Door
    api: Api
    crm: Crm
    http: httpx.Client
    shop_url: str
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))

    # -- what people do ----------------------------------------------------------------------------

    def begin(self) -> None:
        """Let everybody come, and register where they do."""
        self._ben_cleo_fay_and_gus()
        self._ada()
        self._dov()

    def go_on(self) -> None:
        """Ada and Dov click in their mails; Ada orders."""
        for character in EVERYBODY:
            until(
                partial(self.api.person, character.identity),
                what=f"{character.name}'s profile",
                seconds=_SOON,
            )
        self._click(DOV)
        self._click(ADA)
        if found := self.told_about(ADA):
            raise Unexpected(f"a click alone reached the CRM: {found}")
        order = {"order_id": "L-1001", "revenue": REVENUE, "currency": "EUR"}
        self.shop.tell(self._track("Order Completed", order, who=self._known(ADA, device="ada-phone")))

    def end(self, *, seconds: float) -> None:
        """Wait until the CRM was told of Ada's order and of Ben's silence; Ben's task is then done."""
        until(lambda: self.told_about(ADA), what="the deal for Ada's order", seconds=seconds)
        task = until(lambda: self.told_about(BEN), what="the task to call Ben", seconds=seconds)[0]
        for character in (CLEO, GUS):
            until(partial(self._is_through, character), what=f"{character.name}'s end", seconds=seconds)
        self.crm.finish(task.id)
        until(lambda: self._saw(BEN, "task.completed"), what="the CRM's callback about Ben", seconds=_SOON)

    def _ben_cleo_fay_and_gus(self) -> None:
        for character, days, consent in (
            (BEN, (6, 2, 0), True),
            (CLEO, (5, 3, 0), False),
            (FAY, (8, 3, 0), True),
            (GUS, (4, 2, 0), True),
        ):
            device = f"{character.email.partition('@')[0]}-laptop"
            visits = [self._visit(who={"anonymousId": device}, days_ago=ago) for ago in days]
            messages = [*visits, *self._registration(character, device=device, consent=consent)]
            self.shop.tell(*messages)
            if character is GUS:
                self.shop.tell(*messages)

    def _ada(self) -> None:
        phone, laptop = "ada-phone", "ada-laptop"
        self.shop.tell(self._visit(who={"anonymousId": phone}, days_ago=5))
        self.shop.tell(
            self._visit(who={"anonymousId": laptop}, days_ago=2),
            *self._registration(ADA, device=laptop, consent=True),
        )
        until(lambda: self.api.person(ADA.identity), what="Ada's profile", seconds=_SOON)
        # On the phone she logs in: what it did until now, as somebody unknown, was her too.
        self.shop.tell(self._identify(ADA, device=phone))
        until(lambda: self._person(ADA)["merges"], what="the merge of Ada's phone", seconds=_SOON)
        self.shop.tell(self._visit(who=self._known(ADA, device=phone), days_ago=0))

    def _dov(self) -> None:
        who = self._known(DOV, device="dov-laptop")
        self.shop.tell(
            *self._registration(DOV, device="dov-laptop", consent=True),
            self._track("Newsletter Joined", {}, who=who),
        )

    def _click(self, character: Character) -> None:
        """Open the first link of their mail, as their browser would."""
        delivery = until(lambda: self._sent_mail(character), what=f"{character.name}'s mail", seconds=_SOON)
        content = self.api.get(f"/deliveries/{delivery['id']}/")["content"]["html"]
        link = _LINK.search(content)
        if link is None:
            raise Unexpected(f"{character.name}'s mail has no link of ours")
        browser = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"}
        answer = self.http.get(link[1].replace("&amp;", "&"), headers=browser, follow_redirects=False)
        if answer.status_code != HTTPStatus.FOUND:
            raise Unexpected(f"GET /c/…: {answer.status_code}")
        until(
            lambda: self._saw(character, "Email Link Clicked"),
            what=f"{character.name}'s click",
            seconds=_SOON,
        )

    # -- messages ----------------------------------------------------------------------------------

    def _visit(self, *, who: Mapping[str, str], days_ago: float) -> Message:
        at = datetime.now(UTC) - timedelta(days=days_ago)
        content = {
            "name": PRODUCT["name"],
            "properties": PRODUCT,
            "context": self._page(str(PRODUCT["path"])),
        }
        return self._message("page", who, content, at=at)

    def _page(self, path: str) -> dict[str, Json]:
        """The context that a browser tells of the page it is on."""
        return {"page": {"path": path, "url": f"{self.shop_url}{path}", "title": "Larch outdoor"}}

    def _registration(self, character: Character, *, device: str, consent: bool) -> list[Message]:
        """What a shop tells when somebody registers: first what they agreed to, then who they are."""
        answer = {"consent": {"categoryPreferences": {"email_marketing": consent}}}
        agreed = self._message(
            "track", {"anonymousId": device}, {"event": "Consent Updated", "context": answer}
        )
        return [agreed, self._identify(character, device=device)]

    def _identify(self, character: Character, *, device: str) -> Message:
        traits = {"name": character.name, "email": character.email}
        return self._message("identify", self._known(character, device=device), {"traits": traits})

    def _track(self, event: str, properties: Mapping[str, Json], *, who: Mapping[str, str]) -> Message:
        content = {"event": event, "properties": properties, "context": self._page("/")}
        return self._message("track", who, content)

    def _message(
        self, kind: str, who: Mapping[str, str], content: Mapping[str, Json], *, at: datetime | None = None
    ) -> Message:
        told_at = at or datetime.now(UTC)
        head = {"type": kind, "messageId": f"story-{next(self._numbers)}", "timestamp": told_at.isoformat()}
        return {**head, **who, **content}

    def _known(self, character: Character, *, device: str) -> dict[str, str]:
        return {"userId": character.email, "anonymousId": device}

    # -- what came of it ---------------------------------------------------------------------------

    def findings(self) -> Iterator[Finding]:
        """Compare what must have happened with what the API and the CRM say."""
        yield Finding("people merged from two devices", expected=1, found=len(self._person(ADA)["merges"]))
        for character, views in ((ADA, 3), (BEN, 3), (CLEO, 3), (DOV, 0), (FAY, 3), (GUS, 3)):
            found = len(self._seen(character, "Page Viewed"))
            yield Finding(f"visits on {character.name}'s timeline", expected=views, found=found)
        report = self.api.get(f"/journeys/{JOURNEY}/report/")
        yield Finding("people who entered “third visit”", expected=4, found=report["entered"])
        yield Finding("of them converted by an order", expected=1, found=report["converted"])
        newsletter = self.api.get(f"/journeys/{NEWSLETTER}/report/")
        yield Finding("people who entered “newsletter”", expected=1, found=newsletter["entered"])
        yield from self._mails()
        yield from self._crm_actions()
        yield from self._reasons()

    def _mails(self) -> Iterator[Finding]:
        for character, mails in ((ADA, 1), (BEN, 1), (CLEO, 0), (DOV, 1), (FAY, 0), (GUS, 1)):
            found = sum(delivery["state"] == "sent" for delivery in self._deliveries(character, "email"))
            yield Finding(f"mails sent to {character.name}", expected=mails, found=found)

    def _crm_actions(self) -> Iterator[Finding]:
        for character, kinds in (
            (ADA, ["deals"]),
            (BEN, ["tasks"]),
            (CLEO, []),
            (DOV, []),
            (FAY, []),
            (GUS, ["tasks"]),
        ):
            records = [record.kind for record in self.told_about(character)]
            yield Finding(f"what the CRM has of {character.name}", expected=kinds, found=records)
        amounts = [record.fields.get("amount") for record in self.told_about(ADA)]
        yield Finding("amount of Ada's deal", expected=[REVENUE], found=amounts)
        told = sum(record.told for record in self.crm.records)
        yield Finding("times the CRM was called", expected=3, found=told)

    def _reasons(self) -> Iterator[Finding]:
        for character, outcome, step, reason in (
            (ADA, "converted", "", ""),
            (BEN, "branched", "ask", "Agreed to hear from us"),
            (CLEO, "not_sent", "mail", "consent_denied"),
            (CLEO, "exited", "quiet", "no consent"),
            (FAY, "not_entered", "", "filter"),
        ):
            told = self._decisions(character)
            found = any(
                (told_one["outcome"], told_one["step"]) == (outcome, step)
                and (not reason or told_one["reason"] == reason)
                for told_one in told
            )
            what = f"{character.name}: {outcome}" + (f", {reason}" if reason else "")
            yield Finding(what, expected=True, found=found)

    def told_about(self, character: Character) -> list[Record]:
        """What the CRM has been told about somebody."""
        return [record for record in self.crm.records if record.contact.get("user_id") == character.email]

    def _person(self, character: Character) -> Json:
        found = self.api.person(character.identity)
        if found is None:
            raise Unexpected(f"nobody is {character.identity}")
        return found

    def _deliveries(self, character: Character, channel: str) -> list[Json]:
        found = self.api.every("/deliveries/", {"person": self._person(character)["id"]})
        return [delivery for delivery in found if delivery["channel"] == channel]

    def _sent_mail(self, character: Character) -> Json | None:
        sent = (mail for mail in self._deliveries(character, "email") if mail["state"] == "sent")
        return next(sent, None)

    def _decisions(self, character: Character) -> list[Json]:
        why = self.api.get(f"/people/{self._person(character)['id']}/why/", {"journey": JOURNEY})
        return list(why["decisions"])

    def _is_through(self, character: Character) -> bool:
        ends = {"converted", "exited", "finished"}
        return any(decision["outcome"] in ends for decision in self._decisions(character))

    def _seen(self, character: Character, event: str) -> list[Json]:
        timeline = self.api.every(f"/people/{self._person(character)['id']}/timeline/")
        return [entry for entry in timeline if entry["kind"] == "event" and entry["data"]["name"] == event]

    def _saw(self, character: Character, event: str) -> bool:
        return bool(self._seen(character, event))
