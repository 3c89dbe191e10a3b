"""Advance the runs that are due, by hand."""

from typing import Any

from django.core.management.base import BaseCommand
from django.utils.translation import gettext as _

from cdp_site.pipeline import sweep


class Command(BaseCommand):
    help = _("Advance every run whose time has come. Safe beside running workers.")

    def handle(self, *args: Any, **options: Any) -> None:
        counts = sweep()
        self.stdout.write(_("%(people)s people looked at, %(queued)s deliveries queued.") % counts)
