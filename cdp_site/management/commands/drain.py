"""Store and decide what waits in the inbox, by hand."""

from typing import Any

from django.core.management.base import BaseCommand
from django.utils.translation import gettext as _

from cdp_site.pipeline import drain_lane
from profiles.store.inbox import HISTORICAL_LANES, LIVE_LANES


class Command(BaseCommand):
    help = _("Store and decide every message that waits in the inbox. Safe beside running workers.")

    def handle(self, *args: Any, **options: Any) -> None:
        total = {"stored": 0, "aside": 0, "queued": 0}
        for lane in (*LIVE_LANES, *HISTORICAL_LANES):
            while any((counts := drain_lane(lane)).values()):
                total = {name: number + counts[name] for name, number in total.items()}
        self.stdout.write(
            _("%(stored)s messages stored, %(aside)s kept aside, %(queued)s deliveries queued.") % total
        )
