"""A worker that sends, for tests that kill it: `python -m tests.connectors.sender_process <json>`."""

import json
import os
import sys
from pathlib import Path

import django


def main(options: dict[str, str]) -> None:
    """Send what is due, again and again, until killed or orphaned."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
    django.setup()
    from django.conf import settings
    from django.db import connection

    from connectors.services import send_due

    connection.settings_dict["NAME"] = options["database"]
    settings.WAYFARE_DATA = Path(options["data"])
    settings.EMAIL_URL = f"smtp://127.0.0.1:{options['port']}"
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", int(options["port"])
    parent = os.getppid()
    while os.getppid() == parent:
        send_due()


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
