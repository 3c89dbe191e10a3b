"""Mail, by SMTP or through any provider that django-anymail knows.

Without EMAIL_URL nothing leaves the house: the mail counts as sent to the outbox page, which shows it.
"""

from django.utils.translation import gettext_lazy

from connectors.channels.email.channel import EmailChannel, read_settings
from connectors.domain.message import ChannelKind
from connectors.domain.setting import Setting

EMAIL = ChannelKind(
    name="email",
    label=gettext_lazy("Email"),
    writes_to="email",
    is_repeatable=False,  # a mail server takes the same Message-ID twice
    needs_connection=False,
    sent_event="Email Sent",
    secret="",
    new_secret=None,
    actions=(),
    read_settings=read_settings,
    open=EmailChannel,
    asks=(
        Setting(
            name="from",
            label=gettext_lazy("Sender"),
            help=gettext_lazy("Such as Shop <shop@example.com>; left empty, that of the installation."),
            default="",
        ),
        Setting(name="reply_to", label=gettext_lazy("Answers go to"), default=""),
    ),
)
