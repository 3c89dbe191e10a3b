"""What a mail server's refusal says about the address."""

import re

_ENHANCED = re.compile(r"\b5\.(\d{1,3})\.(\d{1,3})\b")  # RFC 3463
_NO_SUCH_ADDRESS = {550, 551, 553}  # RFC 5321, for servers that send no enhanced code
_ADDRESS_SUBJECT = "1"
_MAILBOX_DISABLED = ("2", "1")


def is_hard_bounce(*, code: int, text: str) -> bool:
    """Tell whether a refusal of the recipient means that the address is of no use.

    A 550 also says "we do not like this message" (5.7.x): the enhanced code, where given, decides.
    """
    if not 500 <= code < 600:
        return False
    enhanced = _ENHANCED.search(text)
    if enhanced is None:
        return code in _NO_SUCH_ADDRESS
    subject, detail = enhanced.groups()
    return subject == _ADDRESS_SUBJECT or (subject, detail) == _MAILBOX_DISABLED
