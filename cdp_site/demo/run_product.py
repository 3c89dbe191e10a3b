"""Program of the child: what `manage.py up` does, ended when whoever started it ends."""

import os
import signal

from django.core.management import execute_from_command_line

from cdp_site.processes.parent import die_with_parent


def main() -> None:
    """Run the product until SIGTERM."""
    die_with_parent(signal.SIGTERM)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "cdp_site.settings")
    execute_from_command_line(["manage.py", "up"])


if __name__ == "__main__":
    main()
