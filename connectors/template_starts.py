"""What a new mail, layout or block begins with."""

from typing import Final

from django.utils.html import escape
from django.utils.translation import gettext as _

from connectors.domain.template import Content, TemplateKind

_MAIL: Final = """<mjml>
  <mj-head>
    <mj-attributes><mj-all font-family="Arial, sans-serif" /></mj-attributes>
  </mj-head>
  <mj-body background-color="#f5f5f2">
    <mj-section background-color="#ffffff" padding="32px 24px">
      <mj-column>
{inside}
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
_PIECE: Final = """<mj-section background-color="#ffffff" padding="32px 24px">
  <mj-column>
    <mj-text font-size="16px" line-height="1.6">{words}</mj-text>
  </mj-column>
</mj-section>
"""


def start_of(kind: TemplateKind, *, layout: str = "") -> Content:
    """Something that can be sent as it is, for people to write over."""
    hello = escape(_("Hello")) + " {{ person.firstName|default('') }}"
    if kind is TemplateKind.BLOCK:
        return Content(body=_PIECE.format(words=escape(_("Words that several mails share."))))
    if kind is TemplateKind.LAYOUT:
        body = _MAIL.replace(
            '    <mj-section background-color="#ffffff" padding="32px 24px">\n      <mj-column>\n{inside}\n'
            "      </mj-column>\n    </mj-section>\n",
            "    {{% block content %}}{{% endblock %}}\n",
        )
        return Content(body=body.format(unsubscribe=escape(_("Unsubscribe"))))
    if layout:
        return Content(subject=_("Hello"), layout=layout, body=_PIECE.format(words=hello))
    inside = f'        <mj-text font-size="16px" line-height="1.6">{hello}</mj-text>'
    return Content(subject=_("Hello"), body=_MAIL.format(inside=inside, unsubscribe=escape(_("Unsubscribe"))))
