"""Run the product: PostgreSQL, web, task clusters and the watchdog under this one process."""

import logging
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _

from cdp_site.embedded import EmbeddedError
from cdp_site.processes.set_up import set_up
from cdp_site.processes.supervisor import PARTS, Programs, SetUpFailed, Supervisor


class Command(BaseCommand):
    help = _("Run the product until it is told to stop: database, web server, task clusters, watchdog.")
    # Nothing here may open a connection: the database is started by us.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--only",
            nargs="+",
            choices=PARTS,
            default=PARTS,
            help=_("Run these parts alone, as on a further machine that only works off tasks."),
        )

    def handle(self, *args: Any, **options: Any) -> None:
        logging.basicConfig(format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
        server = None if settings.DATABASE_URL else settings.EMBEDDED_SERVER
        self.stdout.write(_("Wayfare starts at %(url)s") % {"url": settings.BASE_URL})
        try:
            supervisor = Supervisor(server=server, parts=options["only"])
            supervisor.run(set_up=set_up, load=load, may_create_account=True)
        except (EmbeddedError, SetUpFailed) as error:
            raise CommandError(str(error)) from error


def load() -> Programs:
    """Load the product into this process, once for all children that are forked from it."""
    from cdp_site.processes.run_cluster import run_cluster
    from cdp_site.processes.run_web import run_web

    return Programs(web=run_web, cluster=run_cluster)
