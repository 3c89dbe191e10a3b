import os
import sys
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _
from environs import env

from cdp_site.demo import place
from cdp_site.embedded import EmbeddedError


class Command(BaseCommand):
    help = (
        "Show the product at work: an empty database of its own, a shop, a CRM, six people who live through"
        " the main story and some 2,000 real customers. Prints what came of it and keeps serving."
    )
    # The first of our two lives needs no database, and the second makes its own.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--once",
            action="store_true",
            default=env.bool("ONCE", False),
            help=_("End after the report; the exit code is 0 only if everything held (also by ONCE=1)."),
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if not place.is_here():
            self._go_there(once=options["once"])
        # Not before: in our first life the services would read the settings of another place.
        from cdp_site.demo.showing import show

        try:
            place.refuse_if_occupied(port=settings.PORT)
            is_good = show(once=options["once"], say=self._say)
        except (place.Occupied, EmbeddedError) as error:
            raise CommandError(str(error)) from error
        if not is_good:
            raise CommandError(_("Not everything is as it must be; see above."))

    def _go_there(self, *, once: bool) -> None:
        """Begin again as a process whose settings mean the demo's own data and database."""
        arguments = [sys.executable, str(settings.BASE_DIR / "manage.py"), "demo"]
        arguments += ["--once"] if once else []
        self.stdout.flush()
        os.execve(sys.executable, arguments, place.environment(port=settings.PORT))

    def _say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()
