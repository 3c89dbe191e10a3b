"""Collect every sentence that people see into `locale/django.pot`, for translators."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from cdp_site.catalogue import messages_in, pot_of, pseudo_of

PACKAGES = ("cdp_site", "profiles", "segments", "journeys", "connectors")


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--pseudo",
            action="store_true",
            help="also write a catalogue for PSEUDO_LOCALE=1, every sentence in brackets",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        folder: Path = settings.LOCALE_PATHS[0]
        folder.mkdir(exist_ok=True)
        found = messages_in(settings.BASE_DIR, packages=PACKAGES)
        (folder / "django.pot").write_text(pot_of(found))
        if options["pseudo"]:
            target = folder / "eo" / "LC_MESSAGES" / "django.mo"
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(pseudo_of(found))
        self.stdout.write(f"{len(found)} sentences")
