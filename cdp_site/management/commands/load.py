import json
import os
from argparse import ArgumentParser
from collections import Counter
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from django.utils.translation import gettext as _

from cdp_site.loading import LoadError, load_document


class Command(BaseCommand):
    help = (
        "Bring sources, connections, templates, segments and journeys in from JSON files. What is there"
        " already, by its slug, is changed. A file is loaded whole or not at all. A text ${NAME} stands for"
        " the environment variable NAME."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("files", metavar="FILE", nargs="+", type=Path)

    def handle(self, *args: Any, **options: Any) -> None:
        for file in options["files"]:
            self._load(file)

    def _load(self, file: Path) -> None:
        try:
            document = json.loads(file.read_bytes())
        except (OSError, ValueError) as error:
            raise CommandError(
                _("%(file)s cannot be read: %(reason)s") % {"file": file, "reason": error}
            ) from error
        try:
            loaded = load_document(
                document, folder=file.parent, values=os.environ, actor="command:load", now=timezone.now()
            )
        except LoadError as error:
            faults = "\n".join(f"  {line}" for line in str(error).splitlines())
            raise CommandError(
                _("%(file)s was not loaded:\n%(faults)s") % {"file": file, "faults": faults}
            ) from error
        counts = Counter((item.kind, item.outcome) for item in loaded)
        for (kind, outcome), count in sorted(counts.items()):
            self.stdout.write(f"{kind}: {count} {outcome}")
