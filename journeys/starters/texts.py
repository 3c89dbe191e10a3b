"""Plain mails for the journeys to start from: made where no template of that name is there yet.

Names of customers and products are filled in where they are known; the words are there to be changed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from django.utils.functional import Promise
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext, gettext_lazy

_LAYOUT: Final = """<mjml>
  <mj-head>
    <mj-attributes><mj-all font-family="Arial, sans-serif" /></mj-attributes>
  </mj-head>
  <mj-body background-color="#f5f5f2">
    <mj-section background-color="#ffffff" padding="32px 24px">
      <mj-column>
        <mj-text font-size="22px" font-weight="700">{heading}</mj-text>
        <mj-text font-size="16px" line-height="1.6">{words}</mj-text>
      </mj-column>
    </mj-section>
    <mj-section>
      <mj-column>
        <mj-text align="center" font-size="13px" color="#5b6455">
          <a href="{{{{ unsubscribe_url }}}}">{unsubscribe}</a>
        </mj-text>
      </mj-column>
    </mj-section>
  </mj-body>
</mjml>
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """One mail. `%(who)s` and `%(what)s` stand for the customer and the thing it is about."""

    name: Promise
    subject: Promise
    words: Promise

    def subject_line(self) -> str:
        """The subject as a template."""
        return str(self.subject) % _blanks()

    def body(self) -> str:
        """The body as a template."""
        heading, words = (escape(str(said)) % _blanks() for said in (self.subject, self.words))
        return _LAYOUT.format(heading=heading, words=words, unsubscribe=escape(gettext("Unsubscribe")))


def _blanks() -> dict[str, SafeString]:
    stranger = gettext("dear customer").replace("'", "")
    return {
        "who": mark_safe("{{ person.firstName|default('" + stranger + "') }}"),
        "what": mark_safe("{{ entry.properties.name|default('" + gettext("your choice") + "') }}"),
    }


def _text(name: Promise, subject: Promise, words: Promise) -> Text:
    return Text(name=name, subject=subject, words=words)


TEXTS: Final[Mapping[str, Text]] = {
    "welcome": _text(
        gettext_lazy("Welcome"),
        gettext_lazy("Welcome, %(who)s!"),
        gettext_lazy("Good to have you here. If a question comes up, just answer this mail."),
    ),
    "first-order": _text(
        gettext_lazy("First order"),
        gettext_lazy("Thank you for your first order"),
        gettext_lazy("We are packing it with care, and we are here if anything is not as it should be."),
    ),
    "first-steps": _text(
        gettext_lazy("First steps"),
        gettext_lazy("Where others begin"),
        gettext_lazy("These are the things that new customers choose most often."),
    ),
    "third-visit": _text(
        gettext_lazy("Third visit"),
        gettext_lazy("Can we help you choose, %(who)s?"),
        gettext_lazy("You have looked at this more than once. Tell us what you would like to know."),
    ),
    "cart-reminder": _text(
        gettext_lazy("Cart reminder"),
        gettext_lazy("Your cart is waiting"),
        gettext_lazy("What you chose is still there; it takes two minutes to order it."),
    ),
    "cart-last-call": _text(
        gettext_lazy("Cart, last reminder"),
        gettext_lazy("We will put your cart away soon"),
        gettext_lazy("If something kept you from ordering, let us know what it was."),
    ),
    "browse-reminder": _text(
        gettext_lazy("Looked, but did not choose"),
        gettext_lazy("Still thinking about %(what)s?"),
        gettext_lazy("It is in stock, and you can send it back within 30 days."),
    ),
    "review-request": _text(
        gettext_lazy("Request for a review"),
        gettext_lazy("How do you like it?"),
        gettext_lazy("Two sentences help others choose, and help us to do better."),
    ),
    "review-reminder": _text(
        gettext_lazy("Request for a review, again"),
        gettext_lazy("One minute for a review?"),
        gettext_lazy("We would still like to know how you get on with your order."),
    ),
    "review-thanks": _text(
        gettext_lazy("Thanks for the review"),
        gettext_lazy("Thank you for your review, %(who)s"),
        gettext_lazy("We read every one, and yours made us happy."),
    ),
    "review-sorry": _text(
        gettext_lazy("Answer to a bad review"),
        gettext_lazy("We are sorry that it went wrong"),
        gettext_lazy("Somebody from our service will call you and put it right."),
    ),
    "win-back": _text(
        gettext_lazy("Win-back"),
        gettext_lazy("It has been a while, %(who)s"),
        gettext_lazy("Have a look at what is new since your last order."),
    ),
    "win-back-offer": _text(
        gettext_lazy("Win-back with an offer"),
        gettext_lazy("Something for your next order"),
        gettext_lazy("Write here what you offer to somebody who comes back."),
    ),
    "birthday": _text(
        gettext_lazy("Birthday"),
        gettext_lazy("Happy birthday, %(who)s!"),
        gettext_lazy("Write here what you give them as a present."),
    ),
    "vip-welcome": _text(
        gettext_lazy("Welcome of a VIP"),
        gettext_lazy("Your personal contact, %(who)s"),
        gettext_lazy(
            "From now on one of us is there for you alone. You can reach us by answering this mail."
        ),
    ),
    "price-drop": _text(
        gettext_lazy("Price drop"),
        gettext_lazy("%(what)s is cheaper now"),
        gettext_lazy("You put it on your wish list, so you are the first to know."),
    ),
}
